"""Answers without a language model: composed from the sources alone, a citation behind each statement.

Says what it is. It ranks nothing itself: the order of failures is the evidence room's, that of runbooks the search's.
"""

import re
from collections.abc import AsyncGenerator, Callable, Sequence

from attrs import frozen

from faultmaven_domain.agent import ChatResponse, Message, Task

from .extractive_parts import (
    CAUSE,
    CHECK,
    FIX,
    MOST_FAILURES,
    NO_MODEL,
    Sources,
    as_sentence,
    cite,
    counted,
    indented,
    loudest,
    quoted,
    steps_of,
    what_of,
    where_in,
)
from .extractive_reports import incident_report, post_mortem, runbook

_REPORTS: dict[Task, Callable[[Sources], str]] = {
    Task.POST_MORTEM: post_mortem,
    Task.INCIDENT_REPORT: incident_report,
    Task.RUNBOOK: runbook,
}
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
        compose = _REPORTS.get(last.task, _answer) if last.task else _answer
        return ChatResponse(content=compose(Sources(last.sources)), model=self.model, provider=self.name)

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


def _answer(sources: Sources) -> str:
    parts = [NO_MODEL]
    if sources.suspects:
        lines = [f"- {what_of(s)}. {as_sentence(s.remark)} {cite(s)}" for s in sources.suspects[:3]]
        parts.append("**Most likely origin** (a suspicion, not a proof)\n" + "\n".join(lines))
    if sources.failures:
        lines = [counted(s) for s in loudest(sources.failures)[:MOST_FAILURES]]
        parts.append("**What is failing**\n" + "\n".join(lines))
    elif sources.patterns:
        lines = [counted(s) for s in sources.patterns[:3]]
        parts.append("**No line says that something failed.** The most telling patterns are\n" + "\n".join(lines))
    if sources.passages:
        lines = [f"- {s.title}, {where_in(s)}: {cite(s)}\n{quoted(s.quote)}" for s in sources.passages[:3]]
        parts.append("**What else the files show**\n" + "\n".join(lines))
    parts.append(_check_first(sources))
    for title, words in (("What the runbook names as causes", CAUSE), ("What the runbook does about it", FIX)):
        lines = steps_of(sources.sections(words))
        if lines and sources.fits:
            parts.append(f"**{title}**\n" + "\n".join(lines))
    others = [s for s in sources.other_runbooks if s.role == "section" or not sources.patterns]
    if others:
        named = dict.fromkeys(f"“{s.title}” {cite(s)}" for s in others)
        parts.append("See also " + ", ".join(named) + ".")
    if len(sources.all) == 0:
        return f"{NO_MODEL}\n\nThere is no evidence in this case and no runbook fits. Add a log, a config or a runbook."
    return "\n\n".join(part for part in parts if part)


def _check_first(sources: Sources) -> str:
    first = next(iter(sources.suspects or loudest(sources.failures)), None)
    lines = []
    if first is not None and first.pattern is not None:
        component = f" in `{first.pattern.component}`" if first.pattern.component else ""
        lines.append(f"- Where it begins: {first.title}, line {first.pattern.first_line}{component}. {cite(first)}")
    beginnings = (steps_of([section]) for section in sources.runbook)
    steps = steps_of(sources.sections(CHECK)) or next(filter(None, beginnings), [])
    if steps:
        best = sources.runbook[0]
        if sources.fits:
            lines.append(f"- The runbook “{best.title}” says: {cite(best)}")
            lines += [indented(step) for step in steps]
        else:
            lines.append(
                f"- No runbook fits; the nearest, perhaps about something else, is “{best.title}”. {cite(best)}"
            )
    elif not sources.runbook:
        lines.append("- No runbook in the knowledge base fits.")
    return "**What to check first**\n" + "\n".join(lines)
