"""What every module has beside its own tables: its job book and its outbox."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    MetaData,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    null,
    or_,
    select,
    union_all,
    update,
)

from faultmaven_domain.kernel.events import Outgoing
from faultmaven_domain.kernel.jobs import Job, JobState

from ..rows import from_json, to_json
from .columns import moment, number, sequence, text
from .gateway import Connection
from .records import SqlRecords, Stored, upsert

#: How many ids one statement names.
BATCH = 500
#: When a parked message was sent: at a time that no question about those sent before one reaches.
PARKED = datetime(9999, 1, 1, tzinfo=UTC)


def jobs_of(metadata: MetaData, module: str) -> Stored[Job]:
    """The module's job book."""
    table = Table(
        f"{module}_jobs",
        metadata,
        sequence(),
        text("job_id"),
        text("kind"),
        text("owner_id", null=True),
        text("subject_id"),
        text("state"),
        moment("created_at"),
        number("attempts"),
        Column("progress", Double, nullable=False),
        moment("heartbeat_at", null=True),
        text("error", null=True),
        moment("finished_at", null=True),
        Column("deaths", BigInteger, nullable=False, server_default="0"),
        Column("outages", BigInteger, nullable=False, server_default="0"),
        Index(f"{module}_jobs_by_id", "job_id", unique=True),
        Index(f"{module}_jobs_by_owner", "owner_id", "created_at", "seq"),
        Index(f"{module}_jobs_by_state", "state", "created_at", "seq"),
        Index(f"{module}_jobs_by_time", "created_at", "seq"),
        sqlite_autoincrement=True,
    )
    return Stored(table, Job, key="job_id")


def outbox_of(metadata: MetaData, module: str) -> Table:
    """The module's outbox."""
    return Table(
        f"{module}_outbox",
        metadata,
        sequence(),
        text("id"),
        text("topic"),
        text("payload"),
        moment("put_at"),
        moment("sent_at", null=True),
        Index(f"{module}_outbox_by_id", "id", unique=True),
        Index(f"{module}_outbox_by_sending", "sent_at", "seq"),
        sqlite_autoincrement=True,
    )


class SqlJobs(SqlRecords[Job]):
    async def of_owner(self, owner_id: str | None, *, states: tuple[JobState, ...], limit: int) -> list[Job]:
        statement = _listing(self.stored, owner_id is not None, states)
        return await self._all(statement, {"owner_id": owner_id, "limit": limit, "offset": 0})

    async def waiting(self, *, most: int, owner_id: str | None = None) -> int:
        statement = _waiting(self.stored.table, owner_id is not None)
        return await self._count(statement, {"limit": most, "owner_id": owner_id})


class SqlOutbox:
    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self._table = table
        self.used = False

    async def put(self, message: Outgoing, *, at: datetime) -> None:
        self.used = True
        payload = to_json(message.payload, dict[str, object])
        row = {"id": message.id, "topic": message.topic, "payload": payload, "put_at": at, "sent_at": None}
        await self._connection.execute(upsert(self._table, "id", self._connection.dialect), row)

    async def due(
        self, *, sent_before: datetime, sent_after: datetime | None = None, limit: int = 100
    ) -> list[Outgoing]:
        values = {"sent_before": sent_before, "sent_after": sent_after or PARKED, "parked": PARKED, "limit": limit}
        return [
            Outgoing(id=row["id"], topic=row["topic"], payload=from_json(row["payload"], dict[str, object]))
            for row in await self._connection.fetch_all(_due(self._table), values)
        ]

    async def mark_sent(self, ids: list[str], *, at: datetime) -> None:
        await self._mark(ids, at)

    async def mark_unsent(self, ids: list[str]) -> None:
        await self._mark(ids, None)

    async def mark_all_unsent(self) -> None:
        statement = update(self._table).where(self._table.c.sent_at < PARKED)
        await self._connection.execute(statement.values(sent_at=null()))

    async def park(self, id: str) -> None:
        await self._connection.execute(_update_one(self._table), {"key": id, "sending": PARKED})

    async def unpark(self, id: str) -> bool:
        self.used = True
        row = await self._connection.fetch_one(_update_one(self._table), {"key": id, "sending": None})
        return row is not None

    async def parked(self, *, limit: int = 100) -> list[str]:
        rows = await self._connection.fetch_all(_parked(self._table), {"parked": PARKED, "limit": limit})
        return [row["id"] for row in rows]

    async def drop_parked(self, *, put_before: datetime) -> int:
        values = {"parked": PARKED, "put_before": put_before}
        return len(await self._connection.fetch_all(_drop_parked(self._table), values))

    async def drop(self, id: str) -> None:
        await self._connection.execute(_drop(self._table), {"key": id})

    async def _mark(self, ids: Sequence[str], sent_at: datetime | None) -> None:
        columns = self._table.c
        for start in range(0, len(ids), BATCH):
            some = columns.id.in_(ids[start : start + BATCH])
            waiting = or_(columns.sent_at.is_(None), columns.sent_at < PARKED)
            await self._connection.execute(update(self._table).where(some, waiting).values(sent_at=sent_at))


@cache
def _listing(stored: Stored[Job], owned: bool, states: tuple[JobState, ...]) -> Select[Any]:
    columns = stored.table.c
    clauses = [columns.owner_id == bindparam("owner_id")] if owned else []
    if len(states) > 1 and not owned:
        return _listing_of_all(stored, states)
    if states:
        clauses.append(or_(*[columns.state == state.value for state in states]))
    return stored.latest("created_at", *clauses)


def _listing_of_all(stored: Stored[Job], states: tuple[JobState, ...]) -> Select[Any]:
    """Of each state a page from the index, and of those the latest: several states at once are in no index's order."""
    columns = stored.table.c
    order = (columns.created_at.desc(), columns.seq.desc())
    each = [
        select(columns.seq).where(columns.state == state.value).order_by(*order).limit(bindparam("limit")).subquery()
        for state in states
    ]
    page = union_all(*[select(one.c.seq) for one in each]).subquery("page")
    found = stored.all.join_from(stored.table, page, columns.seq == page.c.seq)
    return found.order_by(*order).limit(bindparam("limit"))


@cache
def _waiting(table: Table, owned: bool) -> Select[Any]:
    queued = select(table.c.owner_id).where(table.c.state == JobState.QUEUED.value)
    # In the order of an index, or PostgreSQL would look for some of them in the whole table.
    some = queued.order_by(table.c.created_at, table.c.seq).limit(bindparam("limit")).subquery()
    counted = select(func.count().label("count")).select_from(some)
    return counted.where(some.c.owner_id == bindparam("owner_id")) if owned else counted


@cache
def _due(table: Table) -> Select[Any]:
    sent_at = table.c.sent_at
    in_future = and_(sent_at > bindparam("sent_after"), sent_at < bindparam("parked"))
    never_or_far_off = or_(sent_at.is_(None), sent_at < bindparam("sent_before"), in_future)
    return select(table).where(never_or_far_off).order_by(table.c.seq).limit(bindparam("limit"))


@cache
def _update_one(table: Table) -> Any:
    statement = update(table).where(table.c.id == bindparam("key")).values(sent_at=bindparam("sending"))
    return statement.returning(table.c.id)


@cache
def _parked(table: Table) -> Select[Any]:
    is_parked = table.c.sent_at == bindparam("parked")
    return select(table.c.id).where(is_parked).order_by(table.c.seq).limit(bindparam("limit"))


@cache
def _drop_parked(table: Table) -> Any:
    is_old = table.c.put_at < bindparam("put_before")
    return delete(table).where(table.c.sent_at == bindparam("parked"), is_old).returning(table.c.id)


@cache
def _drop(table: Table) -> Any:
    return delete(table).where(table.c.id == bindparam("key"))
