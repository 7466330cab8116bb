"""Lines of a text that comes in pieces."""

from hypothesis import given
from hypothesis import strategies as st

from faultmaven_domain.evidence.analysis.lines import LONGEST_GIVEN, lines_of


@given(text=st.text(st.sampled_from("ab é\n\U0001f600")), size=st.integers(1, 9))
def test_lines_are_those_of_the_text(text: str, size: int) -> None:
    """Wherever the bytes are cut, also in the middle of a letter, the lines are the text's."""
    data = text.encode()

    assert text.split("\n") == list(lines_of(data[at : at + size] for at in range(0, len(data), size)))


@given(lines=st.lists(st.sampled_from(["", "short", "é" * LONGEST_GIVEN * 3]), min_size=1, max_size=4))
def test_of_a_long_line_the_beginning_is_given(lines: list[str]) -> None:
    """Whatever its length and its neighbours' are, and in pieces shorter than itself."""
    data = "\n".join(lines).encode()
    size = LONGEST_GIVEN

    given_lines = list(lines_of(data[at : at + size] for at in range(0, len(data), size)))

    assert given_lines == [line[:LONGEST_GIVEN] for line in lines]
