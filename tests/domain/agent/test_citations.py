"""An answer cites what it was given, and nothing else."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from faultmaven_domain.agent import Source, SourceKind
from faultmaven_domain.agent.citations import hold_to

SOURCES = tuple(
    Source(
        number=number,
        kind=SourceKind.EVIDENCE,
        source_id=f"ev_{number}",
        title="app.log",
        role="pattern",
        quote=f"line {number}",
        lines=(number,),
    )
    for number in (1, 2, 3)
)
MARK = re.compile(r"\[(\d{1,4}(?:\s*[,;]\s*\d{1,4})*)\]")
MARKS = ("[1]", "[2]", "[9]", "[1, 2]", "[3;9]", "[8,9]", "[0]", "[12345]", "[x]", "[", "]")
CODE = ("`", "``", "```", "```py\na[0] = b[1]\n```", "`a[9]`")
PIECES = st.sampled_from([*MARKS, *CODE, "1", "9", " ", "\n", "The pool"])
TEXTS = st.lists(PIECES, max_size=14).map("".join)


def code_in(text: str) -> list[str]:
    return re.findall(r"```.*?(?:```|\Z)|`[^`\n]*`", text, flags=re.DOTALL)


def prose_in(text: str) -> str:
    return re.sub(r"```.*?(?:```|\Z)|`[^`\n]*`", "\0", text, flags=re.DOTALL)


@given(text=TEXTS | st.text())
@example(text="[1[9]]")
@example(text="[9[9[2]]][1 [9],[9]2]")
@example(text="[" * 500 + "9]" * 500)
def test_every_mark_left_is_held(text: str) -> None:
    """Outside code, each mark names one source that was given, and the citations are those, by first use."""
    written, citations = hold_to(SOURCES, text)

    marks = [match[1] for match in MARK.finditer(prose_in(written))]
    assert set(marks) <= {"1", "2", "3"}
    assert [str(citation.number) for citation in citations] == list(dict.fromkeys(marks))


@given(text=TEXTS | st.text())
def test_holding_twice_changes_nothing(text: str) -> None:
    """What is held once is held."""
    once = hold_to(SOURCES, text)

    assert hold_to(SOURCES, once[0]) == once


@given(pieces=st.lists(st.sampled_from(["The pool [9] ", "[1]. ", "so [2, 9] ", "\n"]), max_size=6), code=st.data())
def test_code_is_left_alone(pieces: list[str], code: st.DataObject) -> None:
    """Brackets in code are indexes: whole blocks and inline code come through as they are."""
    blocks = code.draw(
        st.lists(
            st.sampled_from(["```py\na[0] = b[9]\n```", "`a[9]`", "```\n[1]\n```"]),
            min_size=len(pieces),
            max_size=len(pieces),
        )
    )
    text = "".join(piece + block + "\n" for piece, block in zip(pieces, blocks, strict=True))

    written, _ = hold_to(SOURCES, text)

    assert code_in(written) == blocks


@given(text=st.text(alphabet=st.characters(exclude_characters="[]")))
def test_text_without_marks_is_left_alone(text: str) -> None:
    """Not a letter changes, and nothing is cited."""
    assert hold_to(SOURCES, text) == (text, ())


def test_how_it_reads() -> None:
    """Unknown marks go with their space, lists are taken apart, and known ones stay where they are."""
    written, citations = hold_to(SOURCES, "It broke [3]. Surely [7]. See [2, 9; 1] and `a[7]`.")

    assert written == "It broke [3]. Surely. See [2][1] and `a[7]`."
    assert [citation.number for citation in citations] == [3, 2, 1]
    assert citations[0].quote == "line 3"
    assert (citations[0].source_id, citations[0].lines) == ("ev_3", (3,))


def test_without_sources_nothing_is_cited() -> None:
    """An answer from nothing has no marks."""
    assert hold_to((), "It broke [1].") == ("It broke.", ())
