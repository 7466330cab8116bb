"""Milestones and hypotheses, as rules on values."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.case import Investigation, Milestone, Observed, Stage, Suspected, stage_of
from faultmaven_domain.case.investigation import HypothesisStatus
from faultmaven_domain.case.progress import (
    MOST_OPEN,
    OPEN,
    active,
    confirmed,
    facts,
    hypothesis_id,
    reaching,
    refuted,
    supposed,
)
from tests.domain.case.facts import DISK, FIX, POOL, failing, seen
from tests.fakes.clock import NOON

M = Milestone
SOLUTIONS = {M.SOLUTION_PROPOSED, M.SOLUTION_APPLIED, M.SOLUTION_VERIFIED}
#: What no file can show.
THE_USERS = {M.ROOT_CAUSE_IDENTIFIED, M.SOLUTION_APPLIED, M.SOLUTION_VERIFIED}


@given(st.lists(st.sampled_from(Milestone)))
def test_the_stage_is_the_furthest(milestones: list[Milestone]) -> None:
    """Any solution, else the root cause, else the symptom decides the stage, in whatever order they came."""
    stage = stage_of(milestones)

    assert (stage is Stage.SOLUTION) == bool(SOLUTIONS & set(milestones))
    if stage is not Stage.SOLUTION:
        assert (stage is Stage.HYPOTHESIS_VALIDATION) == (M.ROOT_CAUSE_IDENTIFIED in milestones)
    if stage is Stage.SYMPTOM_VERIFICATION:
        assert M.SYMPTOM_VERIFIED not in milestones
    assert stage is stage_of(reversed(milestones))


@pytest.mark.parametrize(
    ("observed", "reached"),
    [
        (seen(1), set()),
        (seen(1, evidence=3), set()),
        (seen(1, failures=1, failing_records=1), {M.SYMPTOM_VERIFIED}),
        (seen(1, places=("app.log",), failing_records=3), set()),
        (seen(1, failures=1, places=("app.log",)), {M.SYMPTOM_VERIFIED}),
        (seen(1, failures=1, failing_records=2, places=("app.log",)), {M.SYMPTOM_VERIFIED, M.SCOPE_ASSESSED}),
        (seen(1, began="12:00"), set()),
        (seen(1, began="12:00", last="12:00"), set()),
        (seen(1, began="12:00", last="12:01"), {M.TIMELINE_ESTABLISHED}),
        (seen(1, began="12:00", onsets=1), {M.TIMELINE_ESTABLISHED}),
        (seen(1, last="12:01", onsets=2), set()),
        (seen(1, changes=("deployed v2",)), {M.CHANGES_IDENTIFIED}),
        (seen(1, fix=FIX), {M.SOLUTION_PROPOSED}),
        (seen(1, fix="  "), set()),
        (
            failing(1),
            {M.SYMPTOM_VERIFIED, M.SCOPE_ASSESSED, M.TIMELINE_ESTABLISHED},
        ),
    ],
)
def test_facts_reach_milestones(observed: Observed, reached: set[Milestone]) -> None:
    """Each milestone by the facts it needs and by none less."""
    found = facts(observed)

    assert set(found) == reached
    assert all(why.strip() == why and len(why) > 5 for why in found.values())


def test_grounds_are_said_in_a_sentence() -> None:
    """What was counted and seen is named."""
    found = facts(failing(1, changes=("12:00 deployed v2",)))

    assert found[M.SYMPTOM_VERIFIED] == "12 failing records of 3 kinds are in the case's files."
    assert found[M.SCOPE_ASSESSED] == "The failures are in app.log, db.log."
    assert found[M.TIMELINE_ESTABLISHED] == (
        "It began at 2026-03-14 11:58:02, and was last seen at 2026-03-14 12:03:00."
    )
    assert found[M.CHANGES_IDENTIFIED] == "Something was changed: 12:00 deployed v2"
    assert facts(seen(1, failures=1, failing_records=1)) == {
        M.SYMPTOM_VERIFIED: "1 failing record of 1 kind is in the case's files."
    }


observations = st.builds(
    Observed,
    turn_number=st.integers(1, 50),
    question=st.text(max_size=20),
    evidence=st.integers(0, 3),
    failures=st.integers(0, 5),
    failing_records=st.integers(0, 2000),
    places=st.lists(st.text(max_size=10), max_size=7).map(tuple),
    began=st.none() | st.just("12:00"),
    last=st.none() | st.sampled_from(["12:00", "12:05"]),
    onsets=st.integers(0, 2),
    changes=st.lists(st.text(max_size=300), max_size=2).map(tuple),
    fix=st.none() | st.text(max_size=20),
)


@given(observations)
def test_no_file_says_what_only_the_user_can(observed: Observed) -> None:
    """Whatever is observed, the root cause and an applied or verified solution are never among the facts."""
    found = facts(observed)

    assert not THE_USERS & set(found)
    assert M.SCOPE_ASSESSED not in found or M.SYMPTOM_VERIFIED in found


@given(st.lists(observations, max_size=6))
def test_what_was_reached_stays_as_it_was(turns: list[Observed]) -> None:
    """A milestone is reached once, by the turn that did first, and later turns neither take nor change it."""
    investigation = Investigation(case_id="case_1")
    for observed in turns:
        before, found = investigation.reached, facts(observed)
        investigation = reaching(investigation, found, turn_number=observed.turn_number, at=NOON)
        assert investigation.reached[: len(before)] == before
        known = {one.milestone for one in before}
        new = [one for one in M if one in found and one not in known]
        assert [one.milestone for one in investigation.reached[len(before) :]] == new

    reached = [one.milestone for one in investigation.reached]
    assert len(reached) == len(set(reached))


suspects = st.lists(
    st.builds(
        Suspected,
        text=st.sampled_from(["pool", "Pool ", "disk", "dns", "", " "]) | st.text(max_size=6),
        why=st.just("first"),
        evidence_id=st.sampled_from(["ev_1", "ev_2", ""]),
    ),
    max_size=12,
)


@given(st.lists(st.tuples(suspects, st.sampled_from(["yes", "no", ""])), max_size=8))
def test_hypotheses_are_ranked(turns: list[tuple[list[Suspected], str]]) -> None:
    """However turns suspect and users answer: one leads while any is open, likelihood falls with the rank within 0 and
    1, ids are unique, and what was settled stays settled."""
    investigation = Investigation(case_id="case_1")
    settled: dict[str, HypothesisStatus] = {}
    for number, (suspected, answer) in enumerate(turns, 1):
        hypotheses = supposed(investigation.hypotheses, suspected, turn_number=number)
        leading = active(Investigation(case_id="case_1", hypotheses=hypotheses))
        if leading and answer:
            hypotheses = (confirmed if answer == "yes" else refuted)(hypotheses, leading.hypothesis_id)
        investigation = Investigation(case_id="case_1", hypotheses=hypotheses)

        open_ones = [one for one in hypotheses if one.status in OPEN]
        assert len(open_ones) <= MOST_OPEN
        assert [one.status for one in open_ones] == statuses(len(open_ones))
        likelihoods = [one.likelihood for one in open_ones]
        assert likelihoods == sorted(likelihoods, reverse=True)
        assert all(0 <= one.likelihood <= 1 and one.text.strip() for one in hypotheses)
        ids = {one.hypothesis_id: one.status for one in hypotheses}
        assert len(ids) == len(hypotheses)
        assert ids.items() >= settled.items()
        settled = {id: status for id, status in ids.items() if status not in OPEN}
        if HypothesisStatus.VALIDATED in settled.values():
            assert open_ones == []


def statuses(count: int) -> list[HypothesisStatus]:
    return [HypothesisStatus.ACTIVE, *[HypothesisStatus.CAPTURED] * (count - 1)][:count]


def test_the_likeliest_of_the_turn_leads() -> None:
    """A later turn's order counts; what it does not suspect comes behind, with the turn it was first supposed in."""
    first = supposed((), [POOL, DISK], turn_number=1)
    second = supposed(first, [DISK], turn_number=2)

    assert told(first) == [("connection pool exhausted", "active", 0.6), ("no space left on device", "captured", 0.42)]
    assert told(second) == [("no space left on device", "active", 0.6), ("connection pool exhausted", "captured", 0.42)]
    assert [one.turn_number for one in second] == [1, 1]


def test_the_same_words_are_the_same_hypothesis() -> None:
    """Its id comes from the words alone, and evidence adds up."""
    again = Suspected(text="Connection  POOL exhausted", why="It fails often.", evidence_id="ev_2")
    [one] = supposed(supposed((), [POOL], turn_number=1), [again], turn_number=2)

    assert one.hypothesis_id == hypothesis_id(POOL.text)
    assert (one.evidence_ids, one.turn_number, one.why) == (("ev_1", "ev_2"), 1, "It fails often.")


def test_a_refuted_one_does_not_come_back() -> None:
    """The next one leads, also when the refuted one is suspected again."""
    [_, disk] = supposed((), [POOL, DISK], turn_number=1)
    ruled_out = refuted(supposed((), [POOL, DISK], turn_number=1), hypothesis_id(POOL.text))
    again = supposed(ruled_out, [POOL, DISK], turn_number=2)

    for hypotheses in (ruled_out, again):
        assert active(Investigation(case_id="c", hypotheses=hypotheses)).hypothesis_id == disk.hypothesis_id  # type: ignore[union-attr]
        assert ("connection pool exhausted", "refuted", 0.0) in told(hypotheses)


def told(hypotheses: Iterable[object]) -> list[tuple[str, str, float]]:
    return [(one.text, one.status.value, one.likelihood) for one in hypotheses]  # type: ignore[attr-defined]
