"""Files as they come: small ones and those of a format whole, text beyond that piece by piece, in bounded memory."""

from collections.abc import Iterable, Iterator

from attrs import evolve

from faultmaven_domain.kernel.extraction import Extracted, UnreadableFile

from .encoding import PIECE, TextInPieces
from .formats import OCR_SECONDS, read
from .plain import BLANK, told_apart
from .sniff import begins_as_text, mislabelled, named_kind

#: Bytes up to which any file is read whole, and up to which one is whose format asks for it.
WHOLE = 24 * 2**20
LARGEST_WHOLE = 256 * 2**20
BEGINNING = 100_000  # of a file that is not whole, by which its kind is told


def read_in_pieces(
    pieces: Iterable[bytes], filename: str, ocr_seconds: float = OCR_SECONDS
) -> Iterator[str | Extracted]:
    """The text in pieces, and last what else is to be said. Raises: UnreadableFile."""
    waiting = iter(pieces)
    head, ended = _taken(waiting, b"", WHOLE)
    if not ended and not _is_plain(head, filename):
        head, ended = _taken(waiting, head, LARGEST_WHOLE)
        if not ended:
            raise UnreadableFile(f"Only text is read beyond {LARGEST_WHOLE // 2**20} MiB; send a smaller part of it.")
    if ended:
        whole = read(head, filename, ocr_seconds)
        yield from (whole.text[start : start + PIECE] for start in range(0, len(whole.text), PIECE))
        yield evolve(whole, text="")
    else:
        yield from _plain(head, waiting, filename)


def _taken(pieces: Iterator[bytes], head: bytes, size: int) -> tuple[bytes, bool]:
    """``head`` and what follows up to at least ``size`` bytes, and whether that was all."""
    taken = [head]
    held = len(head)
    for piece in pieces:
        taken.append(piece)
        held += len(piece)
        if held > size:
            return b"".join(taken), False
    return b"".join(taken), True


def _is_plain(head: bytes, filename: str) -> bool:
    """Whether each line of it says what it says without the rest."""
    if not begins_as_text(head):
        return False
    beginning = next(iter(TextInPieces(head[:BEGINNING])), "")
    return told_apart(beginning, named_kind(filename), whole=False)[0] != "html"


def _plain(head: bytes, rest: Iterator[bytes], filename: str) -> Iterator[str | Extracted]:
    text = TextInPieces(head, rest)
    kind = media_type = ""
    notes: tuple[str, ...] = ()
    blank = True
    for piece in text:
        if not kind:
            named = named_kind(filename)
            kind, media_type, notes = told_apart(piece[:BEGINNING], named, whole=False)
            notes = notes or mislabelled(filename, kind)
        blank = blank and not piece.strip()
        yield piece
    notes += (BLANK,) if blank else ()
    yield Extracted(text="", kind=kind, media_type=media_type, notes=text.notes() + notes)
