"""From what was found to what the model is given: numbered sources, and the prompt they are written into."""

import re
from collections.abc import Sequence
from itertools import pairwise

from attrs import evolve, frozen

from ..case import Case, CaseMessage, Investigation
from ..evidence import CaseFindings, Evidence, Finding
from ..knowledge import SearchHit, Section
from .models import Message, Source, SourceKind, Task
from .prompts import prompt

MOST_PATTERNS, MOST_PASSAGES, MOST_SECTIONS = 14, 6, 8
LONGEST_QUOTE = 1_500
#: Of what is said about the state of an investigation.
LONGEST_FACT = 300
#: As much of a question as a search takes: people paste whole logs.
LONGEST_QUESTION = 2_000


@frozen(kw_only=True)
class Runbook:
    """A document a search found, with the sections it is made of."""

    hit: SearchHit
    sections: tuple[Section, ...]


def questions(question: str, found: CaseFindings) -> tuple[str, ...]:
    """What to ask the knowledge base: the question itself, and the failures the evidence shows, worst first."""
    failing = [s.pattern for s in found.suspects]
    failing += [f.pattern for f in found.findings if f.pattern and f.pattern.severity != "normal"]
    texts = dict.fromkeys(pattern.template.replace("<*>", " ")[:300].strip() for pattern in failing)
    return (question[:LONGEST_QUESTION], *[text for text in texts if text][:3])


def causes(runbooks: Sequence[Runbook]) -> str:
    """What the best runbook says about causes, in words to look for elsewhere."""
    texts = [
        section.text
        for runbook in runbooks[:1]
        for section in runbook.sections
        if "cause" in section.heading.lower() or "fix" in section.heading.lower()
    ]
    return " ".join(texts)[:2_000]


def fused(results: Sequence[Sequence[SearchHit]], limit: int) -> tuple[SearchHit, ...]:
    """Documents that several questions found come first."""
    scores: dict[str, float] = {}
    hits: dict[str, SearchHit] = {}
    for result in results:
        for rank, hit in enumerate(result):
            scores[hit.document_id] = scores.get(hit.document_id, 0.0) + hit.score / (1 + rank)
            hits.setdefault(hit.document_id, hit)
    return tuple(hits[id] for id in sorted(scores, key=lambda id: -scores[id])[:limit])


def evidence_sources(found: CaseFindings) -> list[Source]:
    """Suspects first, then the other patterns, then passages; numbers are given later."""
    sources = [_of(finding, role="pattern") for finding in found.findings if finding.pattern]
    ranked: list[Source] = []
    for suspect in found.suspects:
        for source in sources:
            same = source.pattern is not None and source.pattern.template == suspect.pattern.template
            if same and suspect.source in {source.title, f"{source.title} ({source.source_id})"}:
                ranked.append(evolve(source, role="suspect", remark=suspect.why))
                sources.remove(source)
                break
    failing = [source for source in sources if source.pattern and source.pattern.severity != "normal"]
    normal = [source for source in sources if source.pattern and source.pattern.severity == "normal"]
    patterns = [*ranked, *failing][:MOST_PATTERNS] or normal[:3]
    passages = [_of(finding, role="passage") for finding in found.findings if finding.pattern is None]
    return [*patterns, *passages[:MOST_PASSAGES]]


#: A section with nothing in it, or with what the reports' prompts ask for where nothing is known.
_EMPTY = re.compile(
    r"(?:#[^\n]*(?:\n\s*|$))*(?:[-*]\s*)?(?:Not known from (?:the evidence|this case)\.?)?", re.IGNORECASE
)


def runbook_sources(runbooks: Sequence[Runbook], asked: Sequence[str]) -> list[Source]:
    """The first runbook whole, of the others the section that was found. ``asked`` is what they were searched with.

    A chapter of a report that was learnt and says that nothing is known is no source: its "Resolution" is no fix.
    """
    sources = []
    for place, runbook in enumerate(runbooks):
        hit = runbook.hit
        good = fits(runbook, asked)
        sections = [s for s in runbook.sections if not _EMPTY.fullmatch(s.text.strip())] if place == 0 else []
        chosen = sections or [Section(heading=hit.section, text=hit.snippet)]
        sources += [
            Source(
                number=0,
                kind=SourceKind.RUNBOOK,
                source_id=hit.document_id,
                title=hit.title,
                role="section" if good else "nearest",
                remark="" if good else "the nearest there is; it may not fit",
                section=section.heading,
                quote=section.text[:LONGEST_QUOTE],
                score=hit.score,
            )
            for section in chosen[:MOST_SECTIONS]
        ]
    return sources


_WORD = re.compile(r"[a-z0-9_]{2,}")
#: Words any trouble is told in: sharing them tells nothing.
_ANYWHERE = frozenset(
    """a an and are at be by error errors failed failing failure exception for from has have in is it not of on or the
    to was were what why with when which check first should wrong request requests while during because
    """.split()  # noqa: SIM905
)


def fits(runbook: Runbook, asked: Sequence[str]) -> bool:
    """Whether a runbook is about what was asked, and not only the nearest there is.

    It is when it has three words in a row of a failure (``asked`` after the first), or when most words of its title
    are in what was asked; and where nothing fails, since then the question alone found it.
    """
    text = " ".join([runbook.hit.title, runbook.hit.snippet, *[f"{s.heading} {s.text}" for s in runbook.sections]])
    words = _WORD.findall(text.lower())
    runs = {tuple(words[i : i + 3]) for i in range(len(words) - 2)}
    for failure in asked[1:]:
        said = _WORD.findall(failure.lower())
        for i in range(len(said) - 2):
            run = tuple(said[i : i + 3])
            if run in runs and any(word not in _ANYWHERE and not word.isdigit() for word in run):
                return True
    title = set(_WORD.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", runbook.hit.title).lower())) - _ANYWHERE
    shared = title & set(_WORD.findall(" ".join(asked).lower()))
    return len(asked) == 1 or (len(shared) >= 2 and len(shared) >= 0.6 * len(title))


def case_sources(case: Case, messages: Sequence[CaseMessage]) -> list[Source]:
    """What the case itself tells, for a report on it."""
    facts = [f"Opened {case.created_at:%Y-%m-%d %H:%M} UTC."]
    if case.closed_at:
        reason = case.closure_reason.value if case.closure_reason else "no reason given"
        facts.append(f"Ended {case.closed_at:%Y-%m-%d %H:%M} UTC as {case.status.value} ({reason}).")
    if case.resolution_notes:
        facts.append(f"Resolution notes: {case.resolution_notes}")
    if case.description:
        facts.append(f"Description: {case.description[:LONGEST_QUOTE]}")
    said = [
        case_source(case, role="said", section=f"{m.role.value}, turn {m.turn_number}", text=m.content)
        for m in messages
    ]
    return [*[case_source(case, role="fact", section="case", text=fact) for fact in facts], *said]


def case_source(case: Case, *, role: str, section: str, text: str) -> Source:
    """A ``role`` of fact or said: what the case holds as true, or what somebody wrote in it."""
    return Source(
        number=0,
        kind=SourceKind.CASE,
        source_id=case.case_id,
        title=case.title,
        role=role,
        section=section,
        quote=text[:LONGEST_QUOTE],
    )


def numbered(sources: Sequence[Source]) -> tuple[Source, ...]:
    return tuple(evolve(source, number=number) for number, source in enumerate(sources, 1))


def messages_for(
    task: Task,
    *,
    case: Case,
    question: str,
    found: CaseFindings,
    sources: tuple[Source, ...],
    history: Sequence[CaseMessage],
    left_out: Sequence[str] = (),
    state: str = "",
) -> tuple[Message, ...]:
    """The rules as one message, and all that is known as another.

    ``left_out`` says what did not fit, ``state`` where the investigation stands.
    """
    filled = prompt(task.value).substitute(
        title=case.title,
        description=case.description,
        state=state,
        files="\n".join(f"- {_described(f.evidence)}" for f in found.files) or "none",
        sources="\n\n".join(rendered(source) for source in sources) or "none",
        history="\n".join(f"{m.role.value}: {_kept_together(m.content)}" for m in history) or "none",
        question=question,
        left_out=f"Left out for want of room: {', '.join(left_out)}.\n\n" if left_out else "",
    )
    return (
        Message(role="system", content=prompt("system").template, task=task),
        Message(role="user", content=filled, sources=sources, task=task),
    )


def state_of(case: Case, investigation: Investigation) -> str:
    """Where the investigation stands, in few lines; what the user or a file said is quoted as a source is."""
    said = "confirmed by the user" if investigation.problem_confirmed else "not yet confirmed"
    asked = investigation.asked
    facts = [
        f"The case is {case.status.value}.",
        investigation.problem_statement and f"Problem ({said}): {investigation.problem_statement}",
        *[f"{reached.milestone.value.replace('_', ' ')}: {reached.why}" for reached in investigation.reached],
        investigation.root_cause and f"Root cause, confirmed by the user: {investigation.root_cause}",
        asked and f"The user was asked, and has not answered yet: {asked.question}",
    ]
    return "\n".join(f"> {' '.join(fact.split())[:LONGEST_FACT]}" for fact in facts if fact)


def rendered(source: Source) -> str:
    """A source as a model reads it."""
    if source.kind is SourceKind.RUNBOOK:
        head = f"runbook “{source.title}”" + (f", section “{source.section}”" if source.section else "")
    elif source.kind is SourceKind.CASE:
        head = f"case, {source.section}"
    else:
        head = f"file {source.title}, " + _lines(source.lines)
    pattern = source.pattern
    if pattern is not None:
        head += f", log pattern seen {pattern.count} times"
        if pattern.first_time:
            head += f" from {pattern.first_time} to {pattern.last_time}"
        head += f", {pattern.level or pattern.severity}"
    remark = f"\n({source.remark})" if source.remark else ""
    quote = "\n".join(f"> {line}" for line in source.quote.splitlines())
    return f"[{source.number}] {head}{remark}\n{quote}"


def _kept_together(text: str) -> str:
    """Lines after the first are set in, so that none passes for the next speaker's."""
    return "\n  ".join(text[:LONGEST_QUOTE].splitlines())


def _of(finding: Finding, *, role: str) -> Source:
    return Source(
        number=0,
        kind=SourceKind.EVIDENCE,
        source_id=finding.evidence_id,
        title=finding.filename,
        role=role,
        quote=finding.text[:LONGEST_QUOTE],
        lines=finding.lines,
        score=finding.score,
        pattern=finding.pattern,
    )


def _lines(lines: tuple[int, ...]) -> str:
    if not lines:
        return "no lines"
    if len(lines) > 1 and all(after == before + 1 for before, after in pairwise(lines)):
        return f"lines {lines[0]}-{lines[-1]}"
    return ("line " if len(lines) == 1 else "lines ") + ", ".join(map(str, lines))


def _described(evidence: Evidence) -> str:
    size = f"{evidence.line_count} lines" if evidence.line_count else f"{evidence.file_size} bytes"
    note = f"; {' '.join(evidence.notes)}" if evidence.notes else ""
    return (
        f"{evidence.filename}: {evidence.kind or evidence.evidence_type.value}, {size}, {evidence.status.value}{note}"
    )
