"""Several logs of one incident on one clock: what began when, what was not there before, what came in a burst."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from .stamps import NO_YEAR
from .values import LogPattern, LogReport, Onset

_EARLY_PART = 0.1  # of a log, by lines or by time, counts as its healthy beginning
_FEWEST_BEFORE = 5  # lines before a pattern, for it to be new
_BURST, _BURST_TIMES = 5, 4  # records in a stretch, and how many times the average
_NO_LOG_YET = NO_YEAR + 50  # a year up to this was not written by the log
_UPTIME = re.compile(r"\d+\.\d+")
_CLOCK = re.compile(r"\d\d:\d\d:\d\d")


def timeline(reports: Mapping[str, LogReport], *, limit: int = 20) -> tuple[Onset, ...]:
    """When failures and warnings began, earliest first; those without a time last.

    Where there are more than ``limit``, failures, new patterns and frequent ones are kept.
    """
    onsets = [onset for onset in onsets_of(reports) if onset.pattern.severity != "normal"]
    onsets.sort(key=lambda o: (o.pattern.severity != "failure", not (o.is_new or o.burst), -o.pattern.count))
    return tuple(sorted(onsets[: max(limit, 0)], key=_in_time))


def onsets_of(reports: Mapping[str, LogReport]) -> list[Onset]:
    """The onset of every pattern of every log, in the logs' own order."""
    anchor = _anchor(reports)
    onsets = []
    for source, report in reports.items():
        start, end = _aligned(report.first_at, report, anchor), _aligned(report.last_at, report, anchor)
        for pattern in report.patterns:
            at = _aligned(pattern.first_at, report, anchor)
            onsets.append(
                Onset(
                    source=source,
                    pattern=pattern,
                    at=at,
                    is_new=_is_new(pattern, report, at, start, end),
                    burst=_is_burst(pattern, start, end),
                )
            )
    return onsets


def in_earnest(onset: Onset) -> datetime | None:
    """When a pattern began in earnest: one that was there all along, at its burst."""
    pattern = onset.pattern
    if onset.burst and not onset.is_new and onset.at and pattern.peak_at and pattern.first_at:
        return max(onset.at, onset.at + (pattern.peak_at - pattern.first_at))
    return onset.at


def _is_new(
    pattern: LogPattern, report: LogReport, at: datetime | None, start: datetime | None, end: datetime | None
) -> bool:
    if pattern.first_line <= _FEWEST_BEFORE:
        return False
    if pattern.first_line > report.line_count * _EARLY_PART:
        return True
    return at is not None and start is not None and end is not None and at - start > (end - start) * _EARLY_PART


def _is_burst(pattern: LogPattern, start: datetime | None, end: datetime | None) -> bool:
    if pattern.peak < _BURST or start is None or end is None:
        return False
    stretches = (end - start).total_seconds() / pattern.peak_seconds
    return stretches > _BURST_TIMES and pattern.peak * stretches >= _BURST_TIMES * pattern.count


def _in_time(onset: Onset) -> tuple[bool, float, str, int]:
    seconds = onset.at.timestamp() if onset.at else 0.0
    return (onset.at is None, seconds, onset.source, onset.pattern.first_line)


def _anchor(reports: Mapping[str, LogReport]) -> datetime | None:
    """The earliest full date of any log: the year of those that write none is taken from there."""
    dated = (_utc(r.first_at) for r in reports.values() if r.first_at and r.first_at.year > _NO_LOG_YET)
    return min(dated, default=None)


def _aligned(at: datetime | None, report: LogReport, anchor: datetime | None) -> datetime | None:
    """A time all logs share: in UTC, as which one without a zone is read, in the year or on the day of the others."""
    if at is None or report.first_at is None or _UPTIME.fullmatch(report.first_time or ""):
        return None
    at, first = _utc(at), _utc(report.first_at)
    if anchor is None or at.year > _NO_LOG_YET:
        return at
    if _CLOCK.match(report.first_time or ""):
        return at + (anchor.replace(hour=0, minute=0, second=0, microsecond=0) - datetime(NO_YEAR, 1, 1, tzinfo=UTC))
    shifts = (_in_year(first, year) - first for year in (anchor.year - 1, anchor.year, anchor.year + 1))
    return at + min(shifts, key=lambda shift: abs(first + shift - anchor))


def _in_year(at: datetime, year: int) -> datetime:
    try:
        return at.replace(year=year)
    except ValueError:  # the 29th of February
        return at.replace(year=year, month=3, day=1)


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
