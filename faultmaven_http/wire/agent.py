"""A turn on the wire: one value with the fields of both shapes its callers know, whoever asks and however."""

from pathlib import PurePosixPath
from typing import Literal, TypedDict

from attrs import frozen

from faultmaven_domain.agent import Answer, Citation, SourceKind, Turn, TurnStatus
from faultmaven_domain.case import Case, CaseStatus

from .case import RoleOut, State, state_of
from .common import Time, utc
from .usage import dollars

LOGS = {".log", ".jsonl", ".out", ".err"}
NO_ANSWER = "The answer could not be made."


@frozen(kw_only=True)
class TurnView:
    """A turn and, once it is answered, its case as it stands now. ``as_job`` where its caller polls."""

    turn: Turn
    case: Case | None = None
    as_job: bool = False


class CitationOut(TypedDict):
    """``lines`` are line numbers of the evidence; ``number`` is the mark ``[n]`` in the text."""

    number: int
    kind: SourceKind
    source_id: str
    title: str
    section: str
    lines: list[int]
    quote: str


class SourceOut(TypedDict):
    """A citation as the older clients show it."""

    type: Literal["knowledge_base", "log_file", "user_provided"]
    content: str
    metadata: dict[str, object]


class UsageOut(TypedDict):
    """In tokens, null where the model did not count, and US dollars, null where no price is known.

    A ``cached`` answer was made earlier and costs nothing again.
    """

    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    cached: bool


class TurnOut(TypedDict):
    """``content`` and ``agent_response`` are one text. ``case_status`` and ``case_state`` are the case's of now."""

    message_id: str
    case_id: str
    role: RoleOut
    content: str
    agent_response: str
    response_type: Literal["ANSWER"]
    session_id: str | None
    turn_number: int
    case_status: CaseStatus
    case_state: State
    sources: list[SourceOut]
    citations: list[CitationOut]
    notes: list[str]
    model: str
    provider: str
    stop_reason: str
    usage: UsageOut
    progress_made: bool
    milestones_completed: list[str]
    suggested_actions: list[dict[str, object]]
    attachments_processed: list[dict[str, object]]
    timestamp: Time
    created_at: Time


class JobErrorOut(TypedDict):
    message: str


class WaitingOut(TypedDict):
    job_id: str
    status: Literal["processing"]


class AnsweredOut(TurnOut):
    """The turn at the root and once more under each of the two names pollers look for."""

    job_id: str
    status: Literal["completed"]
    result: TurnOut
    response: TurnOut
    error: None


class FailedOut(TypedDict):
    job_id: str
    case_id: str
    status: Literal["failed"]
    agent_response: str
    result: None
    response: None
    error: JobErrorOut


def turn_out(view: TurnView, *, agent: RoleOut) -> TurnOut | WaitingOut | AnsweredOut | FailedOut:
    turn = view.turn
    if turn.answer is not None and view.case is not None:
        done = _answered(turn, turn.answer, view.case, agent)
        if not view.as_job:
            return done
        return AnsweredOut(**done, job_id=turn.job_id, status="completed", result=done, response=done, error=None)
    if turn.status is TurnStatus.FAILED:
        why = turn.error or NO_ANSWER
        return FailedOut(
            job_id=turn.job_id,
            case_id=turn.case_id,
            status="failed",
            agent_response=why,
            result=None,
            response=None,
            error=JobErrorOut(message=why),
        )
    return WaitingOut(job_id=turn.job_id, status="processing")


def _answered(turn: Turn, answer: Answer, case: Case, agent: RoleOut) -> TurnOut:
    session_id = turn.context.get("session_id")
    said = utc(answer.created_at)
    return TurnOut(
        message_id=answer.message_id,
        case_id=turn.case_id,
        role=agent,
        content=answer.content,
        agent_response=answer.content,
        response_type="ANSWER",
        session_id=session_id if isinstance(session_id, str) else None,
        turn_number=answer.turn_number,
        case_status=case.status,
        case_state=state_of(case),
        sources=[_source(citation) for citation in answer.citations],
        citations=[_citation(citation) for citation in answer.citations],
        notes=list(answer.notes),
        model=answer.model,
        provider=answer.provider,
        stop_reason=answer.stop_reason,
        usage=_usage(answer),
        progress_made=False,  # no turn moves a milestone yet
        milestones_completed=[],
        suggested_actions=[],
        attachments_processed=[],
        timestamp=said,
        created_at=said,
    )


def _usage(answer: Answer) -> UsageOut:
    return UsageOut(
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        cost_usd=None if answer.cost is None else dollars(answer.cost),
        cached=answer.cached,
    )


def _citation(citation: Citation) -> CitationOut:
    return CitationOut(
        number=citation.number,
        kind=citation.kind,
        source_id=citation.source_id,
        title=citation.title,
        section=citation.section,
        lines=list(citation.lines),
        quote=citation.quote,
    )


def _source(citation: Citation) -> SourceOut:
    metadata: dict[str, object] = {
        "number": citation.number,
        "title": citation.title,
        "section": citation.section,
        "lines": list(citation.lines),
    }
    if citation.kind is SourceKind.RUNBOOK:
        metadata["document_id"] = citation.source_id
        return SourceOut(type="knowledge_base", content=citation.quote, metadata=metadata)
    if citation.kind is SourceKind.EVIDENCE:
        metadata["evidence_id"] = citation.source_id
        is_log = PurePosixPath(citation.title.lower()).suffix in LOGS
        return SourceOut(type="log_file" if is_log else "user_provided", content=citation.quote, metadata=metadata)
    return SourceOut(type="user_provided", content=citation.quote, metadata=metadata)
