"""Which short messages decide something, and which do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.case.words import Word, word_of

YES, NO, INVESTIGATE, RESOLVE, CLOSE = Word


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("Yes", YES),
        ("yes please!", YES),
        ("YES.", YES),
        ("That's right", YES),
        ("Yes, that is the problem", YES),
        ("ok", YES),
        ("No", NO),
        ("no, not yet", NO),
        ("Not now.", NO),
        ("nope, it didn't help", NO),
        ("I want to start a formal investigation to find the root cause.", INVESTIGATE),
        ("Let's investigate this", INVESTIGATE),
        ("yes please, start the investigation", INVESTIGATE),
        ("The issue is resolved. Generate final documentation with root cause and solution.", RESOLVE),
        ("mark this as resolved", RESOLVE),
        ("Mark the case as resolved.", RESOLVE),
        ("It's fixed now, thanks", RESOLVE),
        ("close the case", CLOSE),
        ("Close this case. I don't need further investigation.", CLOSE),
        ("Close this case as unresolved. Summarize what we found so far.", CLOSE),
    ],
)
def test_a_decision_is_understood(message: str, word: Word) -> None:
    """A yes, a no and a wish for a status, in whatever case and with whatever courtesy around them."""
    assert word_of(message) is word


@pytest.mark.parametrize(
    "message",
    [
        "",
        "?",
        "Yes?",
        "ok thanks",
        "yes, but why does it fail at night",
        "No, it is the payment service that fails",
        "How do I start an investigation?",
        "resolve this issue",
        "close the connection pool",
        "the connection is closed",
        "this is fixed in version 3 but we run 2",
        "investigate why nginx fails",
        "not a single request comes through",
        "Is the case closed?",
        "yes " * 21,
    ],
)
def test_what_says_more_is_a_question(message: str) -> None:
    """Words that begin like a decision and go on are for the model."""
    assert word_of(message) is None


@given(
    st.sampled_from(["yes", "yes please", "no", "not yet", "close the case", "mark it as resolved"]),
    st.sampled_from([str.upper, str.title, str.lower, str.swapcase]),
    st.text(" \t\n.!,", max_size=4),
    st.text(" \t\n.!,", max_size=4),
)
def test_spelling_changes_nothing(message: str, spelling, before: str, after: str) -> None:  # type: ignore[no-untyped-def]
    """Case, spaces and punctuation around a decision do not matter."""
    assert word_of(spelling(message) + after) is word_of(message)
    assert word_of(before.strip(".!,\n\t ") + spelling(message)) is word_of(message)


@given(st.sampled_from(list(Word)).map(str), st.text(min_size=1))
def test_a_question_mark_asks(said: str, text: str) -> None:
    """Nothing that asks decides, and no text is too strange to be looked at."""
    assert word_of(f"{said} {text}?") is None
    assert word_of(text) is None or isinstance(word_of(text), Word)
