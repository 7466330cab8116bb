"""A case as its header shows it: one body for every status, in both vocabularies, all of it from what is stored.

What belongs to another phase is null. What is not known is null, or says so where a client needs words.
"""

from typing import Literal, TypedDict

from attrs import frozen

from faultmaven_domain.case import (
    CaseStatus,
    ClosureReason,
    Hypothesis,
    HypothesisStatus,
    Investigation,
    Milestone,
    Overview,
    Priority,
    Readiness,
    Stage,
    Titled,
    actions,
    disposition,
    is_stuck,
    stage_of,
    valid_next,
)
from faultmaven_domain.evidence import EvidenceType

from .case import STATES, State
from .case_ending import EndingOut, ReportAvailableOut, ending_of, reports_of, share
from .case_problem import ProblemOut, problem_of
from .common import Time, utc, utc_or_none
from .summaries import FileView, summary_of

_STAGES = {
    Stage.SYMPTOM_VERIFICATION: "Finding out what is wrong.",
    Stage.HYPOTHESIS_FORMULATION: "Looking for what it may have begun with.",
    Stage.HYPOTHESIS_VALIDATION: "The root cause is confirmed; looking for a solution.",
    Stage.SOLUTION: "Working on the solution.",
}
_APPROACHES = {
    Stage.SYMPTOM_VERIFICATION: "Verify the symptom in the evidence: what fails, where and since when.",
    Stage.HYPOTHESIS_FORMULATION: "Find the earliest failure and what was changed before it.",
    Stage.HYPOTHESIS_VALIDATION: "Find what removes the confirmed root cause.",
    Stage.SOLUTION: "Apply the proposed solution, then check that the failures stop.",
}


@frozen(kw_only=True)
class CaseHeader:
    """What a header is made of: the case with its investigation, how many files it has, and the newest of them."""

    overview: Overview
    file_count: int
    files: tuple[FileView, ...]


class ProblemConfirmationOut(TypedDict):
    severity_guess: Priority | None


class ConsultingOut(TypedDict):
    """``problem_confirmation`` null while no problem is known."""

    proposed_problem_statement: str | None
    problem_statement_confirmed: bool
    decided_to_investigate: bool
    consultation_turns: int
    problem_confirmation: ProblemConfirmationOut | None


class InvestigationProgressOut(TypedDict):
    """``milestones_completed`` is how many; ``completed_milestone_ids`` and ``completed_indicators`` are which."""

    current_stage: Stage
    milestones_completed: int
    total_milestones: int
    completed_milestone_ids: list[Milestone]
    completed_indicators: list[Milestone]
    total_evidence: int


class ConclusionOut(TypedDict):
    """The confirmed root cause with a ``confidence`` of 1, or the leading hypothesis with its likelihood."""

    summary: str
    confidence: float
    last_updated: Time


class HypothesisOut(TypedDict):
    """``likelihood`` from 0 to 1 orders them; it is no probability."""

    hypothesis_id: str
    text: str
    likelihood: float
    status: HypothesisStatus
    evidence_count: int


class EvidenceSummaryOut(TypedDict):
    """``relevance_score`` is the likelihood of the likeliest open or confirmed hypothesis that rests on it, else 0."""

    evidence_id: str
    type: EvidenceType
    summary: str
    timestamp: Time
    relevance_score: float


class StrategyOut(TypedDict):
    approach: str
    next_steps: list[str]


class EligibilityOut(TypedDict):
    """Which ends are to be offered."""

    resolved: Readiness
    closed: Readiness


@frozen(kw_only=True)
class CaseTitle:
    """A case and what it is called by now."""

    case_id: str
    titled: Titled

    @property
    def source(self) -> Literal["existing", "generated"]:
        """An empty title is none that was there already."""
        return "generated" if self.titled.generated or not self.titled.title else "existing"


class CaseTitleOut(TypedDict):
    """``title`` is empty where too little was said for one; the case keeps the name it has."""

    case_id: str
    title: str
    source: Literal["existing", "generated"]


class CaseUiOut(EndingOut):
    """A case's header. ``status`` and ``state`` are one thing in two vocabularies, and so are their objects.

    ``consulting`` and ``inquiry`` are null once that phase is over; what tells of the end is null before it.
    ``degraded_mode`` and ``is_stuck`` both say that the last turns established nothing new.
    """

    case_id: str
    title: str
    status: CaseStatus
    state: State
    created_at: Time
    updated_at: Time
    current_turn: int
    message_count: int
    priority: Priority
    uploaded_files_count: int
    valid_next_states: list[State]
    disposition_eligibility: EligibilityOut
    reports_available: list[ReportAvailableOut]
    closure_reason: ClosureReason | None
    closed_at: Time | None
    resolved_at: Time | None
    problem_statement: str | None
    consulting: ConsultingOut | None
    inquiry: ConsultingOut | None
    progress: InvestigationProgressOut
    working_conclusion: ConclusionOut | None
    active_hypotheses: list[HypothesisOut]
    latest_evidence: list[EvidenceSummaryOut]
    investigation_strategy: StrategyOut
    problem_verification: ProblemOut
    next_actions: list[str]
    agent_status: str
    is_stuck: bool
    degraded_mode: bool
    progress_transparency: None


def case_ui_out(header: CaseHeader) -> CaseUiOut:
    case, found, count = header.overview.case, header.overview.investigation, header.file_count
    consulting = _consulting(header) if case.status is CaseStatus.CONSULTING else None
    offered = disposition(case, found)
    steps = [action.label for action in actions(case, found, has_evidence=count > 0)]
    stage = stage_of(_milestones(found))
    stuck = is_stuck(case, found)
    return CaseUiOut(
        case_id=case.case_id,
        title=case.title,
        status=case.status,
        state=STATES[case.status],
        created_at=utc(case.created_at),
        updated_at=utc(case.updated_at),
        current_turn=case.current_turn,
        message_count=case.message_count,
        priority=case.priority,
        uploaded_files_count=count,
        valid_next_states=[STATES[status] for status in valid_next(case.status)],
        disposition_eligibility=EligibilityOut(resolved=offered.resolved, closed=offered.closed),
        reports_available=reports_of(header.overview),
        closure_reason=case.closure_reason,
        closed_at=utc_or_none(case.closed_at),
        resolved_at=utc_or_none(case.resolved_at),
        problem_statement=found.problem_statement,
        consulting=consulting,
        inquiry=consulting,
        progress=_progress(found, stage, count),
        working_conclusion=_conclusion(header.overview),
        active_hypotheses=[_hypothesis(one) for one in _open(found)],
        latest_evidence=[_evidence(one, found) for one in header.files],
        investigation_strategy=StrategyOut(
            approach="The case has ended." if case.final else _APPROACHES[stage], next_steps=steps
        ),
        problem_verification=problem_of(header.overview, header.files, all_of_them=len(header.files) == count),
        next_actions=steps,
        agent_status=_agent_status(header.overview, stage, stuck=stuck),
        is_stuck=stuck,
        degraded_mode=stuck,
        progress_transparency=None,  # a name of which no source tells more
        **ending_of(header.overview, evidence_collected=count),
    )


def case_title_out(value: CaseTitle) -> CaseTitleOut:
    return CaseTitleOut(case_id=value.case_id, title=value.titled.title, source=value.source)


def _milestones(found: Investigation) -> list[Milestone]:
    return [one for one in Milestone if found.has(one)]


def _consulting(header: CaseHeader) -> ConsultingOut:
    found = header.overview.investigation
    return ConsultingOut(
        proposed_problem_statement=found.problem_statement,
        problem_statement_confirmed=found.problem_confirmed,
        decided_to_investigate=found.decided_to_investigate,
        consultation_turns=header.overview.case.current_turn,
        problem_confirmation=ProblemConfirmationOut(severity_guess=found.severity) if found.problem_statement else None,
    )


def _progress(found: Investigation, stage: Stage, total_evidence: int) -> InvestigationProgressOut:
    reached = _milestones(found)
    return InvestigationProgressOut(
        current_stage=stage,
        milestones_completed=len(reached),
        total_milestones=len(Milestone),
        completed_milestone_ids=reached,
        completed_indicators=reached,
        total_evidence=total_evidence,
    )


def _open(found: Investigation) -> list[Hypothesis]:
    """The likeliest first."""
    still = (HypothesisStatus.ACTIVE, HypothesisStatus.CAPTURED)
    return sorted((one for one in found.hypotheses if one.status in still), key=lambda one: -one.likelihood)


def _conclusion(overview: Overview) -> ConclusionOut | None:
    found = overview.investigation
    leading = next(iter(_open(found)), None)
    at = utc(found.updated_at or overview.case.updated_at)
    if found.root_cause:
        return ConclusionOut(summary=found.root_cause, confidence=1.0, last_updated=at)
    if leading is None:
        return None
    return ConclusionOut(summary=leading.text, confidence=share(leading.likelihood), last_updated=at)


def _hypothesis(one: Hypothesis) -> HypothesisOut:
    return HypothesisOut(
        hypothesis_id=one.hypothesis_id,
        text=one.text,
        likelihood=share(one.likelihood),
        status=one.status,
        evidence_count=len(one.evidence_ids),
    )


def _evidence(view: FileView, found: Investigation) -> EvidenceSummaryOut:
    one = view.evidence
    resting = [share(guess.likelihood) for guess in found.hypotheses if one.evidence_id in guess.evidence_ids]
    shown = summary_of(view)
    return EvidenceSummaryOut(
        evidence_id=one.evidence_id,
        type=one.evidence_type,
        summary=f"{one.filename}: {shown}" if shown else f"{one.filename} is being read.",
        timestamp=utc(one.uploaded_at),
        relevance_score=max(resting, default=0.0),
    )


def _agent_status(overview: Overview, stage: Stage, *, stuck: bool) -> str:
    case, asked = overview.case, overview.investigation.asked
    if case.final:
        return f"The case is {case.status.value}."
    if asked is not None:
        return f"Waiting for an answer: {asked.question}"
    if stuck:
        return "The last turns established nothing new."
    if case.status is CaseStatus.CONSULTING:
        return "Finding out what the problem is."
    return _STAGES[stage]
