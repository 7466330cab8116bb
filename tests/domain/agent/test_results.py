"""A turn as JSON, there and back."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.agent import Answer, Citation, SourceKind, Turn, TurnStatus
from faultmaven_domain.agent.models import checked_message
from faultmaven_domain.agent.results import turn_from_dict, turn_to_dict
from faultmaven_domain.kernel.errors import InvalidInput
from tests.fakes.values import values

TURN = Turn(
    job_id="1",
    case_id="case_1",
    user_id="usr_ana",
    message="Why?",
    status=TurnStatus.PROCESSING,
    submitted_at=datetime(2026, 3, 14, tzinfo=UTC),
)


@given(turn=values(Turn))
def test_every_turn_survives(turn: Turn) -> None:
    """With or without an answer, and whatever its citations and notes."""
    assert turn_from_dict(json.loads(json.dumps(turn_to_dict(turn)))) == turn


@given(first=values(Answer), second=values(Answer))
def test_the_first_answer_stays(first: Answer, second: Answer) -> None:
    """A turn is answered once, and what is answered does not fail any more."""
    answered = TURN.answered(first)

    assert answered.status is TurnStatus.COMPLETED
    assert answered.answered(second) == answered
    assert answered.failed("too late") == answered


def test_a_turn_without_an_answer_may_fail() -> None:
    """And may be answered after all."""
    failed = TURN.failed("No model.")

    assert (failed.status, failed.error) == (TurnStatus.FAILED, "No model.")


@given(words=st.text(min_size=1).filter(lambda text: text.strip()))
def test_a_message_is_trimmed(words: str) -> None:
    """Any words will do."""
    assert checked_message(words) == words.strip()


@given(turn=values(Turn).filter(lambda turn: turn.answer is not None), drawn=st.data())
def test_a_turn_of_an_older_version_is_not_guessed(turn: Turn, drawn: st.DataObject) -> None:
    """What lacks a field that turns have by now is refused, so that the row is read instead."""
    written = json.loads(json.dumps(turn_to_dict(turn)))
    of = drawn.draw(st.sampled_from([written, written["answer"]]))
    del of[drawn.draw(st.sampled_from(sorted(of)))]

    with pytest.raises(KeyError):
        turn_from_dict(written)


def test_a_citation_is_of_a_kind() -> None:
    """One of another kind is another version's."""
    citation = Citation(number=1, kind=SourceKind.CASE, source_id="s", title="t", section="", lines=(), quote="q")
    with pytest.raises(InvalidInput):
        checked_message("")
    answer = Answer(
        message_id="m",
        case_id="c",
        content="x",
        created_at=TURN.submitted_at,
        turn_number=1,
        citations=(citation,),
        model="m",
        provider="p",
    )
    written = json.loads(json.dumps(turn_to_dict(TURN.answered(answer))))
    written["answer"]["citations"][0]["kind"] = "rumour"
    with pytest.raises(ValueError, match="rumour"):
        turn_from_dict(written)
