"""Files that are text already: decoded, told apart, and otherwise kept as they are, line for line."""

import json
import re

from attrs import evolve

from faultmaven_domain.kernel.extraction import Extracted

from .encoding import decoded
from .sniff import MEDIA_TYPES, mislabelled, named_kind

HTML = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--(?:[^-]|-(?!->))*-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I)
TAG = re.compile(r"<[a-zA-Z!/]")
#: A time of day within the first characters of a line, or a day at its beginning, as the log formats have them.
STAMPED = re.compile(r".{0,40}?\b\d\d:\d\d:\d\d|\W{0,2}(?:\d{4}[-/]\d\d[-/]\d\d|\d{10,13}[.\s])")
BEGINNING = 4096  # characters in which HTML has declared itself
LARGEST_CHECKED = 20_000_000  # characters of JSON; a larger file is taken at its name
LARGEST_INDENTED = 256_000
DEEPEST_INDENT = 16
BLANK = "No text was found in the file."
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\{\s*\}|\[\s*\]|[{}\[\],:]|[^\s{}\[\],:"]+')


def read_plain(data: bytes, filename: str) -> Extracted:
    """HTML and XML come as they are written. Raises: UnreadableFile when the bytes are no text."""
    text, notes = decoded(data)
    kind, media_type, doubts = told_apart(text, named_kind(filename))
    if kind == "json" and one_line(text) and json_form(text) == "whole":
        text = indented(text)
    notes += doubts or mislabelled(filename, kind)
    return noted_if_blank(Extracted(text=text, kind=kind, media_type=media_type, notes=notes))


def noted_if_blank(extracted: Extracted) -> Extracted:
    if extracted.text.strip():
        return extracted
    return evolve(extracted, text="", notes=(*extracted.notes, BLANK))


def told_apart(text: str, named: str | None, *, whole: bool = True) -> tuple[str, str, tuple[str, ...]]:
    """Kind, media type, and a note where the content is not what the name says and nothing else either.

    ``whole`` False where the text is only the beginning, by which no JSON can be checked.
    """
    if HTML.match(text, 0, BEGINNING) or (named == "html" and TAG.search(text)):
        return "html", MEDIA_TYPES["html"], ()
    start = text[:200].lstrip()
    if start.startswith("<?xml") or (named == "xml" and start.startswith("<")):
        return "xml", MEDIA_TYPES["xml"], ()
    if named == "json" or (start.startswith(("{", "[")) and named != "yaml"):  # YAML may be written as JSON
        form = json_form(text) if whole else "unchecked"
        if form == "whole" or (named == "json" and form == "unchecked"):
            return "json", MEDIA_TYPES["json"], ()
        if named == "json" and form == "lines":
            return "json", "application/x-ndjson", ()
    if named in ("json", "xml", "html") and text.strip():
        return "text", MEDIA_TYPES["text"], (f"The file is not valid {named.upper()}, and was read as plain text.",)
    kind = named if named in ("markdown", "yaml", "csv", "log") else "log" if stamped(text) else "text"
    return kind, MEDIA_TYPES[kind], ()


def json_form(text: str) -> str:
    """One of whole, lines (a value on each), none, and unchecked where it is too large or too deep to tell."""
    if len(text) > LARGEST_CHECKED:
        return "unchecked"
    try:
        if is_json(text):
            return "whole"
        return "lines" if all(is_json(line) for line in text.split("\n")[:20] if line.strip()) else "none"
    except RecursionError:
        return "unchecked"


def is_json(text: str) -> bool:
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except ValueError:
        return False
    return True


def stamped(text: str) -> bool:
    """Whether most of the first lines carry a time, as a log's do."""
    lines = [line for line in text[:20_000].split("\n")[:100] if line.strip()]
    return len(lines) >= 2 and sum(bool(STAMPED.match(line)) for line in lines) * 2 > len(lines)


def one_line(text: str) -> bool:
    return len(text) <= LARGEST_INDENTED and "\n" not in text.strip()


def indented(text: str) -> str:
    """Valid JSON over lines, each value as it was written: no number changes, and no depth is too deep."""
    written: list[str] = []
    depth = 0
    for token in TOKEN.findall(text):
        if token in ("{", "["):
            depth += 1
            written += token, "\n", "  " * min(depth, DEEPEST_INDENT)
        elif token in ("}", "]"):
            depth -= 1
            written += "\n", "  " * min(depth, DEEPEST_INDENT), token
        elif token == ",":
            written += ",\n", "  " * min(depth, DEEPEST_INDENT)
        else:
            written.append({":": ": ", "{": "{}", "[": "[]"}.get(token[0], token))  # an empty one may hold blanks
    return "".join(written) + "\n"
