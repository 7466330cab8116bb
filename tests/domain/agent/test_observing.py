"""What a turn's evidence and answer are said to show."""

from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from faultmaven_domain.agent import Source, SourceKind
from faultmaven_domain.agent.context import evidence_sources
from faultmaven_domain.agent.observing import LONGEST_FIX, MOST_CHANGES, MOST_PLACES, first_step, observed
from faultmaven_domain.case import Observed, Suspected
from faultmaven_domain.evidence import CaseFindings, Finding, LogLine, LogPattern, Onset, Suspect

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


def pattern(template: str, *, severity: str = "failure", component: str | None = None, minutes: int = 0) -> LogPattern:
    """One that fails three times within two minutes, beginning so long after noon."""
    first = NOON + timedelta(minutes=minutes)
    last = first + timedelta(minutes=2)
    return LogPattern(
        template=template,
        level=None,
        severity=severity,  # type: ignore[arg-type]
        component=component,
        count=3,
        first_line=7,
        last_line=9,
        first_time=f"{first:%H:%M}",
        last_time=f"{last:%H:%M}",
        first_at=first.replace(tzinfo=None),
        last_at=last.replace(tzinfo=None),
        samples=(LogLine(number=7, text=template),),
    )


def finding(of: LogPattern | None, *, filename: str = "app.log", text: str | None = None) -> Finding:
    text = text or (of.template if of else "a line")
    return Finding(evidence_id=f"ev_{filename}", filename=filename, lines=(7,), text=text, score=0.5, pattern=of)


def onset(of: LogPattern, *, ahead: timedelta = timedelta(0)) -> Onset:
    """In UTC, for a log whose clock is so far ahead of it."""
    at = of.first_at.replace(tzinfo=UTC) - ahead if of.first_at else None
    return Onset(source="app.log", pattern=of, at=at, is_new=True, burst=False)


def seen(*findings: Finding, cited: tuple[Source, ...] = (), **more: object) -> Observed:
    found = evolve(CaseFindings(files=(), findings=findings), **more)
    return observed(turn_number=4, question="Why?", found=found, sources=evidence_sources(found), cited=cited)


POOL, DISK = pattern("pool <*> empty", component="db-pool", minutes=5), pattern("disk full", minutes=9)
OK, SLOW = pattern("GET <*> 200", severity="normal"), pattern("slow <*>", severity="warning")


def test_nothing() -> None:
    """A turn in a case without files shows nothing."""
    assert seen() == Observed(turn_number=4, question="Why?")


def test_failures_are_counted() -> None:
    """Failing patterns, their records and where they are; no warnings and nothing that is normal."""
    facts = seen(*[finding(one) for one in (POOL, DISK, OK, SLOW)], finding(DISK, filename="other.log"), finding(None))

    assert (facts.failures, facts.failing_records) == (3, 9)
    assert facts.places == ("db-pool (app.log)", "app.log", "other.log")


def test_the_time_of_the_failures() -> None:
    """From the first to the last on one clock, in the words of the logs; warnings do not count."""
    early = onset(pattern("clock ahead", minutes=60), ahead=timedelta(hours=1))
    timeless = evolve(onset(pattern("no time")), at=None)
    slow = onset(pattern("slow", severity="warning", minutes=-30))

    facts = seen(onsets=(slow, early, onset(POOL), onset(DISK), timeless))

    assert (facts.began, facts.last, facts.onsets) == ("13:00", "12:11", 3)
    lasting = evolve(early, pattern=evolve(early.pattern, last_at=datetime(2026, 3, 14, 14), last_time="14:00"))
    assert seen(onsets=(lasting, onset(POOL), onset(DISK))).last == "14:00"
    assert (seen(onsets=(slow, timeless)).began, seen(onsets=(timeless,)).onsets) == (None, 0)


def test_it_began_with_the_suspects() -> None:
    """What failed before them and all along is not when the trouble began."""
    noise = onset(pattern("points not credited", minutes=1))
    suspects = (Suspect(source="app.log", pattern=POOL, score=1.0, why="It came first."),)

    facts = seen(finding(POOL), onsets=(noise, onset(POOL), onset(DISK)), suspects=suspects)

    assert (facts.began, facts.onsets) == (POOL.first_time, 1)
    elsewhere = (evolve(suspects[0], source="other.log"),)
    assert seen(finding(POOL), onsets=(noise, onset(POOL)), suspects=elsewhere).began == noise.pattern.first_time


def test_suspects_name_their_evidence() -> None:
    """In the analysis' order and in words that are the same whichever lines were seen."""
    suspects = tuple(Suspect(source="app.log", pattern=one, score=1.0, why="It came first.") for one in (POOL, DISK))

    facts = seen(finding(DISK), finding(POOL), suspects=suspects)

    assert facts.suspects == (
        Suspected(text="pool … empty", why="It came first.", evidence_id="ev_app.log"),
        Suspected(text="disk full", why="It came first.", evidence_id="ev_app.log"),
    )


def test_changes_are_quoted() -> None:
    """A pattern's first line that tells of one, and each such line of a passage; never a runbook's."""
    deploys = pattern("deployed <*>", severity="normal")
    text = "quiet\n  config   reloaded\nrestarted web"

    facts = seen(finding(deploys, text="12:01 deployed a\n12:09 deployed b"), finding(None, text=text))

    assert facts.changes == ("12:01 deployed a", "config reloaded", "restarted web")
    runbook = section("Deploys", "It is deployed nightly.")
    found = CaseFindings(files=(), findings=())
    assert observed(turn_number=4, question="Why?", found=found, sources=[runbook], cited=[runbook]).changes == ()


def test_facts_are_few() -> None:
    """However much there is, no more is handed on than a case keeps."""
    many = [finding(None, text=f"deployed {n}") for n in range(40)]
    failing = [finding(pattern(f"bad {n}"), filename=f"{n}.log") for n in range(40)]

    facts = seen(*many, *failing)

    assert (len(facts.changes), len(facts.places), facts.failures) == (MOST_CHANGES, MOST_PLACES, 40)


def section(heading: str, text: str, *, role: str = "section") -> Source:
    return Source(
        number=1, kind=SourceKind.RUNBOOK, source_id="doc_1", title="R", role=role, section=heading, quote=text
    )


@pytest.mark.parametrize(
    "heading", ["Fix", "Resolution", "How to fix it", "Pool > Mitigation", "REMEDIATION", "Recovery"]
)
def test_a_fix(heading: str) -> None:
    """The first step of the first cited section about fixing."""
    cited = (section("Meaning", "It is bad."), section(heading, "- Raise it.\n- Wait."), section("Fix", "x"))
    facts = seen(finding(POOL), cited=cited)

    assert facts.fix == "Raise it."


@pytest.mark.parametrize(
    "source",
    [
        section("Meaning", "It is fixed."),
        section("Prefix", "10.0.0.0/8"),
        section("Fix", "Raise it.", role="nearest"),
        section("Fix", " \n"),
        evolve(section("Fix", "Raise it."), kind=SourceKind.EVIDENCE),
    ],
)
def test_no_fix(source: Source) -> None:
    """Another section, a runbook that may not fit, an empty section and a case's own file propose nothing."""
    assert seen(finding(POOL), cited=(source,)).fix is None


def test_where_nothing_fails_nothing_is_fixed() -> None:
    """A runbook that the question alone found is one to read."""
    cited = (section("Fix", "Raise it."),)

    assert seen(finding(OK), cited=cited).fix is None
    assert seen(cited=cited).fix is None


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("Raise maximum, then find the query.", "Raise maximum, then find the query."),
        ("Raise maximum\nat once.\n\nThen wait.", "Raise maximum\nat once."),
        ("1. Raise maximum.\n2. Wait.", "Raise maximum."),
        ("In this order:\n\n* Raise maximum\n  to 40.\n* Wait.", "Raise maximum\nto 40."),
        ("1) Restart it:\n\n   kubectl rollout restart web\n\n2) Wait.", "Restart it:\n\nkubectl rollout restart web"),
        ("Raise maximum.\n\n- See also this.", "Raise maximum."),
        ("- Raise maximum.\nAnd that is all.", "Raise maximum."),
        ("10.0.0.7 is the primary.", "10.0.0.7 is the primary."),
        ("**Restart** it.", "**Restart** it."),
        ("", ""),
    ],
)
def test_a_first_step(text: str, step: str) -> None:
    """The first item of a list that the section is, with what is set in below it; else the first paragraph."""
    assert first_step(text) == step


def test_a_long_step_is_cut() -> None:
    """With a sign that it was."""
    step = first_step("Wait and see. " * 100)

    assert len(step) <= LONGEST_FIX
    assert step.endswith("…")
