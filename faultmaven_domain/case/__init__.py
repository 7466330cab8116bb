"""The case room: incidents being looked into, what was said about them, the reports they end in."""

from .errors import CaseClosed, CaseNotFound, CaseVersionConflict, ReportNotFound, WrongTransition
from .events import CaseDeleted, PostMortemRequested
from .models import (
    Case,
    CaseMessage,
    CaseStatus,
    CaseWithOwner,
    ClosureReason,
    Conversation,
    Owner,
    Priority,
    Report,
    Role,
)
from .ports import CaseRepository, CaseTransactions, CaseUnitOfWork, MessageRepository, ReportRepository, Users
from .service import CaseService

__all__ = [
    "Case",
    "CaseClosed",
    "CaseDeleted",
    "CaseMessage",
    "CaseNotFound",
    "CaseRepository",
    "CaseService",
    "CaseStatus",
    "CaseTransactions",
    "CaseUnitOfWork",
    "CaseVersionConflict",
    "CaseWithOwner",
    "ClosureReason",
    "Conversation",
    "MessageRepository",
    "Owner",
    "PostMortemRequested",
    "Priority",
    "Report",
    "ReportNotFound",
    "ReportRepository",
    "Role",
    "Users",
    "WrongTransition",
]
