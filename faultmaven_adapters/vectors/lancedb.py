"""Passages in LanceDB: vectors and full text in one table per collection, in a directory or a bucket.

Read once and kept in mind: a connection sees other processes' writes only with a ``read_consistency_interval``; each
write makes a version, whose files stay until :meth:`LanceVectorProvider.tidy` cleans them up; rows not yet in an index
are found all the same, only slower; a query that reads a table's rows from its files costs ten times what one over rows
in memory does.
"""

import asyncio
import importlib.util
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from faultmaven_domain.kernel.errors import FaultMavenError, StorageFull, Unavailable
from faultmaven_domain.knowledge import IndexMismatch, Passage, PassageHit, Scope

from .conditions import quoted, within
from .held import COLUMNS, ROW_ID, VECTOR, HeldTable, encodable, passages_of
from .names import checked_name

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]
    from lancedb import AsyncConnection
    from lancedb.query import AsyncFTSQuery
    from lancedb.table import AsyncTable

log = logging.getLogger(__name__)

#: Below this many vectors all of them are compared, which is fast enough, and exact; and from one search to the next
#: a table of fewer rows that stood still is held in memory.
INDEXED_FROM = 20_000
#: Upkeep is due at this many rows outside the full-text index, or pieces of table.
MOST_UNINDEXED, MOST_FRAGMENTS = 256, 64
#: A reader may still be in a version this old.
VERSIONS_KEPT = timedelta(minutes=10)
#: How many times more candidates than asked for are compared exactly after the approximate index chose them.
REFINED = 5
#: How often a write is tried that others' writes keep coming before.
ATTEMPTS = 6
#: Seconds: what a search may take, which somebody waits for, and a write. A bucket that takes what it is asked and says
#: nothing would hold them for several minutes.
SEARCH, WRITE = 30.0, 120.0

#: What LanceDB says of a table it has not.
_ABSENT = "was not found"
#: And of one that another process has made meanwhile, or given a column already.
_MEANWHILE = (_ABSENT, "exists", "conflict", "does not match existing table")
#: What the vendor says, and what it means; anything else is Unavailable.
_MEANINGS: tuple[tuple[str, type[FaultMavenError]], ...] = (
    ("No space left on device", StorageFull),
    ("StorageFull", StorageFull),
    ("Disk quota exceeded", StorageFull),
)
#: A REST client for catalogues of tables: half of the second or two that LanceDB takes to import, and not used here.
_UNUSED = "lance_namespace_urllib3_client"


def _imported() -> Any:
    """LanceDB, which names but a part of that client; whoever else imports the client gets all of it."""
    spec = None if _UNUSED in sys.modules else importlib.util.find_spec(_UNUSED)
    if spec is not None:
        sys.modules[_UNUSED] = importlib.util.module_from_spec(spec)  # found, and not run
    try:
        return importlib.import_module("lancedb")
    finally:
        if spec is not None:
            del sys.modules[_UNUSED]


@frozen
class LanceVectorProvider:
    """``uri`` is a directory, made when it is first written to, or ``s3://bucket/prefix``. Opened when first needed."""

    uri: str | Path
    storage_options: Mapping[str, str] = field(factory=dict, repr=False)  # among them the bucket's keys
    indexed_from: int = INDEXED_FROM
    versions_kept: timedelta = VERSIONS_KEPT
    search_within: float = SEARCH
    write_within: float = WRITE
    _connections: list["AsyncConnection"] = field(factory=list, init=False)
    _tables: dict[str, "AsyncTable"] = field(factory=dict, init=False)
    #: Writes at once are each other's conflicts, which a bucket takes long to settle.
    _turn: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    #: When this process last tidied a collection, on its running clock, and which version came of it.
    _tidied: dict[str, tuple[float, int]] = field(factory=dict, init=False)
    _tidying: set[str] = field(factory=set, init=False)
    _held: dict[str, HeldTable] = field(factory=dict, init=False)
    #: The version that the last search of a collection met, and the collections that are being read into memory.
    _met: dict[str, int] = field(factory=dict, init=False)
    _reading: set[str] = field(factory=set, init=False)

    async def prepare(self, collection: str, *, model: str, dimension: int) -> None:
        async with _meaning(self.write_within):
            table = await self._made(collection)
            if not any(index.columns == ["searched"] for index in await table.list_indices()):
                await _index_text(table)
            if dimension:
                await _fit(table, model, dimension)

    async def upsert(
        self, collection: str, passages: Sequence[Passage], vectors: Sequence[Sequence[float]] | None
    ) -> None:
        if not passages:
            return
        async with _meaning(self.write_within):
            table = await self._table(collection)
            schema = await table.schema() if table else None
            if table is None or schema is None or (vectors is not None and VECTOR not in schema.names):
                raise Unavailable("The index is not prepared.", collection=collection)
            merge = table.merge_insert("passage_id").when_matched_update_all().when_not_matched_insert_all()
            rows = _rows(passages, vectors, schema)
            async with self._turn:
                await _settled(lambda: merge.execute(rows, on_bad_vectors="null"))  # or else a null counts as bad

    async def search(self, collection: str, vector: Sequence[float], top_k: int, *, scope: Scope) -> list[PassageHit]:
        async with _meaning(self.search_within):
            table = await self._table(collection)
            if table is None:
                return []
            if held := await self._still(collection, table):
                return await asyncio.to_thread(held.nearest, vector, top_k, scope)
            if VECTOR not in (await table.schema()).names:
                return []
            nearest = table.query().nearest_to(list(vector)).column(VECTOR).distance_type("cosine")
            query = nearest.refine_factor(REFINED).where(within(scope)).limit(top_k)
            rows = await query.select([*COLUMNS, "_distance"]).to_arrow()
        return _hits(rows, [1.0 - distance for distance in rows["_distance"].to_pylist()])

    async def search_text(self, collection: str, query: str, top_k: int, *, scope: Scope) -> list[PassageHit]:
        async with _meaning(self.search_within):
            table = await self._table(collection)
            if table is None:
                return []
            if held := await self._still(collection, table):
                # A row outside the scope can only be one that came since, and that is one nobody holds.
                asked = _asked(table, query, None if held.lies_within(scope) else scope)
                found = await asked.limit(top_k).select(["_score"]).with_row_id().to_arrow()
                hits = held.scored(found[ROW_ID].to_numpy(), found["_score"].to_numpy())
                if hits is not None:
                    return hits
            rows = await _asked(table, query, scope).limit(top_k).select([*COLUMNS, "_score"]).to_arrow()
        return _hits(rows, rows["_score"].to_pylist())

    async def delete(self, collection: str, document_id: str, *, keep_revision: str | None = None) -> None:
        kept = "" if keep_revision is None else f" AND revision <> {quoted(keep_revision)}"
        await self._delete(collection, f"document_id = {quoted(document_id)}{kept}")

    async def discard(self, collection: str, document_id: str, *, revision: str) -> None:
        await self._delete(collection, _of(document_id, revision))

    async def drop(self, collection: str) -> None:
        """The table itself stays, as other processes hold it open, unless it is too damaged to be emptied."""
        async with _meaning(self.write_within):
            try:
                await self._emptied(collection)
            except (RuntimeError, ValueError) as error:
                log.warning("LanceDB: %s is taken away whole: %s", collection, error)
                self._tables.pop(collection, None)
                await (await self._connection()).drop_table(collection, ignore_missing=True)

    async def holds(self, collection: str, document_id: str, *, revision: str) -> bool:
        async with _meaning(self.search_within):
            table = await self._table(collection)
            return table is not None and await table.count_rows(_of(document_id, revision)) > 0

    async def tidy(self, collection: str) -> None:
        """Two processes that tidy at once may be in each other's way; then the next call does what is left."""
        if collection in self._tidying:
            return
        self._tidying.add(collection)
        try:
            async with _meaning(self.write_within):
                table = await self._table(collection)
                if table is None:
                    return
                due = await self._due(collection, table)
            try:
                if due:
                    await table.optimize(cleanup_older_than=self.versions_kept)
                    self._tidied[collection] = (time.monotonic(), await table.version())
                await self._index_vectors(table)
            except (RuntimeError, OSError, ValueError) as error:
                log.info("upkeep of %s is put off: %s", collection, error)
        finally:
            self._tidying.discard(collection)

    async def ping(self) -> None:
        """Raises: Unavailable."""
        async with _meaning(self.search_within):
            await (await self._connection()).list_tables(limit=1)

    async def close(self) -> None:
        self._tables.clear()
        self._held.clear()
        while self._connections:
            self._connections.pop().close()  # type: ignore[no-untyped-call]

    async def _connection(self) -> "AsyncConnection":
        if not self._connections:
            lancedb = await asyncio.to_thread(_imported)
            connection = await lancedb.connect_async(
                str(self.uri), read_consistency_interval=timedelta(0), storage_options=dict(self.storage_options)
            )
            self._connections.append(connection)
        return self._connections[0]

    async def _table(self, collection: str) -> "AsyncTable | None":
        if checked_name(collection) not in self._tables:
            connection = await self._connection()
            if collection not in (await connection.list_tables()).tables:
                return None
            try:
                self._tables[collection] = await connection.open_table(collection)
            except ValueError as error:
                if _ABSENT not in str(error):
                    raise
                return None  # listed as soon as its folder is there: another process is making it this moment
        return self._tables[collection]

    async def _still(self, collection: str, table: "AsyncTable") -> HeldTable | None:
        """The table in memory, where it is small and nothing was written to it since the search before this one.

        While documents are being indexed, each search would read it anew, for more than its files cost it.
        """
        version = await table.version()
        held = self._held.get(collection)
        if held is not None and held.version == version:
            return held
        stood, self._met[collection] = self._met.get(collection) == version, version
        if not stood or collection in self._reading:
            return None
        self._reading.add(collection)
        try:
            self._held.pop(collection, None)
            if await table.count_rows() >= self.indexed_from:
                return None
            columns = [*COLUMNS, *(name for name in (await table.schema()).names if name == VECTOR)]
            rows = await table.query().select(columns).with_row_id().to_arrow()
            # What was written since the version was asked for is in it too: then the next search meets another version.
            held = self._held[collection] = await asyncio.to_thread(HeldTable.of, version, rows)
        finally:
            self._reading.discard(collection)
        return held

    async def _made(self, collection: str) -> "AsyncTable":
        """The table, made where it is not there; two processes that start together may meet in the middle of that."""
        for attempt in range(ATTEMPTS):
            try:
                return await self._table(collection) or await self._created(collection)
            except (RuntimeError, ValueError) as error:
                if attempt == ATTEMPTS - 1 or not any(word in str(error) for word in _MEANWHILE):
                    raise
            await asyncio.sleep(0.02 * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    async def _created(self, collection: str) -> "AsyncTable":
        table = await (await self._connection()).create_table(collection, schema=_schema(), exist_ok=True)
        self._tables[collection] = table
        return table

    async def _delete(self, collection: str, where: str) -> None:
        async with _meaning(self.write_within):
            table = await self._table(collection)
            if table is not None and await table.count_rows(where):  # a delete of nothing would make a version too
                async with self._turn:
                    await _settled(lambda: table.delete(where))

    async def _emptied(self, collection: str) -> None:
        table = await self._table(collection)
        if table is None:
            return
        await _settled(lambda: table.delete("true"))
        if VECTOR in (await table.schema()).names:
            await _settled(lambda: table.drop_columns(["vector"]))

    async def _due(self, collection: str, table: "AsyncTable") -> bool:
        """Whether much lies outside the index or in small pieces, or old versions have come together since."""
        tidied_at, version = self._tidied.setdefault(collection, (time.monotonic(), 0))
        if time.monotonic() - tidied_at > self.versions_kept.total_seconds() and await table.version() != version:
            return True
        stats: Any = await table.stats()
        return stats["fragment_stats"]["num_fragments"] >= MOST_FRAGMENTS or await _unindexed(table) >= MOST_UNINDEXED

    async def _index_vectors(self, table: "AsyncTable") -> None:
        from lancedb.index import HnswSq

        indices = await table.list_indices()
        if await _model_of(table) is None or any(index.columns == ["vector"] for index in indices):
            return
        if await table.count_rows("vector IS NOT NULL") >= self.indexed_from:
            await table.create_index("vector", config=HnswSq(distance_type="cosine"))


def _of(document_id: str, revision: str) -> str:
    return f"document_id = {quoted(document_id)} AND revision = {quoted(revision)}"


@asynccontextmanager
async def _meaning(seconds: float) -> AsyncIterator[None]:
    """The vendor's errors in the domain's words, and one where it takes longer than so many seconds."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except (RuntimeError, OSError, ValueError) as error:
        meaning = next((kind for words, kind in _MEANINGS if words in str(error)), Unavailable)
        log.warning("LanceDB: %s", error)
        raise (StorageFull() if meaning is StorageFull else meaning("The search index does not answer.")) from error


async def _settled(write: Callable[[], Awaitable[object]]) -> None:
    """A write, again where another process's came between."""
    for attempt in range(ATTEMPTS):
        try:
            await write()
            return
        except RuntimeError as error:
            if attempt == ATTEMPTS - 1 or not any(word in str(error) for word in ("conflict", "concurrent writers")):
                raise
        await asyncio.sleep(0.02 * 2**attempt)


async def _fit(table: "AsyncTable", model: str, dimension: int) -> None:
    """Give the table a column for the model's vectors, in place of another model's where that is empty."""
    held = await _model_of(table)
    if held == (model, dimension):
        return
    if held is not None:
        if await table.count_rows("vector IS NOT NULL"):
            raise IndexMismatch.between(held=held[0], wanted=model)
        await _settled(lambda: table.drop_columns(["vector"]))
    try:
        await _settled(lambda: table.add_columns(_vector_field(model, dimension)))
    except (RuntimeError, ValueError):
        if await _model_of(table) != (model, dimension):  # unless another process was faster
            raise


async def _model_of(table: "AsyncTable") -> tuple[str, int] | None:
    """Name and dimension of the model whose vectors the table is made for."""
    schema = await table.schema()
    if VECTOR not in schema.names:
        return None
    column = schema.field("vector")
    return (column.metadata or {}).get(b"model", b"").decode(), column.type.list_size


async def _index_text(table: "AsyncTable") -> None:
    """BM25 over words split as the script asks (ICU), without English endings, common words and accents."""
    from lancedb.index import FTS

    config = FTS(base_tokenizer="icu/split", stem=True, remove_stop_words=True, ascii_folding=True)
    await _settled(lambda: table.create_index("searched", config=config))


async def _unindexed(table: "AsyncTable") -> int:
    """Rows that full text finds only by reading them one by one."""
    found = [await table.index_stats(i.name) for i in await table.list_indices() if i.columns == ["searched"]]
    return sum(stats.num_unindexed_rows for stats in found if stats is not None)


def _schema() -> "pa.Schema":
    import pyarrow as pa

    kinds: dict[str, Any] = {"ordinal": pa.int32(), "tags": pa.list_(pa.string())}
    return pa.schema([pa.field(name, kinds.get(name, pa.string())) for name in (*COLUMNS, "searched")])


def _vector_field(model: str, dimension: int) -> "pa.Field":
    import pyarrow as pa

    return pa.field("vector", pa.list_(pa.float32(), dimension), metadata={"model": model})


def _rows(passages: Sequence[Passage], vectors: Sequence[Sequence[float]] | None, schema: "pa.Schema") -> "pa.Table":
    import pyarrow as pa

    columns: dict[str, list[Any]] = {name: [getattr(passage, name) for passage in passages] for name in COLUMNS}
    columns["searched"] = [passage.searched_text for passage in passages]
    if "vector" in schema.names:
        columns["vector"] = [None] * len(passages) if vectors is None else list(vectors)
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def _hits(rows: "pa.Table", scores: list[float]) -> list[PassageHit]:
    found = zip(passages_of(rows), scores, strict=True)
    return [PassageHit(passage=passage, score=score) for passage, score in found]


def _asked(table: "AsyncTable", query: str, scope: Scope | None) -> "AsyncFTSQuery":
    """Full text, in all rows or in those that the scope lets through."""
    asked = table.query().nearest_to_text(encodable(query), columns="searched")
    return asked if scope is None else asked.where(within(scope))
