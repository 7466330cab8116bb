"""What the user may do next, from where the case is; and which ends are to be offered."""

import re
from collections.abc import Iterator

from .investigation import (
    Action,
    ActionType,
    Asked,
    Disposition,
    Intent,
    IntentType,
    Investigation,
    Milestone,
    Readiness,
    Subject,
)
from .models import NEXT, Case, CaseStatus
from .progress import active, is_stuck

START_WORDS = "I want to start a formal investigation to find the root cause."
RESOLVE_WORDS = "Mark the case as resolved."
_ANSWERS = {
    Subject.PROBLEM: ("Yes, that is the problem", "No, it is something else"),
    Subject.ROOT_CAUSE: ("Yes, that is the root cause", "No, rule it out"),
    Subject.SOLUTION_APPLIED: ("Yes, it is applied", "Not yet"),
    Subject.SOLUTION_VERIFIED: ("Yes, it is fixed", "No, it is still there"),
    Subject.STATUS: ("Yes", "No"),
}
_TOOLS = (
    "kubectl|helm|docker|podman|systemctl|journalctl|service|sudo|psql|mysql|redis-cli|rabbitmqctl|nginx|apachectl|aws|"
    "gcloud|az|terraform|ansible|ssh|curl|df|du|lsof|ps|kill|top|free|iptables|ip|ss|dig|nslookup|openssl|git|npm|pip"
)
_COMMAND = re.compile(
    rf"`+(?:\w*\n)?\s*\$?\s*((?:{_TOOLS})\s[^`\n]+?)\s*(?:\n[^`]*)?`+|^\s*\$\s+((?:{_TOOLS})\s.+)$", re.MULTILINE
)


def actions(case: Case, investigation: Investigation, *, has_evidence: bool) -> tuple[Action, ...]:
    """The most pressing first; none on a case that has ended."""
    return () if case.final else tuple(_actions(case, investigation, has_evidence))


def disposition(case: Case, investigation: Investigation) -> Disposition:
    """Resolved is offered while a case is investigated once its root cause is known or a solution was applied; closed
    wherever a case can still be closed."""
    known = investigation.root_cause is not None or investigation.has(Milestone.SOLUTION_APPLIED)
    return Disposition(
        resolved=_ready(known and CaseStatus.RESOLVED in NEXT[case.status]),
        closed=_ready(CaseStatus.CLOSED in NEXT[case.status]),
    )


def command_in(text: str) -> str | None:
    """The first command of a text that marks its commands, by backticks or a prompt."""
    match = _COMMAND.search(text)
    return (match[1] or match[2]).strip() if match else None


def _actions(case: Case, investigation: Investigation, has_evidence: bool) -> Iterator[Action]:
    asked = investigation.asked
    starting = asked is not None and asked.to is CaseStatus.INVESTIGATING
    if asked is not None:
        yield from _answers(asked) if not starting else _answers(asked)[1:]
    if case.status is CaseStatus.CONSULTING and investigation.problem_statement:
        yield Action(
            type=ActionType.DECIDE,
            label="Start investigation",
            payload=START_WORDS,
            body=investigation.problem_statement,
            intent=Intent(type=IntentType.STATUS_TRANSITION, to=CaseStatus.INVESTIGATING, confirmed=True),
        )
    ends = asked is not None and asked.to is CaseStatus.RESOLVED
    if disposition(case, investigation).resolved is Readiness.READY and not ends:
        yield Action(
            type=ActionType.DECIDE,
            label="Mark as resolved",
            payload=RESOLVE_WORDS,
            intent=Intent(type=IntentType.STATUS_TRANSITION, to=CaseStatus.RESOLVED),
        )
    if investigation.solution and not investigation.has(Milestone.SOLUTION_APPLIED):
        command = command_in(investigation.solution)
        if command:
            yield Action(type=ActionType.RUN, label="Run the fix", payload=f"I ran `{command}`.", body=command)
    if not has_evidence:
        yield Action(
            type=ActionType.EVIDENCE,
            label="Add a log",
            payload="Here is a log.",
            body=f"What was logged around the time of: {investigation.problem_statement}"
            if investigation.problem_statement
            else "What was logged when the trouble began.",
            hints=("The log of what fails", "From before it began to now"),
        )
    yield _question(case, investigation, has_evidence)


def _answers(asked: Asked) -> tuple[Action, Action]:
    yes, no = _ANSWERS[asked.subject]

    def answer(label: str, word: str, confirmed: bool) -> Action:
        means = Intent(type=IntentType.CONFIRMATION, subject=asked.subject, to=asked.to, confirmed=confirmed)
        return Action(type=ActionType.DECIDE, label=label, payload=word, body=asked.question, intent=means)

    return answer(yes, "Yes", True), answer(no, "No", False)


def _question(case: Case, investigation: Investigation, has_evidence: bool) -> Action:
    """One that fits: what the user would ask, or is asked to tell."""
    suspect = active(investigation)
    if investigation.problem_statement is None:
        label, payload = "Say what is wrong", "What do you need to know about the problem?"
    elif is_stuck(case, investigation):
        label, payload = "What else could it be?", "What else could it be, and what would tell us?"
    elif investigation.root_cause and investigation.solution is None:
        label, payload = "How do I fix it?", f"How do I fix this: {investigation.root_cause}"
    elif investigation.has(Milestone.SOLUTION_APPLIED):
        label, payload = "How do I check the fix?", "How do I check that the problem is gone?"
    elif investigation.solution:
        label, payload = "What could go wrong?", "What could go wrong when I apply the solution?"
    elif suspect is not None:
        label, payload = "How do I test that?", f"How do I test whether this is the cause: {suspect.text}"
    elif has_evidence:
        label, payload = "What does the evidence show?", "What does the evidence show so far?"
    else:
        label, payload = "What should I check first?", "What should I check first?"
    return Action(type=ActionType.FREE_SPEECH, label=label, payload=payload)


def _ready(is_ready: bool) -> Readiness:
    return Readiness.READY if is_ready else Readiness.NOT_READY
