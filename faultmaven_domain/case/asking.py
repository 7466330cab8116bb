"""The one question that is open: which it is to be, and how long it stays so."""

from collections.abc import Iterator

from attrs import evolve

from .investigation import Asked, Investigation, Milestone, PutOff, Subject
from .models import NEXT, Case, CaseStatus
from .progress import active, shortened

#: A question that got a no is not put again for so many turns.
PATIENCE = 3
_MOVES = {
    CaseStatus.INVESTIGATING: "Shall I start a formal investigation to find the root cause?",
    CaseStatus.RESOLVED: "Shall I mark the case as resolved? It cannot be opened again.",
    CaseStatus.CLOSED: "Shall I close the case? It cannot be opened again.",
}


def question(case: Case, investigation: Investigation, *, turn_number: int) -> Asked | None:
    """What to ask next, None where there is nothing to ask, or all of it was put off."""
    later = {one.subject for one in investigation.put_off if turn_number < one.until}
    return next((asked for asked in _questions(case, investigation) if asked.subject not in later), None)


def renewed(case: Case, investigation: Investigation, *, turn_number: int) -> Investigation:
    """The open question stays while it makes sense; else the next one is put.

    One about an end that the user wished for and did not then confirm lapses: a yes some turns later is about
    something else.
    """
    put_off = tuple(one for one in investigation.put_off if turn_number < one.until)
    investigation = evolve(investigation, put_off=put_off)
    asked = investigation.asked
    stands = asked is not None and asked in tuple(_questions(case, investigation))
    return (
        investigation if stands else evolve(investigation, asked=question(case, investigation, turn_number=turn_number))
    )


def question_of(case: Case, investigation: Investigation, subject: Subject) -> Asked | None:
    """The question about a subject, where it makes sense to put it now."""
    return next((asked for asked in _questions(case, investigation) if asked.subject is subject), None)


def putting_off(investigation: Investigation, subject: Subject, *, turn_number: int) -> Investigation:
    others = tuple(one for one in investigation.put_off if one.subject is not subject)
    later = PutOff(subject=subject, until=turn_number + 1 + PATIENCE)
    return evolve(investigation, put_off=(*others, later))


def status_question(to: CaseStatus) -> Asked:
    """The question before a case moves on. Consulting, where each begins, is no status to move to."""
    return Asked(subject=Subject.STATUS, question=_MOVES[to], to=to)


def _questions(case: Case, investigation: Investigation) -> Iterator[Asked]:
    """Everything there is to ask, the most pressing first."""
    if case.final:
        return
    if investigation.problem_statement and not investigation.problem_confirmed:
        yield Asked(subject=Subject.PROBLEM, question=f"Is this the problem: “{investigation.problem_statement}”?")
    if case.status is CaseStatus.CONSULTING:
        if investigation.problem_confirmed:
            yield status_question(CaseStatus.INVESTIGATING)
        return
    suspect = active(investigation)
    if suspect is not None and investigation.root_cause is None:
        text = f"Is this the root cause: “{suspect.text}”?"
        yield Asked(subject=Subject.ROOT_CAUSE, question=text, about=suspect.hypothesis_id)
    applied = investigation.has(Milestone.SOLUTION_APPLIED)
    if investigation.has(Milestone.SOLUTION_PROPOSED) and not applied:
        what = f": “{shortened(investigation.solution, 120)}”" if investigation.solution else ""
        yield Asked(subject=Subject.SOLUTION_APPLIED, question=f"Has the proposed solution been applied{what}?")
    if applied and not investigation.has(Milestone.SOLUTION_VERIFIED):
        yield Asked(subject=Subject.SOLUTION_VERIFIED, question="Has the solution fixed the problem?")
    if investigation.has(Milestone.SOLUTION_VERIFIED) and CaseStatus.RESOLVED in NEXT[case.status]:
        yield status_question(CaseStatus.RESOLVED)
