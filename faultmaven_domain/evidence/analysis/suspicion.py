"""What the trouble may have begun with.

Nothing here proves a cause. Order in time, wording and mentions are grounds for looking at one place before another,
and every suspect says which of them it has.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import log10
from pathlib import PurePath

from attrs import frozen

from .causes import cause_named, tells_change, tells_consequence
from .correlate import in_earnest, onsets_of
from .severity import is_grave, tells_failure
from .stamps import NO_YEAR
from .values import LogPattern, LogReport, Onset, Suspect

_MOST_SUSPECTS = 5
_FEW = 10  # records of a change, at most
_JUST_BEFORE = timedelta(minutes=10)  # a change, before the first failure
_SHORTLY = 300.0  # seconds before the first failure that stands out, for one that does not
_BY_CHANCE = 0.9  # of one record, to stand behind a log's early part by mere chance
_UNALARMED = frozenset(("NOTICE", "INFO", "DEBUG", "TRACE"))
_FEWEST_LETTERS = 4  # for a log's name to be looked for in other logs
_COMMON_NAMES = frozenset(
    ("error", "errors", "output", "debug", "access", "system", "messages", "stdout", "stderr", "logs")
)


def suspects(reports: Mapping[str, LogReport]) -> tuple[Suspect, ...]:
    """At most five patterns the trouble may have begun with, the likeliest first.

    A failure that others follow, was not there before, and names a specific cause outranks what mostly follows from
    trouble elsewhere. A change made shortly before the first failure is a suspect too.
    """
    onsets = onsets_of(reports)
    failing = [onset for onset in onsets if _fails(onset.pattern)]
    if not failing:
        failing = [onset for onset in onsets if onset.pattern.severity == "warning"]
    scene = _Scene.of(failing)
    mentions = _mentions(failing, reports)
    others = [onset for onset in onsets if not _fails(onset.pattern) and scene.is_forerunner(onset)]
    found = [_judged(onset, scene, mentions.get(onset.source, ())) for onset in (*failing, *others)]
    found.sort(key=lambda suspect: (-suspect.score, suspect.pattern.first_line))
    return tuple(found[:_MOST_SUSPECTS])


@frozen
class _Scene:
    """The failing patterns as a whole. Times are those at which they began in earnest."""

    began: tuple[datetime, ...]
    start: datetime | None  # of the first failing pattern that stands out, else of the first
    end: datetime | None
    records: int

    @staticmethod
    def of(failing: Sequence[Onset]) -> "_Scene":
        records = sum(onset.pattern.count for onset in failing)
        began = sorted(at for onset in failing if (at := in_earnest(onset)) is not None)
        fresh = (in_earnest(onset) for onset in failing if _stands_out(onset, records))
        start = min((at for at in fresh if at is not None), default=began[0] if began else None)
        return _Scene(tuple(began), start, began[-1] if began else None, records)

    def is_forerunner(self, onset: Onset) -> bool:
        """A warning that names a cause, or a change made, before the first failure."""
        pattern = onset.pattern
        if onset.at is None or self.start is None or not onset.is_new or onset.at > self.start:
            return False
        if pattern.severity != "normal":
            return cause_named(_text(pattern)) is not None
        return pattern.count <= _FEW and self.start - onset.at <= _JUST_BEFORE and tells_change(pattern.template)


def _fails(pattern: LogPattern) -> bool:
    return pattern.severity == "failure" or (pattern.severity == "warning" and tells_failure(pattern.template))


def _stands_out(onset: Onset, records: int) -> bool:
    """Whether a pattern came in a burst, or is half of all that fails, or is new, and that hardly by chance."""
    pattern = onset.pattern
    surely_new = onset.is_new and (_BY_CHANCE**pattern.count < 0.5 or is_grave(pattern.level, _text(pattern)))
    return surely_new or onset.burst or pattern.count * 2 >= records


def _judged(onset: Onset, scene: _Scene, mentions: Sequence[Onset]) -> Suspect:
    pattern, text = onset.pattern, _text(onset.pattern)
    grounds: list[str] = []
    score = 1.0 if pattern.severity == "failure" else 0.6 if _fails(pattern) else 0.0
    score += min(1.0, log10(pattern.count) / 3)
    score -= 0.5 if pattern.level in _UNALARMED else 0.0
    score += _by_time(onset, scene, grounds)
    if pattern.severity == "normal":
        score += 1.0
        grounds.append("tells of a change made shortly before the first failure")
    else:
        score += _by_words(pattern, text, grounds)
        later = sorted({other.source for other in mentions if _is_later(other, onset)})
        if later:
            score += 1.5
            grounds.append(f"is in a log that later failures in {', '.join(later)} mention")
    return Suspect(
        source=onset.source,
        pattern=pattern,
        score=round(score, 2),
        why=f"It {'; it '.join(grounds)}.",
    )


def _by_words(pattern: LogPattern, text: str, grounds: list[str]) -> float:
    score = 1.0 if is_grave(pattern.level, text) else 0.0
    cause = cause_named(text)
    if cause is not None:
        grounds.append(f"names {cause}")
        return score + (2.5 if tells_consequence(text) else 3.0)
    if tells_consequence(text):
        grounds.append("reads like a consequence of trouble elsewhere")
        return score - 1.5
    return score


def _by_time(onset: Onset, scene: _Scene, grounds: list[str]) -> float:
    at, pattern = in_earnest(onset), onset.pattern
    if at is None or scene.start is None or scene.end is None:
        grounds.append("has no time that can be compared, so what came first is not known")
        return 0.0
    score = 0.0
    said = pattern.first_time if at == onset.at else _written(pattern.peak_at)
    behind = (at - scene.start).total_seconds()
    if behind > 0:
        grounds.append(f"began at {said}, {_span(behind)} after the first failure that stands out")
        score += 2.0 * (1.0 - behind / max(behind, (scene.end - scene.start).total_seconds()))
    elif _stands_out(onset, scene.records) or at == scene.start or (onset.is_new and behind > -_SHORTLY):
        after = sum(1 for other in scene.began if other > at)
        score += 2.0 + min(1.5, 0.3 * after)
        if after:
            grounds.append(f"began at {said}, before {after} other failing pattern{'s' if after > 1 else ''}")
    if onset.is_new:
        score += 1.5 * (1.0 - 0.6 * _BY_CHANCE**pattern.count)
        grounds.append("was absent from the early part of its log")
    elif onset.burst:
        grounds.append("was there before and then came in a burst")
    elif _stands_out(onset, scene.records):
        grounds.append("was there from the start of its log, and is most of what fails")
    else:
        score -= 1.0
        grounds.append("was there from the start of its log")
    return score


def _mentions(failing: Sequence[Onset], reports: Mapping[str, LogReport]) -> dict[str, list[Onset]]:
    """The failures that name another log: by the name of its file, as ``postgres`` in ``postgres.log``."""
    mentions: dict[str, list[Onset]] = {}
    for source in reports:
        name = _name(source)
        if name is None:
            continue
        word = re.compile(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", re.IGNORECASE)
        mentions[source] = [
            onset
            for onset in failing
            if onset.source != source and any(word.search(line.text) for line in onset.pattern.samples)
        ]
    return mentions


def _is_later(other: Onset, onset: Onset) -> bool:
    """Who failed before cannot have suffered from it; where no time is known, nothing speaks against it."""
    theirs, ours = in_earnest(other), in_earnest(onset)
    return theirs is None or ours is None or theirs > ours


def _name(source: str) -> str | None:
    stem = re.split(r"[^A-Za-z]", PurePath(source).name, maxsplit=1)[0].lower()
    return stem if len(stem) >= _FEWEST_LETTERS and stem not in _COMMON_NAMES else None


def _text(pattern: LogPattern) -> str:
    return " ".join((pattern.template, *pattern.causes))


def _written(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}".removeprefix(f"{NO_YEAR}-") if at else ""


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
