"""Passages in two collections of ChromaDB for each of ours: their vectors, and, with or without one, their words.

The ChromaDB that one runs oneself compares vectors and has no ranked full text (sparse vectors are for its cloud
alone, as of 1.5.9). So each process holds the words of all passages in memory: about half a second for a thousand
of them at the first search, then only what came since. A collection's metadata carries a mark that every write changes
last, by which a reader knows at each search whether it has everything.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from itertools import islice

from attrs import define, field, frozen

from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_domain.knowledge import IndexMismatch, Passage, PassageHit, Scope

from ..held_words import HeldWords
from ..names import checked_name
from .calls import Chroma, Gone, Kept, Row
from .rows import digest_of, of_document, outdated, passage_of, row_of, within

#: How often a collection that others change meanwhile is looked at again.
ATTEMPTS = 6
#: Rows read at once into memory.
READ_AT_ONCE = 500
#: ChromaDB keeps nothing without a vector, and these are not compared.
_NO_VECTOR = (1.0,)


@define
class _Words:
    """What a process holds of a collection. ``seen`` is its id and the mark of the last change that is in it."""

    lock: asyncio.Lock = field(factory=asyncio.Lock)
    held: HeldWords = field(factory=HeldWords)
    seen: tuple[str, object] | None = None


@frozen
class ChromaVectorProvider:
    """Over the folder of one process, :class:`EmbeddedChroma`, or a server, :class:`ChromaServer`."""

    chroma: Chroma
    _words: dict[str, _Words] = field(factory=dict, init=False)

    async def prepare(self, collection: str, *, model: str, dimension: int) -> None:
        if await self._kept(collection, "words") is None:
            await self.chroma.make(_named(collection, "words"), _mark())
        if dimension:
            await self._fit(_named(collection, "vectors"), {"model": model, "dimension": dimension})

    async def upsert(
        self, collection: str, passages: Sequence[Passage], vectors: Sequence[Sequence[float]] | None
    ) -> None:
        if not passages:
            return
        words, near = await self._kept(collection, "words"), await self._kept(collection, "vectors")
        if words is None or (vectors is not None and near is None):
            raise Unavailable("The index is not prepared.", collection=collection)
        rows = {passage.passage_id: row_of(passage) | {"digest": digest_of(passage)} for passage in passages}
        try:
            if near is not None and vectors is not None:
                given = {passage.passage_id: vector for passage, vector in zip(passages, vectors, strict=True)}
                await self.chroma.put(near.id, list(given), list(given.values()), list(rows.values()))
            elif near is not None:
                await self.chroma.delete_named(near.id, list(rows))
            await self._put_words(words, rows)
        except Gone:
            raise Unavailable("The index was dropped meanwhile.", collection=collection) from None

    async def search(self, collection: str, vector: Sequence[float], top_k: int, *, scope: Scope) -> list[PassageHit]:
        kept = await self._kept(collection, "vectors")
        if kept is None:
            return []
        try:
            found = await self.chroma.nearest(kept.id, vector, top_k, within(scope))
        except Gone:
            return []
        return [PassageHit(passage=passage_of(near.row), score=1.0 - near.distance) for near in found]

    async def search_text(self, collection: str, query: str, top_k: int, *, scope: Scope) -> list[PassageHit]:
        words = self._words.setdefault(collection, _Words())
        async with words.lock:
            try:
                kept = await self._kept(collection, "words")
                if kept is None:
                    raise Gone
                await self._catch_up(words, kept)
            except Gone:
                self._words.pop(collection, None)  # another search may have found it gone as well
                return []
            return await asyncio.to_thread(words.held.best, query, top_k, scope)

    async def delete(self, collection: str, document_id: str, *, keep_revision: str | None = None) -> None:
        await self._delete(collection, of_document(document_id, keep_revision=keep_revision))

    async def discard(self, collection: str, document_id: str, *, revision: str) -> None:
        await self._delete(collection, of_document(document_id, revision=revision))

    async def drop(self, collection: str) -> None:
        for part in ("vectors", "words"):
            await self.chroma.remove(_named(collection, part))

    async def holds(self, collection: str, document_id: str, *, revision: str) -> bool:
        kept, where = await self._kept(collection, "words"), of_document(document_id, revision=revision)
        try:
            return kept is not None and bool(await self.chroma.names(kept.id, where))
        except Gone:
            return False

    async def tidy(self, collection: str) -> None:
        """ChromaDB keeps its graph and its log in order by itself."""

    async def ping(self) -> None:
        """Raises: Unavailable."""
        await self.chroma.ping()

    async def close(self) -> None:
        self._words.clear()
        await self.chroma.close()

    async def _kept(self, collection: str, part: str) -> Kept | None:
        """Asked for each time, as another process may have dropped it and made it anew."""
        return await self.chroma.find(_named(collection, part))

    async def _fit(self, name: str, wanted: Row) -> None:
        """A collection for the model's vectors, in place of another model's where that is empty."""
        for _ in range(ATTEMPTS):
            kept = await self.chroma.find(name) or await self.chroma.make(name, wanted)
            if kept.metadata == wanted:
                return
            try:
                if await self.chroma.count(kept.id):
                    raise IndexMismatch.between(held=kept.metadata["model"], wanted=wanted["model"])
            except Gone:
                continue
            await self.chroma.remove(name)
        raise Unavailable("Others are changing the index's model; try again.")

    async def _put_words(self, words: Kept, rows: Mapping[str, Row]) -> None:
        """Under names that differ wherever a passage does, so that whoever holds one need not look at it again."""
        digests = [row["digest"] for row in rows.values()]
        await self.chroma.put(words.id, digests, [_NO_VECTOR] * len(rows), list(rows.values()))
        await self.chroma.delete(words.id, outdated(list(rows), digests))
        await self.chroma.change(words.id, _mark())

    async def _delete(self, collection: str, where: Row) -> None:
        for part in ("vectors", "words"):
            kept = await self._kept(collection, part)
            try:
                if kept is not None and await self.chroma.delete(kept.id, where) and part == "words":
                    await self.chroma.change(kept.id, _mark())
            except Gone:
                continue

    async def _catch_up(self, words: _Words, kept: Kept) -> None:
        """Read what is not yet in memory. The mark is older than what is read, so that a change is never missed."""
        seen = (kept.id, kept.metadata.get("changed"))
        if words.seen == seen:
            return
        names = await self.chroma.names(kept.id)
        await asyncio.to_thread(words.held.keep, names)
        new = (name for name in names if name not in words.held)
        while some := list(islice(new, READ_AT_ONCE)):
            rows = await self.chroma.rows(kept.id, some)
            await asyncio.to_thread(words.held.add, {name: passage_of(row) for name, row in rows.items()})
        words.seen = seen


def _named(collection: str, part: str) -> str:
    """A name that ChromaDB takes, whatever letter ours begins with, and that is told from others' on its server."""
    return f"faultmaven.{checked_name(collection)}.{part}"


def _mark() -> Row:
    return {"changed": secrets.token_hex(8)}
