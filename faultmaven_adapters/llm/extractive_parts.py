"""What answers and reports without a language model are made of: the sources, and a citation behind each line."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from attrs import frozen

from faultmaven_domain.agent import Source, SourceKind

NO_MODEL = (
    "*No language model is configured: this is put together from the evidence and the runbooks alone, "
    "and says what they say.*"
)
MOST_FAILURES, MOST_STEPS = 10, 6
#: Words of a section's heading, the best first.
CHECK = ("diagnos", "check", "investigat", "triage", "verif", "debug", "symptom", "meaning")
CAUSE = ("cause", "why", "meaning")
FIX = ("fix", "mitigat", "resol", "remed", "action", "recover")
PREVENT = ("prevent",)
VERIFY = ("verif", "confirm", "validat")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")
_NUMBERED = re.compile(r"\[(\d[\d,; ]*)\]")


@frozen
class Sources:
    all: tuple[Source, ...]

    @property
    def patterns(self) -> list[Source]:
        return [s for s in self.all if s.pattern is not None]

    @property
    def failures(self) -> list[Source]:
        """Suspects first, in their order, then the others."""
        return [s for s in self.patterns if s.pattern is not None and s.pattern.severity != "normal"]

    @property
    def suspects(self) -> list[Source]:
        return [s for s in self.patterns if s.role == "suspect"]

    @property
    def passages(self) -> list[Source]:
        return [s for s in self.all if s.kind is SourceKind.EVIDENCE and s.pattern is None]

    @property
    def runbook(self) -> list[Source]:
        """The sections of the best document."""
        first = next((s for s in self.all if s.kind is SourceKind.RUNBOOK), None)
        return [s for s in self.all if first is not None and s.source_id == first.source_id]

    @property
    def other_runbooks(self) -> list[Source]:
        best = {s.number for s in self.runbook}
        return [s for s in self.all if s.kind is SourceKind.RUNBOOK and s.number not in best]

    @property
    def fits(self) -> bool:
        return any(s.role == "section" for s in self.runbook)

    def sections(self, words: Sequence[str]) -> list[Source]:
        """The sections of the first word that heads any."""
        for word in words:
            if found := [s for s in self.runbook if word in s.section.lower()]:
                return found
        return []

    def facts(self, *sections: str) -> list[Source]:
        """What is noted and established in the case: about these, or about anything."""
        noted = [s for s in self.all if s.kind is SourceKind.CASE and s.role == "fact"]
        return [s for s in noted if not sections or s.section in sections]

    @property
    def said(self) -> list[Source]:
        return [s for s in self.all if s.kind is SourceKind.CASE and s.role == "said"]


def loudest(sources: Iterable[Source]) -> list[Source]:
    """What the logs call errors before what they call warnings, frequent ones first."""
    return sorted(sources, key=lambda s: (s.pattern.loudness, -s.pattern.count) if s.pattern else (3, 0))


def counted(source: Source) -> str:
    pattern = source.pattern
    if pattern is None:
        return f"- {source.title}, {where_in(source)} {cite(source)}"
    times = "once" if pattern.count == 1 else f"{pattern.count} times"
    when = ""
    if pattern.first_time:
        when = f", at {pattern.first_time}" if pattern.count == 1 else f", {pattern.first_time} to {pattern.last_time}"
    level = f"{pattern.level}, " if pattern.level else ""
    return f"- `{in_code(pattern.template)}` — {level}{times}{when} ({source.title}) {cite(source)}"


def what_of(source: Source) -> str:
    pattern = source.pattern
    if pattern is None:
        return source.title
    first = pattern.first_time or f"line {pattern.first_line}"
    return f"`{in_code(pattern.template)}` in {source.title}, first at {first}"


def in_code(text: str) -> str:
    return shortened(" ".join(text.split()), 220).replace("`", "'")


def steps_of(sections: Iterable[Source]) -> list[str]:
    """The section's own list items or sentences, each cited; code blocks stay whole.

    How a report that was learnt came about is no step.
    """
    lines: list[str] = []
    for section in sections:
        for block in blocks(section.quote):
            if len(lines) >= MOST_STEPS:
                return lines
            if block == NO_MODEL:
                continue
            if block.startswith("```"):
                lines.append(f"- {cite(section)}\n" + "\n".join(f"  {line}" for line in block.split("\n")))
            else:
                lines.append(f"- {shortened(block, 400)} {cite(section)}")
    return lines


def indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))


def blocks(text: str) -> list[str]:
    """List items, paragraphs and whole code blocks, in order; a block cut at the end of the quote is closed."""
    found: list[str] = []
    code: list[str] | None = None
    fresh = True
    for line in text.split("\n"):
        if line.lstrip().startswith("```"):
            if code is None:
                code = [line.strip()]
            else:
                found.append("\n".join([*code, "```"]))
                code, fresh = None, True
        elif code is not None:
            code.append(line)
        elif not line.strip() or line.startswith("#"):
            fresh = True
        elif _ITEM.match(line):
            found.append(_ITEM.sub("", line).strip())
            fresh = False
        elif fresh or not found:
            found.append(line.strip())
            fresh = False
        else:
            found[-1] += " " + line.strip()
    if code is not None and len(code) > 1:
        found.append("\n".join([*code, "```"]))
    return found


def quoted(text: str) -> str:
    """The lines as a block that nothing in them can end; marks in it are no citations."""
    lines = [line.replace("```", "'''") for line in text.split("\n")[:8]]
    return "  ```\n" + "\n".join(f"  {shortened(line, 200)}" for line in lines) + "\n  ```"


def where_in(source: Source) -> str:
    if not source.lines:
        return "no line"
    first, last = min(source.lines), max(source.lines)
    return f"line {first}" if first == last else f"lines {first}–{last}"


def time_of(source: Source) -> str | None:
    return source.pattern.first_time if source.pattern else None


def moment_of(source: Source) -> datetime | None:
    """When it began, to sort by: files write times in their own ways, and those without a zone are taken for UTC."""
    at = source.pattern.first_at if source.pattern else None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def template_of(source: Source) -> str:
    return source.pattern.template if source.pattern else source.title


def cite(source: Source) -> str:
    return f"[{source.number}]"


def as_sentence(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def shortened(text: str, length: int) -> str:
    """Cut, and with no mark in it that could pass for a citation of ours."""
    text = _NUMBERED.sub(r"(\1)", text)
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"
