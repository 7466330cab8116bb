"""How a case ended, as its header shows it."""

from typing import Literal, TypedDict

from faultmaven_domain.agent import ReportType
from faultmaven_domain.case import (
    Case,
    CaseStatus,
    Hypothesis,
    HypothesisStatus,
    Investigation,
    Milestone,
    Overview,
    Priority,
)

from .causes import Assurance, assurance_of, overclaims
from .common import Time, utc_or_none

NOT_ESTABLISHED = "Not established"
_TESTED = frozenset({HypothesisStatus.VALIDATED, HypothesisStatus.REFUTED, HypothesisStatus.INCONCLUSIVE})
#: Milestones whose grounds say something about the trouble itself.
_TELLING = (
    Milestone.SYMPTOM_VERIFIED,
    Milestone.SCOPE_ASSESSED,
    Milestone.TIMELINE_ESTABLISHED,
    Milestone.CHANGES_IDENTIFIED,
)


class ResolutionOut(TypedDict):
    """``milestones_completed`` is how many; ``hypotheses_tested`` those that were confirmed or ruled out."""

    total_duration_minutes: int
    milestones_completed: int
    hypotheses_tested: int
    evidence_collected: int
    key_insights: list[str]


class RootCauseOut(TypedDict):
    """``cause_overclaim``: it was confirmed, and no evidence is behind it."""

    root_cause_id: str | None
    description: str
    category: Literal["unknown"]
    severity: Priority | Literal["unknown"]
    cause_assurance: Assurance
    cause_overclaim: bool


class SolutionOut(TypedDict):
    """``applied_at`` is when the user said so, null where nobody did."""

    description: str
    applied_at: Time | None
    applied_by: str


class VerificationOut(TypedDict):
    verified: bool
    verification_method: str
    details: str


class EndingOut(TypedDict):
    """Null before the end."""

    resolution_summary: ResolutionOut | None
    root_cause: RootCauseOut | None
    solution_applied: SolutionOut | None
    verification_status: VerificationOut | None


class ReportAvailableOut(TypedDict):
    """``available`` ones are written, and ``report_id`` names them; ``recommended`` ones can be asked for."""

    report_type: ReportType
    status: Literal["available", "recommended", "not_applicable"]
    reason: str
    report_id: str | None


def ending_of(overview: Overview, *, evidence_collected: int) -> EndingOut:
    case, found = overview.case, overview.investigation
    if not case.final:
        return EndingOut(resolution_summary=None, root_cause=None, solution_applied=None, verification_status=None)
    return EndingOut(
        resolution_summary=ResolutionOut(
            total_duration_minutes=_minutes(case),
            milestones_completed=sum(found.has(one) for one in Milestone),
            hypotheses_tested=sum(one.status in _TESTED for one in found.hypotheses),
            evidence_collected=evidence_collected,
            key_insights=[why for one in _TELLING if (why := grounds(found, one))],
        ),
        root_cause=_root_cause(found),
        solution_applied=_solution(case, found),
        verification_status=_verification(found),
    )


def reports_of(overview: Overview) -> list[ReportAvailableOut]:
    """None before the end: until then there is nothing to report."""
    if not overview.case.final:
        return []
    written = {one.report_type: one for one in reversed(overview.reports)}
    found = []
    for kind in ReportType:
        report = written.get(kind.value)
        entry = ReportAvailableOut(
            report_type=kind,
            status="recommended",
            reason="It can be written from what the case holds.",
            report_id=None,
        )
        if report is not None:
            entry = ReportAvailableOut(
                report_type=kind, status="available", reason="It is written.", report_id=report.report_id
            )
        elif kind is ReportType.RUNBOOK and overview.case.status is not CaseStatus.RESOLVED:
            entry["status"], entry["reason"] = "not_applicable", "Nobody resolved the case, so it tells no remedy."
        found.append(entry)
    return found


def grounds(found: Investigation, milestone: Milestone) -> str | None:
    """Why a milestone counts as reached, None where it is not."""
    return next((one.why for one in found.reached if one.milestone is milestone and one.why), None)


def share(number: float) -> float:
    """Within 0 and 1, whatever was stored."""
    return min(1.0, max(0.0, number))


def _minutes(case: Case) -> int:
    """How long it was open."""
    until = case.resolved_at or case.closed_at or case.updated_at
    return max(0, int((until - case.created_at).total_seconds() // 60))


def _root_cause(found: Investigation) -> RootCauseOut:
    validated = next((one for one in found.hypotheses if one.status is HypothesisStatus.VALIDATED), None)
    suspect = next((one for one in found.hypotheses if one.status is HypothesisStatus.ACTIVE), None)
    return RootCauseOut(
        root_cause_id=validated.hypothesis_id if validated and found.root_cause else None,
        description=_cause(found, suspect),
        category="unknown",  # nothing here sorts causes
        severity=found.severity or "unknown",
        cause_assurance=assurance_of(found),
        cause_overclaim=overclaims(found),
    )


def _cause(found: Investigation, suspect: Hypothesis | None) -> str:
    if found.root_cause:
        return found.root_cause
    return f"{NOT_ESTABLISHED}. Suspected: {suspect.text}" if suspect else NOT_ESTABLISHED


def _solution(case: Case, found: Investigation) -> SolutionOut:
    applied = found.has(Milestone.SOLUTION_APPLIED)
    described = (found.solution if applied else None) or case.resolution_notes
    return SolutionOut(
        description=described or ("Applied; what was done is not written down." if applied else NOT_ESTABLISHED),
        applied_at=utc_or_none(found.solution_applied_at),
        applied_by="user" if applied else NOT_ESTABLISHED,
    )


def _verification(found: Investigation) -> VerificationOut:
    verified = next((one for one in found.reached if one.milestone is Milestone.SOLUTION_VERIFIED), None)
    return VerificationOut(
        verified=verified is not None,
        verification_method=verified.why if verified else NOT_ESTABLISHED,
        details=f"In turn {verified.turn_number}." if verified else "Nobody has said that the problem is gone.",
    )
