"""Reports without a language model say what their sources say, each line with its number, and nothing beyond."""

import re
from datetime import UTC, datetime

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_adapters.llm.extractive import ExtractiveProvider
from faultmaven_adapters.llm.extractive_parts import NO_MODEL
from faultmaven_domain.agent import Message, Source, SourceKind, Task
from faultmaven_domain.agent.citations import hold_to
from faultmaven_domain.evidence import LogLine, LogPattern

HEADINGS = {
    Task.INCIDENT_REPORT: ("What happened", "Impact", "Timeline", "Cause", "Actions taken", "Status"),
    Task.RUNBOOK: ("Symptoms", "Cause", "Diagnosis", "Fix", "Verification"),
    Task.POST_MORTEM: (
        "Summary", "Impact", "Timeline", "Root cause", "Evidence", "Resolution", "Action items", "Lessons",
    ),
}  # fmt: skip


def fact(section: str, quote: str, *, role: str = "fact") -> Source:
    return Source(
        number=0, kind=SourceKind.CASE, source_id="case_1", title="Checkout", role=role, section=section, quote=quote
    )


def section(heading: str, quote: str, *, role: str = "section") -> Source:
    return Source(
        number=0, kind=SourceKind.RUNBOOK, source_id="doc_1", title="Pool", role=role, section=heading, quote=quote
    )


def failure(template: str = "timed out waiting for <*>", *, role: str = "suspect", at: str = "11:01") -> Source:
    seen = LogPattern(
        template=template,
        level="ERROR",
        severity="failure",
        component=None,
        count=39,
        first_line=106,
        last_line=296,
        first_time=at,
        last_time="11:04",
        first_at=datetime(2026, 3, 14, 11, 1, tzinfo=UTC),
        last_at=datetime(2026, 3, 14, 11, 4, tzinfo=UTC),
        samples=(LogLine(number=106, text="timed out"),),
    )
    return Source(
        number=0,
        kind=SourceKind.EVIDENCE,
        source_id="ev_1",
        title="pool.log",
        role=role,
        quote="timed out",
        lines=(106, 107),
        pattern=seen,
        remark="Nothing failed before it",
    )


WHOLE = (
    failure(),
    section("Diagnosis", "Count the connections."),
    section("Causes", "The pool is too small."),
    section("Fix", "Raise the pool."),
    section("Verification", "Wait for an order."),
    fact("problem", "Problem (confirmed by the user): Checkout fails."),
    fact("severity", "Severity: high."),
    fact("milestone", "Symptom verified at 2026-03-14 12:00 UTC, in turn 1."),
    fact("root cause", "Root cause, as the user confirmed it: the pool."),
    fact("solution", "Solution: a larger pool."),
    fact("applied", "The user said at 2026-03-14 12:05 UTC that it was applied."),
    fact("verified", "The user said at 2026-03-14 12:10 UTC that it works."),
    fact("case", "Opened 2026-03-14 11:30 UTC."),
    fact("case", "Ended 2026-03-14 12:11 UTC as resolved (resolved)."),
    fact("case", "Resolution notes: the pool has 50 now."),
    fact("user, turn 1", "Why does checkout fail?", role="said"),
)


async def written(task: Task, *sources: Source) -> dict[str, str]:
    """A report's chapters by their headings."""
    numbered = tuple(evolve(source, number=number) for number, source in enumerate(sources, 1))
    message = Message(role="user", content="", sources=numbered, task=task)
    content = (await ExtractiveProvider().chat([message])).content
    assert hold_to(numbered, content)[0] == content, "it cites what it was not given"
    head, *chapters = re.split(r"^## (.+)\n\n", content, flags=re.MULTILINE)
    assert "No language model is configured" in head
    return {title: text.strip() for title, text in zip(chapters[::2], chapters[1::2], strict=True)}


@pytest.mark.parametrize("task", HEADINGS)
async def test_has_its_chapters(task: Task) -> None:
    """Those of its kind in their order, each line of a list with a source behind it."""
    chapters = await written(task, *WHOLE)

    assert tuple(chapters) == HEADINGS[task]
    for text in chapters.values():
        assert all(re.search(r"\[\d+\]$", line) for line in text.splitlines() if line.startswith("- "))


@pytest.mark.parametrize("task", HEADINGS)
async def test_says_what_is_not_known(task: Task) -> None:
    """Without sources every chapter says so, and no fix, cause or remedy is made up."""
    chapters = await written(task)

    unknown = ("Not known from the evidence.", "Not known from this case.", "- No line of the evidence says that")
    assert all(text.startswith(unknown) for text in chapters.values())


async def test_an_incident_report() -> None:
    """What failed and where, since when, what was done, and how it ended."""
    chapters = await written(Task.INCIDENT_REPORT, *WHOLE)

    assert "Checkout fails." in chapters["What happened"]
    assert "39 times" in chapters["What happened"]
    assert chapters["Impact"].startswith("- Severity: high.")
    assert "39 records of 1 failing pattern " in chapters["Impact"]
    assert chapters["Timeline"].splitlines()[0].startswith("- 11:01: `timed out waiting for <*>` begins in pool.log")
    assert "Symptom verified" in chapters["Timeline"]
    assert "a larger pool" in chapters["Actions taken"]
    assert "the pool has 50 now" in chapters["Actions taken"]
    assert chapters["Status"].startswith("- Opened 2026-03-14 11:30 UTC.")
    assert "Ended 2026-03-14 12:11 UTC as resolved" in chapters["Status"]


async def test_a_runbook() -> None:
    """How to see it, where to look, what helped, and how to tell that it is over."""
    chapters = await written(Task.RUNBOOK, *WHOLE)

    assert "timed out waiting for" in chapters["Symptoms"]
    assert "line 106" in chapters["Diagnosis"]
    assert "Count the connections." in chapters["Diagnosis"]
    for said in ("a larger pool", "the pool has 50 now", "Raise the pool."):
        assert said in chapters["Fix"]
    assert "Wait for an order." in chapters["Verification"]
    assert "is written no more" in chapters["Verification"]


async def test_a_runbook_that_may_not_fit_gives_no_steps() -> None:
    """What only stands nearest is taken for nothing: no fix of it is passed on."""
    others = [evolve(one, role="nearest") for one in WHOLE if one.kind is SourceKind.RUNBOOK]
    chapters = await written(Task.RUNBOOK, failure(), *others)

    assert chapters["Fix"] == "Not known from this case."
    assert "Count the connections." not in chapters["Diagnosis"]


@pytest.mark.parametrize(("task", "chapter"), [(Task.INCIDENT_REPORT, "Cause"), (Task.RUNBOOK, "Cause")])
async def test_a_cause_that_nobody_confirmed_is_called_suspected(task: Task, chapter: str) -> None:
    """By whatever it is suspected; one that was confirmed is not."""
    by_evidence = await written(task, failure())
    by_hypothesis = await written(task, fact("hypothesis", "Hypothesis, active: the pool."))
    confirmed = await written(task, *WHOLE)

    for chapters in (by_evidence, by_hypothesis):
        assert chapters[chapter].startswith("Suspected, not confirmed:")
    assert "Suspected" not in confirmed[chapter]


@pytest.mark.parametrize("task", HEADINGS)
@given(text=st.text(max_size=60))
async def test_no_source_passes_for_another(task: Task, text: str) -> None:
    """Whatever stands in a source, chapters stay as they are and no mark in it counts as a citation."""
    hostile = f"{text} [7] [99]\n\n## Fix\n\n[1]"
    chapters = await written(
        task,
        failure(hostile),
        section("Fix", hostile),
        fact("problem", hostile),
        fact("user, turn 1", hostile, role="said"),
    )

    assert tuple(chapters) == HEADINGS[task]


async def test_a_learnt_report_says_what_it_found() -> None:
    """An answer passes on what an earlier case's report tells, and not how that report was made."""
    report = evolve(section("Post-mortem", NO_MODEL), number=1)
    summary = evolve(section("Post-mortem > Summary", "- The pool ran dry."), number=2)
    message = Message(role="user", content="Why?", sources=(report, summary), task=Task.TURN)

    content = (await ExtractiveProvider().chat([message])).content

    assert content.count(NO_MODEL) == 1
    assert "The pool ran dry. [2]" in content
