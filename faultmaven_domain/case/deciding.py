"""What the user's word does. All of it is here; that it is done once per turn is the service's care."""

from datetime import datetime

from attrs import evolve, frozen

from . import progress
from .asking import putting_off, question, question_of, status_question
from .investigation import Asked, Decision, Intent, IntentType, Investigation, Milestone, Subject, TurnProgress
from .models import NEXT, Case, CaseStatus, valid_next
from .suggestions import actions
from .words import Word, word_of

_SAID_SO = "The user said so."
_UNESTABLISHED = {
    Milestone.ROOT_CAUSE_IDENTIFIED: "the root cause",
    Milestone.SOLUTION_APPLIED: "that a solution was applied",
    Milestone.SOLUTION_VERIFIED: "that the problem is gone",
}
#: A no to these changes nothing but when they are asked again.
_PUT_OFF = frozenset({Subject.STATUS, Subject.SOLUTION_APPLIED, Subject.SOLUTION_VERIFIED})
_WISHES = {Word.RESOLVE: CaseStatus.RESOLVED, Word.CLOSE: CaseStatus.CLOSED, Word.INVESTIGATE: CaseStatus.INVESTIGATING}


@frozen(kw_only=True)
class Outcome:
    """A case and its investigation after a word, and what is said to it. A ``reply`` of None leaves it to the model."""

    case: Case
    investigation: Investigation
    reply: str | None = None


@frozen
class _Now:
    """The state a word meets, and when."""

    case: Case
    investigation: Investigation
    turn_number: int
    at: datetime


def may_decide(message: str, intent: Intent | None) -> bool:
    """Whether a message can decide anything, in whatever state its case is."""
    return intent is not None or word_of(message) is not None


def decided(
    case: Case, investigation: Investigation, *, message: str, intent: Intent | None, turn_number: int, at: datetime
) -> Outcome:
    """What a click or a short message does to a case.

    A word acts on the open question. To investigate is done at once; an end is asked about first, unless a click has
    confirmed it, and saying the same wish again confirms it too. What is impossible is answered with what is possible.
    """
    now = _Now(case, investigation, turn_number, at)
    word, asked = word_of(message), investigation.asked
    if intent is None:
        return _by_word(now, word, asked)
    if intent.type is IntentType.STATUS_TRANSITION:
        return _by_status(now, intent, asked)
    if intent.confirmed is None and word not in (Word.YES, Word.NO):
        return _by_word(now, word, asked)
    return _by_answer(now, intent, asked, word is Word.YES if intent.confirmed is None else intent.confirmed)


def progress_of(before: Outcome, after: Outcome) -> TurnProgress:
    """What lies between two states of a case, and what may be done next."""
    known = {one.milestone for one in before.investigation.reached}
    new = tuple(one.milestone for one in after.investigation.reached if one.milestone not in known)
    return TurnProgress(
        status=after.case.status,
        reached=new,
        progress_made=bool(new)
        or _position(before) != _position(after)
        or progress.supposes_more(before.investigation, after.investigation),
        stuck=progress.is_stuck(after.case, after.investigation),
        actions=actions(after.case, after.investigation, has_evidence=after.investigation.has_evidence),
        asked=after.investigation.asked,
    )


def decision_of(before: Outcome, after: Outcome) -> Decision:
    if after.reply is None:
        return Decision()
    return Decision(reply=after.reply, progress=progress_of(before, after))


def followed(
    investigation: Investigation, before: Case, after: Case, *, turn_number: int, at: datetime
) -> Investigation:
    """The investigation of a case that went from one status to another, by whatever way.

    Who has it investigated agrees with what was proposed as its problem. Who calls it resolved after a solution was
    applied says that it worked; where none was applied there is nothing that word could be about, and the milestone
    is not reached.
    """
    if after.status is before.status:
        return investigation
    if after.status is CaseStatus.INVESTIGATING:
        investigation = evolve(
            investigation,
            investigating_since=investigation.investigating_since or at,
            problem_confirmed=investigation.problem_statement is not None,
            put_off=(),
            idle=0,
        )
    if after.status is CaseStatus.RESOLVED and investigation.has(Milestone.SOLUTION_APPLIED):
        why = {Milestone.SOLUTION_VERIFIED: "The user called the case resolved."}
        investigation = progress.reaching(investigation, why, turn_number=turn_number, at=at)
    asked = question(after, investigation, turn_number=turn_number)
    return evolve(investigation, asked=asked, updated_at=at)


def _by_word(now: _Now, word: Word | None, asked: Asked | None) -> Outcome:
    if word in (Word.YES, Word.NO):
        return _left(now) if asked is None else _answered(now, asked, word is Word.YES)
    if word is None:
        return _left(now)
    to = _WISHES[word]
    if asked is not None and word is Word.RESOLVE and asked.subject is Subject.SOLUTION_VERIFIED:
        return _answered(now, asked, True)
    again = asked is not None and asked.subject is Subject.STATUS and asked.to is to
    return _moved(now, to) if again or to is CaseStatus.INVESTIGATING else _asked_first(now, to)


def _by_status(now: _Now, intent: Intent, asked: Asked | None) -> Outcome:
    open_to = asked.to if asked is not None and asked.subject is Subject.STATUS else None
    to = intent.to or open_to
    if to is None:
        return _said(now, f"Which status is it to be? {_possible(now.case)}")
    if intent.confirmed is False and asked is not None and to is open_to:
        return _answered(now, asked, False)
    return _moved(now, to) if intent.confirmed else _asked_first(now, to)


def _by_answer(now: _Now, intent: Intent, asked: Asked | None, yes: bool) -> Outcome:
    """A click on yes or no. One to a question that is not the open one opens it, rather than settling unseen what may
    have changed since."""
    other = asked is None or (intent.to is not None and intent.to is not asked.to)
    if asked is not None and not other and intent.subject in (None, asked.subject):
        return _answered(now, asked, yes)
    if now.case.final:
        return _said(now, f"The case is {now.case.status.value}; nothing in it can be decided any more.")
    if intent.subject is Subject.STATUS and intent.to is not None:
        return _asked_first(now, intent.to)
    wanted = question_of(now.case, now.investigation, intent.subject) if intent.subject else asked
    if wanted is not None and not yes and wanted.subject in _PUT_OFF:
        return _answered(now, wanted, False)
    if wanted is None:
        return _said(now, "That is settled already, or nothing is known of it yet. No answer is waited for.")
    return _asking(now, wanted, f"{wanted.question} Please answer yes or no.")


def _answered(now: _Now, asked: Asked, yes: bool) -> Outcome:
    match asked.subject:
        case Subject.STATUS if asked.to is not None:
            if yes:
                return _moved(now, asked.to)
            return _declined(now, asked.subject, f"Then the case stays {now.case.status.value}.")
        case Subject.PROBLEM:
            return _about_the_problem(now, yes)
        case Subject.ROOT_CAUSE if asked.about is not None:
            return _about_the_cause(now, asked.about, yes)
        case Subject.SOLUTION_APPLIED if yes:
            return _established(now, Milestone.SOLUTION_APPLIED, "Noted: the solution has been applied.")
        case Subject.SOLUTION_VERIFIED if yes:
            return _established(now, Milestone.SOLUTION_VERIFIED, "Noted: the problem is gone.")
        case Subject.SOLUTION_VERIFIED:
            return _declined(now, asked.subject, "Noted: the problem is still there.")
        case _:
            return _declined(now, asked.subject, "Noted: not yet.")


def _about_the_problem(now: _Now, yes: bool) -> Outcome:
    if yes:
        return _going_on(now, evolve(now.investigation, problem_confirmed=True), "Noted: that is the problem.")
    refused = evolve(
        now.investigation, problem_statement=None, severity=None, refused_problem=now.investigation.problem_statement
    )
    return _going_on(now, refused, "Then please say in a sentence or two what is wrong.")


def _about_the_cause(now: _Now, about: str, yes: bool) -> Outcome:
    before = now.investigation
    text = next((one.text for one in before.hypotheses if one.hypothesis_id == about), "")
    if yes:
        after = evolve(before, hypotheses=progress.confirmed(before.hypotheses, about), root_cause=text)
        now = evolve(now, investigation=after)
        return _established(now, Milestone.ROOT_CAUSE_IDENTIFIED, f"Noted as the root cause: {text}")
    ruled_out = evolve(before, hypotheses=progress.refuted(before.hypotheses, about))
    return _going_on(now, ruled_out, f"Ruled out: {text}")


def _established(now: _Now, milestone: Milestone, reply: str) -> Outcome:
    after = progress.reaching(now.investigation, {milestone: _SAID_SO}, turn_number=now.turn_number, at=now.at)
    return _going_on(now, after, reply)


def _moved(now: _Now, to: CaseStatus) -> Outcome:
    if (impossible := _impossible(now, to)) is not None:
        return impossible
    case = now.case.moved(to, at=now.at)
    after = followed(now.investigation, now.case, case, turn_number=now.turn_number, at=now.at)
    if to is CaseStatus.INVESTIGATING:
        problem = after.problem_statement
        reply = f"The investigation has begun. {_finding(problem)}"
        return Outcome(case=case, investigation=after, reply=_with(reply, after.asked))
    reply = f"The case is {to.value}. {_not_established(after)}Its post-mortem is being written."
    return Outcome(case=case, investigation=after, reply=reply)


def _asked_first(now: _Now, to: CaseStatus) -> Outcome:
    if (impossible := _impossible(now, to)) is not None:
        return impossible
    asked = status_question(to)
    return _asking(now, asked, f"{_not_established(now.investigation)}{asked.question}")


def _impossible(now: _Now, to: CaseStatus) -> Outcome | None:
    if to is now.case.status:
        return _said(now, f"The case is {to.value} already. {_possible(now.case)}")
    if to not in NEXT[now.case.status]:
        return _said(now, f"A case that is {now.case.status.value} cannot become {to.value}. {_possible(now.case)}")
    return None


def _possible(case: Case) -> str:
    after = [status.value for status in valid_next(case.status)]
    return f"It can become {' or '.join(after)}." if after else "It cannot change any more."


def _not_established(investigation: Investigation) -> str:
    """What is still open where an investigated case ends; '' where nothing is, or nobody looked for it."""
    open_yet = [what for milestone, what in _UNESTABLISHED.items() if not investigation.has(milestone)]
    if not open_yet or not investigation.decided_to_investigate:
        return ""
    return f"Not established: {', '.join(open_yet)}. "


def _finding(problem: str | None) -> str:
    return f"It is about this: “{problem}”" if problem else "Please say in a sentence or two what is wrong."


def _declined(now: _Now, subject: Subject, reply: str) -> Outcome:
    return _going_on(now, putting_off(now.investigation, subject, turn_number=now.turn_number), reply)


def _going_on(now: _Now, after: Investigation, reply: str) -> Outcome:
    """With the next question put."""
    asked = question(now.case, after, turn_number=now.turn_number)
    after = evolve(after, asked=asked, updated_at=now.at)
    return Outcome(case=now.case, investigation=after, reply=_with(reply, asked))


def _asking(now: _Now, asked: Asked, reply: str) -> Outcome:
    return Outcome(case=now.case, investigation=evolve(now.investigation, asked=asked, updated_at=now.at), reply=reply)


def _said(now: _Now, reply: str) -> Outcome:
    return Outcome(case=now.case, investigation=now.investigation, reply=reply)


def _left(now: _Now) -> Outcome:
    return Outcome(case=now.case, investigation=now.investigation)


def _with(reply: str, asked: Asked | None) -> str:
    return f"{reply}\n\n{asked.question}" if asked else reply


def _position(outcome: Outcome) -> tuple[object, ...]:
    investigation = outcome.investigation
    settled = {one.hypothesis_id: one.status for one in investigation.hypotheses if one.status not in progress.OPEN}
    return (outcome.case.status, investigation.problem_confirmed, settled)
