"""Files too large to be held: what is text is read piece by piece, and comes out as if it had been read whole."""

from collections.abc import Iterator

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from faultmaven_adapters.extraction.encoding import PIECE, TextInPieces, decoded
from faultmaven_adapters.extraction.pieces import LARGEST_WHOLE, WHOLE, read_in_pieces
from faultmaven_domain.kernel.extraction import Extracted, UnreadableFile

LINE = b"2026-03-14 10:00:00 ERROR pool exhausted\n"
#: What is awkward where it is cut: letters of several bytes, line ends of two characters, a terminal's sequences.
AWKWARD = ("a", "é", "\U0001f600", "\r\n", "\r", "\n", "\x1b[1;31m", "\x1b]0;title\x07", "\x00", "\t", "x" * 40)


def repeated(piece: bytes, size: int) -> Iterator[bytes]:
    """At least so many bytes, and never all of them at once."""
    for _ in range(-(-size // len(piece))):
        yield piece


def all_of(pieces: Iterator[bytes], filename: str) -> tuple[int, Extracted]:
    """How long the text was, and what was said of it."""
    length = 0
    for part in read_in_pieces(pieces, filename):
        if isinstance(part, Extracted):
            return length, part
        assert len(part) <= PIECE + WHOLE // 100
        length += len(part)
    raise AssertionError("nothing was said of it")


@settings(deadline=None)
@example(text="\r\n", encoding="utf-8", size=12)
@example(text="\x1b[1;31m", encoding="utf-8", size=14)
@given(
    text=st.lists(st.sampled_from(AWKWARD), max_size=60).map("".join),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    size=st.integers(4, 50),
)
def test_pieces_are_the_whole(text: str, encoding: str, size: int) -> None:
    """Wherever the bytes are cut, the clean text is the one that would have been read from all of them."""
    data = ("It begins. " + text + "some text that is no junk, and more of it than there are odd bytes. " * 60).encode(
        encoding
    )
    pieces = TextInPieces(data[:size], (data[at : at + size] for at in range(size, len(data), size)))

    assert "".join(pieces) == decoded(data)[0]
    assert pieces.notes() == decoded(data)[1]


@pytest.mark.parametrize(
    ("line", "encoding"),
    [("Größe überschritten für Schlüssel\n", "cp1252"), ("エラー: データベースへの接続に失敗しました\n", "shift_jis")],
)
def test_an_encoding_is_guessed_once_it_shows(line: str, encoding: str) -> None:
    """What is not ASCII may come late, and is read as what it most likely is, with a note."""
    pieces = TextInPieces(LINE * 1000, [LINE * 1000, line.encode(encoding) * 50, LINE])

    assert line * 50 in "".join(pieces)
    assert pieces.notes()[0].startswith("The file does not say how its letters are encoded; read as ")


def test_a_large_log_is_read_in_pieces() -> None:
    """Beyond the size up to which files are held, a log is one as before."""
    data = LINE * (PIECE // len(LINE))
    length, said = all_of(repeated(data, WHOLE + 5 * PIECE), "app.log")

    assert length > WHOLE
    assert said == Extracted(text="", kind="log", media_type="text/plain")


def test_junk_behind_a_large_beginning_is_found() -> None:
    """A file that begins as text and goes on as something else is refused."""

    def pieces() -> Iterator[bytes]:
        yield from repeated(LINE * 1000, WHOLE + PIECE)
        yield from repeated(bytes(range(256)) * 4096, WHOLE)

    with pytest.raises(UnreadableFile, match="binary"):
        all_of(pieces(), "app.log")


@pytest.mark.parametrize("piece", [bytes(PIECE), b"\xff\xfe" + b"\x00\xd8" * (PIECE // 2)])
def test_large_junk_is_refused(piece: bytes) -> None:
    """Neither a file of zeros nor one with a mark for an encoding it is not in has a text."""
    with pytest.raises(UnreadableFile, match="binary"):
        all_of(repeated(piece, WHOLE + PIECE), "app.log")


def test_a_format_is_held_up_to_a_bound() -> None:
    """What cannot be read in pieces is refused once it is larger than what is held of one file."""
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield b"%PDF-1.7\n"
        while True:
            taken += PIECE
            yield bytes(PIECE)

    with pytest.raises(UnreadableFile, match="256 MiB"):
        all_of(endless(), "a.pdf")
    assert taken <= LARGEST_WHOLE + 2 * PIECE


@pytest.mark.parametrize(
    ("filename", "piece", "kind", "note"),
    [
        ("a.json", b'{"a": 1}\n' * 100_000, "json", None),
        ("a.json", b"disk: full\n" * 100_000, "json", None),
        ("a.csv", b"a,b,c\n" * 100_000, "csv", None),
        ("a.xml", b"<a>\n" * 100_000, "xml", None),
        ("a.pdf", LINE * 10_000, "log", "The name ends in .pdf, but the file is a log, and was read as that."),
        ("a.txt", b" " * 100_000, "text", "No text was found in the file."),
    ],
)
def test_a_large_text_is_of_the_kind_its_beginning_and_its_name_say(
    filename: str, piece: bytes, kind: str, note: str | None
) -> None:
    """What cannot be checked without the rest is taken at its name."""
    _, said = all_of(repeated(piece, WHOLE + PIECE), filename)

    assert (said.kind, said.notes) == (kind, (note,) if note else ())
