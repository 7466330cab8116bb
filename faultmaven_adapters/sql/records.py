"""Values of one class in one table."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Generic, TypeVar

from sqlalchemy import Insert, Select, Table, bindparam, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.dml import ReturningDelete

from ..rows import RowCodec
from .gateway import Connection, Row

T = TypeVar("T")
NOTHING: Mapping[str, Any] = {}


@cache
def insert(table: Table, dialect: str) -> "sqlite.Insert | postgresql.Insert":
    """An insert of every column but the sequence, in the dialect that knows ON CONFLICT."""
    new = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    return new.values({c.name: bindparam(c.name) for c in table.columns if c.name != "seq"})


@cache
def upsert(table: Table, key: str, dialect: str) -> Insert:
    """Insert, or replace the one with the same key, which keeps its place in the sequence."""
    new = insert(table, dialect)
    others = {c.name: new.excluded[c.name] for c in table.columns if c.name not in {key, "seq"}}
    return new.on_conflict_do_update(index_elements=[table.c[key]], set_=others)


class Stored(Generic[T]):
    """A table whose columns are a class's fields, and the statements every such table has."""

    def __init__(self, table: Table, cls: type[T], *, key: str) -> None:
        self.table = table
        self.key = key
        self.codec = RowCodec(cls)
        own = table.c[key] == bindparam("key")
        self.all = select(*[table.c[name] for name in self.codec.names])
        self.one = self.all.where(own)
        self.removal = delete(table).where(own).returning(table.c[key])
        self._matching: dict[tuple[tuple[str, bool], ...], Select[Any]] = {}

    def matching(self, filters: Mapping[str, Any]) -> Select[Any]:
        """Those with equal columns, oldest first."""
        shape = tuple((name, value is None) for name, value in filters.items())
        if shape not in self._matching:
            clauses = [self.table.c[n].is_(None) if null else self.table.c[n] == bindparam(n) for n, null in shape]
            self._matching[shape] = self.all.where(*clauses).order_by(self.table.c.seq)
        return self._matching[shape]

    def latest(self, time: str, *clauses: Any) -> Select[Any]:
        """A page of those the clauses let through, the latest first. To skip the others an index is enough."""
        table = self.table
        order = (table.c[time].desc(), table.c.seq.desc())
        found = select(table.c.seq).where(*clauses).order_by(*order)
        page = found.limit(bindparam("limit")).offset(bindparam("offset")).subquery("page")
        return self.all.join_from(table, page, table.c.seq == page.c.seq).order_by(*order)


class SqlRecords(Generic[T]):
    """A DataProvider over a :class:`Stored` table, within one transaction."""

    def __init__(self, connection: Connection, stored: Stored[T]) -> None:
        self._connection = connection
        self.stored = stored

    async def get(self, id: str) -> T | None:
        return await self._one(self.stored.one, {"key": id})

    async def save(self, entity: T) -> T:
        statement = upsert(self.stored.table, self.stored.key, self._connection.dialect)
        await self._connection.execute(statement, self.stored.codec.to_row(entity))
        return entity

    async def delete(self, id: str) -> bool:
        return await self._connection.fetch_one(self.stored.removal, {"key": id}) is not None

    async def query(self, **filters: object) -> list[T]:
        scalars, others = self.stored.codec.split(filters)
        found = await self._all(self.stored.matching(scalars), scalars)
        return [value for value in found if all(getattr(value, name) == other for name, other in others.items())]

    async def _one(self, statement: Executable, values: Mapping[str, Any] = NOTHING) -> T | None:
        row = await self._connection.fetch_one(statement, values)
        return None if row is None else self._value(row)

    async def _all(self, statement: Executable, values: Mapping[str, Any] = NOTHING) -> list[T]:
        return [self._value(row) for row in await self._connection.fetch_all(statement, values)]

    async def _count(self, statement: Executable, values: Mapping[str, Any] = NOTHING) -> int:
        row = await self._connection.fetch_one(statement, values)
        return 0 if row is None else int(row["count"])

    def _value(self, row: Row) -> T:
        return self.stored.codec.from_row(row)


def counting(table: Table, *clauses: Any) -> Select[Any]:
    return select(func.count().label("count")).select_from(table).where(*clauses)


class SqlTexts:
    """A table of two columns: one text by its key."""

    def __init__(self, connection: Connection, table: Table) -> None:
        self._connection = connection
        self.table = table

    async def get(self, key: str) -> str | None:
        one, _ = _text_statements(self.table)
        row = await self._connection.fetch_one(one, {"key": key})
        return None if row is None else str(row["value"])

    async def set(self, key: str, value: str) -> None:
        name, text = self.table.columns.keys()
        await self._connection.execute(upsert(self.table, name, self._connection.dialect), {name: key, text: value})

    async def delete(self, key: str) -> bool:
        _, removal = _text_statements(self.table)
        return await self._connection.fetch_one(removal, {"key": key}) is not None

    async def any(self) -> bool:
        return await self._connection.fetch_one(_some_text(self.table)) is not None


@cache
def _some_text(table: Table) -> Select[Any]:
    return select(*table.primary_key).limit(1)


@cache
def _text_statements(table: Table) -> tuple[Select[Any], ReturningDelete[Any]]:
    key, value = table.columns.values()
    own = key == bindparam("key")
    return select(value.label("value")).where(own), delete(table).where(own).returning(key)
