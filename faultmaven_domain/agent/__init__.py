"""The agent room: a question about a case becomes an answer that its citations hold up."""

from .errors import LLMError, LLMRateLimited, LLMRefused, LLMTimeout, SpendingCapReached, TurnNotFound
from .events import ChatTurnRequested
from .executor import Executor
from .models import (
    THINKING_TOKENS,
    Answer,
    ChatResponse,
    Citation,
    EventKind,
    Message,
    ModelCall,
    ModelChoice,
    Source,
    SourceKind,
    Spent,
    Task,
    Turn,
    TurnEvent,
    TurnStatus,
    Usage,
    UsageReport,
)
from .optimizer import Optimizer
from .ports import (
    AgentTransactions,
    AgentUnitOfWork,
    Cases,
    Evidence,
    Knowledge,
    LLMProvider,
    TurnEvents,
    TurnRepository,
    UsageRepository,
)
from .router import Models, Providers, Router
from .service import AgentService
from .spending import Budget, Price, Spending

__all__ = [
    "THINKING_TOKENS",
    "AgentService",
    "AgentTransactions",
    "AgentUnitOfWork",
    "Answer",
    "Budget",
    "Cases",
    "ChatResponse",
    "ChatTurnRequested",
    "Citation",
    "EventKind",
    "Evidence",
    "Executor",
    "Knowledge",
    "LLMError",
    "LLMProvider",
    "LLMRateLimited",
    "LLMRefused",
    "LLMTimeout",
    "Message",
    "ModelCall",
    "ModelChoice",
    "Models",
    "Optimizer",
    "Price",
    "Providers",
    "Router",
    "Source",
    "SourceKind",
    "Spending",
    "SpendingCapReached",
    "Spent",
    "Task",
    "Turn",
    "TurnEvent",
    "TurnEvents",
    "TurnNotFound",
    "TurnRepository",
    "TurnStatus",
    "Usage",
    "UsageReport",
    "UsageRepository",
]
