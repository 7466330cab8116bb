"""Bytes to clean text: any encoding a log or a runbook comes in, or the word that it is no text."""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from faultmaven_domain.kernel.extraction import UnreadableFile

BINARY = "The file is binary, of no kind that is read here."
# UTF-32 first: its little-endian mark begins with UTF-16's.
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
LOST = "\ufffd"
#: What text has no use for: all controls but tab, line ends, form feed and what terminals use.
JUNK = bytes(c for c in range(32) if c not in b"\t\n\v\f\r\a\b\x1b") + b"\x7f"
#: A log truncated while its writer went on begins with a hole, as does one cut off by a crash end with one.
HOLE = re.compile(rb"\x00{64,}")
ODD = re.compile(rb"[\x80-\xff]+")
SAMPLE = 32 * 1024  # bytes from which an unnamed encoding is guessed
GUESSED = "The file does not say how its letters are encoded; read as {}."
AROUND = 400  # of them on each side of what is not ASCII, at most
FEW = 8  # odd bytes below which a guess at the language is worth nothing
PIECE = 2**20  # bytes of a large file that are decoded at a time
LONGEST_ESCAPE = 4096  # characters of a terminal's sequence, at most, where a text is cut

ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]+")


def decoded(data: bytes) -> tuple[str, tuple[str, ...]]:
    """The clean text of ``data`` and what was lost on the way. Raises: UnreadableFile for what is no text."""
    for mark, name in MARKS:
        if data.startswith(mark):
            text = data[len(mark) :].decode(name, "replace")
            if text.count(LOST) * 20 > len(text):
                raise UnreadableFile(BINARY)
            return _noted(text, f"is not valid {name.upper()}")
    if wide := _wide(data):
        return clean(data.decode(wide, "replace")), (GUESSED.format(wide),)
    holes = sum(len(hole) for hole in HOLE.findall(data))
    rest = len(data) - holes
    if (len(data) - len(data.translate(None, JUNK)) - holes) * 50 > rest or not rest:
        raise UnreadableFile(BINARY)
    text, notes = _unmarked(data)
    nuls = data.count(0)
    return clean(text), (*notes, *((f"{nuls} NUL bytes were left out.",) if nuls else ()))


def _wide(data: bytes) -> str | None:
    """UTF-16 without a mark, as some Windows programs write it, where most letters are Latin: every other byte is 0."""
    low, high = data[:SAMPLE:2], data[1:SAMPLE:2]
    for name, zeros, letters in (("utf-16-le", high, low), ("utf-16-be", low, high)):
        if zeros.count(0) * 2 > len(zeros) and letters.count(0) * 50 < len(letters):
            return name
    return None


def clean(text: str) -> str:
    """Lines end with ``\\n``; no controls, terminal colours or broken surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x1b" in text:
        text = ESCAPE_SEQUENCE.sub("", text)
    text = CONTROL.sub("", text)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _unmarked(data: bytes) -> tuple[str, tuple[str, ...]]:
    try:
        return data.decode(), ()
    except UnicodeDecodeError:
        name = _likeliest(data)
    if name == "utf-8":
        return _noted(data.decode(errors="replace"), "is not valid UTF-8")
    return data.decode(name, "replace"), (GUESSED.format(name),)


def _likeliest(data: bytes) -> str:
    """The encoding of what is not valid UTF-8: that all the same, where most of it is."""
    text = data.decode(errors="replace")
    lost = text.count(LOST)
    good = len(text) - lost - len(text.encode("ascii", "ignore"))
    return "utf-8" if good > lost else _guessed(data)


def _guessed(data: bytes) -> str:
    """The likeliest encoding, by what is not ASCII and its surroundings: the rest of a log is the same in all."""
    from charset_normalizer import from_bytes  # late: few files need it

    sample = _telling(data)
    best = from_bytes(sample).best() if len(sample) - len(sample.decode("ascii", "ignore")) >= FEW else None
    for name in (best.encoding if best else "cp1252", "cp1252"):
        try:
            data.decode(name)
        except UnicodeDecodeError:
            continue
        return name
    return "latin-1"


def _telling(data: bytes) -> bytes:
    """Lines, or parts of long ones, with bytes that are not ASCII."""
    sample, taken = b"", 0
    for odd in ODD.finditer(data):
        if odd.end() <= taken:
            continue
        earliest = max(taken, odd.start() - AROUND)
        begin = max(earliest, data.rfind(b"\n", earliest, odd.start()) + 1)
        end = data.find(b"\n", odd.end(), odd.end() + AROUND)
        taken = end if end != -1 else min(len(data), odd.end() + AROUND)
        sample += data[begin:taken] + b"\n"
        if len(sample) > SAMPLE:
            break
    return sample


def _noted(text: str, wrong: str) -> tuple[str, tuple[str, ...]]:
    lost = text.count(LOST)
    return clean(text), (f"{lost} characters are shown as {LOST}: the file {wrong} there.",) if lost else ()


class TextInPieces:
    """The clean text of a file that is never held whole. Its encoding is told by its first bytes that are not ASCII.

    Once iterated, ``notes`` say what was lost on the way. Raises: UnreadableFile, for what turns out to be no text.
    """

    def __init__(self, head: bytes, rest: Iterable[bytes] = ()) -> None:
        self._pieces = chain((head[at : at + PIECE] for at in range(0, len(head), PIECE)), rest)
        self._name: str | None = None
        self._marked = self._guessed = False
        self._size = self._junk = self._nuls = self._letters = self._lost = 0

    def __iter__(self) -> Iterator[str]:
        held = ""
        for piece in self._decoded():
            self._letters += len(piece)
            self._lost += piece.count(LOST)
            if self._letters > PIECE:
                self._check()
            cut = _cut(held := held + piece)
            if cut:
                yield clean(held[:cut])
            held = held[cut:]
        self._check()
        if held:
            yield clean(held)

    def notes(self) -> tuple[str, ...]:
        name = self._name or "utf-8"
        where = f"{self._lost} characters are shown as {LOST}: the file is not valid {name.upper()} there."
        return (
            *((GUESSED.format(name),) if self._guessed else ()),
            *((where,) if self._lost else ()),
            *((f"{self._nuls} NUL bytes were left out.",) if self._nuls else ()),
        )

    def _decoded(self) -> Iterator[str]:
        decode: codecs.IncrementalDecoder | None = None
        for piece in self._pieces:
            start = self._told(piece) if self._name is None else 0
            self._weigh(piece)
            if decode is None and self._name is not None:
                decode = codecs.getincrementaldecoder(self._name)("replace")
            yield piece.decode("ascii") if decode is None else decode.decode(piece[start:])
        if decode is not None:
            yield decode.decode(b"", final=True)

    def _told(self, piece: bytes) -> int:
        """Settle on an encoding, if the piece tells, and give the length of its mark."""
        for mark, name in MARKS if not self._size else ():
            if piece.startswith(mark):
                self._name, self._marked = name, True
                return len(mark)
        if not self._size and (wide := _wide(piece)):
            self._name, self._marked, self._guessed = wide, True, True
        elif not piece.isascii():
            try:
                codecs.getincrementaldecoder("utf-8")().decode(piece)  # it may end in the middle of a letter
            except UnicodeDecodeError:
                self._name = _likeliest(piece)
                self._guessed = self._name != "utf-8"
            else:
                self._name = "utf-8"
        return 0

    def _check(self) -> None:
        """Raises: UnreadableFile where there is more junk than in any text, or the mark was for another encoding."""
        if not self._size or self._junk * 50 > self._size or (self._marked and self._lost * 20 > self._letters):
            raise UnreadableFile(BINARY)

    def _weigh(self, piece: bytes) -> None:
        """Count what is junk; holes do not count."""
        self._size += len(piece)
        if self._marked:
            return
        nuls = piece.count(0)
        holes = sum(len(hole) for hole in HOLE.findall(piece)) if nuls else 0
        self._nuls += nuls
        self._size -= holes
        self._junk += len(piece) - len(piece.translate(None, JUNK)) - holes


def _cut(text: str) -> int:
    """Where a text can be cut and each part cleaned by itself: behind a line, or before what may be unfinished."""
    earliest = max(0, len(text) - LONGEST_ESCAPE)
    if (end := text.rfind("\n", earliest)) != -1:
        return end + 1
    if (escape := text.rfind("\x1b", earliest)) != -1:
        return escape
    return len(text) - text.endswith("\r")
