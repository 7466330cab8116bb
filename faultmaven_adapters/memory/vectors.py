import math
from collections import Counter
from collections.abc import Callable, Sequence
from operator import mul

from attrs import define, field, frozen

from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_domain.knowledge import IndexMismatch, Passage, PassageHit, Scope

from ..vectors.words import words_in

_K1, _B = 1.2, 0.75


@define
class _Collection:
    model: str | None = None
    passages: dict[str, Passage] = field(factory=dict)
    vectors: dict[str, Sequence[float]] = field(factory=dict)
    words: dict[str, Counter[str]] = field(factory=dict)


@frozen
class MemoryVectorProvider:
    """Every passage compared with every query: exact cosine, and BM25 (Robertson & Zaragoza 2009) over whole words."""

    _collections: dict[str, _Collection] = field(factory=dict, init=False)

    async def prepare(self, collection: str, *, model: str, dimension: int) -> None:
        found = self._collections.setdefault(collection, _Collection())
        if not dimension:
            return
        if found.vectors and found.model and found.model != model:
            raise IndexMismatch.between(held=found.model, wanted=model)
        found.model = model

    async def upsert(
        self, collection: str, passages: Sequence[Passage], vectors: Sequence[Sequence[float]] | None
    ) -> None:
        into = self._collections.get(collection)
        if into is None or (vectors is not None and into.model is None):
            raise Unavailable("The index is not prepared.", collection=collection)
        for at, passage in enumerate(passages):
            into.passages[passage.passage_id] = passage
            into.words[passage.passage_id] = Counter(words_in(passage.searched_text))
            into.vectors.pop(passage.passage_id, None)
            if vectors is not None:
                into.vectors[passage.passage_id] = vectors[at]

    async def search(self, collection: str, vector: Sequence[float], top_k: int, *, scope: Scope) -> list[PassageHit]:
        within = self._within(collection, scope)
        length = math.hypot(*vector)
        hits = [
            PassageHit(passage=passage, score=sum(map(mul, vector, own)) / (length * math.hypot(*own)))
            for passage in within
            if (own := self._collections[collection].vectors.get(passage.passage_id)) is not None
        ]
        return _best(hits, top_k)

    async def search_text(self, collection: str, query: str, top_k: int, *, scope: Scope) -> list[PassageHit]:
        within = self._within(collection, scope)
        wanted = dict.fromkeys(words_in(query))
        words = self._collections[collection].words if within else {}
        mean = sum(counts.total() for counts in words.values()) / max(1, len(words)) or 1.0
        rarity = {word: _rarity(sum(word in counts for counts in words.values()), len(words)) for word in wanted}
        hits = []
        for passage in within:
            counts = words[passage.passage_id]
            damped = _K1 * (1 - _B + _B * counts.total() / mean)
            found = [(rarity[word], counts[word]) for word in wanted if word in counts]
            if found:
                score = sum(weight * count * (_K1 + 1) / (count + damped) for weight, count in found)
                hits.append(PassageHit(passage=passage, score=score))
        return _best(hits, top_k)

    async def delete(self, collection: str, document_id: str, *, keep_revision: str | None = None) -> None:
        self._drop(collection, lambda p: p.document_id == document_id and p.revision != keep_revision)

    async def discard(self, collection: str, document_id: str, *, revision: str) -> None:
        self._drop(collection, lambda p: p.document_id == document_id and p.revision == revision)

    async def drop(self, collection: str) -> None:
        self._collections.pop(collection, None)

    async def holds(self, collection: str, document_id: str, *, revision: str) -> bool:
        found = self._collections.get(collection, _Collection())
        return (document_id, revision) in {(p.document_id, p.revision) for p in found.passages.values()}

    async def tidy(self, collection: str) -> None:
        """There is nothing to tidy."""

    async def ping(self) -> None:
        """Always there."""

    async def close(self) -> None:
        self._collections.clear()

    def _within(self, collection: str, scope: Scope) -> list[Passage]:
        found = self._collections.get(collection)
        return [passage for passage in found.passages.values() if scope.lets_through(passage)] if found else []

    def _drop(self, collection: str, unwanted: Callable[[Passage], bool]) -> None:
        found = self._collections.get(collection, _Collection())
        for passage in [passage for passage in found.passages.values() if unwanted(passage)]:
            for kept in (found.passages, found.vectors, found.words):
                kept.pop(passage.passage_id, None)


def _best(hits: list[PassageHit], top_k: int) -> list[PassageHit]:
    return sorted(hits, key=lambda hit: -hit.score)[:top_k]


def _rarity(holding: int, all_of_them: int) -> float:
    return math.log(1 + (all_of_them - holding + 0.5) / (holding + 0.5))
