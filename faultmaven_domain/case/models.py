"""A case: one incident being looked into, the conversation about it and the reports it ends in."""

import re
from datetime import datetime
from enum import StrEnum

from attrs import evolve, field, frozen

from ..kernel.errors import InvalidInput
from .errors import CaseClosed, WrongTransition

LONGEST_TITLE, LONGEST_DESCRIPTION = 200, 20_000


class CaseStatus(StrEnum):
    CONSULTING = "consulting"
    INVESTIGATING = "investigating"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Priority(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class ClosureReason(StrEnum):
    RESOLVED = "resolved"
    ABANDONED = "abandoned"
    ESCALATED = "escalated"
    CONSULTING_ONLY = "consulting_only"
    DUPLICATE = "duplicate"
    OTHER = "other"


class Role(StrEnum):
    USER = "user"
    AGENT = "agent"


NEXT: dict[CaseStatus, frozenset[CaseStatus]] = {
    CaseStatus.CONSULTING: frozenset({CaseStatus.INVESTIGATING, CaseStatus.CLOSED}),
    CaseStatus.INVESTIGATING: frozenset({CaseStatus.RESOLVED, CaseStatus.CLOSED}),
    CaseStatus.RESOLVED: frozenset(),
    CaseStatus.CLOSED: frozenset(),
}


def valid_next(status: CaseStatus) -> tuple[CaseStatus, ...]:
    """Where a case may go from there, in the order a case goes."""
    return tuple(to for to in CaseStatus if to in NEXT[status])


@frozen(kw_only=True)
class Case:
    """``version`` counts changes and guards against two at once; ``current_turn`` counts the user's messages."""

    case_id: str
    owner_id: str
    title: str
    description: str
    status: CaseStatus
    priority: Priority
    created_at: datetime
    updated_at: datetime
    version: int = 1
    message_count: int = 0
    current_turn: int = 0
    metadata: dict[str, object] = field(factory=dict)
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    closure_reason: ClosureReason | None = None
    resolution_notes: str | None = None

    @property
    def final(self) -> bool:
        return not NEXT[self.status]

    def require_open(self) -> None:
        """Raises: CaseClosed."""
        if self.final:
            raise CaseClosed(f"The case is {self.status.value}.", case_id=self.case_id)

    def moved(
        self, to: CaseStatus, *, at: datetime, reason: ClosureReason | None = None, notes: str | None = None
    ) -> "Case":
        """The case in its next status; the same where it is there already. Raises: WrongTransition."""
        if to is self.status:
            return self
        if to not in NEXT[self.status]:
            raise WrongTransition(
                f"A case that is {self.status.value} cannot become {to.value}.", field="status", case_id=self.case_id
            )
        if to is CaseStatus.RESOLVED:
            reason = reason or ClosureReason.RESOLVED
        elif to is CaseStatus.CLOSED:
            consulted = self.status is CaseStatus.CONSULTING
            reason = reason or (ClosureReason.CONSULTING_ONLY if consulted else ClosureReason.OTHER)
        return evolve(
            self,
            status=to,
            updated_at=at,
            resolved_at=at if to is CaseStatus.RESOLVED else self.resolved_at,
            closed_at=at if NEXT[to] == frozenset() else None,
            closure_reason=reason if NEXT[to] == frozenset() else None,
            resolution_notes=notes or self.resolution_notes,
        )


@frozen(kw_only=True)
class CaseMessage:
    """``metadata`` holds what belongs to the answer besides its words: citations, model, usage."""

    message_id: str
    case_id: str
    role: Role
    content: str
    turn_number: int
    created_at: datetime
    metadata: dict[str, object] = field(factory=dict)


@frozen(kw_only=True)
class Conversation:
    """A case and what was said about it, both as of one moment."""

    case: Case
    messages: tuple[CaseMessage, ...]


@frozen(kw_only=True)
class Report:
    """``content`` is Markdown; ``citations`` as in a message's metadata."""

    report_id: str
    case_id: str
    report_type: str
    title: str
    content: str
    created_at: datetime
    citations: tuple[dict[str, object], ...] = ()


@frozen(kw_only=True)
class Owner:
    """What a case tells of its owner."""

    user_id: str
    name: str
    email: str


@frozen(kw_only=True)
class CaseWithOwner:
    case: Case
    owner: Owner


def checked_title(title: str) -> str:
    """Raises: InvalidInput."""
    title = " ".join(title.split())
    if not 1 <= len(title) <= LONGEST_TITLE:
        raise InvalidInput(f"title has 1 to {LONGEST_TITLE} characters.", field="title")
    return title


def checked_description(description: str) -> str:
    """Raises: InvalidInput."""
    if len(description) > LONGEST_DESCRIPTION:
        raise InvalidInput(f"description has at most {LONGEST_DESCRIPTION} characters.", field="description")
    return description


def default_title(*, at: datetime, number: int) -> str:
    """What a case is called that came without a name: Case-MMDD-N, the owner's N-th."""
    return f"Case-{at:%m%d}-{number}"


def is_default_title(title: str) -> bool:
    """Whether a title is of the form that a case gets by itself, and so tells nothing of it."""
    return re.fullmatch(r"Case-\d{4}-\d+", title) is not None
