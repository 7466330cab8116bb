"""What a button means goes out and comes back the same, whatever a caller adds to it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.case import Case, CaseStatus, Intent, IntentType, Priority, Subject
from faultmaven_domain.kernel.errors import InvalidInput
from faultmaven_http.wire.case import STATES
from faultmaven_http.wire.intents import intent_of, intent_out, words_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["type", "to_state", "from_state", "to", "subject", "value", "confirmed", "user_confirmed"])
INTENTS = st.builds(
    Intent,
    type=st.sampled_from(IntentType),
    to=st.none() | st.sampled_from(CaseStatus),
    subject=st.none() | st.sampled_from(Subject),
    confirmed=st.none() | st.booleans(),
)


def a_case(status: CaseStatus) -> Case:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Case(
        case_id="case_1",
        owner_id="ana",
        title="Checkout fails",
        description="",
        status=status,
        priority=Priority.LOW,
        created_at=at,
        updated_at=at,
    )


def replayed(intent: Intent, status: CaseStatus, **added: object) -> Intent | None:
    """As a caller sends it back."""
    out: dict[str, Any] = json.loads(json.dumps(intent_out(intent, a_case(status))))
    return intent_of(out["type"], {**out, **added})


@given(INTENTS, st.sampled_from(CaseStatus))
def test_a_button_means_what_it_was_offered_for(intent: Intent, status: CaseStatus) -> None:
    """An intent that is replayed as it was given is the same; a yes or a no that nobody meant is none."""
    if intent.confirmed is None and intent.type is IntentType.CONFIRMATION:
        return  # no button is one

    assert replayed(intent, status) == intent


@given(INTENTS.filter(lambda intent: intent.confirmed is not None), st.sampled_from(CaseStatus))
def test_a_click_never_turns_a_no_into_a_yes(intent: Intent, status: CaseStatus) -> None:
    """Whoever says of every click that the user confirmed it has not confirmed the opposite of what was clicked."""
    assert replayed(intent, status, user_confirmed=True) == intent


@given(st.sampled_from(CaseStatus), st.sampled_from(CaseStatus))
def test_a_click_confirms_what_is_asked_for(to: CaseStatus, status: CaseStatus) -> None:
    """A status that is offered unconfirmed is asked for, and confirmed where the caller says so."""
    offered = Intent(type=IntentType.STATUS_TRANSITION, to=to)
    clicked = replayed(offered, status, user_confirmed=True)

    assert clicked == Intent(type=IntentType.STATUS_TRANSITION, to=to, confirmed=True)


@given(st.none() | st.text(max_size=20) | st.sampled_from([*IntentType]), st.dictionaries(NAMES, JSON, max_size=6))
def test_anything_is_an_intent_or_none_or_refused(kind: str | None, data: dict[str, object]) -> None:
    """Whatever stands in the two fields: one of ours, a plain message, or intent_data is named."""
    refused = None
    try:
        intent = intent_of(kind, data)
    except InvalidInput as error:
        refused = error.details["field"]
    if refused is not None:
        assert refused == "intent_data"
        return
    named = kind or data.get("type")
    known = isinstance(named, str) and named.strip().lower() in set(IntentType)
    assert (intent is not None) == known
    if intent is not None:
        assert words_of(intent).endswith(".")


@pytest.mark.parametrize("word", ["inquiry", "consulting", " Inquiry "])
def test_a_status_has_two_names(word: str) -> None:
    """The first status in either vocabulary."""
    found = intent_of("status_transition", {"to_state": word})

    assert found == Intent(type=IntentType.STATUS_TRANSITION, to=CaseStatus.CONSULTING)


@pytest.mark.parametrize("to", ["open", "", 7, True, [], {}])
def test_a_status_no_case_has_is_refused(to: object) -> None:
    """The message says which there are."""
    with pytest.raises(InvalidInput, match="inquiry, investigating, resolved, closed"):
        intent_of("status_transition", {"to_state": to})


@pytest.mark.parametrize(
    ("data", "confirmed"),
    [
        ({"value": True}, True),
        ({"value": "yes"}, True),
        ({"value": "NO"}, False),
        ({"confirmed": False}, False),
        ({"confirmed": False, "user_confirmed": True}, False),
        ({"user_confirmed": True}, True),
        ({"user_confirmed": False}, False),
        ({"value": "perhaps", "user_confirmed": True}, True),
        ({}, None),
    ],
)
def test_a_confirmation_is_read_by_any_of_its_names(data: dict[str, object], confirmed: bool | None) -> None:
    """The answer that was offered counts before that it was clicked."""
    assert intent_of("confirmation", data) == Intent(type=IntentType.CONFIRMATION, confirmed=confirmed)


def test_every_status_has_another_name() -> None:
    """None is without a state, and no two share one."""
    assert set(STATES) == set(CaseStatus)
    assert len(set(STATES.values())) == len(STATES)
