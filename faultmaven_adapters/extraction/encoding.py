"""Bytes to clean text: any encoding a log or a runbook comes in, or the word that it is no text."""

import codecs
import re

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
AROUND = 400  # of them on each side of what is not ASCII, at most
FEW = 8  # odd bytes below which a guess at the language is worth nothing

ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def decoded(data: bytes) -> tuple[str, tuple[str, ...]]:
    """The clean text of ``data`` and what was lost on the way. Raises: UnreadableFile for what is no text."""
    for mark, name in MARKS:
        if data.startswith(mark):
            text = data[len(mark) :].decode(name, "replace")
            if text.count(LOST) * 20 > len(text):
                raise UnreadableFile(BINARY)
            return _noted(text, f"is not valid {name.upper()}")
    holes = sum(len(hole) for hole in HOLE.findall(data))
    rest = len(data) - holes
    if (len(data) - len(data.translate(None, JUNK)) - holes) * 50 > rest or not rest:
        raise UnreadableFile(BINARY)
    text, notes = _unmarked(data)
    nuls = data.count(0)
    return clean(text), (*notes, *((f"{nuls} NUL bytes were left out.",) if nuls else ()))


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
        text = data.decode(errors="replace")
    lost = text.count(LOST)
    good = len(text) - lost - len(text.encode("ascii", "ignore"))
    if good > lost:
        return _noted(text, "is not valid UTF-8")
    name = _guessed(data)
    return data.decode(name, "replace"), (f"The file does not say how its letters are encoded; read as {name}.",)


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
