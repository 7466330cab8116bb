"""What a message tells of a problem."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.case import Priority
from faultmaven_domain.case.problems import (
    LONGEST_STATEMENT,
    is_correction,
    severity_of,
    statement_from,
    statement_of,
)
from tests.domain.case.facts import failing, seen


@pytest.mark.parametrize(
    ("message", "statement"),
    [
        ("Hello, our checkout fails with 502.\nWhat now?", "our checkout fails with 502."),
        ("disk full", "disk full"),
        ("Why is   checkout slow since noon?", "Why is checkout slow since noon?"),
        ("Can you check why logins fail?", "Can you check why logins fail?"),
        (
            "Payment isn't working. Customers get error 503. Please help.",
            "Payment isn't working. Customers get error 503.",
        ),
        ("hi, our replica is lagging by 3 hours, can you help?", "our replica is lagging by 3 hours"),
        ("Logins fail since noon - any ideas?", "Logins fail since noon"),
        ("The build is broken, what should we do now?", "The build is broken"),
        ("Nobody can help: the site is down", "Nobody can help: the site is down"),
        ("2026-01-01 12:00:00 ERROR boom\nERROR: more\nThe API returns errors", "The API returns errors"),
        ("It is like this:\n```\nERROR: it fails\n```\nand the pods crash", "It is like this: and the pods crash"),
    ],
)
def test_a_problem_is_told(message: str, statement: str) -> None:
    """The first sentence that speaks of trouble, and the next where it does too, without what was pasted."""
    assert statement_of(message) == statement


@pytest.mark.parametrize(
    "message",
    [
        "hi",
        "thanks",
        "Everything is fine.",
        "I don't know",
        "How do I rotate logs?",
        "How do I fix OOMKilled pods?",
        "What is a deadlock?",
        "What could go wrong when I apply it?",
        "Analyze these logs for errors, warnings, and anomalies.",
        "Please look at the errors in this log.",
        "ERROR: something broke\nERROR: again",
    ],
)
def test_none_is_told(message: str) -> None:
    """Greetings, requests, general questions and pasted lines tell no problem."""
    assert statement_of(message) is None


def test_no_text_takes_for_ever() -> None:
    """A message made of beginnings is read once, not once for every way to read it."""
    assert statement_of("can you please help me to " * 700 + "see that it fails") is None
    assert statement_of("it fails" + ", " * 5_000 + "any help" * 500) is not None
    assert statement_of("no, actually rather " * 1000 + "fails", corrects=True) is not None


def test_a_correction_is_taken_at_its_word() -> None:
    """Who was asked what is wrong may say it in any words; who asks back has not said it."""
    assert statement_of("The queue only grows", corrects=True) == "The queue only grows"
    assert statement_of("No, actually it's the payment service.", corrects=True) == "it's the payment service."
    assert statement_of("What do you mean by that?", corrects=True) is None
    assert statement_of("Please look again.", corrects=True) is None
    assert statement_of("No requests come through.", corrects=True) == "No requests come through."


@pytest.mark.parametrize(
    ("message", "corrects"),
    [
        ("No, it's the queue.", True),
        ("no it is the queue", True),
        ("Actually the queue grows", True),
        ("Wrong: the queue grows", True),
        ("No.", False),
        ("No requests come through.", False),
        ("Wrong totals in the report", False),
        ("The queue, no?", False),
    ],
)
def test_a_no_may_go_on(message: str, corrects: bool) -> None:
    """A no that is followed by what it is instead corrects; one that belongs to its sentence does not."""
    assert is_correction(message) is corrects


@given(st.text(max_size=2000), st.booleans())
def test_any_text_is_looked_at(message: str, corrects: bool) -> None:
    """Whatever is said, a statement is one folded line of at most 300 characters that holds something."""
    statement = statement_of(f"{message} fails. {message}", corrects=corrects)

    if statement is not None:
        assert 0 < len(statement) <= LONGEST_STATEMENT
        assert statement == " ".join(statement.split())


def test_a_long_one_is_cut_at_a_word() -> None:
    """A statement past its length ends at a word and says that it goes on."""
    statement = statement_of("checkout fails " * 40)

    assert statement is not None
    assert statement.endswith(("checkout…", "fails…"))
    assert 280 < len(statement) <= LONGEST_STATEMENT


def test_evidence_tells_it_where_nobody_does() -> None:
    """The likeliest failure, else where it fails; nothing fails, nothing is told."""
    assert statement_from(failing(1)) == "connection pool exhausted"
    assert statement_from(failing(1, suspects=())) == "12 failing records in app.log, db.log"
    assert statement_from(seen(1)) is None


@pytest.mark.parametrize(
    ("statement", "records", "severity"),
    [
        ("There is a full outage", 0, Priority.CRITICAL),
        ("Production is completely down", 0, Priority.CRITICAL),
        ("We are losing data", 0, Priority.CRITICAL),
        ("Nobody can log in", 0, Priority.CRITICAL),
        ("Customers get error 503", 0, Priority.HIGH),
        ("The pod crashes", 0, Priority.HIGH),
        ("Some jobs are slow", 1000, Priority.HIGH),
        ("A minor glitch in staging", 1000, Priority.HIGH),
        ("Some jobs are slow", 999, Priority.MEDIUM),
        ("A minor error in the footer", 100, Priority.MEDIUM),
        ("A minor error in the footer", 99, Priority.LOW),
        ("Cosmetic bug", 0, Priority.LOW),
    ],
)
def test_severity_is_guessed(statement: str, records: int, severity: Priority) -> None:
    """By the words and by how many records fail, the worst first."""
    assert severity_of(statement, failing(1, failing_records=records)) is severity
