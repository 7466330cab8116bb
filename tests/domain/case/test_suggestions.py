"""What is offered to the user, from where a case is."""

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.case import (
    ActionType,
    Asked,
    Case,
    CaseStatus,
    IntentType,
    Investigation,
    Milestone,
    Priority,
    Reached,
    Readiness,
    Subject,
    actions,
    disposition,
    valid_next,
)
from faultmaven_domain.case.asking import question
from faultmaven_domain.case.progress import STUCK_AFTER, supposed
from faultmaven_domain.case.suggestions import START_WORDS, command_in
from faultmaven_domain.case.words import Word, word_of
from tests.contracts.values import values_of
from tests.domain.case.facts import FIX, POOL, PROBLEM
from tests.fakes.clock import NOON

CONSULTING, INVESTIGATING, RESOLVED, CLOSED = CaseStatus
FINAL = [RESOLVED, CLOSED]


def a_case(status: CaseStatus = CONSULTING) -> Case:
    return Case(
        case_id="case_1",
        owner_id="usr_ana",
        title="Checkout fails",
        description="",
        status=status,
        priority=Priority.MEDIUM,
        created_at=NOON,
        updated_at=NOON,
    )


def so_far(*milestones: Milestone, **fields: Any) -> Investigation:
    reached = tuple(Reached(milestone=one, turn_number=1, at=NOON, why="so") for one in milestones)
    return Investigation(case_id="case_1", reached=reached, **fields)


def offered(case: Case, investigation: Investigation, *, has_evidence: bool = True) -> list[tuple[ActionType, str]]:
    """With the question that would be open."""
    asking = evolve(investigation, asked=question(case, investigation, turn_number=9))
    return [(one.type, one.label) for one in actions(case, asking, has_evidence=has_evidence)]


def test_at_the_beginning() -> None:
    """Nothing is known: say what is wrong, or add a log."""
    assert offered(a_case(), so_far(), has_evidence=False) == [
        (ActionType.EVIDENCE, "Add a log"),
        (ActionType.FREE_SPEECH, "Say what is wrong"),
    ]
    assert offered(a_case(), so_far()) == [(ActionType.FREE_SPEECH, "Say what is wrong")]


def test_with_a_problem() -> None:
    """It can be confirmed, refused and investigated at once; confirmed, it can be investigated or left."""
    assert offered(a_case(), so_far(problem_statement=PROBLEM)) == [
        (ActionType.DECIDE, "Yes, that is the problem"),
        (ActionType.DECIDE, "No, it is something else"),
        (ActionType.DECIDE, "Start investigation"),
        (ActionType.FREE_SPEECH, "What does the evidence show?"),
    ]
    assert offered(a_case(), so_far(problem_statement=PROBLEM, problem_confirmed=True), has_evidence=False) == [
        (ActionType.DECIDE, "No"),
        (ActionType.DECIDE, "Start investigation"),
        (ActionType.EVIDENCE, "Add a log"),
        (ActionType.FREE_SPEECH, "What should I check first?"),
    ]


def test_starting_says_what_a_client_says() -> None:
    """The click carries the sentence that is consent by itself, and the intent of one."""
    [start] = [one for one in actions(a_case(), so_far(problem_statement=PROBLEM), has_evidence=True) if one.intent]

    assert (start.payload, start.body) == (START_WORDS, PROBLEM)
    assert word_of(start.payload) is Word.INVESTIGATE
    assert start.intent is not None
    assert (start.intent.type, start.intent.to, start.intent.confirmed) == (
        IntentType.STATUS_TRANSITION,
        INVESTIGATING,
        True,
    )


def test_while_investigating() -> None:
    """The cause, a command to run, and the end are offered as they come within reach."""
    known: dict[str, Any] = {"problem_statement": PROBLEM, "problem_confirmed": True, "investigating_since": NOON}
    case = a_case(INVESTIGATING)
    suspecting = so_far(hypotheses=supposed((), [POOL], turn_number=1), **known)
    assert offered(case, suspecting) == [
        (ActionType.DECIDE, "Yes, that is the root cause"),
        (ActionType.DECIDE, "No, rule it out"),
        (ActionType.FREE_SPEECH, "How do I test that?"),
    ]
    assert offered(case, evolve(suspecting, idle=STUCK_AFTER))[-1] == (ActionType.FREE_SPEECH, "What else could it be?")
    caused = so_far(Milestone.ROOT_CAUSE_IDENTIFIED, root_cause=POOL.text, **known)
    assert offered(case, caused) == [
        (ActionType.DECIDE, "Mark as resolved"),
        (ActionType.FREE_SPEECH, "How do I fix it?"),
    ]
    proposed = so_far(Milestone.SOLUTION_PROPOSED, solution=FIX, **known)
    assert offered(case, proposed) == [
        (ActionType.DECIDE, "Yes, it is applied"),
        (ActionType.DECIDE, "Not yet"),
        (ActionType.RUN, "Run the fix"),
        (ActionType.FREE_SPEECH, "What could go wrong?"),
    ]
    assert offered(case, evolve(proposed, solution="Ask the database's owner."))[2:] == [
        (ActionType.FREE_SPEECH, "What could go wrong?")
    ]
    applied = so_far(Milestone.SOLUTION_PROPOSED, Milestone.SOLUTION_APPLIED, solution=FIX, **known)
    assert offered(case, applied) == [
        (ActionType.DECIDE, "Yes, it is fixed"),
        (ActionType.DECIDE, "No, it is still there"),
        (ActionType.DECIDE, "Mark as resolved"),
        (ActionType.FREE_SPEECH, "How do I check the fix?"),
    ]
    verified = so_far(Milestone.SOLUTION_APPLIED, Milestone.SOLUTION_VERIFIED, **known)
    assert offered(case, verified)[:2] == [(ActionType.DECIDE, "Yes"), (ActionType.DECIDE, "No")]
    assert (ActionType.DECIDE, "Mark as resolved") not in offered(case, verified)


@given(values_of(Investigation), st.sampled_from(CaseStatus), st.booleans())
def test_whatever_is_known(investigation: Investigation, status: CaseStatus, has_evidence: bool) -> None:
    """Nothing is offered on a case that has ended; else each action has words, each decision's words decide, and each
    that moves a case moves it where it can go."""
    found = actions(a_case(status), investigation, has_evidence=has_evidence)

    assert (found == ()) == (status in FINAL)
    for one in found:
        assert one.label
        assert one.payload
        assert (one.intent is not None) == (one.type is ActionType.DECIDE)
        if one.intent is not None:
            assert word_of(one.payload) is not None
        if one.intent is not None and one.intent.type is IntentType.STATUS_TRANSITION:
            assert one.intent.to in valid_next(status)
    assert len([one for one in found if one.type is ActionType.EVIDENCE]) == (status not in FINAL and not has_evidence)


def test_where_a_case_may_go() -> None:
    """In the order a case goes, nowhere from its end."""
    assert [valid_next(status) for status in CaseStatus] == [(INVESTIGATING, CLOSED), (RESOLVED, CLOSED), (), ()]


@pytest.mark.parametrize(
    ("status", "investigation", "ready"),
    [
        (CONSULTING, so_far(root_cause="x"), "not_ready ready"),
        (INVESTIGATING, so_far(), "not_ready ready"),
        (INVESTIGATING, so_far(Milestone.SOLUTION_PROPOSED), "not_ready ready"),
        (INVESTIGATING, so_far(Milestone.SOLUTION_APPLIED), "ready ready"),
        (INVESTIGATING, so_far(root_cause="x"), "ready ready"),
        (RESOLVED, so_far(root_cause="x"), "not_ready not_ready"),
        (CLOSED, so_far(), "not_ready not_ready"),
    ],
)
def test_which_ends_are_offered(status: CaseStatus, investigation: Investigation, ready: str) -> None:
    """Resolved once something was established, closed while the case is open."""
    found = disposition(a_case(status), investigation)

    assert f"{found.resolved.value} {found.closed.value}" == ready
    assert isinstance(found.closed, Readiness)


@pytest.mark.parametrize(
    ("text", "command"),
    [
        (FIX, "kubectl set env deploy/checkout POOL_SIZE=50"),
        ("Do this:\n```sh\nsystemctl restart nginx\n```\nand wait.", "systemctl restart nginx"),
        ("First:\n$ docker restart db\nThen wait.", "docker restart db"),
        ("The `pool_size` is too small; run nothing.", None),
        ("kubectl is a tool.", None),
        ("", None),
    ],
)
def test_a_command_is_what_is_marked_as_one(text: str, command: str | None) -> None:
    """In backticks, in a block or behind a prompt, of a tool that is known."""
    assert command_in(text) == command


def test_a_question_is_about_one_thing() -> None:
    """The buttons under a question mean its subject."""
    asked = Asked(subject=Subject.STATUS, question="Shall I?", to=CLOSED)
    yes, no = actions(a_case(INVESTIGATING), evolve(so_far(), asked=asked), has_evidence=True)[:2]

    for one, confirmed in ((yes, True), (no, False)):
        assert one.intent is not None
        assert (one.intent.subject, one.intent.to, one.intent.confirmed) == (Subject.STATUS, CLOSED, confirmed)
        assert one.body == "Shall I?"
