"""A turn on the wire: one value with the fields of both shapes its callers know, whoever asks and however."""

from pathlib import PurePosixPath
from typing import Literal, NotRequired, TypedDict

from attrs import frozen

from faultmaven_domain.agent import Answer, Citation, SourceKind, Turn, TurnStatus
from faultmaven_domain.case import Action, ActionType, Case, CaseStatus, Milestone, Overview, TurnProgress

from .case import RoleOut, State, state_of
from .causes import Assurance, assurance_of, overclaims
from .common import Time, utc
from .intents import IntentOut, intent_out
from .summaries import FileView
from .uploads import AttachmentOut, attachment_out
from .usage import dollars

LOGS = {".log", ".jsonl", ".out", ".err"}
NO_ANSWER = "The answer could not be made."


@frozen(kw_only=True)
class TurnView:
    """A turn and, once it is answered, its case and its files as they stand now. ``as_job`` where its caller polls."""

    turn: Turn
    overview: Overview | None = None
    files: tuple[FileView, ...] = ()
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


class ActionOut(TypedDict):
    """What the user may do next. A click says ``payload``, and sends ``intent`` along where there is one."""

    type: ActionType
    label: str
    payload: str
    body: str
    hints: list[str]
    intent: NotRequired[IntentOut]
    evidence_need_id: None


class TurnOut(TypedDict):
    """``content`` and ``agent_response`` are one text. ``case_status`` and ``case_state`` are the case's of now.

    ``session_id`` is the session the turn was asked in; of a turn asked in none it is its case's id, as the name of the
    conversation it belongs to. ``milestones_completed`` are those this turn reached. ``cause_assurance``: a root cause
    is confirmed by the user, or suspected after the evidence, or there is none; ``cause_overclaim``: it was confirmed,
    and no evidence is behind it. ``view_state`` and ``confidence_score`` are null: a caller has its own view, and
    nothing here measures a confidence.
    """

    message_id: str
    case_id: str
    role: RoleOut
    content: str
    agent_response: str
    response_type: Literal["ANSWER"]
    session_id: str
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
    is_stuck: bool
    milestones_completed: list[Milestone]
    cause_assurance: Assurance
    cause_overclaim: bool
    suggested_actions: list[ActionOut]
    next_action_hint: str | None
    evidence_requests: list[object]
    investigation_mode: Literal["active_incident", "post_mortem"]
    confidence_score: None
    view_state: None
    attachments_processed: list[AttachmentOut]
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
    if turn.answer is not None and view.overview is not None:
        done = _answered(turn, turn.answer, view.overview, view.files, agent)
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


def _answered(turn: Turn, answer: Answer, overview: Overview, files: tuple[FileView, ...], agent: RoleOut) -> TurnOut:
    case, said = overview.case, utc(answer.created_at)
    progress = answer.progress or TurnProgress(status=case.status)
    actions = () if case.final else progress.actions
    return TurnOut(
        message_id=answer.message_id,
        case_id=turn.case_id,
        role=agent,
        content=answer.content,
        agent_response=answer.content,
        response_type="ANSWER",
        session_id=_session_of(turn),
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
        progress_made=progress.progress_made,
        is_stuck=progress.stuck,
        milestones_completed=list(progress.reached),
        cause_assurance=assurance_of(overview.investigation),
        cause_overclaim=overclaims(overview.investigation),
        suggested_actions=[action_out(action, case) for action in actions],
        next_action_hint=_hint(progress, actions),
        evidence_requests=[],
        investigation_mode="post_mortem" if case.final else "active_incident",
        confidence_score=None,
        view_state=None,
        attachments_processed=[attachment_out(file) for file in files],
        timestamp=said,
        created_at=said,
    )


def _hint(progress: TurnProgress, actions: tuple[Action, ...]) -> str | None:
    """The question that is open, or what is suggested first; None on a case that has ended."""
    if not actions:
        return None
    return progress.asked.question if progress.asked is not None else actions[0].label


def action_out(action: Action, case: Case) -> ActionOut:
    out = ActionOut(
        type=action.type,
        label=action.label,
        payload=action.payload,
        body=action.body,
        hints=list(action.hints),
        evidence_need_id=None,
    )
    if action.intent is not None:
        out["intent"] = intent_out(action.intent, case)
    return out


def _session_of(turn: Turn) -> str:
    session_id = turn.context.get("session_id")
    return session_id if isinstance(session_id, str) and session_id.strip() else turn.case_id


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
