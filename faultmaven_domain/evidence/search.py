"""Finding the lines of a text that answer a question: BM25 over windows of lines (Robertson & Zaragoza 2009)."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from attrs import define, field, frozen

WINDOW = 12
LONGEST_QUOTE = 1_200
LONGEST_WINDOW = 16_384  # bytes; where lines are longer a window has fewer of them, or a part of one
MOST_HELD = 2_000  # windows with a hit
_BEFORE = 80  # characters of a long line quoted before its first hit
_WORD = re.compile(r"[A-Za-z0-9_]{2,64}")
_K1, _B = 1.2, 0.75
_COMMON = frozenset(
    """the and for are was what which why how with from this that not you your can could should is it in on of to an be
    do does did has have had will would there here their then than when where who first check failing fail wrong
    """.split()  # noqa: SIM905
)


@frozen(kw_only=True)
class Window:
    """Consecutive lines, ``first`` to ``last``, 1-based and inclusive; of long ones ``text`` quotes a part."""

    first: int
    last: int
    text: str
    score: float


def names_in(query: str) -> str:
    """The words of a question that can only be names: ids, hosts, quoted texts. The rest says nothing in a log."""
    quoted = re.findall(r"[\"'`“]([^\"'`”]{3,200})[\"'`”]", query)
    named = [word for word in _WORD.findall(query) if len(word) >= 6 and any(c.isdigit() for c in word)]
    return " ".join([*quoted, *named])


def words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def search_lines(pieces: Iterable[bytes], query: str, limit: int) -> Iterator[Window]:
    """The best windows of a UTF-8 text, best first; none where no word of the query occurs. Memory is bounded."""
    wanted = frozenset(words(query)) - _COMMON
    if not wanted:
        return
    tally = _Tally(wanted)
    for window in _windows(pieces):
        tally.note(window)
    seen: set[int] = set()
    for score, hit in tally.ranked():
        if len(seen) >= limit:
            return
        if hit.first not in seen:  # of one long line its best part
            seen.add(hit.first)
            yield Window(first=hit.first, last=hit.first + hit.text.count("\n"), text=hit.text, score=score)


@frozen
class _Lines:
    """Some lines as they are written, or a part of one. ``size`` in bytes."""

    first: int
    lines: Sequence[bytes]
    size: int


@frozen
class _Hit:
    first: int
    text: str
    counts: tuple[tuple[str, int], ...]
    size: int


def _windows(pieces: Iterable[bytes]) -> Iterator[_Lines]:
    held: list[bytes] = []
    size, number = 0, 1
    for line, ends in _parts(pieces):
        if held and not ends:
            yield _Lines(number, held, size)
            number += len(held)
            held, size = [], 0
        held.append(line)
        size += len(line) + 1
        if len(held) == WINDOW or size > LONGEST_WINDOW or not ends:
            yield _Lines(number, held, size)
            number += len(held) - (not ends)
            held, size = [], 0
    if held:
        yield _Lines(number, held, size)


def _parts(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Lines, and whether they end here: a very long one comes in parts, cut between words where it has any."""
    held = b""
    for piece in pieces:
        *lines, held = (held + piece).split(b"\n")
        for line in lines:
            *parts, end = _cut(line)
            yield from ((part, False) for part in parts)
            yield end, True
        *parts, held = _cut(held)
        yield from ((part, False) for part in parts)
    yield held, True


def _cut(line: bytes) -> list[bytes]:
    parts = []
    while len(line) > LONGEST_WINDOW:
        end = line.rfind(b" ", LONGEST_WINDOW // 2, LONGEST_WINDOW) + 1 or LONGEST_WINDOW
        parts.append(line[:end])
        line = line[end:]
    return [*parts, line]


@define
class _Tally:
    """The windows with a hit, the best of them where there are very many."""

    wanted: frozenset[str]
    hits: list[_Hit] = field(factory=list)
    frequency: Counter[str] = field(factory=Counter)
    windows: int = 0
    size: int = 0
    _as_bytes: tuple[bytes, ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._as_bytes = tuple(word.encode() for word in self.wanted)

    def note(self, window: _Lines) -> None:
        self.windows += 1
        self.size += window.size
        written = b"\n".join(window.lines)
        folded = written.lower()
        if not any(word in folded for word in self._as_bytes):
            return
        found = Counter(word for word in words(written.decode(errors="ignore")) if word in self.wanted)
        if not found:
            return
        self.frequency.update(found.keys())
        first, text = _quoted(window, self.wanted)
        self.hits.append(_Hit(first, text, tuple(found.items()), window.size))
        if len(self.hits) >= 2 * MOST_HELD:
            self.hits = [hit for _, hit in self.ranked()[:MOST_HELD]]

    def ranked(self) -> list[tuple[float, _Hit]]:
        scored = [(self._score(hit), hit) for hit in self.hits]
        return sorted(scored, key=lambda pair: (-pair[0], pair[1].first))

    def _score(self, hit: _Hit) -> float:
        length = 1 - _B + _B * hit.size * self.windows / self.size
        score = 0.0
        for word, count in hit.counts:
            common = self.frequency[word]
            rarity = math.log(1 + (self.windows - common + 0.5) / (common + 0.5))
            score += rarity * count * (_K1 + 1) / (count + _K1 * length)
        return score


def _quoted(window: _Lines, wanted: frozenset[str]) -> tuple[int, str]:
    """What is shown of a window, and the line it begins at: its beginning, or else what stands around the first hit."""
    lines = [line.decode(errors="ignore") for line in window.lines]
    hit = next((at for at, line in enumerate(lines) if not wanted.isdisjoint(words(line))), 0)
    start = hit if sum(len(line) + 1 for line in lines[: hit + 1]) > LONGEST_QUOTE else 0
    kept: list[str] = []
    room = LONGEST_QUOTE
    for at, line in enumerate(lines[start:], start):
        if kept and room <= 0:
            break
        begin = 0
        if at == hit and len(line) > room:
            found = next(word.start() for word in _WORD.finditer(line) if word[0].lower() in wanted)
            begin = max(0, min(found - _BEFORE, len(line) - room))
        kept.append(line[begin : begin + max(room, 80)])
        room -= len(line) + 1
    while len(kept) > 1 and not kept[-1].strip():
        kept.pop()
    return window.first + start, "\n".join(kept)
