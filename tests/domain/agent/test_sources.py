"""What an answer may rest on, chosen and put in order."""

from datetime import UTC, datetime

import pytest
from attrs import evolve

from faultmaven_domain.agent import Source, SourceKind
from faultmaven_domain.agent.context import (
    MOST_PASSAGES,
    MOST_PATTERNS,
    MOST_SECTIONS,
    Runbook,
    case_sources,
    causes,
    evidence_sources,
    fits,
    questions,
    rendered,
    runbook_sources,
)
from faultmaven_domain.case import Case, CaseStatus, Priority
from faultmaven_domain.evidence import CaseFindings, Finding, LogLine, LogPattern, Suspect
from faultmaven_domain.knowledge import SearchHit, Section

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


def pattern(template: str, *, severity: str = "failure", first_time: str | None = "11:00") -> LogPattern:
    return LogPattern(
        template=template,
        level=None,
        severity=severity,  # type: ignore[arg-type]
        component=None,
        count=3,
        first_line=7,
        last_line=9,
        first_time=first_time,
        last_time=first_time and "11:02",
        first_at=None,
        last_at=None,
        samples=(LogLine(number=7, text=template),),
    )


def finding(of: LogPattern | None, *, evidence_id: str = "ev_1", text: str = "a line") -> Finding:
    return Finding(evidence_id=evidence_id, filename="app.log", lines=(7,), text=text, score=0.5, pattern=of)


def shown(*findings: Finding, suspects: tuple[Suspect, ...] = ()) -> CaseFindings:
    return CaseFindings(files=(), findings=findings, suspects=suspects)


def suspect(of: LogPattern, source: str = "app.log") -> Suspect:
    return Suspect(source=source, pattern=of, score=1.0, why="It came first.")


POOL, DISK, OK = pattern("pool <*> empty"), pattern("disk full"), pattern("GET <*> 200", severity="normal")


class TestEvidence:
    def test_suspects_come_first(self) -> None:
        """With what makes them suspect; then what fails, then passages."""
        found = shown(finding(DISK), finding(None, text="pool: 3"), finding(POOL), suspects=(suspect(POOL),))

        sources = evidence_sources(found)

        assert [(source.role, source.pattern, source.remark) for source in sources] == [
            ("suspect", POOL, "It came first."),
            ("pattern", DISK, ""),
            ("passage", None, ""),
        ]
        assert (sources[2].quote, sources[2].lines, sources[2].kind) == ("pool: 3", (7,), SourceKind.EVIDENCE)

    @pytest.mark.parametrize("place", [0, 1])
    def test_files_of_one_name_are_told_apart(self, place: int) -> None:
        """The suspect is the pattern of the file it was found in."""
        both = [finding(POOL, evidence_id=id) for id in ("ev_1", "ev_2")]
        source = ("app.log", "app.log (ev_2)")[place]

        first = evidence_sources(shown(*both, suspects=(suspect(POOL, source),)))[0]

        assert (first.role, first.source_id) == ("suspect", ("ev_1", "ev_2")[place])

    def test_a_suspect_nobody_shows_is_left_out(self) -> None:
        """One that is not among the findings, or in another file, is no source."""
        found = shown(finding(POOL), suspects=(suspect(DISK), suspect(POOL, "other.log")))

        assert [source.role for source in evidence_sources(found)] == ["pattern"]

    def test_what_is_normal_is_shown_where_nothing_fails(self) -> None:
        """Three patterns of it, so that there is something to say."""
        normal = [finding(evolve(OK, template=f"GET {n}")) for n in range(5)]

        assert len(evidence_sources(shown(*normal))) == 3
        assert [source.pattern for source in evidence_sources(shown(*normal, finding(DISK)))] == [DISK]

    def test_no_more_than_a_model_can_read(self) -> None:
        """Patterns and passages are counted."""
        many = [finding(evolve(DISK, template=f"disk {n}")) for n in range(40)] + [finding(None) for _ in range(40)]

        roles = [source.role for source in evidence_sources(shown(*many))]

        assert roles == ["pattern"] * MOST_PATTERNS + ["passage"] * MOST_PASSAGES

    def test_a_pattern_says_how_often_and_when(self) -> None:
        """Without a time where the log writes none."""
        timed, timeless = evidence_sources(shown(finding(POOL), finding(pattern("x", first_time=None))))

        assert rendered(timed).startswith(
            "[0] file app.log, line 7, log pattern seen 3 times from 11:00 to 11:02, failure\n"
        )
        assert rendered(timeless).startswith("[0] file app.log, line 7, log pattern seen 3 times, failure\n")


def test_the_knowledge_base_is_asked_about_what_fails() -> None:
    """After the question the worst failures, in words, each once and three at most; nothing of what is normal."""
    found = shown(
        *[finding(one) for one in (OK, POOL, DISK, pattern("<*>"), pattern("a"), pattern("b"))],
        suspects=(suspect(DISK),),
    )

    assert questions("Why?", found) == ("Why?", "disk full", "pool   empty", "a")


def runbook(title: str, *sections: Section, snippet: str = "") -> Runbook:
    hit = SearchHit(
        document_id=f"doc_{title}",
        title=title,
        document_type="runbook",
        tags=(),
        section="Meaning",
        snippet=snippet,
        score=0.9,
        is_global=True,
    )
    return Runbook(hit=hit, sections=sections)


class TestRunbooks:
    def test_the_first_is_given_whole(self) -> None:
        """Its sections that say something; of the others the passage that was found."""
        first = runbook("PoolEmpty", Section(heading="Meaning", text="Empty."), Section(heading="Fix", text=" "))
        second = runbook("DiskFull", Section(heading="Fix", text="Delete."), snippet="The disk is full.")

        sources = runbook_sources([first, second], ["pool empty"])

        assert [(source.title, source.section, source.quote) for source in sources] == [
            ("PoolEmpty", "Meaning", "Empty."),
            ("DiskFull", "Meaning", "The disk is full."),
        ]

    def test_a_long_one_is_cut(self) -> None:
        """After so many sections."""
        long = runbook("Long", *[Section(heading=str(n), text="words") for n in range(30)])

        assert len(runbook_sources([long], ["words"])) == MOST_SECTIONS

    def test_chapters_that_say_nothing_are_none(self) -> None:
        """Where a report that was learnt says that nothing is known, nothing is passed on as a fix or a cause."""
        learnt = runbook(
            "Post-mortem: Pool",
            Section(heading="Resolution", text="Not known from the evidence."),
            Section(heading="Fix", text="## Fix\n\n- not known from this case"),
            Section(heading="Lessons", text="Not known from the evidence: who raised it."),
        )

        assert [source.section for source in runbook_sources([learnt], ["pool"])] == ["Lessons"]

    def test_one_that_does_not_fit_says_so(self) -> None:
        """The nearest there is may be far away, and its source is marked."""
        asked = ["why", "pool of connections is empty"]

        [near] = runbook_sources([runbook("Other", snippet="certificates expire")], asked)
        [good] = runbook_sources([runbook("Other", snippet="the pool of connections is empty")], asked)

        assert (near.role, good.role, good.remark) == ("nearest", "section", "")
        assert "may not fit" in near.remark

    @pytest.mark.parametrize(
        ("title", "asked", "does"),
        [
            ("DatabasePoolExhausted", ["is the database pool fine", "xyz"], True),
            ("DatabasePoolExhausted", ["is the database fine", "xyz"], False),
            ("DatabasePoolExhausted", ["why"], True),
            ("Other", ["why", "12 34 56"], False),
            ("Other", ["why", "it failed"], False),
        ],
    )
    def test_what_fits(self, title: str, asked: list[str], does: bool) -> None:
        """By most of its title's words, or where nothing fails and the question alone found it; never by numbers."""
        assert fits(runbook(title, snippet="12 34 56 it failed"), asked) is does

    def test_causes_are_looked_for_elsewhere(self) -> None:
        """What the best runbook says of causes and fixes, and no other's."""
        first = runbook(
            "A", Section(heading="Likely Causes", text="a small pool"), Section(heading="Fix", text="raise it"),
            Section(heading="Meaning", text="empty"),
        )  # fmt: skip

        assert causes([first, runbook("B", Section(heading="Causes", text="b"))]) == "a small pool raise it"
        assert causes([]) == ""


def test_an_open_case_tells_that_it_was_opened() -> None:
    """And nothing that is not known of it."""
    case = Case(
        case_id="case_1", owner_id="u", title="T", description="", status=CaseStatus.CONSULTING,
        priority=Priority.LOW, created_at=NOON, updated_at=NOON,
    )  # fmt: skip

    assert [source.quote for source in case_sources(case, ())] == ["Opened 2026-03-14 12:00 UTC."]
    [closed] = case_sources(evolve(case, closed_at=NOON), ())[1:]
    assert closed.quote == "Ended 2026-03-14 12:00 UTC as consulting (no reason given)."
    assert rendered(evolve(closed, number=2)).startswith("[2] case, case\n> Ended")


def test_a_passage_without_a_section_names_its_runbook_only() -> None:
    """A document without headings is cited by its title."""
    source = Source(number=1, kind=SourceKind.RUNBOOK, source_id="d", title="T", role="section", quote="q", section="S")

    assert rendered(source).startswith("[1] runbook “T”, section “S”\n")
    assert rendered(evolve(source, section="")).startswith("[1] runbook “T”\n")
