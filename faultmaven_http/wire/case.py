from typing import Literal, NotRequired, TypedDict

from faultmaven_domain.case import Case, CaseMessage, CaseStatus, ClosureReason, Conversation, Priority, Report, Role

from .common import Listing, Time, utc, utc_or_none

State = Literal["inquiry", "investigating", "resolved", "closed"]
RoleOut = Literal["user", "agent", "assistant"]
#: A status in the other vocabulary.
STATES: dict[CaseStatus, State] = {
    CaseStatus.CONSULTING: "inquiry",
    CaseStatus.INVESTIGATING: "investigating",
    CaseStatus.RESOLVED: "resolved",
    CaseStatus.CLOSED: "closed",
}


class CaseOut(TypedDict):
    """``status`` and ``state`` are one thing in two vocabularies, as are ``owner_id`` and ``user_id``."""

    case_id: str
    title: str
    description: str
    status: CaseStatus
    state: State
    owner_id: str
    user_id: str
    organization_id: None
    priority: Priority
    message_count: int
    current_turn: int
    version: int
    metadata: dict[str, object]
    created_at: Time
    updated_at: Time
    resolved_at: Time | None
    closed_at: Time | None
    closure_reason: ClosureReason | None
    resolution_notes: str | None


class MessageOut(TypedDict):
    """``timestamp`` and ``created_at`` are one time. An answer's ``metadata`` holds its citations and its model."""

    message_id: str
    case_id: str
    role: RoleOut
    content: str
    turn_number: int
    timestamp: Time
    created_at: Time
    metadata: dict[str, object]


class CaseDetailOut(CaseOut):
    """``messages`` are the latest thousand."""

    messages: list[MessageOut]


class CaseListOut(Listing):
    cases: list[CaseOut]


class MessageDebugOut(TypedDict):
    """What of a conversation could not be read."""

    storage_errors: list[str]


class MessageListOut(Listing):
    """``debug_info`` is there where it was asked for."""

    case_id: str
    retrieved_count: int
    messages: list[MessageOut]
    debug_info: NotRequired[MessageDebugOut]


class ReportOut(TypedDict):
    """``content`` is Markdown."""

    report_id: str
    case_id: str
    report_type: str
    type: str
    title: str
    content: str
    format: Literal["markdown"]
    status: Literal["completed"]
    created_at: Time
    citations: list[dict[str, object]]


class ReportListOut(Listing):
    case_id: str
    reports: list[ReportOut]


def state_of(case: Case) -> State:
    return STATES[case.status]


def case_out(case: Case) -> CaseOut:
    return CaseOut(
        case_id=case.case_id,
        title=case.title,
        description=case.description,
        status=case.status,
        state=state_of(case),
        owner_id=case.owner_id,
        user_id=case.owner_id,
        organization_id=None,
        priority=case.priority,
        message_count=case.message_count,
        current_turn=case.current_turn,
        version=case.version,
        metadata=case.metadata,
        created_at=utc(case.created_at),
        updated_at=utc(case.updated_at),
        resolved_at=utc_or_none(case.resolved_at),
        closed_at=utc_or_none(case.closed_at),
        closure_reason=case.closure_reason,
        resolution_notes=case.resolution_notes,
    )


def message_out(message: CaseMessage, *, agent: RoleOut) -> MessageOut:
    """``agent`` is what the dialect calls whoever answers."""
    said = utc(message.created_at)
    return MessageOut(
        message_id=message.message_id,
        case_id=message.case_id,
        role=agent if message.role is Role.AGENT else "user",
        content=message.content,
        turn_number=message.turn_number,
        timestamp=said,
        created_at=said,
        metadata=message.metadata,
    )


def detail_out(value: Conversation, *, agent: RoleOut) -> CaseDetailOut:
    return CaseDetailOut(**case_out(value.case), messages=[message_out(m, agent=agent) for m in value.messages])


def report_out(report: Report) -> ReportOut:
    return ReportOut(
        report_id=report.report_id,
        case_id=report.case_id,
        report_type=report.report_type,
        type=report.report_type,
        title=report.title,
        content=report.content,
        format="markdown",
        status="completed",
        created_at=utc(report.created_at),
        citations=list(report.citations),
    )
