"""Full text in memory, for an engine that has none: every passage's words, and BM25 over them."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field

from faultmaven_domain.knowledge import Passage, PassageHit, Scope

from .words import words_in

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

#: BM25's own (Robertson & Zaragoza 2009): how soon a word's repetition counts for less, and how much length does.
K1, B = 1.2, 0.75


@define(eq=False)
class HeldWords:
    """Passages by keys, under each of which the same passage lies for ever. Not for two threads at a time.

    About eight bytes for each different word of a passage, beside the passage itself.
    """

    #: A passage's place never changes; where one was forgotten there is None.
    _passages: list[Passage | None] = field(factory=list, init=False)
    _places: dict[str, int] = field(factory=dict, init=False)
    _lengths: "array[int]" = field(factory=lambda: array("i"), init=False)
    #: The places a word is found at, and how often at each of them.
    _found: "dict[str, tuple[array[int], array[int]]]" = field(factory=dict, init=False)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def __len__(self) -> int:
        return len(self._places)

    def add(self, passages: Mapping[str, Passage]) -> None:
        """A key that is there already is left as it is."""
        for key, passage in passages.items():
            if key in self._places:
                continue
            place = self._places[key] = len(self._passages)
            counts = Counter(words_in(passage.searched_text))
            self._passages.append(passage)
            self._lengths.append(counts.total())
            for word, count in counts.items():
                places, often = self._found.setdefault(word, (array("i"), array("i")))
                places.append(place)
                often.append(count)

    def keep(self, keys: Iterable[str]) -> None:
        """Forget all others. Their places are given up once they are most of all."""
        kept = {key: self._places[key] for key in keys if key in self._places}
        for key in self._places.keys() - kept.keys():
            self._passages[self._places[key]] = None
            self._lengths[self._places[key]] = -1
        self._places = kept
        if len(self._passages) > 2 * len(kept) + 64:
            held = {key: passage for key, place in kept.items() if (passage := self._passages[place]) is not None}
            self._passages, self._places, self._lengths, self._found = [], {}, array("i"), {}
            self.add(held)

    def best(self, query: str, top_k: int, scope: Scope) -> list[PassageHit]:
        """By BM25, best first, and the one that came first of equal ones. Rarity counts over all, seen or not."""
        import numpy as np

        lengths = np.array(self._lengths, np.float32)
        mean = max(1.0, float(lengths[lengths >= 0].sum()) / max(1, len(self)))
        damped = K1 * (1 - B + B * lengths / mean)
        scores = np.zeros(len(lengths), np.float32)
        for word in dict.fromkeys(words_in(query)):
            if word not in self._found:
                continue
            places, often = (np.array(values) for values in self._found[word])
            there = lengths[places] >= 0
            places, often = places[there], often[there]
            rarity = np.log(1 + (len(self) - len(places) + 0.5) / (len(places) + 0.5))
            scores[places] += rarity * often * (K1 + 1) / (often + damped[places])
        return self._seen(scores, top_k, scope)

    def _seen(self, scores: "Array", top_k: int, scope: Scope) -> list[PassageHit]:
        import numpy as np

        found = np.flatnonzero(scores > 0)
        hits: dict[str, PassageHit] = {}
        for place in found[np.argsort(-scores[found], kind="stable")].tolist():
            passage = self._passages[place]
            # Twice the same one is an old and a new form of it, while it is being replaced.
            if passage is not None and passage.passage_id not in hits and scope.lets_through(passage):
                hits[passage.passage_id] = PassageHit(passage=passage, score=float(scores[place]))
                if len(hits) == top_k:
                    break
        return list(hits.values())
