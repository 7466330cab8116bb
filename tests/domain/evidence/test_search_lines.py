"""Finding lines by a question's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.evidence.search import (
    LONGEST_QUOTE,
    LONGEST_WINDOW,
    MOST_HELD,
    WINDOW,
    Window,
    names_in,
    words,
)
from faultmaven_domain.evidence.search import search_lines as search_pieces

WORDS = ("timeout", "pool", "connection", "cart", "GET", "200", "the", "failing", "")
LINES = st.lists(
    st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join) | st.text(max_size=30) | st.just("x " * 1_000),
    max_size=60,
)
PIECE = 700


def search_lines(text: str, query: str, limit: int) -> tuple[Window, ...]:
    data = text.encode()
    return tuple(search_pieces((data[at : at + PIECE] for at in range(0, len(data), PIECE)), query, limit))


QUERIES = st.lists(st.sampled_from([*WORDS, "absent"]), max_size=4).map(" ".join)


@given(lines=LINES, query=QUERIES, limit=st.integers(0, 5))
def test_a_window_quotes_what_stands_there(lines: list[str], query: str, limit: int) -> None:
    """Each line of a window is the file's line of that number, or a part of a long one."""
    text = "\n".join(lines)
    written = text.split("\n")

    for window in search_lines(text, query, limit):
        quoted = window.text.split("\n")
        assert 1 <= window.first <= window.last <= len(written)
        assert len(quoted) == window.last - window.first + 1 <= WINDOW
        assert all(line in written[window.first - 1 + n] for n, line in enumerate(quoted))
        assert len(window.text) <= LONGEST_QUOTE + 80


@given(lines=LINES, query=QUERIES, limit=st.integers(0, 5))
def test_windows_come_best_first_and_apart(lines: list[str], query: str, limit: int) -> None:
    """No more than asked for, by falling score, none over another."""
    found = search_lines("\n".join(lines), query, limit)

    assert len(found) <= limit
    assert [window.score for window in found] == sorted((window.score for window in found), reverse=True)
    taken = [number for window in found for number in range(window.first, window.last + 1)]
    assert len(taken) == len(set(taken))


@given(lines=LINES, query=QUERIES)
def test_something_is_found_where_a_word_is(lines: list[str], query: str) -> None:
    """A window is found exactly where it has a word of the question that says something, and has a score for it."""
    text = "\n".join(lines)
    wanted = set(words(query)) - {"the", "failing"}

    found = search_lines(text, query, 100)

    assert bool(found) == bool(wanted & set(words(text)))
    assert all(window.score > 0 for window in found)


def test_a_rare_word_weighs_more() -> None:
    """What stands everywhere says little."""
    text = "\n".join(["pool pool ok"] * WINDOW * 5 + ["pool deadlock"] + ["pool pool ok"] * WINDOW)

    best = search_lines(text, "pool deadlock", 1)[0]

    assert "deadlock" in best.text


@pytest.mark.parametrize("times", [1, 100, 500, 800, LONGEST_WINDOW])
def test_a_needle_in_a_line_of_any_length_is_found_and_shown(times: int) -> None:
    """What is quoted of a long line is what stands around the word, wherever that is, and nothing else is held."""
    line = "alpha beta gamma " * times
    [window] = search_lines(f"one\n{line} needle98765 {line}\nthree", "needle98765", 3)

    assert window.first <= 2 <= window.last
    assert "needle98765" in window.text
    assert len(window.text) <= LONGEST_QUOTE


def test_the_last_line_of_a_window_may_be_the_one() -> None:
    """A quote that had no room for the line with the word begins at it."""
    lines = [*["nothing here " * 20] * (WINDOW - 1), "deadlock"]
    [window] = search_lines("\n".join(lines), "deadlock", 1)

    assert (window.first, window.text) == (WINDOW, "deadlock")


def test_of_very_many_windows_the_best_are_kept() -> None:
    """However often a word is found, a rarer one beside it is not lost among them."""
    common = "\n".join(["pool"] * WINDOW) + "\n"
    text = common * MOST_HELD + "pool deadlock\n" * WINDOW + common * 3 * MOST_HELD

    [best] = search_lines(text, "pool deadlock", 1)

    assert best.text.startswith("pool deadlock")


def test_the_words_of_a_question_find_nothing_by_themselves() -> None:
    """How one asks is not what one asks for."""
    assert search_lines("what is failing here and which should I check first", "What is failing, and why?", 3) == ()


@given(query=st.text())
def test_names_are_taken_from_what_was_asked(query: str) -> None:
    """No word is made up."""
    assert set(words(names_in(query))) <= set(words(query))


def test_names_are_what_is_quoted_and_what_holds_a_digit() -> None:
    """Ids and quotations; not what one asks with, and no bare year or count."""
    assert names_in("Why did `pool-7` drop req_81f3c2 in 2026 after the 'deploy'?") == "pool-7 deploy req_81f3c2"


def test_blank_lines_at_the_end_are_left_out() -> None:
    """A window ends where its words end."""
    [window] = search_lines("deadlock\n\n   \n\n", "deadlock", 1)

    assert (window.first, window.last, window.text) == (1, 1, "deadlock")
