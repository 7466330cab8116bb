"""What a turn's evidence and answer show, in facts. Nothing here is a model's opinion but which sources it cited."""

import re
from collections.abc import Iterator, Sequence

from ..case import Observed, Suspected
from ..evidence import CaseFindings, Finding, LogPattern, Onset
from .changes import tells_change
from .models import Source, SourceKind

MOST_PLACES, MOST_CHANGES = 12, 5
LONGEST_FIX, LONGEST_CHANGE = 600, 300
_FIX = re.compile(
    r"\b(?:fix(?:es|ing)?|resol(?:ve|ution|ving)|remed(?:y|ies|iation)|mitigat(?:e|ion|ing)|solutions?|workarounds?"
    r"|recover(?:y|ing)?|repair(?:ing)?|actions?|what to do|roll ?back)\b",
    re.IGNORECASE,
)
_ITEM = re.compile(r"\s{0,3}(?:\d{1,2}[.)]|[-*+])\s+(?=\S)")


def observed(
    *, turn_number: int, question: str, found: CaseFindings, sources: Sequence[Source], cited: Sequence[Source]
) -> Observed:
    """``sources`` are all that was gathered, ``cited`` those that the answer's citations hold to, in their order.

    The findings name the loudest patterns of each file, so that the counts are of those. Where nothing is seen to fail
    there is no fix either: a runbook that the question alone found is one to read, not one that fits.
    """
    failing = [finding for finding in found.findings if _fails(finding.pattern)]
    patterns = [finding.pattern for finding in failing if finding.pattern is not None]
    began = _beginnings(found)
    return Observed(
        turn_number=turn_number,
        question=question,
        evidence=len(found.files),
        failures=len(patterns),
        failing_records=sum(pattern.count for pattern in patterns),
        places=tuple(dict.fromkeys(map(_place, failing)))[:MOST_PLACES],
        began=began[0].pattern.first_time if began else None,  # they come in the order of time
        last=max(began, key=_last).pattern.last_time if began else None,
        onsets=len(began),
        changes=tuple(dict.fromkeys(_changes(sources)))[:MOST_CHANGES],
        suspects=tuple(_suspected(source) for source in sources if source.role == "suspect"),
        fix=next(_fixes(cited), None) if failing else None,
    )


def _beginnings(found: CaseFindings) -> list[Onset]:
    """In the order of time: of the suspects where there are any, for what failed all along is no beginning."""
    failing = [onset for onset in found.onsets if _fails(onset.pattern) and onset.at is not None]
    suspected = {(suspect.source, suspect.pattern.template) for suspect in found.suspects}
    return [onset for onset in failing if (onset.source, onset.pattern.template) in suspected] or failing


def first_step(text: str) -> str:
    """What a section tells to do first: the first item of the list it begins with, else its first paragraph."""
    lines = text.strip().splitlines()
    start = next((place for place, line in enumerate(lines) if _ITEM.match(line)), None)
    if start is not None and (not (lead := " ".join(lines[:start]).strip()) or lead.endswith(":")):
        item = _ITEM.sub("", lines[start], count=1)
        return _cut("\n".join([item, *_belonging(lines[start + 1 :])]))
    return _cut(re.split(r"\n\s*\n", text.strip(), maxsplit=1)[0])


def _belonging(lines: Sequence[str]) -> Iterator[str]:
    """The rest of a list's item, a command set in below it included."""
    for line in lines:
        if _ITEM.match(line) or (line.strip() and not line[0].isspace()):
            return
        yield line.strip()


def _cut(text: str) -> str:
    text = text.strip()
    return text if len(text) <= LONGEST_FIX else text[: LONGEST_FIX - 1].rstrip() + "…"


def _fixes(cited: Sequence[Source]) -> Iterator[str]:
    """The first steps of sections about fixing, of runbooks that fit."""
    for source in cited:
        fits = source.kind is SourceKind.RUNBOOK and source.role == "section"
        if fits and _FIX.search(source.section) and (step := first_step(source.quote)):
            yield step


def _changes(sources: Sequence[Source]) -> Iterator[str]:
    """What the evidence's lines tell of changes, each pattern and each line once."""
    for source in sources:
        if source.kind is not SourceKind.EVIDENCE:
            continue
        lines = source.quote.splitlines()
        for line in lines[:1] if source.pattern is not None else lines:  # those of a pattern say the same
            if tells_change(line):
                yield " ".join(line.split())[:LONGEST_CHANGE]


def _suspected(source: Source) -> Suspected:
    """By its pattern, so that the same failure reads the same in whichever lines it is seen."""
    text = source.pattern.template.replace("<*>", "…") if source.pattern is not None else source.quote
    return Suspected(text=" ".join(text.split()), why=source.remark, evidence_id=source.source_id)


def _place(finding: Finding) -> str:
    component = finding.pattern.component if finding.pattern is not None else None
    return f"{component} ({finding.filename})" if component else finding.filename


def _fails(pattern: LogPattern | None) -> bool:
    return pattern is not None and pattern.severity == "failure"


def _last(onset: Onset) -> float:
    """The last time, on the clock that all logs of the case were put on."""
    first, last = onset.pattern.first_at, onset.pattern.last_at
    lasted = (last - first).total_seconds() if first is not None and last is not None else 0.0
    return lasted + (onset.at.timestamp() if onset.at is not None else 0.0)
