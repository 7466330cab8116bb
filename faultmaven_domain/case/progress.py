"""What facts establish: milestones, which are never taken back, and hypotheses, which are ranked anew by each turn."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from attrs import evolve

from .investigation import Hypothesis, HypothesisStatus, Investigation, Milestone, Observed, Reached, Stage, Suspected
from .models import Case, CaseStatus

#: After so many turns in a row without a new fact, an investigation is stuck.
STUCK_AFTER = 3
#: How many hypotheses are held open at once; of more, the least likely are let go.
MOST_OPEN = 8
OPEN = frozenset({HypothesisStatus.CAPTURED, HypothesisStatus.ACTIVE})
#: Milestones whose grounds tell of all the files there are.
_OF_ALL_FILES = frozenset({Milestone.SYMPTOM_VERIFIED, Milestone.SCOPE_ASSESSED, Milestone.TIMELINE_ESTABLISHED})
_SOLUTION = frozenset({Milestone.SOLUTION_PROPOSED, Milestone.SOLUTION_APPLIED, Milestone.SOLUTION_VERIFIED})


def stage_of(milestones: Iterable[Milestone]) -> Stage:
    """Where an investigation stands, from what it has reached. Nothing else says so, and nothing stores it."""
    reached = set(milestones)
    if reached & _SOLUTION:
        return Stage.SOLUTION
    if Milestone.ROOT_CAUSE_IDENTIFIED in reached:
        return Stage.HYPOTHESIS_VALIDATION
    if Milestone.SYMPTOM_VERIFIED in reached:
        return Stage.HYPOTHESIS_FORMULATION
    return Stage.SYMPTOM_VERIFICATION


def facts(observed: Observed) -> dict[Milestone, str]:
    """The milestones that a turn's facts reach, each with its grounds in a sentence.

    A scope is known when the failing places and the number of failing records are, a timeline when the beginning is
    and at least one onset or a second time stands beside it. Whether the root cause is right and a fix was applied or
    works is in no file: those are the user's to say.
    """
    found: dict[Milestone, str] = {}
    if observed.failures > 0:
        found[Milestone.SYMPTOM_VERIFIED] = (
            f"{_count(observed.failing_records, 'failing record')} of {_count(observed.failures, 'kind')} "
            f"{'is' if observed.failing_records == 1 else 'are'} in the case's files."
        )
        if observed.places and observed.failing_records > 0:
            found[Milestone.SCOPE_ASSESSED] = f"The failures are in {_listed(observed.places)}."
    if observed.began and (observed.onsets > 0 or (observed.last or observed.began) != observed.began):
        until = f", and was last seen at {observed.last}" if observed.last and observed.last != observed.began else ""
        found[Milestone.TIMELINE_ESTABLISHED] = f"It began at {observed.began}{until}."
    if observed.changes:
        found[Milestone.CHANGES_IDENTIFIED] = f"Something was changed: {shortened(observed.changes[0])}"
    if observed.fix and observed.fix.strip():
        found[Milestone.SOLUTION_PROPOSED] = "A runbook that fits the case says what to do."
    return found


def reaching(
    investigation: Investigation, milestones: dict[Milestone, str], *, turn_number: int, at: datetime
) -> Investigation:
    """With those milestones that were not reached before, each with its grounds, in the order of an investigation."""
    new = tuple(
        Reached(milestone=one, turn_number=turn_number, at=at, why=milestones[one])
        for one in Milestone
        if one in milestones and not investigation.has(one)
    )
    return evolve(investigation, reached=investigation.reached + new, idle=0) if new else investigation


def regrounded(investigation: Investigation, milestones: dict[Milestone, str]) -> Investigation:
    """What the files show of a milestone by now, more of them than when it was reached, in the place of its grounds."""
    reached = tuple(
        evolve(one, why=milestones[one.milestone])
        if one.milestone in _OF_ALL_FILES and one.milestone in milestones
        else one
        for one in investigation.reached
    )
    return evolve(investigation, reached=reached)


def hypothesis_id(text: str) -> str:
    """The same for the same words, in whatever case and however spaced."""
    return "hyp_" + sha256(" ".join(text.casefold().split()).encode("utf-8", "replace")).hexdigest()[:16]


def supposed(
    hypotheses: tuple[Hypothesis, ...], suspects: Iterable[Suspected], *, turn_number: int
) -> tuple[Hypothesis, ...]:
    """With a turn's suspects among them, in their order, those of earlier turns behind.

    What was settled stays settled, whoever suspects it again. Nothing is supposed any more once one is validated.
    """
    if any(one.status is HypothesisStatus.VALIDATED for one in hypotheses):
        return hypotheses
    known = {one.hypothesis_id: one for one in hypotheses}
    order: list[str] = []
    for suspect in suspects:
        text = shortened(suspect.text, 300)
        id = hypothesis_id(text)
        before = known.get(id)
        evidence = before.evidence_ids if before else ()
        if suspect.evidence_id and suspect.evidence_id not in evidence:
            evidence = (*evidence, suspect.evidence_id)
        known[id] = Hypothesis(
            hypothesis_id=id,
            text=text,
            why=suspect.why,
            status=before.status if before else HypothesisStatus.CAPTURED,
            likelihood=0.0,
            evidence_ids=evidence,
            turn_number=before.turn_number if before else turn_number,
        )
        if text and id not in order:
            order.append(id)
    order += [id for id in known if id not in order and known[id].text]
    return ranked(tuple(known[id] for id in order))


def ranked(hypotheses: tuple[Hypothesis, ...]) -> tuple[Hypothesis, ...]:
    """In the order given: of the open ones the first is active, and likelihood falls with the rank.

    The n-th of them has 0.6 * 0.7**(n-1): a number to order and to draw by, that nothing was measured for.
    """
    result, rank = [], 0
    for one in hypotheses:
        if one.status in OPEN and rank < MOST_OPEN:
            status = HypothesisStatus.CAPTURED if rank else HypothesisStatus.ACTIVE
            result.append(evolve(one, status=status, likelihood=round(0.6 * 0.7**rank, 2)))
            rank += 1
        elif one.status not in OPEN:
            result.append(one)
    return tuple(result)


def supposes_more(before: Investigation, after: Investigation) -> bool:
    known = {one.hypothesis_id for one in before.hypotheses}
    return any(one.hypothesis_id not in known for one in after.hypotheses)


def active(investigation: Investigation) -> Hypothesis | None:
    """The one that leads, where any is open."""
    return next((one for one in investigation.hypotheses if one.status is HypothesisStatus.ACTIVE), None)


def confirmed(hypotheses: tuple[Hypothesis, ...], id: str) -> tuple[Hypothesis, ...]:
    """One is validated, and the other open ones are retired."""
    return tuple(
        evolve(one, status=HypothesisStatus.VALIDATED, likelihood=1.0)
        if one.hypothesis_id == id
        else evolve(one, status=HypothesisStatus.RETIRED, likelihood=0.0)
        if one.status in OPEN
        else one
        for one in hypotheses
    )


def refuted(hypotheses: tuple[Hypothesis, ...], id: str) -> tuple[Hypothesis, ...]:
    """One is refuted, and the next one leads."""
    return ranked(
        tuple(
            evolve(one, status=HypothesisStatus.REFUTED, likelihood=0.0) if one.hypothesis_id == id else one
            for one in hypotheses
        )
    )


def is_stuck(case: Case, investigation: Investigation) -> bool:
    return case.status is CaseStatus.INVESTIGATING and investigation.idle >= STUCK_AFTER


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _listed(names: tuple[str, ...], most: int = 5) -> str:
    shown = ", ".join(shortened(name, 80) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def shortened(text: str, longest: int = 200) -> str:
    """On one line, and cut where it is longer."""
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
