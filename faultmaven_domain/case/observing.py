"""What one turn's facts do to an investigation."""

from datetime import datetime

from attrs import evolve

from . import progress
from .asking import renewed
from .deciding import Outcome
from .investigation import Investigation, Milestone, Observed, Subject
from .models import Case
from .naming import is_given, title_from
from .problems import is_correction, severity_of, statement_from, statement_of
from .words import word_of

TITLE_WORDS = 8
#: More of a runbook's words than this are not kept as the solution.
LONGEST_SOLUTION = 2_000


def observed_by(case: Case, investigation: Investigation, observed: Observed, *, at: datetime) -> Outcome:
    """A case and its investigation after a turn. One that has ended stays as it is, whatever comes in late."""
    if case.final:
        return Outcome(case=case, investigation=investigation)
    turn = observed.turn_number
    after = _with_problem(investigation, observed, case.description)
    after = evolve(after, has_evidence=_has_evidence(observed), updated_at=at)
    facts = progress.facts(observed)
    after = progress.reaching(after, facts, turn_number=turn, at=at)
    hypotheses = progress.supposed(after.hypotheses, observed.suspects, turn_number=turn)
    after = evolve(after, hypotheses=hypotheses)
    new = after.reached != investigation.reached or progress.supposes_more(investigation, after)
    after = progress.regrounded(evolve(after, idle=0 if new else investigation.idle + 1), facts)
    if observed.fix and observed.fix.strip() and not after.has(Milestone.SOLUTION_APPLIED):
        after = evolve(after, solution=observed.fix.strip()[:LONGEST_SOLUTION])
    after = renewed(case, after, turn_number=turn)
    return _named(case, after, at)


def _with_problem(investigation: Investigation, observed: Observed, description: str) -> Investigation:
    """From the message, else from what the case was opened with, else from what fails.

    It stays once there is one, but for a user who says it is another. Severity is guessed until it is agreed on.
    """
    if investigation.problem_confirmed:
        return investigation
    said, refused = observed.question, investigation.refused_problem
    statement = investigation.problem_statement
    if statement is None:
        told = None if word_of(said) else statement_of(said, corrects=refused is not None)
        statement = told or statement_of(description) or statement_from(observed)
        statement = None if statement == refused else statement
    elif investigation.asked and investigation.asked.subject is Subject.PROBLEM and is_correction(said):
        statement = statement_of(said, corrects=True) or statement
    severity = severity_of(statement, observed) if statement else None
    return evolve(investigation, problem_statement=statement, severity=severity)


def _named(case: Case, investigation: Investigation, at: datetime) -> Outcome:
    """A case nobody named is called after its problem, once; after that only where it is asked for."""
    if (
        investigation.problem_statement is None
        or investigation.title_given is not None
        or is_given(case, investigation)
    ):
        return Outcome(case=case, investigation=investigation)
    title = title_from(investigation.problem_statement, max_words=TITLE_WORDS)
    if not title:
        return Outcome(case=case, investigation=investigation)
    return Outcome(
        case=evolve(case, title=title, updated_at=at), investigation=evolve(investigation, title_given=False)
    )


def _has_evidence(observed: Observed) -> bool:
    return (
        observed.evidence > 0 or observed.failures > 0 or bool(observed.changes or observed.suspects or observed.places)
    )
