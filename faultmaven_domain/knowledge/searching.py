"""From a query to the documents that answer it: by meaning, by words, and by both."""

import asyncio
import json
from array import array
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from hashlib import sha256

from attrs import asdict, define, evolve, frozen

from ..kernel.cache import Cache
from ..kernel.errors import Unavailable
from ..kernel.ids import IdSource
from .fusion import best_of_each, fuse
from .indexing import INDEX
from .models import Document, PassageHit, Scope, SearchHit, SearchMode, SearchResult
from .ports import EmbeddingModel, KnowledgeTransactions, VectorProvider
from .words import names_spelled, spelled, words_of

#: Passages looked at first, and where too few documents are among them.
FEW, MANY = 100, 1_000
#: A passage less near than this has nothing to do with the query, in the eyes of the default model: over alert texts
#: the right runbook was never below 0.47, and everyday questions found nothing above 0.23.
NEAR = 0.25
#: The BM25 at which a document found by words alone scores a half.
HALF = 10.0
RESULTS_KEPT, QUERIES_KEPT = timedelta(minutes=5), timedelta(days=1)
_GENERATION, _RESULTS, _QUERIES = "knowledge:generation", "knowledge:search:", "knowledge:query:"

NO_MODEL = "No embedding model is installed, so this was searched by full text alone."
MODEL_AWAY = "The embedding model does not answer, so this was searched by full text alone."


@define
class _Question:
    """What is asked, and the way it turns out that it can be searched."""

    query: str
    mode: SearchMode
    scope: Scope
    vector: list[float] | None = None
    notes: tuple[str, ...] = ()

    def by_words_alone(self, why: str) -> None:
        self.mode, self.notes = SearchMode.KEYWORD, (why,)


@frozen
class Searching:
    transactions: KnowledgeTransactions
    vectors: VectorProvider
    embeddings: EmbeddingModel
    cache: Cache
    ids: IdSource

    async def run(self, query: str, mode: SearchMode, scope: Scope, limit: int) -> SearchResult:
        """Raises: Unavailable."""
        parts = [query, mode, asdict(scope), limit, self.embeddings.name]
        key = _RESULTS + _digest(json.dumps(parts, sort_keys=True))
        generation, kept = await asyncio.gather(self.cache.get(_GENERATION), self.cache.get(key))
        known = generation.decode() if generation else await self._begun()
        found = await self._still_true(kept, known, scope) if kept else None
        if found is not None:
            return found
        result, revisions = await self._search(_Question(query, mode, scope), limit)
        if MODEL_AWAY not in result.notes:
            await self.cache.set(key, _written(result, revisions, known), RESULTS_KEPT)
        return result

    async def changed(self) -> None:
        """What a search finds has changed: no result from before is given any more, nor one still being made.

        Their generation is ended, as a cache that is away remembers what it is to forget; they themselves lapse soon.
        """
        await self.cache.invalidate(_GENERATION)

    async def _begun(self) -> str:
        """Another generation of results, of what is found from now on."""
        new = self.ids.job()
        await self.cache.set(_GENERATION, new.encode(), QUERIES_KEPT)
        return new

    async def _search(self, question: _Question, limit: int) -> tuple[SearchResult, tuple[str | None, ...]]:
        if question.mode is not SearchMode.KEYWORD and not self.embeddings.dimension:
            question.by_words_alone(NO_MODEL)
        for top_k in (FEW, MANY):
            rankings = await self._rankings(question, top_k)
            best, documents = await self._standing(question, rankings, limit)
            if len(best) >= limit or all(len(ranking) < top_k for ranking in rankings):
                break
        shown = [(hit, documents[hit.passage.document_id]) for hit in best[:limit]]
        result = SearchResult(
            query=question.query,
            hits=tuple(_hit(hit, document) for hit, document in shown),
            total_found=len(best),
            mode=question.mode,
            notes=question.notes,
        )
        return result, tuple(document.revision for _, document in shown)

    async def _rankings(self, question: _Question, top_k: int) -> list[list[PassageHit]]:
        """By meaning, by words, or both, at the same time."""
        searches = []
        if question.mode is not SearchMode.KEYWORD:
            searches.append(self._by_meaning(question, top_k))
        if question.mode is not SearchMode.SEMANTIC:
            searches.append(self._by_words(question, top_k))
        rankings = await asyncio.gather(*searches)
        return rankings[-1:] if question.mode is SearchMode.KEYWORD else rankings

    async def _by_meaning(self, question: _Question, top_k: int) -> list[PassageHit]:
        if question.vector is None:
            try:
                question.vector = await self._vector(question.query)
            except Unavailable:
                if question.mode is SearchMode.SEMANTIC:
                    raise
                question.by_words_alone(MODEL_AWAY)
                return []
        hits = await self.vectors.search(INDEX, question.vector, top_k, scope=question.scope)
        return _in_order(hit for hit in hits if hit.score >= NEAR)

    async def _by_words(self, question: _Question, top_k: int) -> list[PassageHit]:
        words = f"{question.query}\n{names_spelled(question.query)}"
        return _in_order(await self.vectors.search_text(INDEX, words, top_k, scope=question.scope))

    async def _vector(self, query: str) -> list[float]:
        """Raises: Unavailable."""
        key = _QUERIES + _digest(f"{self.embeddings.name}\n{query}")
        kept = await self.cache.get(key)
        if kept and len(kept) == 4 * self.embeddings.dimension:
            return array("f", kept).tolist()
        [vector] = await self.embeddings.embed([spelled(query)])
        await self.cache.set(key, array("f", vector).tobytes(), QUERIES_KEPT)
        return vector

    async def _standing(
        self, question: _Question, rankings: Sequence[Sequence[PassageHit]], limit: int
    ) -> tuple[list[PassageHit], dict[str, Document]]:
        """The best passage of each document as its row stands, best first, and the rows of the first ``limit``."""
        found = sorted({hit.passage.document_id for ranking in rankings for hit in ranking})
        async with self.transactions.view() as unit:
            revisions = await unit.documents.revisions(found, owner_id=question.scope.owner_id)
            live = [[hit for hit in ranking if _live(hit, revisions)] for ranking in rankings]
            best = best_of_each(_scored(live, question.mode, question.query))
            rows = await unit.documents.by_ids([hit.passage.document_id for hit in best[:limit]])
        return best, {row.document_id: row for row in rows}

    async def _still_true(self, kept: bytes, generation: str, scope: Scope) -> SearchResult | None:
        """A kept result, unless something was changed since: the index, or one of its documents."""
        result, revisions, known = _read(kept)
        if known != generation:
            return None
        async with self.transactions.view() as unit:
            now = await unit.documents.revisions([hit.document_id for hit in result.hits], owner_id=scope.owner_id)
        held = {hit.document_id: revision for hit, revision in zip(result.hits, revisions, strict=True)}
        return result if held == now else None


def _in_order(hits: Iterable[PassageHit]) -> list[PassageHit]:
    """Best first, and equal ones by what they say: in what order they were indexed is chance."""
    return sorted(hits, key=lambda hit: (-hit.score, hit.passage.title, hit.passage.ordinal, hit.passage.passage_id))


def _live(hit: PassageHit, revisions: Mapping[str, str]) -> bool:
    """Only passages of the revision the document's row names: no half of an indexing, nothing of a deleted one."""
    return revisions.get(hit.passage.document_id) == hit.passage.revision


def _scored(rankings: Sequence[Sequence[PassageHit]], mode: SearchMode, query: str) -> list[PassageHit]:
    """One ranking, with scores from 0.0 to 1.0: the cosine, a saturated BM25, or how high all put it."""
    if mode is SearchMode.HYBRID:
        named = _named(rankings, query)
        return fuse([*rankings, named] if named else rankings)
    if mode is SearchMode.SEMANTIC:
        return [evolve(hit, score=min(1.0, max(0.0, hit.score))) for hit in rankings[0]]
    return [evolve(hit, score=hit.score / (hit.score + HALF)) for hit in rankings[0]]


def _named(rankings: Sequence[Sequence[PassageHit]], query: str) -> list[PassageHit]:
    """The best passage of each document the query calls by its whole title, the longest title first."""
    asked = f" {' '.join(words_of(query))} "
    hits = best_of_each(hit for ranking in rankings for hit in ranking)
    called = [(_title_words(hit.passage.title), hit) for hit in hits]
    named = [(len(words), hit) for words, hit in called if len(words) > 1 and f" {' '.join(words)} " in asked]
    return [hit for _, hit in sorted(named, key=lambda pair: -pair[0])]


@lru_cache(maxsize=4_096)
def _title_words(title: str) -> tuple[str, ...]:
    """Kept, as a search looks at a hundred titles and the next one at many of them again."""
    return tuple(words_of(title))


def _hit(hit: PassageHit, document: Document) -> SearchHit:
    return SearchHit(
        document_id=document.document_id,
        title=document.title,
        document_type=document.document_type,
        tags=document.tags,
        section=hit.passage.section,
        snippet=hit.passage.text,
        score=hit.score,
        is_global=document.owner_id is None,
    )


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()


def _written(result: SearchResult, revisions: tuple[str | None, ...], generation: str) -> bytes:
    return json.dumps([asdict(result), revisions, generation]).encode()


def _read(kept: bytes) -> tuple[SearchResult, tuple[str | None, ...], str]:
    value, revisions, generation = json.loads(kept)
    hits = tuple(SearchHit(**{**hit, "tags": tuple(hit["tags"])}) for hit in value["hits"])
    value |= {"hits": hits, "mode": SearchMode(value["mode"]), "notes": tuple(value["notes"])}
    return SearchResult(**value), tuple(revisions), generation
