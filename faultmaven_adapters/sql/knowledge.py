from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product
from typing import Any

from attrs import frozen
from sqlalchemy import (
    ColumnElement,
    Index,
    MetaData,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
    update,
)

from faultmaven_domain.kernel.jobs import JobState
from faultmaven_domain.knowledge import OWED, Collection, Document, DocumentStatus

from .columns import key, moment, number, sequence, text
from .gateway import Connection
from .jobs import SqlJobs, SqlOutbox, jobs_of, outbox_of
from .records import SqlRecords, SqlTexts, Stored, counting, insert

metadata = MetaData()
JOBS, OUTBOX = jobs_of(metadata, "knowledge"), outbox_of(metadata, "knowledge")

_documents = Table(
    "knowledge_documents",
    metadata,
    sequence(),
    text("document_id"),
    text("owner_id", null=True),
    text("title"),
    text("document_type"),
    text("status"),
    text("job_id"),
    moment("created_at"),
    moment("updated_at"),
    text("collection"),
    text("tags"),
    text("metadata"),
    text("source", null=True),
    text("sha256", null=True),
    text("filename", null=True),
    text("file_key", null=True),
    text("revision", null=True),
    text("embedded_with", null=True),
    number("passage_count"),
    text("notes"),
    text("error", null=True),
    Index("knowledge_documents_by_id", "document_id", unique=True),
    Index("knowledge_documents_by_source", "owner_id", "source", unique=True),
    Index("knowledge_documents_by_owner", "owner_id", "created_at", "seq"),
    Index("knowledge_documents_by_type", "owner_id", "document_type", "created_at", "seq"),
    Index("knowledge_documents_by_collection", "owner_id", "collection", "created_at", "seq"),
    Index("knowledge_documents_by_model", "status", "embedded_with", "seq"),
    Index("knowledge_documents_by_file", "file_key"),
    sqlite_autoincrement=True,
)
# A unique index counts each NULL as another one, so sources of global documents need one of their own.
_global_source = Index(
    "knowledge_documents_by_global_source",
    _documents.c.source,
    unique=True,
    sqlite_where=_documents.c.owner_id.is_(None),
    postgresql_where=_documents.c.owner_id.is_(None),
)
# And where an owner is NULL, PostgreSQL does not see that the others' indexes are in the order of a page.
_global_time = Index(
    "knowledge_documents_by_global_time",
    _documents.c.created_at,
    _documents.c.seq,
    sqlite_where=_documents.c.owner_id.is_(None),
    postgresql_where=_documents.c.owner_id.is_(None),
)
_contents = Table("knowledge_contents", metadata, key("document_id"), text("content"))
_collections = Table("knowledge_collections", metadata, key("owner_id"), key("name"))

DOCUMENTS = Stored(_documents, Document, key="document_id")

_columns = _documents.c
_OWNER: dict[bool, ColumnElement[bool]] = {
    False: _columns.owner_id.is_(None),
    True: _columns.owner_id == bindparam("owner_id"),
}


def _clauses(owned: bool, typed: bool, collected: bool) -> list[ColumnElement[bool]]:
    clauses = [_OWNER[owned]]
    if typed:
        clauses.append(_columns.document_type == bindparam("document_type"))
    if collected:
        clauses.append(_columns.collection == bindparam("collection"))
    return clauses


# By whether an owner, a document type and a collection are given.
_SHAPES = tuple(product((False, True), repeat=3))
_LATEST = {shape: DOCUMENTS.latest("created_at", *_clauses(*shape)) for shape in _SHAPES}
_COUNT = {shape: counting(_documents, *_clauses(*shape)) for shape in _SHAPES}
_BY_SOURCE = {
    owned: DOCUMENTS.all.where(clause, _columns.source == bindparam("source")) for owned, clause in _OWNER.items()
}
_jobs = JOBS.table.c
_to_come = or_(*[_jobs.state == state.value for state in (JobState.QUEUED, JobState.RUNNING)])
_IS_COMING = and_(_columns.job_id != _columns.revision, exists().where(_jobs.job_id == _columns.job_id, _to_come))
_MARK = (
    update(_documents)
    .where(_columns.revision.is_not(None), ~_IS_COMING)
    .values(
        status=DocumentStatus.PROCESSING.value,
        job_id=_columns.revision,
        embedded_with=func.nullif(_columns.embedded_with, OWED),  # once is enough
        error=null(),
    )
)
_others = _documents.alias("others")
_but = bindparam("model", type_=_columns.embedded_with.type)
# What another model embedded is looked for in an index alone, as at most starts there is none. Nothing names no model:
# then it is everything, and not what is ready alone.
_OUTDATE = _MARK.where(
    _columns.seq.in_(select(_others.c.seq).where(_others.c.embedded_with.is_distinct_from(_but))),
    or_(_columns.status == DocumentStatus.READY.value, _but == ""),
)
_OUTDATE_OWED = _MARK.where(
    _columns.status.in_([DocumentStatus.PROCESSING.value, DocumentStatus.FAILED.value]), _columns.embedded_with == OWED
)
# Found from their jobs, as those are few.
_OWE = (
    update(_documents)
    .where(
        _columns.document_id.in_(select(_jobs.subject_id).where(_to_come)), _columns.revision.is_not(None), _IS_COMING
    )
    .values(embedded_with=OWED)
)
_IS_OUTDATED = (_columns.status == DocumentStatus.PROCESSING.value, _columns.job_id == _columns.revision)
_COUNT_OUTDATED = counting(_documents, *_IS_OUTDATED)
# In the order of an index.
_OUTDATED = DOCUMENTS.all.where(*_IS_OUTDATED).order_by(_columns.embedded_with, _columns.seq).limit(bindparam("limit"))
# In the order of an index, so that one row is read, whatever models there were.
_NEWEST_READY = (
    DOCUMENTS.all.where(
        _columns.status == DocumentStatus.READY.value, _columns.passage_count > 0, _columns.revision.is_not(None)
    )
    .order_by(_columns.embedded_with.desc(), _columns.seq.desc())
    .limit(1)
)
_REVISIONS = select(_columns.document_id, _columns.revision).where(
    or_(*_OWNER.values()), _columns.revision.is_not(None)
)
_FILE_KEYS = select(_columns.file_key).where(_columns.file_key.is_not(None))

_sizes = union_all(
    select(_collections.c.name, literal(0).label("size")).where(_collections.c.owner_id == bindparam("owner_id")),
    *[
        select(_columns.collection, func.count()).where(clause).group_by(_columns.collection)
        for clause in _OWNER.values()
    ],
).subquery()
_LIST = (
    select(_sizes.c.name, func.sum(_sizes.c.size).label("document_count"))
    .group_by(_sizes.c.name)
    .order_by(_sizes.c.name)
)
_FORGET = (
    delete(_collections)
    .where(_collections.c.owner_id == bindparam("owner_id"), _collections.c.name == bindparam("name"))
    .returning(_collections.c.name)
)


class SqlDocuments(SqlRecords[Document]):
    async def by_ids(self, document_ids: Sequence[str]) -> list[Document]:
        return [
            document
            for size, some in _portions(document_ids)
            for document in await self._all(_among(DOCUMENTS.all, size), some)
        ]

    async def revisions(self, document_ids: Sequence[str], *, owner_id: str) -> dict[str, str]:
        found = {}
        for size, some in _portions(document_ids):
            rows = await self._connection.fetch_all(_among(_REVISIONS, size), {**some, "owner_id": owner_id})
            found.update({row["document_id"]: row["revision"] for row in rows})
        return found

    async def by_source(self, owner_id: str | None, source: str) -> Document | None:
        return await self._one(_BY_SOURCE[owner_id is not None], {"owner_id": owner_id, "source": source})

    async def of_owner(
        self, owner_id: str | None, *, document_type: str | None, collection: str | None, limit: int, offset: int
    ) -> list[Document]:
        shape, values = _asked(owner_id, document_type, collection)
        return await self._all(_LATEST[shape], {**values, "limit": limit, "offset": offset})

    async def count(self, owner_id: str | None, *, document_type: str | None, collection: str | None) -> int:
        shape, values = _asked(owner_id, document_type, collection)
        return await self._count(_COUNT[shape], values)

    async def outdate(self, *, but: str | None) -> None:
        await self._connection.execute(_OUTDATE, {"model": but or ""})  # no model is called nothing
        if but is None:
            await self._connection.execute(_OWE, {})

    async def outdate_owed(self) -> None:
        await self._connection.execute(_OUTDATE_OWED, {})

    async def outdated(self, *, limit: int) -> list[Document]:
        return await self._all(_OUTDATED, {"limit": limit})

    async def count_outdated(self) -> int:
        return await self._count(_COUNT_OUTDATED)

    async def newest_ready(self) -> Document | None:
        return await self._one(_NEWEST_READY)

    async def file_keys(self) -> set[str]:
        return {row["file_key"] for row in await self._connection.fetch_all(_FILE_KEYS)}


@frozen
class SqlContents:
    texts: SqlTexts

    async def get(self, document_id: str) -> str | None:
        return await self.texts.get(document_id)

    async def set(self, document_id: str, content: str) -> None:
        await self.texts.set(document_id, content)

    async def delete(self, document_id: str) -> bool:
        return await self.texts.delete(document_id)


@frozen
class SqlCollections:
    connection: Connection

    async def list(self, owner_id: str) -> list[Collection]:
        rows = await self.connection.fetch_all(_LIST, {"owner_id": owner_id})
        return [Collection(name=row["name"], document_count=int(row["document_count"])) for row in rows]

    async def add(self, owner_id: str, name: str) -> bool:
        new = insert(_collections, self.connection.dialect).on_conflict_do_nothing().returning(_collections.c.name)
        return await self.connection.fetch_one(new, {"owner_id": owner_id, "name": name}) is not None

    async def delete(self, owner_id: str, name: str) -> bool:
        return await self.connection.fetch_one(_FORGET, {"owner_id": owner_id, "name": name}) is not None


@frozen
class SqlKnowledgeUnit:
    jobs: SqlJobs
    outbox: SqlOutbox
    documents: SqlDocuments
    contents: SqlContents
    collections: SqlCollections


def knowledge_unit(connection: Connection) -> SqlKnowledgeUnit:
    return SqlKnowledgeUnit(
        jobs=SqlJobs(connection, JOBS),
        outbox=SqlOutbox(connection, OUTBOX),
        documents=SqlDocuments(connection, DOCUMENTS),
        contents=SqlContents(SqlTexts(connection, _contents)),
        collections=SqlCollections(connection),
    )


def _asked(
    owner_id: str | None, document_type: str | None, collection: str | None
) -> tuple[tuple[bool, bool, bool], dict[str, Any]]:
    shape = (owner_id is not None, document_type is not None, collection is not None)
    return shape, {"owner_id": owner_id, "document_type": document_type, "collection": collection}


#: How many ids a statement takes: what a search shows, and what it looks at.
_SIZES = (16, 256)


@cache
def _among(statement: Select[Any], size: int) -> Select[Any]:
    """For so many ids, each a parameter: a list of any length would be another statement, compiled anew, each time."""
    return statement.where(_columns.document_id.in_([bindparam(f"id_{n}") for n in range(size)]))


def _portions(ids: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """All of them, once each, as parameters of such statements: the last id stands in for those that are missing."""
    wanted = list(dict.fromkeys(ids))
    size = next((size for size in _SIZES if len(wanted) <= size), _SIZES[-1])
    for start in range(0, len(wanted), size):
        some = wanted[start : start + size]
        yield size, {f"id_{n}": some[min(n, len(some) - 1)] for n in range(size)}
