"""Answers without a language model: composed from the sources alone, a citation behind each statement.

Says what it is. It ranks nothing itself: the order of failures is the evidence room's, that of runbooks the search's.
"""

import re
from collections.abc import AsyncGenerator, Iterable, Sequence
from datetime import UTC, datetime

from attrs import frozen

from faultmaven_domain.agent import ChatResponse, Message, Source, SourceKind, Task

NO_MODEL = (
    "*No language model is configured: this is put together from the evidence and the runbooks alone, "
    "and says what they say.*"
)
_MOST_FAILURES, _MOST_STEPS = 10, 6
#: Words of a section's heading, the best first.
_CHECK = ("diagnos", "check", "investigat", "triage", "verif", "debug", "symptom", "meaning")
_CAUSE = ("cause", "why", "meaning")
_FIX = ("fix", "mitigat", "resol", "remed", "action", "recover")
_PREVENT = ("prevent",)
_NEVER = datetime.max.replace(tzinfo=UTC)
_PARAGRAPH = re.compile(r"(?<=\n\n)(?=[^\n])")


@frozen
class ExtractiveProvider:
    @property
    def name(self) -> str:
        return "extractive"

    @property
    def model(self) -> str:
        return self.name

    @property
    def address(self) -> str:
        return ""

    async def chat(
        self,
        messages: Sequence[Message],
        *,
        model: str | None = None,
        temperature: float = 0.7,
        max_tokens: int | None = None,
    ) -> ChatResponse:
        """Composes from the last message's sources; model, temperature and token limit do not apply."""
        last = messages[-1]
        compose = _post_mortem if last.task is Task.POST_MORTEM else _answer
        return ChatResponse(content=compose(_Sources(last.sources)), model=self.model, provider=self.name)

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        model: str | None = None,
        temperature: float = 0.7,
        max_tokens: int | None = None,
    ) -> AsyncGenerator[str | ChatResponse, None]:
        """As ``chat``, paragraph by paragraph."""
        answer = await self.chat(messages, model=model, temperature=temperature, max_tokens=max_tokens)
        for paragraph in _PARAGRAPH.split(answer.content):
            yield paragraph
        yield answer


@frozen
class _Sources:
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

    def facts(self, role: str) -> list[Source]:
        return [s for s in self.all if s.kind is SourceKind.CASE and s.role == role]


def _answer(sources: _Sources) -> str:
    parts = [NO_MODEL]
    if sources.suspects:
        lines = [f"- {_what(s)}. {_sentence(s.remark)} {_cite(s)}" for s in sources.suspects[:3]]
        parts.append("**Most likely origin** (a suspicion, not a proof)\n" + "\n".join(lines))
    if sources.failures:
        lines = [_counted(s) for s in _loudest(sources.failures)[:_MOST_FAILURES]]
        parts.append("**What is failing**\n" + "\n".join(lines))
    elif sources.patterns:
        lines = [_counted(s) for s in sources.patterns[:3]]
        parts.append("**No line says that something failed.** The most telling patterns are\n" + "\n".join(lines))
    if sources.passages:
        lines = [f"- {s.title}, {_where(s)}: {_cite(s)}\n{_quoted(s.quote)}" for s in sources.passages[:3]]
        parts.append("**What else the files show**\n" + "\n".join(lines))
    parts.append(_check_first(sources))
    for title, words in (("What the runbook names as causes", _CAUSE), ("What the runbook does about it", _FIX)):
        lines = _steps(sources.sections(words))
        if lines and sources.fits:
            parts.append(f"**{title}**\n" + "\n".join(lines))
    others = [s for s in sources.other_runbooks if s.role == "section" or not sources.patterns]
    if others:
        named = dict.fromkeys(f"“{s.title}” {_cite(s)}" for s in others)
        parts.append("See also " + ", ".join(named) + ".")
    if len(sources.all) == 0:
        return f"{NO_MODEL}\n\nThere is no evidence in this case and no runbook fits. Add a log, a config or a runbook."
    return "\n\n".join(part for part in parts if part)


def _check_first(sources: _Sources) -> str:
    first = next(iter(sources.suspects or _loudest(sources.failures)), None)
    lines = []
    if first is not None and first.pattern is not None:
        component = f" in `{first.pattern.component}`" if first.pattern.component else ""
        lines.append(f"- Where it begins: {first.title}, line {first.pattern.first_line}{component}. {_cite(first)}")
    steps = _steps(sources.sections(_CHECK)) or _steps(sources.runbook[:1])
    if steps:
        best = sources.runbook[0]
        if sources.fits:
            lines.append(f"- The runbook “{best.title}” says: {_cite(best)}")
            lines += [_indented(step) for step in steps]
        else:
            lines.append(
                f"- No runbook fits; the nearest, perhaps about something else, is “{best.title}”. {_cite(best)}"
            )
    elif not sources.runbook:
        lines.append("- No runbook in the knowledge base fits.")
    return "**What to check first**\n" + "\n".join(lines)


def _post_mortem(sources: _Sources) -> str:
    unknown = "Not known from the evidence."
    suspects = [f"- {_what(s)}. {_sentence(s.remark)} {_cite(s)}" for s in sources.suspects[:3]]
    failures = [_counted(s) for s in _loudest(sources.failures)[:_MOST_FAILURES]]
    facts = [f"- {s.quote} {_cite(s)}" for s in sources.facts("fact")]
    notes = [line for line in facts if line.startswith("- Resolution notes")]
    causes = _steps(sources.sections(_CAUSE)) if sources.fits else []
    todo = _steps(sources.sections(_FIX)) + _steps(sources.sections(_PREVENT)) if sources.fits else []
    asked = [f"- {s.section}: {_short(s.quote, 200)} {_cite(s)}" for s in sources.facts("said") if "user" in s.section]
    began = sorted((s for s in sources.failures if _moment(s) is not None), key=lambda s: _moment(s) or _NEVER)
    timeline = [f"- {_time(s)}: `{_code(_template(s))}` begins in {s.title} {_cite(s)}" for s in began]
    summary = [
        *[line for line in facts if line not in notes],
        *asked[:1],
        *(suspects[:1] or ["- No line of the evidence says that something failed."]),
    ]
    prevention = _steps(sources.sections(_PREVENT)) if sources.fits else []
    chapters = {
        "Summary": summary,
        "Impact": _impact(sources),
        "Timeline": timeline[:_MOST_FAILURES],
        "Root cause": [*(["Suspected, not confirmed:", *suspects] if suspects else []), *causes],
        "Evidence": [*failures, *[f"- {s.title}, {_where(s)} {_cite(s)}" for s in sources.passages[:4]]],
        "Resolution": notes,
        "Action items": todo[: 2 * _MOST_STEPS],
        "Lessons": prevention[:2],
    }
    body = "\n\n".join(f"## {title}\n\n" + ("\n".join(lines) or unknown) for title, lines in chapters.items())
    return f"{NO_MODEL}\n\n{body}"


def _impact(sources: _Sources) -> list[str]:
    by_file: dict[str, list[Source]] = {}
    for source in sources.failures:
        by_file.setdefault(source.title, []).append(source)
    return [
        f"- {title}: {sum(s.pattern.count for s in those if s.pattern)} records of {len(those)} failing patterns "
        + "".join(f"[{s.number}]" for s in those)
        for title, those in by_file.items()
    ]


def _loudest(sources: Iterable[Source]) -> list[Source]:
    """What the logs call errors before what they call warnings, frequent ones first."""
    return sorted(sources, key=lambda s: (s.pattern.loudness, -s.pattern.count) if s.pattern else (3, 0))


def _counted(source: Source) -> str:
    pattern = source.pattern
    if pattern is None:
        return f"- {source.title}, {_where(source)} {_cite(source)}"
    times = "once" if pattern.count == 1 else f"{pattern.count} times"
    when = ""
    if pattern.first_time:
        when = f", at {pattern.first_time}" if pattern.count == 1 else f", {pattern.first_time} to {pattern.last_time}"
    level = f"{pattern.level}, " if pattern.level else ""
    return f"- `{_code(pattern.template)}` — {level}{times}{when} ({source.title}) {_cite(source)}"


def _what(source: Source) -> str:
    pattern = source.pattern
    if pattern is None:
        return source.title
    return (
        f"`{_code(pattern.template)}` in {source.title}, first at {pattern.first_time or f'line {pattern.first_line}'}"
    )


def _code(text: str) -> str:
    return _short(" ".join(text.split()), 220).replace("`", "'")


def _steps(sections: Iterable[Source]) -> list[str]:
    """The section's own list items or sentences, each cited; code blocks stay whole."""
    lines: list[str] = []
    for section in sections:
        for block in _blocks(section.quote):
            if len(lines) >= _MOST_STEPS:
                return lines
            if block.startswith("```"):
                lines.append(f"- {_cite(section)}\n" + "\n".join(f"  {line}" for line in block.split("\n")))
            else:
                lines.append(f"- {_short(block, 400)} {_cite(section)}")
    return lines


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))


_ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+")


def _blocks(text: str) -> list[str]:
    """List items, paragraphs and whole code blocks, in order; a block cut at the end of the quote is closed."""
    blocks: list[str] = []
    code: list[str] | None = None
    fresh = True
    for line in text.split("\n"):
        if line.lstrip().startswith("```"):
            if code is None:
                code = [line.strip()]
            else:
                blocks.append("\n".join([*code, "```"]))
                code, fresh = None, True
        elif code is not None:
            code.append(line)
        elif not line.strip() or line.startswith("#"):
            fresh = True
        elif _ITEM.match(line):
            blocks.append(_ITEM.sub("", line).strip())
            fresh = False
        elif fresh or not blocks:
            blocks.append(line.strip())
            fresh = False
        else:
            blocks[-1] += " " + line.strip()
    if code is not None and len(code) > 1:
        blocks.append("\n".join([*code, "```"]))
    return blocks


def _quoted(text: str) -> str:
    """The lines as a block that nothing in them can end; marks in it are no citations."""
    lines = [line.replace("```", "'''") for line in text.split("\n")[:8]]
    return "  ```\n" + "\n".join(f"  {_short(line, 200)}" for line in lines) + "\n  ```"


def _where(source: Source) -> str:
    if not source.lines:
        return "no line"
    first, last = min(source.lines), max(source.lines)
    return f"line {first}" if first == last else f"lines {first}–{last}"


def _time(source: Source) -> str | None:
    return source.pattern.first_time if source.pattern else None


def _moment(source: Source) -> datetime | None:
    """When it began, to sort by: files write times in their own ways, and those without a zone are taken for UTC."""
    at = source.pattern.first_at if source.pattern else None
    return at.replace(tzinfo=UTC) if at is not None and at.tzinfo is None else at


def _template(source: Source) -> str:
    return source.pattern.template if source.pattern else source.title


def _cite(source: Source) -> str:
    return f"[{source.number}]"


def _sentence(text: str) -> str:
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


_NUMBERED = re.compile(r"\[(\d[\d,; ]*)\]")


def _short(text: str, length: int) -> str:
    """Cut, and with no mark in it that could pass for a citation of ours."""
    text = _NUMBERED.sub(r"(\1)", text)
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"
