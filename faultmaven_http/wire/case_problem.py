"""What is known of a problem: how bad it is, since when, and where; as its files show it and nothing beyond."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, TypedDict

from faultmaven_domain.case import CaseStatus, Milestone, Overview, Priority

from .case_ending import grounds
from .common import Time, utc_or_none
from .summaries import FileView

MOST_SERVICES = 10
#: Times of a log that writes no year are read as of one before this.
FIRST_YEAR = 1970


class TemporalStateOut(TypedDict):
    """``description`` has the times as the files write them; the others are null where the files tell no time zone."""

    started_at: Time | None
    last_occurrence_at: Time | None
    state: Literal["ongoing", "historical", "intermittent"] | None
    description: str | None


class ImpactOut(TypedDict):
    """``affected_services`` are the components that log failures. Who and where is affected is in no file."""

    affected_services: list[str]
    affected_users: str | None
    affected_regions: list[str] | None
    description: str | None


class ProblemOut(TypedDict):
    """``urgency_level`` is the case's priority."""

    urgency_level: Priority
    severity: Priority | None
    temporal_state: TemporalStateOut
    impact: ImpactOut
    user_impact: str | None


def problem_of(overview: Overview, files: Iterable[FileView], *, all_of_them: bool) -> ProblemOut:
    """``all_of_them``: whether these are all the files there are; of some of them nobody can tell when it began."""
    found = overview.investigation
    over = found.solution_verified_at is not None or overview.case.status is CaseStatus.RESOLVED
    failing = [
        pattern
        for view in files
        for pattern in (view.report.patterns if view.report is not None else ())
        if pattern.severity == "failure"
    ]
    first = _told(pattern.first_at for pattern in failing) if all_of_them else []
    last = _told(pattern.last_at for pattern in failing) if all_of_them else []
    components = dict.fromkeys(pattern.component for pattern in failing if pattern.component)
    return ProblemOut(
        urgency_level=overview.case.priority,
        severity=found.severity,
        temporal_state=TemporalStateOut(
            started_at=utc_or_none(min(first, default=None)),
            last_occurrence_at=utc_or_none(max(last, default=None)),
            state="historical" if over else None,
            description=grounds(found, Milestone.TIMELINE_ESTABLISHED),
        ),
        impact=ImpactOut(
            affected_services=list(components)[:MOST_SERVICES],
            affected_users=None,
            affected_regions=None,
            description=grounds(found, Milestone.SCOPE_ASSESSED),
        ),
        user_impact=None,
    )


def _told(times: Iterable[datetime | None]) -> list[datetime]:
    """None at all where one of them has no time zone, or no year: it might be the first."""
    told = [at for at in times if at is not None]
    return told if all(at.tzinfo is not None and at.year >= FIRST_YEAR for at in told) else []
