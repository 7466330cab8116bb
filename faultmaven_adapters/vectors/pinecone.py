"""Passages in Pinecone: two indexes, one that finds by words and one for vectors, and in each a namespace a collection.

Read once and kept in mind: a schema is fixed when an index is made, so the vectors of each width have an index of their
own, and passages without a vector are found in the other; what is written is found some seconds later, up to a minute,
and says by a number when, so each write here waits for that; null is no value; deleting by filter is done later, too.

Pinecone's full text cuts no endings unless told a language, and no script without spaces: it is given words cut
already, as ASCII, which it takes as they stand, and does the counting and weighing (BM25).
"""

import asyncio
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b

from attrs import frozen

from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_domain.knowledge import IndexMismatch, Passage, PassageHit, Scope

from .held import encodable
from .names import checked_name
from .pinecone_wire import MOST_IDS, NONSENSE, Absent, Json, PineconeWire
from .words import words_in

DEFAULT_URL, DEFAULT_INDEX = "https://api.pinecone.io", "faultmaven"

_WORDS, _VECTOR = "words", "vector"
_TEXT = ("document_id", "revision", "collection", "document_type", "title", "section", "text")
_FIELDS = (*_TEXT, "ordinal", "tags", "owner")
#: The namespace where it is written which collections there are, and for which model.
_COLLECTIONS = "collections"
#: A word that every document has and no query asks for: by it all of a namespace is found.
_EACH = "every" * 7
_ANY_WORDS: Json = {"type": "text", "fields": [_WORDS], "query": _EACH}
#: Letters of a word that are told apart; Pinecone cuts it at 40.
_LONGEST_WORD = 36
#: Different words of a query that are looked for; it is pasted logs that have more.
_MOST_WORDS = 512


@frozen
class _Prepared:
    """``dimension`` 0 where no model is known yet."""

    model: str = ""
    dimension: int = 0


@frozen
class PineconeVectorProvider:
    """``index`` is what the names of its indexes begin with; they are made in ``cloud`` and ``region`` where absent."""

    wire: PineconeWire
    index: str = DEFAULT_INDEX
    cloud: str = "aws"
    region: str = "us-east-1"

    async def prepare(self, collection: str, *, model: str, dimension: int) -> None:
        space = _space(collection)
        await self._make(self._words, {_WORDS: {"type": "string", "full_text_search": {}}})
        before = await self._prepared(collection)
        wanted = _Prepared(model, dimension) if dimension else before or _Prepared()
        if wanted.dimension:
            schema = {"type": "dense_vector", "dimension": wanted.dimension, "metric": "cosine"}
            await self._make(self._vectors(wanted.dimension), {_VECTOR: schema})
        if before == wanted:
            return
        if before is not None and before.dimension and await self._any_in(self._vectors(before.dimension), space):
            raise IndexMismatch.between(held=before.model, wanted=model)
        marker: Json = {"_id": collection, "collection": collection, "dimension": wanted.dimension, _WORDS: _EACH}
        marker |= {"model": wanted.model} if wanted.model else {}
        await self._write(self._words, _COLLECTIONS, [marker])

    async def upsert(
        self, collection: str, passages: Sequence[Passage], vectors: Sequence[Sequence[float]] | None
    ) -> None:
        if not passages:
            return
        space, prepared = _space(collection), await self._prepared(collection)
        if prepared is None or (vectors is not None and {len(vector) for vector in vectors} != {prepared.dimension}):
            raise Unavailable("The index is not prepared.", collection=collection)
        shown = [_document(passage) for passage in passages]
        found_by = [_asked_for(passage.searched_text) for passage in passages]
        worded = [one | {_WORDS: f"{_EACH} {words}"} for one, words in zip(shown, found_by, strict=True)]
        writes = [self._write(self._words, space, worded)]
        if vectors is not None:
            near = [one | {_VECTOR: list(vector)} for one, vector in zip(shown, vectors, strict=True)]
            writes.append(self._write(self._vectors(prepared.dimension), space, near))
        elif prepared.dimension:
            ids = [passage.passage_id for passage in passages]
            parts = [ids[start : start + MOST_IDS] for start in range(0, len(ids), MOST_IDS)]
            writes += [self._forget(prepared.dimension, space, {"ids": part}) for part in parts]
        await _all_of(*writes)

    async def search(self, collection: str, vector: Sequence[float], top_k: int, *, scope: Scope) -> list[PassageHit]:
        near: Json = {"type": "dense_vector", "field": _VECTOR, "values": list(vector)}
        return await self._found(self._vectors(len(vector)), _space(collection), near, top_k, scope)

    async def search_text(self, collection: str, query: str, top_k: int, *, scope: Scope) -> list[PassageHit]:
        space, words = _space(collection), _asked_for(query, most=_MOST_WORDS)
        if not words:
            return []
        return await self._found(self._words, space, _ANY_WORDS | {"query": words}, top_k, scope)

    async def delete(self, collection: str, document_id: str, *, keep_revision: str | None = None) -> None:
        others = [] if keep_revision is None else [{"revision": {"$ne": encodable(keep_revision)}}]
        await self._delete(collection, _all({"document_id": {"$eq": encodable(document_id)}}, *others))

    async def discard(self, collection: str, document_id: str, *, revision: str) -> None:
        await self._delete(collection, _of(document_id, revision))

    async def drop(self, collection: str) -> None:
        """The indexes themselves stay. Cut short, it leaves the collection prepared, and can be done again."""
        space, prepared = _space(collection), await self._prepared(collection)
        if prepared is None:
            return
        await self._forget(prepared.dimension, space, {"delete_all": True})
        await self._forget(0, space, {"delete_all": True})
        await self._forget(0, _COLLECTIONS, {"ids": [collection]})

    async def holds(self, collection: str, document_id: str, *, revision: str) -> bool:
        return await self._any_in(self._words, _space(collection), _of(document_id, revision))

    async def tidy(self, collection: str) -> None:
        """Pinecone sees to that by itself."""

    async def ping(self) -> None:
        """Raises: Unavailable."""
        await self.wire.ping(self._words)

    async def close(self) -> None:
        await self.wire.close()

    @property
    def _words(self) -> str:
        return f"{self.index}-words"

    def _vectors(self, dimension: int) -> str:
        return f"{self.index}-{dimension}"

    async def _make(self, index: str, fields: Mapping[str, Json]) -> None:
        await self.wire.ensure(index, fields, cloud=self.cloud, region=self.region)

    async def _prepared(self, collection: str) -> _Prepared | None:
        """Found and not fetched, since only what is found is said to be up to date."""
        where, fields = {"collection": {"$eq": collection}}, ("model", "dimension")
        with suppress(Absent):
            answer = await self.wire.search(self._words, _COLLECTIONS, _ANY_WORDS, 1, where=where, fields=fields)
            with _reading():
                for match in answer.body["matches"]:
                    return _Prepared(str(match.get("model", "")), int(match["dimension"]))
        return None

    async def _any_in(self, index: str, space: str, where: Json | None = None) -> bool:
        with suppress(Absent):
            answer = await self.wire.search(index, space, self._any(index), 1, where=where, fields=())
            with _reading():
                return bool(answer.body["matches"])
        return False

    async def _found(self, index: str, space: str, by: Json, top_k: int, scope: Scope) -> list[PassageHit]:
        try:
            answer = await self.wire.search(index, space, by, top_k, where=_within(scope), fields=_FIELDS)
        except Absent:
            return []
        with _reading():
            return [
                PassageHit(passage=_passage(match), score=float(match["_score"])) for match in answer.body["matches"]
            ]

    async def _write(self, index: str, space: str, documents: Sequence[Json]) -> None:
        try:
            written = await self.wire.upsert(index, space, documents)
        except Absent as error:
            raise Unavailable("The index is not prepared.") from error
        await self.wire.seen(index, space, self._any(index), written)

    async def _delete(self, collection: str, where: Json) -> None:
        space, prepared = _space(collection), await self._prepared(collection)
        if prepared is not None:
            await _all_of(*(self._forget(width, space, {"filter": where}) for width in {0, prepared.dimension}))

    async def _forget(self, dimension: int, space: str, what: Json) -> None:
        """In the index of vectors so wide; 0 is that of words."""
        index = self._vectors(dimension) if dimension else self._words
        with suppress(Absent):
            written = await self.wire.delete(index, space, what)
            await self.wire.seen(index, space, self._any(index), written, emptied="delete_all" in what)

    def _any(self, index: str) -> Json:
        """What all of an index answers to."""
        return _ANY_WORDS if index == self._words else _any_vector(int(index.rpartition("-")[2]))


async def _all_of(*writes: Awaitable[None]) -> None:
    """At the same time, as each is waited for, and to the end, whatever becomes of the others. Raises: as they do."""
    for outcome in await asyncio.gather(*writes, return_exceptions=True):
        if outcome is not None:
            raise outcome


def _space(collection: str) -> str:
    """The namespace of a collection; none is that of the list of them. Raises: InvalidInput."""
    return f"in-{checked_name(collection)}"


def _any_vector(dimension: int) -> Json:
    return {"type": "dense_vector", "field": _VECTOR, "values": [1.0] + [0.0] * (dimension - 1)}


def _asked_for(text: str, *, most: int | None = None) -> str:
    """A text's words as Pinecone takes them."""
    words = words_in(text)
    return " ".join(_plain(word) for word in (words if most is None else list(dict.fromkeys(words))[:most]))


def _plain(word: str) -> str:
    """Of ASCII's letters and digits, and short, so that nothing is cut, split or folded any further."""
    if word.isascii() and len(word) <= _LONGEST_WORD:
        return word
    return f"0x{blake2b(word.encode(), digest_size=8).hexdigest()}"


def _document(passage: Passage) -> Json:
    """A field without a value is left out, as null is none and a list must not be empty."""
    fields: Json = {name: encodable(value) for name in _TEXT if (value := getattr(passage, name)) != ""}
    fields |= {"_id": passage.passage_id, "ordinal": passage.ordinal, "shared": passage.owner_id is None}
    if passage.owner_id is not None:
        fields["owner"] = encodable(passage.owner_id)
    if passage.tags:
        fields["tags"] = [encodable(tag) for tag in passage.tags]
    return fields


def _passage(match: Json) -> Passage:
    return Passage(
        passage_id=match["_id"],
        ordinal=int(match["ordinal"]),  # numbers come back as they are kept, which is as floats
        owner_id=match.get("owner"),
        tags=tuple(match.get("tags") or ()),
        **{name: str(match.get(name, "")) for name in _TEXT},
    )


def _within(scope: Scope) -> Json:
    """The scope as a filter."""
    terms: list[Json] = [{"$or": [{"shared": {"$eq": True}}, {"owner": {"$eq": encodable(scope.owner_id)}}]}]
    for name in ("collection", "document_type"):
        if (wanted := getattr(scope, name)) is not None:
            terms.append({name: {"$eq": encodable(wanted)}})
    terms += [{"tags": {"$in": [encodable(tag)]}} for tag in scope.tags]
    return _all(*terms)


def _of(document_id: str, revision: str) -> Json:
    return _all({"document_id": {"$eq": encodable(document_id)}}, {"revision": {"$eq": encodable(revision)}})


def _all(*terms: Json) -> Json:
    return terms[0] if len(terms) == 1 else {"$and": list(terms)}


@contextmanager
def _reading() -> Iterator[None]:
    """Raises: Unavailable where an answer is not of the form it should be."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise Unavailable(NONSENSE) from error
