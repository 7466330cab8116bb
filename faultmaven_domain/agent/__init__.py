"""The agent room: a question about a case becomes an answer that its citations hold up."""

from .errors import LLMError, LLMRateLimited, LLMRefused, LLMTimeout, TurnNotFound
from .events import ChatTurnRequested
from .models import (
    Answer,
    ChatResponse,
    Citation,
    EventKind,
    Message,
    ModelChoice,
    Source,
    SourceKind,
    Task,
    Turn,
    TurnEvent,
    TurnStatus,
)
from .ports import (
    AgentTransactions,
    AgentUnitOfWork,
    Cases,
    Evidence,
    Knowledge,
    LLMProvider,
    TurnEvents,
    TurnRepository,
)
from .router import Models
from .service import AgentService

__all__ = [
    "AgentService",
    "AgentTransactions",
    "AgentUnitOfWork",
    "Answer",
    "Cases",
    "ChatResponse",
    "ChatTurnRequested",
    "Citation",
    "EventKind",
    "Evidence",
    "Knowledge",
    "LLMError",
    "LLMProvider",
    "LLMRateLimited",
    "LLMRefused",
    "LLMTimeout",
    "Message",
    "ModelChoice",
    "Models",
    "Source",
    "SourceKind",
    "Task",
    "Turn",
    "TurnEvent",
    "TurnEvents",
    "TurnNotFound",
    "TurnRepository",
    "TurnStatus",
]
