"""Mining templates: one pass over masked messages, bounded memory, no knowledge of who wrote them.

Masked messages that are alike to the word are one shape. When the log ends, or there are too many shapes, shapes that
differ only where a value may stand are merged into one template. Kin of Drain (He et al., ICWS 2017) in that messages
of different length never meet, but merging looks at all shapes together instead of at each line as it comes, so that
the evidence for "this place varies" is in hand when it is decided.
"""

import re
from collections import Counter, defaultdict
from functools import lru_cache

from attrs import define, field

from .masking import MASK, is_status
from .settling import Words, settle
from .severity import severity_of
from .tally import Tally

MOST_SHAPES = 5_000
ENOUGH_WORDS = 4
"""How many different plain words at one place make it a place for values; two or three are worth telling apart."""
MANY_WORDS = 12
"""How many it takes where the words may tell what happened: at the front, or all of them participles or capitals."""
CROWD = 50
"""How many shapes it takes for names to be told from other words by their rareness alone."""


@define(eq=False)
class Shape:
    """Messages of one level that are alike once masked. ``into`` leads to the shape it was merged into."""

    level: str | None
    words: Words
    tally: Tally = field(factory=Tally)
    open: frozenset[int] = frozenset()  # places known to take any word
    into: "Shape | None" = None
    sum: int = field(init=False)  # of the words and their places: what is left when one is taken away finds its like

    def __attrs_post_init__(self) -> None:
        self.sum = sum(_hash(place, word) for place, word in enumerate(self.words))

    def root(self) -> "Shape":
        shape = self
        while shape.into is not None:
            shape = shape.into
        return shape


@define
class TemplateMiner:
    """``dropped`` counts the messages whose shape found no room, or had to make room: the rarest of the harmless."""

    most_shapes: int = MOST_SHAPES
    dropped: int = 0
    _raw: dict[tuple[str | None, Words], Shape] = field(factory=dict)
    _settled: dict[tuple[str | None, Words], Shape] = field(factory=dict)
    _open: dict[tuple[str | None, int], list[Shape]] = field(factory=dict)
    _full: bool = False

    def add(self, level: str | None, words: Words) -> Shape | None:
        """The shape of one message; None where there is no room for it."""
        shape = self._raw.get((level, words)) or self._new(level, words)
        if shape is None:
            self.dropped += 1
        return shape

    def _new(self, level: str | None, words: Words) -> Shape | None:
        settled = settle(words)
        shape = self._settled.get((level, settled)) or self._opened(level, settled)
        if shape is None:
            if len(self._settled) >= self.most_shapes:
                if not self._made_room():
                    return None
                shape = self._opened(level, settled)
            if shape is None:
                shape = self._settled[level, settled] = Shape(level, settled)
        if len(self._raw) >= 4 * self.most_shapes:
            self._raw.clear()
        self._raw[level, words] = shape
        return shape

    def _opened(self, level: str | None, words: Words) -> Shape | None:
        """The shape that takes any word where these differ from it."""
        for shape in self._open.get((level, len(words)), ()):
            if all(place in shape.open or word == words[place] for place, word in enumerate(shape.words)):
                return shape
        return None

    def _made_room(self) -> bool:
        """Room is made by merging; where that is not enough, at the cost of the rarest shapes that tell no harm."""
        if self._full:
            return False
        self.merge()
        surplus = len(self._settled) - self.most_shapes // 2
        if surplus > 0:
            harmless = [key for key in self._settled if severity_of(key[0], " ".join(key[1])) == "normal"]
            harmless.sort(key=lambda key: self._settled[key].tally.count)
            for key in harmless[:surplus]:
                self.dropped += self._settled.pop(key).tally.count
        self._full = len(self._settled) >= self.most_shapes
        return not self._full

    def merge(self) -> list[Shape]:
        """Merge what belongs together, and return the shapes that stand."""
        groups: dict[tuple[str | None, int], list[Shape]] = defaultdict(list)
        for shape in self._settled.values():
            groups[shape.level, len(shape.words)].append(shape)
        alike: dict[tuple[str | None, Words], list[Shape]] = defaultdict(list)
        for group in groups.values():
            for shape in _merged(group):
                alike[shape.level, shape.words].append(shape)
        self._raw.clear()
        self._settled = {key: _united(shapes) for key, shapes in alike.items()}
        self._open = defaultdict(list)
        for shape in self._settled.values():
            if shape.open:
                self._open[shape.level, len(shape.words)].append(shape)
        return list(self._settled.values())


def _hash(place: int, word: str) -> int:
    return hash(f"{place} {word}")  # of the text, since sums of hashes of tuples meet by their arithmetic


_BOOLEAN = frozenset(("true", "false", "yes", "no", "on", "off", "enabled", "disabled"))
_VALUE_LIKE = re.compile(r"<\*>|\w[./\\$|@]\w|/\w|[a-z]_|_[a-z]|\d")
_NAMED = re.compile(r"([^=(:<]*(?:=|\(|:(?=\S)))(.+)")
_CLOSING = re.compile(r"(?<=\w)[^\w<>]*$|(?<=<\*>)[^\w]*$")
_OPENING, _ENDING = "([{\"'", ")]}\"'"
_NUMBER = re.compile(r"\d+|<\*>")
_WHAT_HAPPENED = re.compile(r"(?:[A-Z][A-Z_]+|[A-Za-z]+(?:ed|ing|ion))\W*$")


@lru_cache(16_384)
def _masked(word: str) -> str:
    """The word as its skeleton has it: the value masked, the name of the value kept."""
    if is_status(word):
        return word
    named = _NAMED.match(word)
    if named is not None and named[2].rstrip(",;)") not in _BOOLEAN:
        return named[1] + MASK
    return MASK if _is_value(word) else word


def _is_value(word: str) -> bool:
    return _VALUE_LIKE.search(word) is not None or (word[0] in "'\"" and word.rstrip(",.;:)")[-1:] == word[0])


def _merged(group: list[Shape]) -> list[Shape]:
    if len(group) == 1:
        return group
    skeletons: dict[Words, list[Shape]] = defaultdict(list)
    for shape in group:
        skeletons[tuple(map(_masked, shape.words))].append(shape)
    standing = [shape for members in skeletons.values() for shape in _by_skeleton(members)]
    return _by_crowd(_by_place(standing))


def _by_skeleton(members: list[Shape]) -> list[Shape]:
    """Shapes that differ only in values: one template, but for a place that holds two or three plain words."""
    if len(members) == 1:
        return members
    for place in range(len(members[0].words)):
        found = {shape.words[place] for shape in members}
        if 1 < len(found) < ENOUGH_WORDS and not any(map(_is_value, found)):
            parts: dict[str, list[Shape]] = defaultdict(list)
            for shape in members:
                parts[shape.words[place]].append(shape)
            return [shape for part in parts.values() for shape in _by_skeleton(part)]
    return [_united(members)]


def _by_place(shapes: list[Shape]) -> list[Shape]:
    """Merge shapes that differ in one plain word only, where enough different words stand at that place."""
    changed = True
    while changed and len(shapes) > 1:
        changed = False
        for place in range(len(shapes[0].words)):
            buckets: dict[int, list[Shape]] = defaultdict(list)
            for shape in shapes:
                buckets[shape.sum - _hash(place, shape.words[place])].append(shape)
            if len(buckets) == len(shapes):
                continue
            kept: list[Shape] = []
            for members in buckets.values():
                if len(members) > 1 and _varies(place, members):
                    kept.append(_united(members))
                    changed = True
                else:
                    kept.extend(members)
            shapes = kept
    return shapes


def _by_crowd(shapes: list[Shape]) -> list[Shape]:
    """Where very many shapes begin alike, the words that are rare at places of many words are values: names, say."""
    if len(shapes) < CROWD:
        return shapes
    crowds: dict[str, list[Shape]] = defaultdict(list)
    for shape in shapes:
        crowds[shape.words[0]].append(shape)
    standing: list[Shape] = []
    for crowd in crowds.values():
        if len(crowd) < CROWD:
            standing.extend(crowd)
            continue
        columns = [Counter(column) for column in zip(*(shape.words for shape in crowd), strict=True)]
        crowded = [len(column) >= CROWD and len(column) * 4 >= len(crowd) for column in columns]
        if len(crowded) - sum(crowded) < max(3, len(crowded) // 2):
            standing.extend(crowd)
            continue
        rare = len(crowd) // 20
        alike: dict[Words, list[Shape]] = defaultdict(list)
        for shape in crowd:
            places = zip(shape.words, columns, crowded, strict=True)
            alike[tuple(MASK if many and column[word] <= rare else word for word, column, many in places)].append(shape)
        opened = frozenset(place for place, many in enumerate(crowded) if many)
        for words, members in alike.items():
            united = _united(members)
            united.open |= frozenset(place for place in opened if words[place] == MASK)
            standing.append(united)
    return standing


def _varies(place: int, members: list[Shape]) -> bool:
    words = members[0].words
    if sum(1 for at, word in enumerate(words) if at != place and MASK not in word) < 2:
        return False
    found = [shape.words[place] for shape in members]
    if any(map(is_status, found)):
        return False
    if MASK in found and (place > 0 or all(map(_is_value, found))):
        return True
    if len(found) >= MANY_WORDS:
        return True
    return place > 0 and len(found) >= ENOUGH_WORDS and not all(map(_WHAT_HAPPENED.match, found))


def _united(members: list[Shape]) -> Shape:
    first = members[0]
    if len(members) == 1:
        return first
    words = tuple(_common(set(column)) for column in zip(*(shape.words for shape in members), strict=True))
    opened = frozenset[int]().union(*(shape.open for shape in members))
    united = Shape(first.level, words, Tally.of([shape.tally for shape in members]), opened)
    for shape in members:
        shape.into = united
    return united


def _common(words: set[str]) -> str:
    """One word for many: the name and the punctuation they share, and a value."""
    if len(words) == 1:
        return words.pop()
    numbered = {_NUMBER.sub(MASK, word) for word in words}
    if len(numbered) == 1:
        return numbered.pop()
    masked = {_masked(word) for word in words}
    ends = {found[0] if (found := _CLOSING.search(word)) else "" for word in words}
    end = ends.pop() if len(ends) == 1 else ""
    if len(masked) == 1 and (name := masked.pop()) != MASK:
        return name + end
    starts = {word[: len(word) - len(word.lstrip(_OPENING))] for word in words}
    start = starts.pop() if len(starts) == 1 else ""
    return start + MASK + (end if start else end.lstrip(_ENDING))
