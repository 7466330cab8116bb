"""Finding the lines of a text that answer a question: BM25 over windows of lines (Robertson & Zaragoza 2009)."""

import math
import re
from collections import Counter

from attrs import frozen

WINDOW = 12
LONGEST_QUOTE = 1_200
LARGEST_TEXT = 8_000_000
_WORD = re.compile(r"[A-Za-z0-9_]{2,64}")
_K1, _B = 1.2, 0.75
_COMMON = frozenset(
    """the and for are was what which why how with from this that not you your can could should is it in on of to an be
    do does did has have had will would there here their then than when where who first check failing fail wrong
    """.split()  # noqa: SIM905
)


@frozen(kw_only=True)
class Window:
    """Consecutive lines, ``first`` to ``last``, 1-based and inclusive."""

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


def search_lines(text: str, query: str, limit: int) -> tuple[Window, ...]:
    """The best windows of WINDOW lines, best first; none where no word of the query occurs. Reads 8 MB at most."""
    wanted = {word for word in words(query) if word not in _COMMON}
    lines = text[:LARGEST_TEXT].split("\n")
    counted: list[tuple[int, Counter[str], int]] = []
    frequency: Counter[str] = Counter()
    for start in range(0, len(lines), WINDOW):
        found = words("\n".join(lines[start : start + WINDOW]))
        hits = Counter(word for word in found if word in wanted)
        counted.append((start, hits, len(found)))
        frequency.update(hits.keys())
    if not frequency:
        return ()
    mean = sum(size for _, _, size in counted) / len(counted) or 1.0
    ranked = []
    for start, hits, size in counted:
        score = 0.0
        for word, count in hits.items():
            rarity = math.log(1 + (len(counted) - frequency[word] + 0.5) / (frequency[word] + 0.5))
            score += rarity * count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * size / mean))
        if score > 0:
            ranked.append((score, start))
    ranked.sort(key=lambda pair: (-pair[0], pair[1]))
    return tuple(_window(lines, start, score) for score, start in ranked[:limit])


def _window(lines: list[str], start: int, score: float) -> Window:
    kept: list[str] = []
    room = LONGEST_QUOTE
    for line in lines[start : start + WINDOW]:
        if kept and room <= 0:
            break
        kept.append(line[: max(room, 80)])
        room -= len(line) + 1
    while len(kept) > 1 and not kept[-1].strip():
        kept.pop()
    return Window(first=start + 1, last=start + len(kept), text="\n".join(kept), score=score)
