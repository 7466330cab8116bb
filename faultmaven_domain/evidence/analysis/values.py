"""What the analysis says: plain values that survive a JSON round trip."""

from datetime import datetime
from typing import Literal

from attrs import frozen

Severity = Literal["failure", "warning", "normal"]


@frozen(kw_only=True)
class LogLine:
    """A line of the log. ``number`` counts from 1; a very long ``text`` is cut."""

    number: int
    text: str


@frozen(kw_only=True)
class LogPattern:
    """Lines that say the same but for their values, which ``template`` shows as ``<*>``.

    ``level`` is the log's own word, normalised (see ``LEVELS``), or None where it writes none. ``first_time`` and
    ``last_time`` are the earliest and the latest time as the log writes them; ``first_at`` and ``last_at`` the same
    to sort by: naive or aware as the log, in the year ``NO_YEAR`` where it writes no year. ``samples`` are lines
    of this pattern, in order. ``causes`` are exceptions named in the lines that hang below (stack traces).
    """

    template: str
    level: str | None
    severity: Severity
    component: str | None
    count: int
    first_line: int
    last_line: int
    first_time: str | None
    last_time: str | None
    first_at: datetime | None
    last_at: datetime | None
    samples: tuple[LogLine, ...]
    causes: tuple[str, ...] = ()
    peak: int = 0  # the most records within one stretch of peak_seconds
    peak_at: datetime | None = None  # when that stretch began
    peak_seconds: int = 1

    @property
    def loudness(self) -> int:
        """To list failures by, the lowest first: what the log calls an error, or says without any level; what it calls
        a warning; what only the words of an INFO line tell; and what fails in no way.
        """
        if self.severity == "normal":
            return 3
        if self.severity == "warning":
            return 1
        return 2 if self.level in {"NOTICE", "INFO", "DEBUG", "TRACE"} else 0


@frozen(kw_only=True)
class LogReport:
    """A log, in patterns. ``patterns`` come most relevant first; ``dropped`` counts records kept in no pattern."""

    line_count: int
    record_count: int
    first_time: str | None
    last_time: str | None
    first_at: datetime | None
    last_at: datetime | None
    level_counts: tuple[tuple[str, int], ...]
    patterns: tuple[LogPattern, ...]
    dropped: int


@frozen(kw_only=True)
class Onset:
    """When a failure or a warning began, among all the logs of an incident.

    ``at`` is ``pattern.first_at`` made comparable: in UTC (as which a time without a zone is read), the year taken from
    the other logs where its own writes none; None where there is no time. ``is_new`` tells a pattern absent from the
    early part of its log; ``burst`` one whose records crowd into a short time.
    """

    source: str
    pattern: LogPattern
    at: datetime | None
    is_new: bool
    burst: bool


@frozen(kw_only=True)
class Suspect:
    """A pattern the trouble may have begun with. ``why`` says on what grounds, in a sentence; never a certainty.

    ``score`` orders suspects among themselves and means nothing more.
    """

    source: str
    pattern: LogPattern
    score: float
    why: str
