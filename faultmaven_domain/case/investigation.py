"""How far an investigation is: what is wrong, what was established about it and by which turn, and what is asked.

A milestone is reached by a fact or by the user's own word, never by a model's say-so.
"""

from datetime import datetime
from enum import StrEnum

from attrs import frozen

from .models import Case, CaseStatus, Priority, Report


class Milestone(StrEnum):
    SYMPTOM_VERIFIED = "symptom_verified"
    SCOPE_ASSESSED = "scope_assessed"
    TIMELINE_ESTABLISHED = "timeline_established"
    CHANGES_IDENTIFIED = "changes_identified"
    ROOT_CAUSE_IDENTIFIED = "root_cause_identified"
    SOLUTION_PROPOSED = "solution_proposed"
    SOLUTION_APPLIED = "solution_applied"
    SOLUTION_VERIFIED = "solution_verified"


class Stage(StrEnum):
    SYMPTOM_VERIFICATION = "symptom_verification"
    HYPOTHESIS_FORMULATION = "hypothesis_formulation"
    HYPOTHESIS_VALIDATION = "hypothesis_validation"
    SOLUTION = "solution"


class HypothesisStatus(StrEnum):
    CAPTURED = "captured"
    ACTIVE = "active"
    VALIDATED = "validated"
    REFUTED = "refuted"
    INCONCLUSIVE = "inconclusive"
    RETIRED = "retired"


class Subject(StrEnum):
    """What a yes or a no of the user's is about."""

    PROBLEM = "problem_statement"
    STATUS = "status"
    ROOT_CAUSE = "root_cause"
    SOLUTION_APPLIED = "solution_applied"
    SOLUTION_VERIFIED = "solution_verified"


@frozen(kw_only=True)
class Asked:
    """What waits for the user's yes or no.

    ``to`` is the status a case would move to, where that is the subject; ``about`` the hypothesis that would be the
    root cause.
    """

    subject: Subject
    question: str
    to: CaseStatus | None = None
    about: str | None = None


@frozen(kw_only=True)
class PutOff:
    """A question that got a no. It is not put again before the turn ``until``."""

    subject: Subject
    until: int


@frozen(kw_only=True)
class Reached:
    """A milestone, the turn it was reached in, and on what grounds, in a sentence."""

    milestone: Milestone
    turn_number: int
    at: datetime
    why: str


@frozen(kw_only=True)
class Hypothesis:
    """Where the trouble may have begun. ``likelihood`` from 0.0 to 1.0 orders them; it is no probability."""

    hypothesis_id: str
    text: str
    why: str
    status: HypothesisStatus
    likelihood: float
    evidence_ids: tuple[str, ...]
    turn_number: int


@frozen(kw_only=True)
class Suspected:
    """A failure the trouble may have begun with, as the evidence shows it."""

    text: str
    why: str
    evidence_id: str


@frozen(kw_only=True)
class Observed:
    """What one turn's evidence and answer show, in facts.

    ``evidence``: how many files the case has; ``failures``: how many failing patterns those hold, ``failing_records``
    how many records those are; ``places``: the files and components they fail in; ``began``/``last``: the first and
    the last time a failure is seen, as the logs write it; ``onsets``: how many of the failures have a time they began
    at; ``changes``: lines that tell of a deployment, a restart or a changed setting; ``suspects`` the likeliest first;
    ``fix``: what a fitting runbook that the answer cites says to do.
    """

    turn_number: int
    question: str
    evidence: int = 0
    failures: int = 0
    failing_records: int = 0
    places: tuple[str, ...] = ()
    began: str | None = None
    last: str | None = None
    onsets: int = 0
    changes: tuple[str, ...] = ()
    suspects: tuple[Suspected, ...] = ()
    fix: str | None = None


class IntentType(StrEnum):
    STATUS_TRANSITION = "status_transition"
    CONFIRMATION = "confirmation"


@frozen(kw_only=True)
class Intent:
    """What a click means. ``subject`` None is about whatever is asked; ``confirmed`` is the user's yes or no, None
    where a status is asked for and not yet confirmed."""

    type: IntentType
    to: CaseStatus | None = None
    subject: Subject | None = None
    confirmed: bool | None = None


class ActionType(StrEnum):
    DECIDE = "DECIDE"
    RUN = "RUN"
    EVIDENCE = "EVIDENCE"
    FREE_SPEECH = "FREE_SPEECH"


@frozen(kw_only=True)
class Action:
    """What the user may do next. ``payload`` is what a click says, ``body`` explains it or is the command to run;
    ``intent`` is what a click means, where it means more than its words."""

    type: ActionType
    label: str
    payload: str
    body: str = ""
    hints: tuple[str, ...] = ()
    intent: Intent | None = None


@frozen(kw_only=True)
class TurnProgress:
    """What a turn changed: the milestones it reached, whether it got anywhere, and what may be done next.

    ``status`` is the case's after the turn; ``stuck`` when several turns in a row got nowhere; ``asked`` the question
    that is open after it, None on a case that has ended.
    """

    status: CaseStatus
    reached: tuple[Milestone, ...] = ()
    progress_made: bool = False
    stuck: bool = False
    actions: tuple[Action, ...] = ()
    asked: Asked | None = None


@frozen(kw_only=True)
class Decision:
    """What the user's word did. ``reply`` is the case's own answer, None where the words were a question like any."""

    reply: str | None = None
    progress: TurnProgress | None = None


@frozen(kw_only=True)
class Decided:
    """A turn's decision, kept so that the same turn delivered twice is decided once."""

    turn_number: int
    decision: Decision


@frozen(kw_only=True)
class Seen:
    """What a turn was told of its observation, kept so that the same turn delivered twice is observed once."""

    turn_number: int
    progress: TurnProgress


@frozen(kw_only=True)
class Investigation:
    """One case's. A case that has none yet has a new one of its id.

    ``idle`` is how many of the last turns in a row got nowhere. ``asked`` is the one question that is open.
    ``refused_problem`` is a statement the user said no to. ``title_given``: whether somebody has named the case; None
    until it was named by anyone, so that its first title says whether it was given.
    """

    case_id: str
    problem_statement: str | None = None
    problem_confirmed: bool = False
    refused_problem: str | None = None
    severity: Priority | None = None
    reached: tuple[Reached, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    root_cause: str | None = None
    solution: str | None = None
    asked: Asked | None = None
    put_off: tuple[PutOff, ...] = ()
    investigating_since: datetime | None = None
    has_evidence: bool = False
    idle: int = 0
    title_given: bool | None = None
    decided: tuple[Decided, ...] = ()
    seen: tuple[Seen, ...] = ()
    updated_at: datetime | None = None

    def has(self, milestone: Milestone) -> bool:
        return self.reached_at(milestone) is not None

    def reached_at(self, milestone: Milestone) -> datetime | None:
        return next((one.at for one in self.reached if one.milestone is milestone), None)

    @property
    def decided_to_investigate(self) -> bool:
        return self.investigating_since is not None

    @property
    def solution_applied_at(self) -> datetime | None:
        return self.reached_at(Milestone.SOLUTION_APPLIED)

    @property
    def solution_verified_at(self) -> datetime | None:
        return self.reached_at(Milestone.SOLUTION_VERIFIED)


@frozen(kw_only=True)
class Overview:
    """A case, how far it is, and the reports it has, all as of one moment."""

    case: Case
    investigation: Investigation
    reports: tuple[Report, ...]


@frozen(kw_only=True)
class Titled:
    """``generated`` False where the title was there already; an empty ``title`` where too little was said for one."""

    title: str
    generated: bool


class Readiness(StrEnum):
    READY = "ready"
    NOT_READY = "not_ready"


@frozen(kw_only=True)
class Disposition:
    """Which ends of a case are to be offered; one that is not may be asked for all the same where it is allowed."""

    resolved: Readiness
    closed: Readiness
