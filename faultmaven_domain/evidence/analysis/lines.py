"""A text that comes in pieces, line by line: however long a line is, only its beginning is held."""

from collections.abc import Iterable, Iterator

from .structured import LONGEST_JSON

#: Characters of a line that are given: enough to see that a JSON object is too long to be read.
LONGEST_GIVEN = LONGEST_JSON + 1
_MOST_HELD = 4 * LONGEST_GIVEN  # bytes


def lines_of(pieces: Iterable[bytes]) -> Iterator[str]:
    """The lines of a UTF-8 text, as ``text.split("\\n")`` gives them, each cut to LONGEST_GIVEN characters."""
    held = b""
    for piece in pieces:
        end = piece.rfind(b"\n")
        if end == -1:
            held = (held + piece)[:_MOST_HELD]
            continue
        whole = held + piece[:end] if len(held) < _MOST_HELD else held + piece[piece.find(b"\n") : end]
        for line in whole.decode(errors="ignore").split("\n"):
            yield line[:LONGEST_GIVEN]
        held = piece[end + 1 :][:_MOST_HELD]
    yield held.decode(errors="ignore")[:LONGEST_GIVEN]
