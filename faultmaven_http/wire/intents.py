"""What a click means, as callers are told it and send it back.

A button's ``intent`` is replayed as it was given, and some callers add ``"user_confirmed": true`` to whichever button
was clicked, a no among them. So what was offered as an answer (``value``) counts before ``user_confirmed``.
"""

from collections.abc import Mapping
from typing import Literal, NotRequired, TypedDict

from faultmaven_domain.case import Case, CaseStatus, Intent, IntentType, Subject
from faultmaven_domain.kernel.errors import InvalidInput

from .case import STATES, State, state_of

FIELD = "intent_data"
#: Other names of the same, the first that is there counts.
_TO = ("to_state", "to_status", "to", "target_state")
_VALUE = ("value", "confirmed", "confirmation", "confirmation_value", "answer")
_WORDS = {
    **dict.fromkeys(("yes", "true", "confirm", "confirmed", "accept", "1"), True),
    **dict.fromkeys(("no", "false", "reject", "rejected", "decline", "0"), False),
}


class IntentOut(TypedDict):
    """``value`` is the answer a button stands for; ``user_confirmed`` whether a click on it is all it takes."""

    type: IntentType
    from_state: NotRequired[State]
    to_state: NotRequired[State]
    subject: NotRequired[Subject]
    value: NotRequired[Literal["yes", "no"]]
    user_confirmed: bool


def intent_out(intent: Intent, case: Case) -> IntentOut:
    """``case`` as it is when the button is offered."""
    out = IntentOut(type=intent.type, user_confirmed=bool(intent.confirmed))
    if intent.to is not None:
        out["from_state"], out["to_state"] = state_of(case), STATES[intent.to]
    if intent.subject is not None:
        out["subject"] = intent.subject
    if intent.confirmed is not None:
        out["value"] = "yes" if intent.confirmed else "no"
    return out


def intent_of(kind: str | None, data: Mapping[str, object] | None) -> Intent | None:
    """What ``intent_type`` and ``intent_data`` say; None for a plain message, and for a kind this server has none of.

    Raises: InvalidInput naming ``intent_data`` where a status is asked for that no case has.
    """
    data = data or {}
    named = kind or data.get("type")
    type = next((one for one in IntentType if isinstance(named, str) and one == named.strip().lower()), None)
    if type is None:
        return None
    subject = next((one for one in Subject if one == data.get("subject")), None)
    return Intent(type=type, to=_status(data), subject=subject, confirmed=_confirmed(type, data))


def words_of(intent: Intent) -> str:
    """What someone says who clicks and types nothing."""
    if intent.type is IntentType.CONFIRMATION:
        return "No." if intent.confirmed is False else "Yes."
    if intent.to is None or intent.confirmed is False:
        return "Leave the case as it is."
    return _ASKING[intent.to]


_ASKING = {
    CaseStatus.CONSULTING: "Go back to consulting.",
    CaseStatus.INVESTIGATING: "Start the investigation.",
    CaseStatus.RESOLVED: "The case is resolved.",
    CaseStatus.CLOSED: "Close the case.",
}


def _status(data: Mapping[str, object]) -> CaseStatus | None:
    given = next((data[name] for name in _TO if data.get(name) is not None), None)
    if given is None:
        return None
    word = given.strip().lower() if isinstance(given, str) else None
    found = next((status for status in CaseStatus if word in (status.value, STATES[status])), None)
    if found is None:
        raise InvalidInput(f"{FIELD} must name a to_state: {', '.join(STATES.values())}.", field=FIELD)
    return found


def _confirmed(type: IntentType, data: Mapping[str, object]) -> bool | None:
    for name in _VALUE:
        if (said := _yes_or_no(data.get(name))) is not None:
            return said
    clicked = _yes_or_no(data.get("user_confirmed"))
    if clicked is False and type is IntentType.STATUS_TRANSITION:
        return None  # asked for, and yet to be confirmed
    return clicked


def _yes_or_no(value: object) -> bool | None:
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    return value if isinstance(value, bool) else None
