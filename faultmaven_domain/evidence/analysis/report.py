"""A log read into a report: its patterns, the most relevant first."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from .heads import HeadReader
from .levels import LEVELS
from .masking import Masker
from .records import RecordReader
from .severity import is_grave, severity_of
from .stamps import moment
from .templates import Shape, TemplateMiner
from .values import LogLine, LogPattern, LogReport

_SEVERITIES = ("failure", "warning", "normal")
_UNALARMED = frozenset(("NOTICE", "INFO", "DEBUG", "TRACE"))
_LINES_LOOKED_AT = 200
_STRETCHES = 60  # into which, or fewer, the time of a log is cut to see bursts

Time = tuple[float, str]


def analyse_log(lines: Iterable[str], *, samples: int = 5) -> LogReport:
    """Read a log in one pass, in memory bounded by its patterns and not by its length.

    ``samples`` is the most lines quoted of a pattern, at least 2. Lines may end in a line break or not. Text that is
    no log gives a report too: each line a record, without times.
    """
    reader, masker, miner = RecordReader(), Masker(), TemplateMiner()
    levels: Counter[str | None] = Counter()
    low: Time | None = None
    high: Time | None = None
    add, words = miner.add, masker.words
    for record in reader.records(lines):
        level, key, stamp = record.level, record.key, record.stamp
        levels[level] += 1
        shape = add(level, words(record.message))
        if shape is not None:
            shape.tally.note(record)
        if key is not None and stamp is not None:
            if high is None or key >= high[0]:
                high = (key, stamp)
            if low is None or key < low[0]:
                low = (key, stamp)
    stretch = (high[0] - low[0]) / _STRETCHES if low and high else 1.0
    patterns = [_pattern(shape, max(samples, 2), stretch) for shape in miner.merge()]
    return LogReport(
        line_count=reader.lines,
        record_count=levels.total(),
        first_time=low[1] if low else None,
        last_time=high[1] if high else None,
        first_at=_at(low),
        last_at=_at(high),
        level_counts=tuple((level, levels[level]) for level in LEVELS if levels[level]),
        patterns=tuple(sorted(patterns, key=_relevance)),
        dropped=miner.dropped,
    )


def looks_like_log(head: str) -> bool:
    """Whether a text's beginning reads as a log: most of its lines start with a time, or with a level."""
    reader = HeadReader()
    headed = telling = unheaded = 0
    for line in head.splitlines()[:_LINES_LOOKED_AT]:
        if not line.strip() or (line[0] in " \t" and headed):
            continue
        parts = reader.read(line[:2_000])
        if parts.stamp is None and not parts.opens:
            unheaded += 1
            continue
        headed += 1
        telling += parts.level is not None or any(c.isalpha() for c in parts.message)
    return headed > unheaded and telling * 2 > headed


def _pattern(shape: Shape, samples: int, stretch: float) -> LogPattern:
    tally = shape.tally
    template = " ".join(shape.words)
    causes = tuple(tally.causes)
    peak, second, length = tally.peak(stretch)
    peak_at = _at((float(second), tally.low[1])) if tally.low else None
    return LogPattern(
        template=template,
        level=shape.level,
        severity=severity_of(shape.level, " ".join((template, *causes))),
        component=tally.component(),
        count=tally.count,
        first_line=tally.kept[0][0],
        last_line=tally.last[0],
        first_time=tally.low[1] if tally.low else None,
        last_time=tally.high[1] if tally.high else None,
        first_at=_at(tally.low),
        last_at=_at(tally.high),
        samples=tuple(LogLine(number=number, text=text) for number, text in tally.samples(samples)),
        causes=causes,
        peak=peak,
        peak_at=peak_at,
        peak_seconds=length,
    )


def _at(time: Time | None) -> datetime | None:
    return moment(*time) if time else None


def _relevance(pattern: LogPattern) -> tuple[int, bool, bool, int, int]:
    """Failures before warnings; first what must not be buried, then what says so by its level; then by count."""
    alarming = pattern.severity != "normal"
    grave = alarming and is_grave(pattern.level, " ".join((pattern.template, *pattern.causes)))
    unalarmed = alarming and pattern.level in _UNALARMED
    return (_SEVERITIES.index(pattern.severity), not grave, unalarmed, -pattern.count, pattern.first_line)
