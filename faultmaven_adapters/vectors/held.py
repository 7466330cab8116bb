"""A table's rows in memory, where comparing a query with all of 10,000 vectors takes less than a millisecond."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attrs import frozen

from faultmaven_domain.knowledge import Passage, PassageHit, Scope

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa  # type: ignore[import-untyped]

    Array = np.ndarray[Any, np.dtype[Any]]

#: What a row holds of a passage, by the passage's own names.
COLUMNS = (
    *("passage_id", "document_id", "revision", "ordinal", "owner_id", "collection", "document_type", "title"),
    *("section", "text", "tags"),
)
ROW_ID, VECTOR = "_rowid", "vector"


@frozen(eq=False)
class HeldTable:
    """The rows of one version of a table, in the order of their ids: what an id stands for never changes."""

    version: int
    _ids: "Array"
    _rows: "pa.Table"
    _vectors: "Array | None"  # of unit length, one per row of _embedded
    _embedded: "Array"  # the places of the rows that have a vector

    @classmethod
    def of(cls, version: int, table: "pa.Table") -> "HeldTable":
        """``table`` has COLUMNS, ROW_ID and, where a model's vectors lie there, VECTOR."""
        import numpy as np

        table = table.sort_by(ROW_ID).combine_chunks()
        vectors, embedded = None, np.empty(0, np.int64)
        if VECTOR in table.column_names:
            embedded = np.flatnonzero(table[VECTOR].is_valid().to_numpy())
            lists = table[VECTOR].take(embedded).combine_chunks()
            vectors = lists.flatten().to_numpy().reshape(len(embedded), lists.type.list_size)
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = np.divide(vectors, lengths, where=lengths > 0, out=np.zeros_like(vectors))
        return cls(version, table[ROW_ID].to_numpy(), table.select(COLUMNS), vectors, embedded)

    def nearest(self, vector: Sequence[float], top_k: int, scope: Scope) -> list[PassageHit]:
        """By cosine, exactly; the same for equal ones whenever it is asked."""
        import numpy as np

        if self._vectors is None:
            return []
        seen = np.flatnonzero(self._within(scope)[self._embedded])
        query = np.asarray(vector, np.float32)
        # Not `@`: that is shared out to threads which wait for each other by spinning, so beside any other work it
        # takes ten times the processor time, and fifty times as long.
        scores = np.vecdot(self._vectors, query / np.linalg.norm(query))[seen]
        if len(scores) > top_k:
            best = np.argpartition(-scores, top_k)[:top_k]
            seen, scores = seen[best], scores[best]
        order = np.argsort(-scores, kind="stable")
        return self._hits(self._embedded[seen[order]], scores[order])

    def scored(self, ids: "Array", scores: "Array") -> list[PassageHit] | None:
        """The passages of these row ids, None where one came later than this version."""
        import numpy as np

        if not len(ids):
            return []
        if not len(self._ids):
            return None
        places = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        return self._hits(places, scores) if np.array_equal(self._ids[places], ids) else None

    def lies_within(self, scope: Scope) -> bool:
        """Whether the scope lets every row through, so that asking with a filter would only take longer."""
        return bool(self._within(scope).all())

    def _hits(self, places: "Array", scores: "Array") -> list[PassageHit]:
        passages = passages_of(self._rows.take(places))
        return [
            PassageHit(passage=passage, score=score) for passage, score in zip(passages, scores.tolist(), strict=True)
        ]

    def _within(self, scope: Scope) -> "Array":
        """Which rows the scope lets through."""
        import pyarrow.compute as pc  # type: ignore[import-untyped]

        owners = self._rows["owner_id"]
        mask = pc.or_kleene(pc.is_null(owners), pc.equal(owners, encodable(scope.owner_id)))
        for name in ("collection", "document_type"):
            wanted = getattr(scope, name)
            if wanted is not None:
                mask = pc.and_(mask, pc.equal(self._rows[name], encodable(wanted)))
        within: Array = mask.to_numpy().copy()
        for tag in scope.tags:
            within &= self._tagged(encodable(tag))
        return within

    def _tagged(self, tag: str) -> "Array":
        import numpy as np
        import pyarrow.compute as pc

        tags = self._rows["tags"].combine_chunks()
        carrying = np.zeros(len(tags), bool)
        carrying[pc.list_parent_indices(tags).filter(pc.equal(pc.list_flatten(tags), tag)).to_numpy()] = True
        return carrying


def passages_of(rows: "pa.Table") -> Iterator[Passage]:
    """A table's rows as passages. Column by column, which is several times as fast as row by row."""
    *columns, tags = [rows[name].to_pylist() for name in COLUMNS]
    for values in zip(*columns, map(tuple, tags), strict=True):
        yield Passage(**dict(zip(COLUMNS, values)))  # noqa: B905 - a row has as many; asking costs as much as making it


def encodable(text: str) -> str:
    """Without the halves of characters that JSON can carry and UTF-8 cannot."""
    return text.encode("utf-8", "replace").decode()
