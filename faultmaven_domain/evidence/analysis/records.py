"""Lines put together into records: what hangs below a line (a stack trace, the rest of a message) belongs to it."""

import re
from collections.abc import Iterable, Iterator

from attrs import define, field

from .heads import HeadReader
from .severity import tells_failure
from .structured import LONGEST_JSON

LONGEST_LINE = 4_096
LONGEST_SAMPLE = 1_000
_MOST_CAUSES = 3
_FAILING = frozenset(("FATAL", "CRITICAL", "ERROR", "WARN"))
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_OF_A_TRACE = (
    *("at ", "Caused by:", "Suppressed:", "... ", 'File "', "goroutine ", "created by ", "#"),
    *("During handling of", "The above exception"),
)
_TRACEBACK = "Traceback (most recent call last)"
_CAUSE = re.compile(
    r"\s*(?:Caused by: |Exception in thread \"[^\"]{0,80}\" )?"
    r"((?:[A-Za-z_$][\w$]*\.)*(?:[A-Z][\w$]*)?(?:Exception|Error|Failure|Fault|Panic)|panic|fatal error)"
    r"(?::\s(.{0,160})|$)"
)


@define
class Record:
    """``number`` is the 1-based number of its first line, ``text`` that line (cut when very long)."""

    number: int
    text: str
    stamp: str | None
    key: float | None
    level: str | None
    component: str | None
    message: str
    causes: list[str] = field(factory=list)


@define
class RecordReader:
    """Reads records from lines, in one pass. ``lines`` counts what was read."""

    lines: int = 0
    _heads: HeadReader = field(factory=HeadReader)

    def records(self, lines: Iterable[str]) -> Iterator[Record]:
        pending: Record | None = None
        in_trace = False
        read = self._heads.read
        for number, raw in enumerate(lines, 1):
            if raw:
                self.lines = number  # nothing at all behind the last line break is no line
            line = raw if len(raw) <= LONGEST_LINE else raw[: LONGEST_JSON if raw.startswith("{") else LONGEST_LINE]
            if "\x1b" in line:
                line = _ANSI.sub("", line)
            line = line.rstrip()
            if not line:
                continue
            head = read(line)
            if head.opens or pending is None:
                in_trace = False
            elif _continues(line, pending, in_trace):
                in_trace = in_trace or line[0] in " \t"
                cause = _CAUSE.match(line)
                if cause is not None:
                    _attach(pending, cause, number)
                continue
            else:
                in_trace = False
            stamp, key = head.stamp, head.key
            if pending is not None:
                yield pending
                if stamp is None:
                    stamp, key = pending.stamp, pending.key  # it was written right after
            pending = Record(number, line[:LONGEST_SAMPLE], stamp, key, head.level, head.component, head.message)
        if pending is not None:
            yield pending


def _attach(record: Record, cause: re.Match[str], number: int) -> None:
    said = f"{cause[1]}: {cause[2]}" if cause[2] else cause[1]
    if record.message.startswith(_TRACEBACK):  # Python says what happened last
        record.number, record.text, record.message = number, cause[0].strip(), said
    elif len(record.causes) < _MOST_CAUSES:
        record.causes.append(said)


def _continues(line: str, pending: Record, in_trace: bool) -> bool:
    """Whether a line without a head hangs below the record above."""
    if line[0] in " \t" or line.startswith(_OF_A_TRACE):
        return True
    if line.startswith(_TRACEBACK):
        return pending.level in _FAILING
    if (in_trace and line[0] in ")}]") or ((in_trace or pending.level in _FAILING) and _CAUSE.match(line)):
        return True
    if pending.stamp is None and pending.level is None:
        return False
    return not tells_failure(line)
