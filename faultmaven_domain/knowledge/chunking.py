"""A text cut into what a search can find: by its headings, then by paragraphs, each piece short enough to read.

Markdown is understood as far as its shape goes: front matter, both kinds of headings (CommonMark 4.2, 4.3) and fenced
code (4.5). Every step reads the text once, so time grows with its length alone.
"""

import re
from collections.abc import Iterable, Iterator

from attrs import frozen

from .models import LONGEST_TITLE, Section

#: Characters of a passage, and of what it repeats of the one before where a section had to be cut.
LONGEST_PASSAGE, OVERLAP = 1_000, 150
#: Between the headings of a section's path.
PATH = " > "

_NOT_MARKDOWN = (
    *(".txt", ".log", ".out", ".err", ".json", ".jsonl", ".yaml", ".yml", ".csv", ".xml"),
    *(".conf", ".cfg", ".ini", ".toml", ".properties", ".env"),
)
_LONGEST_FRONT_MATTER = 200  # lines
_FRONT_LINE = re.compile(r"\s|-\s|#|\[")
_SETTING = re.compile(r"([\w.-]+)[ \t]*[:=](.*)")
_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)")
_UNDERLINE = re.compile(r" {0,3}(=+|--+)[ \t]*")
_NOT_PROSE = re.compile(r" {4}|\t| {0,3}(?:[#>|<]|[-*+][ \t]|\d{1,9}[.)][ \t])")
_FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})([^`]*)")
_SENTENCE, _WORD = re.compile(r"[.!?:;]\s+"), re.compile(r"\s+")


@frozen(kw_only=True)
class FrontMatter:
    """What a document says of itself before it begins, between ``---`` (YAML) or ``+++`` (TOML) lines."""

    title: str | None = None
    tags: tuple[str, ...] = ()


@frozen(kw_only=True)
class Chunk:
    """Some of a section's text; the first ``overlap`` characters repeat the end of the chunk before it."""

    section: str
    text: str
    overlap: int = 0


@frozen
class _Block:
    text: str
    code: bool = False


def is_markdown(filename: str | None) -> bool:
    """Whether ``#`` begins a heading here: in configuration and output it begins a remark."""
    return filename is None or not filename.lower().endswith(_NOT_MARKDOWN)


def front_matter(text: str) -> FrontMatter:
    """Title and tags, where the document gives them."""
    lines = _lines(text)
    title, tags, listing = "", [], False
    for line in lines[1 : _body_at(lines)]:
        if listing and line.lstrip().startswith("- "):
            tags.append(line.lstrip()[2:])
            continue
        found = _SETTING.fullmatch(line)
        key, value = (found[1].lower(), found[2].strip()) if found else ("", "")
        listing = key == "tags" and not value
        if key == "title":
            title = _bare(value)
        elif key == "tags":
            tags = value.strip("[]").split(",")
    return FrontMatter(title=title or None, tags=tuple(bare for tag in tags if (bare := _bare(tag))))


def title_of(text: str, *, filename: str | None = None) -> str | None:
    """What a document calls itself: in its front matter, else its first heading, else its file's name."""
    markdown = is_markdown(filename)
    title = front_matter(text).title if markdown else None
    if title is None and markdown:
        title = next((path[-1] for path, _ in _parts(text) if path), None)
    if title is None and filename:
        title = " ".join((filename.rsplit(".", 1)[0] or filename).replace("_", " ").split())
    return (title[:LONGEST_TITLE].strip() or None) if title else None


def sections(text: str, *, title: str = "", markdown: bool = True) -> tuple[Section, ...]:
    """The text by heading path, in order, without its front matter.

    A heading that only repeats the title is left out of the paths. One without text of its own makes a section only
    where nothing stands under it.
    """
    parts = list(_parts(text)) if markdown else [((), _lines(text))]
    found = []
    for at, (path, lines) in enumerate(parts):
        body = "\n".join(lines).strip("\n").rstrip()
        following = parts[at + 1][0] if at + 1 < len(parts) else ()
        if not body and following[: len(path)] == path:
            continue
        shown = path[1:] if path and title and _squashed(path[0]) == _squashed(title) else path
        if body or shown:
            found.append(Section(heading=PATH.join(shown), text=body))
    return tuple(found)


def split(text: str, *, title: str, markdown: bool = True) -> tuple[Chunk, ...]:
    """The text as chunks of at most LONGEST_PASSAGE characters, in order, none reaching over a heading.

    A section that fits is one chunk. A longer one is cut between paragraphs, else between lines, sentences and words,
    and inside fenced code only where the code alone is too long; each further chunk repeats some words of the last.
    """
    return tuple(chunk for section in sections(text, title=title, markdown=markdown) for chunk in _chunks(section))


def _chunks(section: Section) -> Iterator[Chunk]:
    if len(section.text) <= LONGEST_PASSAGE:
        yield Chunk(section=section.heading, text=section.text or section.heading.rsplit(PATH, 1)[-1])
        return
    room = LONGEST_PASSAGE - OVERLAP - 1
    last = _Block("", code=True)
    for blocks in _packed(_fitting(_blocks(section.text), room), room):
        text = "\n\n".join(block.text for block in blocks)
        again = "" if last.code else _tail(last.text)
        yield Chunk(section=section.heading, text=f"{again}\n{text}" if again else text, overlap=len(again))
        last = blocks[-1]


def _packed(blocks: Iterable[_Block], room: int) -> Iterator[list[_Block]]:
    """Neighbours together while they fit."""
    held: list[_Block] = []
    size = 0
    for block in blocks:
        if held and size + 2 + len(block.text) > room:
            yield held
            held, size = [], 0
        size += len(block.text) + (2 if held else 0)
        held.append(block)
    if held:
        yield held


def _fitting(blocks: Iterable[_Block], room: int) -> Iterator[_Block]:
    """Blocks as they are, those too long in pieces."""
    for block in blocks:
        held: list[str] = []
        size = 0
        for atom in _atoms(block.text, room) if len(block.text) > room else (block.text,):
            if held and size + len(atom) > room:
                yield from _piece(held, block.code)
                held, size = [], 0
            held.append(atom)
            size += len(atom)
        yield from _piece(held, block.code)


def _piece(atoms: list[str], code: bool) -> Iterator[_Block]:
    text = "".join(atoms).rstrip().strip("\n")
    if text:
        yield _Block(text, code)


def _atoms(text: str, room: int) -> Iterator[str]:
    """Lines; of a line too long its sentences; of such a sentence its words; of such a word pieces. Nothing is lost."""
    for line in text.splitlines(keepends=True):
        for sentence in (line,) if len(line) <= room else _ending(_SENTENCE, line):
            for word in (sentence,) if len(sentence) <= room else _ending(_WORD, sentence):
                yield from (word[at : at + room] for at in range(0, len(word), room))


def _ending(end: re.Pattern[str], text: str) -> Iterator[str]:
    """The text cut after each match."""
    start = 0
    for match in end.finditer(text):
        yield text[start : match.end()]
        start = match.end()
    if start < len(text):
        yield text[start:]


def _tail(text: str) -> str:
    """The last words of a block: whole lines where they fit, else sentences, else words."""
    if len(text) <= OVERLAP:
        return text.strip()
    tail = text[-OVERLAP - 1 :]
    for mark in ("\n", ". ", " "):
        _, found, rest = tail.partition(mark)
        if found and rest.strip():
            return rest.strip()
    return ""


def _blocks(text: str) -> Iterator[_Block]:
    """Paragraphs, and fenced code as one."""
    held: list[str] = []
    fence = None
    for line in text.split("\n"):
        was, fence = fence, _fence_after(fence, line)
        if fence and not was:
            if held:
                yield _Block("\n".join(held))
            held = [line]
        elif was and not fence:
            yield _Block("\n".join([*held, line]), code=True)
            held = []
        elif line.strip() or fence:
            held.append(line)
        elif held:
            yield _Block("\n".join(held))
            held = []
    if held:
        yield _Block("\n".join(held), code=fence is not None)


def _parts(text: str) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Each heading's path and the lines under it up to the next; first what stands before any."""
    lines = _lines(text)
    path: list[tuple[int, str]] = []
    body: list[str] = []
    fence = None
    for line in lines[_body_at(lines) :]:
        was, fence = fence, _fence_after(fence, line)
        heading = None if was or fence else _heading(line, body)
        if heading is None:
            body.append(line)
            continue
        level, _, underlined = heading
        if underlined:
            body.pop()
        yield tuple(name for _, name in path), body
        path = [*((above, name) for above, name in path if above < level), heading[:2]]
        body = []
    yield tuple(name for _, name in path), body


def _heading(line: str, above: list[str]) -> tuple[int, str, bool] | None:
    """Level, name, and whether the name was the line above this one."""
    if found := _ATX.fullmatch(line):
        name = found[2].rstrip()
        if (bare := name.rstrip("#")) == "" or bare[-1] in " \t":
            name = bare
        level, underlined = len(found[1]), False
    elif above and (len(above) == 1 or not above[-2].strip()) and (found := _UNDERLINE.fullmatch(line)):
        name, level, underlined = above[-1], 1 if found[1][0] == "=" else 2, True
        if _NOT_PROSE.match(name):
            return None
    else:
        return None
    name = " ".join(name.replace("`", "").replace("**", "").split())
    return (level, name, underlined) if 0 < len(name) <= LONGEST_TITLE else None


def _fence_after(fence: str | None, line: str) -> str | None:
    """The fence that is open after a line."""
    found = _FENCE.fullmatch(line)
    if fence is None:
        return found[1] if found else None
    closes = found is not None and found[1].startswith(fence) and not found[2].strip()
    return None if closes else fence


def _body_at(lines: list[str]) -> int:
    """The number of lines of front matter."""
    mark = lines[0].rstrip()
    if mark not in ("---", "+++"):
        return 0
    for at, line in enumerate(lines[1:_LONGEST_FRONT_MATTER], 1):
        if line.rstrip() == mark:
            return at + 1
        if line and not _FRONT_LINE.match(line) and not _SETTING.fullmatch(line):
            return 0
    return 0


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _bare(value: str) -> str:
    value = value.strip()
    return value[1:-1].strip() if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" else value


def _squashed(name: str) -> str:
    return "".join(c for c in name.casefold() if c.isalnum())
