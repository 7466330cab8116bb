"""From a query to the documents that answer it: by meaning, by words, and by both."""

import asyncio
import json
from array import array
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from attrs import asdict, evolve, frozen

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


@frozen
class Searching:
    transactions: KnowledgeTransactions
    vectors: VectorProvider
    embeddings: EmbeddingModel
    cache: Cache
    ids: IdSource

    async def run(self, query: str, mode: SearchMode, scope: Scope, limit: int) -> SearchResult:
        """Raises: Unavailable."""
        generation = await self.cache.get(_GENERATION) or b""
        parts = [generation.decode(), query, mode, asdict(scope), limit, self.embeddings.name]
        key = _RESULTS + _digest(json.dumps(parts, sort_keys=True))
        kept = await self.cache.get(key)
        found = await self._still_true(kept, scope) if kept else None
        if found is not None:
            return found
        result, revisions = await self._search(query, mode, scope, limit)
        if MODEL_AWAY not in result.notes:
            await self.cache.set(key, _written(result, revisions), RESULTS_KEPT)
        return result

    async def changed(self) -> None:
        """What a search finds has changed: no result from before is given any more, nor one still being made."""
        await self.cache.set(_GENERATION, self.ids.job().encode(), QUERIES_KEPT)
        await self.cache.invalidate(f"{_RESULTS}*")

    async def _search(
        self, query: str, mode: SearchMode, scope: Scope, limit: int
    ) -> tuple[SearchResult, tuple[str | None, ...]]:
        vector: list[float] | None = None
        notes: tuple[str, ...] = ()
        if mode is not SearchMode.KEYWORD:
            vector, notes = await self._vector(query, needed=mode is SearchMode.SEMANTIC)
            mode = mode if vector is not None else SearchMode.KEYWORD
        for top_k in (FEW, MANY):
            rankings = await self._rankings(query, vector, mode, scope, top_k)
            documents = await self._documents(rankings, scope)
            live = [[h for h in ranking if _live(h, documents)] for ranking in rankings]
            best = best_of_each(_scored(live, mode, query))
            if len(best) >= limit or all(len(ranking) < top_k for ranking in rankings):
                break
        shown = [(hit, documents[hit.passage.document_id]) for hit in best[:limit]]
        result = SearchResult(
            query=query,
            hits=tuple(_hit(hit, document) for hit, document in shown),
            total_found=len(best),
            mode=mode,
            notes=notes,
        )
        return result, tuple(document.revision for _, document in shown)

    async def _vector(self, query: str, *, needed: bool) -> tuple[list[float] | None, tuple[str, ...]]:
        """The query's vector, or None and why there is none."""
        if not self.embeddings.dimension:
            return None, (NO_MODEL,)
        key = _QUERIES + _digest(f"{self.embeddings.name}\n{query}")
        kept = await self.cache.get(key)
        if kept and len(kept) == 4 * self.embeddings.dimension:
            return array("f", kept).tolist(), ()
        try:
            [vector] = await self.embeddings.embed([spelled(query)])
        except Unavailable:
            if needed:
                raise
            return None, (MODEL_AWAY,)
        await self.cache.set(key, array("f", vector).tobytes(), QUERIES_KEPT)
        return vector, ()

    async def _rankings(
        self, query: str, vector: list[float] | None, mode: SearchMode, scope: Scope, top_k: int
    ) -> list[list[PassageHit]]:
        searches = []
        if vector is not None:
            searches.append(self.vectors.search(INDEX, vector, top_k, scope=scope))
        if mode is not SearchMode.SEMANTIC:
            words = f"{query}\n{names_spelled(query)}"
            searches.append(self.vectors.search_text(INDEX, words, top_k, scope=scope))
        rankings = await asyncio.gather(*searches)
        if vector is not None:
            rankings[0] = [hit for hit in rankings[0] if hit.score >= NEAR]
        return rankings

    async def _documents(self, rankings: Sequence[Sequence[PassageHit]], scope: Scope) -> dict[str, Document]:
        return await self._rows({hit.passage.document_id for ranking in rankings for hit in ranking}, scope)

    async def _rows(self, document_ids: set[str], scope: Scope) -> dict[str, Document]:
        async with self.transactions.view() as unit:
            rows = await unit.documents.by_ids(sorted(document_ids)) if document_ids else []
        return {row.document_id: row for row in rows if row.visible_to(scope.owner_id)}

    async def _still_true(self, kept: bytes, scope: Scope) -> SearchResult | None:
        """A kept result, unless one of its documents was changed or went since."""
        result, revisions = _read(kept)
        rows = await self._rows({hit.document_id for hit in result.hits}, scope)
        for hit, revision in zip(result.hits, revisions, strict=True):
            row = rows.get(hit.document_id)
            if row is None or row.revision != revision:
                return None
        return result


def _live(hit: PassageHit, documents: dict[str, Document]) -> bool:
    """Only passages of the revision the document's row names: no half of an indexing, nothing of a deleted one."""
    document = documents.get(hit.passage.document_id)
    return document is not None and document.revision == hit.passage.revision


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
    called = [(words_of(hit.passage.title), hit) for hit in hits]
    named = [(len(words), hit) for words, hit in called if len(words) > 1 and f" {' '.join(words)} " in asked]
    return [hit for _, hit in sorted(named, key=lambda pair: -pair[0])]


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


def _written(result: SearchResult, revisions: tuple[str | None, ...]) -> bytes:
    return json.dumps([asdict(result), revisions]).encode()


def _read(kept: bytes) -> tuple[SearchResult, tuple[str | None, ...]]:
    value, revisions = json.loads(kept)
    hits = tuple(SearchHit(**{**hit, "tags": tuple(hit["tags"])}) for hit in value["hits"])
    value |= {"hits": hits, "mode": SearchMode(value["mode"]), "notes": tuple(value["notes"])}
    return SearchResult(**value), tuple(revisions)
