"""The way to a database: four verbs over an explicit connection. The only import of ``databases``.

Of ``databases`` the URL, the choice of a backend and the backends' interface are used. Its upper layer is not: it ties
connections to tasks and transactions to context variables, so a child task's writes land outside the transaction, and
a commit or a start that fails keeps its connection for ever.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from types import TracebackType
from typing import Any, Generic, TypeVar

from attrs import define, frozen
from databases import Database
from databases.interfaces import ConnectionBackend, DatabaseBackend, Record, TransactionBackend
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.sql.base import Executable

from faultmaven_domain.kernel.errors import Misconfigured, Unavailable

from .errors import translated
from .kept import KeptConnection, KeptFile, close_file, open_file, settled
from .plans import NOTHING, Plan, Plans
from .urls import sqlite_path

log = logging.getLogger(__name__)
logging.getLogger("databases").setLevel(logging.WARNING)  # it would tell of each handle of each module

Row = Mapping[str, Any]
G = TypeVar("G")


@define
class Connection:
    """One transaction's connection. A child task may use it too; after the end nobody may."""

    _backend: ConnectionBackend
    dialect: str
    readonly: bool
    _ended: bool = False
    committed: bool = False

    async def fetch_one(self, statement: Executable, values: Mapping[str, Any] = NOTHING) -> Row | None:
        """The first row, None where there is none."""
        query = self._query(statement, values)
        with translated():
            record = await self._backend.fetch_one(query)
        return None if record is None else record._mapping

    async def fetch_all(self, statement: Executable, values: Mapping[str, Any] = NOTHING) -> list[Row]:
        query = self._query(statement, values)
        with translated():
            records = await self._backend.fetch_all(query)
        return [record._mapping for record in records]

    async def execute(self, statement: Executable, values: Mapping[str, Any] = NOTHING) -> None:
        """For what gives no rows. What was changed is asked for with RETURNING and a fetch."""
        query = self._query(statement, values)
        with translated():
            await self._backend.execute(query)

    def end(self) -> None:
        self._ended = True

    def _query(self, statement: Executable, values: Mapping[str, Any]) -> Any:
        if self._ended:
            raise RuntimeError("The transaction has ended.")
        if self.readonly and not statement.is_select:
            raise RuntimeError("A view only reads.")
        return Bound(statement, values)


@frozen
class Bound:
    """A statement and its parameters, which our backends take in the place of a clause."""

    statement: Executable
    values: Mapping[str, Any]


class Gateway:
    """A module's handle on its database."""

    def __init__(self, url: str) -> None:
        """Raises: Misconfigured for a URL of no engine we know."""
        try:
            self._database = _Handle(url)
        except (KeyError, ValueError) as error:
            raise Misconfigured(f"{url.partition(':')[0]} is no database this server can use.") from error

    async def open(self) -> None:
        await self._database.connect()

    async def close(self) -> None:
        await self._database.disconnect()

    def transaction(self, *, readonly: bool = False, lasting: bool = True) -> "Transaction[Connection]":
        """Commits at the end of the block, rolls back when it raises, whatever it raises.

        One that is not ``lasting`` is committed without waiting for the disk.
        Raises: Unavailable; StorageFull; AlreadyExists or Conflict for what a constraint forbids.
        """
        return Transaction(self._database, _itself, {"readonly": readonly, "lasting": lasting})

    def view(self, unit: Callable[[Connection], G]) -> "Transaction[G]":
        """One that only reads, and gives what ``unit`` makes of its connection. Raises: Unavailable."""
        return Transaction(self._database, unit, _READS)


_READS = {"readonly": True, "lasting": True}


def _itself(connection: Connection) -> Connection:
    return connection


class Transaction(Generic[G]):
    """One block's. A class, as every request enters several, and a generator would cost more than a look-up does."""

    __slots__ = ("_backend", "_connection", "_gives", "_handle", "_options", "_transaction")

    _backend: ConnectionBackend
    _connection: Connection
    _transaction: TransactionBackend

    def __init__(self, handle: "_Handle", gives: Callable[[Connection], G], options: dict[str, bool]) -> None:
        self._handle, self._gives, self._options = handle, gives, options

    async def __aenter__(self) -> G:
        self._backend = self._handle.explicit()
        self._connection = Connection(self._backend, self._handle.dialect, self._options["readonly"])
        self._transaction = self._backend.transaction()
        with translated():
            await self._backend.acquire()
            try:
                await self._transaction.start(is_root=True, extra_options=self._options)
            except BaseException:
                await self._backend.release()
                raise
        return self._gives(self._connection)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._connection.end()
        try:
            with translated():
                if kind is not None:
                    await self._transaction.rollback()
                else:
                    await self._commit()
        finally:
            await self._backend.release()

    async def _commit(self) -> None:
        try:
            await self._transaction.commit()
        except asyncio.CancelledError:
            self._connection.committed = True  # a cancellation is passed on after the commit, which was not stopped
            raise
        self._connection.committed = True


class _Handle(Database):
    """``databases``' own handle, with our backends, giving connections that belong to no task."""

    SUPPORTED_BACKENDS = {"sqlite": f"{__name__}:_SqliteBackend"}  # noqa: RUF012 - the library's way

    @cached_property
    def dialect(self) -> str:
        return self.url.dialect

    def explicit(self) -> ConnectionBackend:
        backend: DatabaseBackend = self._backend
        return backend.connection()


class _SqliteBackend(DatabaseBackend):
    """Connections of a file that are kept."""

    def __init__(self, url: object, **_: object) -> None:
        self._path = sqlite_path(str(url))
        self._plans = Plans(pysqlite.dialect(paramstyle="named"))
        self._file: KeptFile | None = None

    async def connect(self) -> None:
        self._file = open_file(self._path)

    async def disconnect(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            await close_file(file)

    def connection(self) -> "_SqliteConnection":
        if self._file is None:
            raise Unavailable("The database is closed.")
        return _SqliteConnection(self._file, self._plans)


class _SqliteConnection(ConnectionBackend):
    """Which of the file's connections it is depends on the transaction, so that is where one is taken."""

    def __init__(self, file: KeptFile, plans: Plans) -> None:
        self.file = file
        self.kept: KeptConnection | None = None
        self.begins = False
        self._plans = plans

    async def acquire(self) -> None:
        """Nothing yet."""

    async def release(self) -> None:
        """Nothing any more."""

    def transaction(self) -> "_SqliteTransaction":
        return _SqliteTransaction(self)

    async def fetch_all(self, query: Any) -> list[Record]:
        plan: Plan = self._plans.of(query.statement)
        return [_Row(plan.row(raw)) for raw in await self._run(plan, query)]

    async def fetch_one(self, query: Any) -> Record | None:
        plan: Plan = self._plans.of(query.statement)
        rows = await self._run(plan, query)
        return _Row(plan.row(rows[0])) if rows else None

    async def execute(self, query: Any) -> None:
        await self._run(self._plans.of(query.statement), query)

    async def _run(self, plan: Plan, query: Bound) -> list[tuple[Any, ...]]:
        if self.kept is None:
            raise RuntimeError("There is no transaction.")
        log.debug("%s", plan.sql)
        arguments = plan.arguments(query.values)
        if query.statement.is_select:
            rows = self.kept.glance(plan.sql, arguments, begins=self.begins)
            if rows is not None:
                return rows
        return await self.kept.run(plan.sql, arguments, begins=self.begins)


class _SqliteTransaction(TransactionBackend):
    """The writer's begins at once and locks, so that it never fails half-way; a reader's with its first question."""

    def __init__(self, connection: _SqliteConnection) -> None:
        self._connection = connection
        self._file = connection.file
        self._readonly = False

    async def start(self, is_root: bool, extra_options: dict[Any, Any]) -> None:
        self._readonly = bool(extra_options.get("readonly"))
        if self._readonly:
            self._connection.begins = True
            self._connection.kept = await self._file.take_reader()
            return
        await self._file.turns.take()
        writer = self._file.writer()
        try:
            await writer.begin(lasting=bool(extra_options.get("lasting", True)))
        except BaseException:
            await self._end(writer.rollback())
            raise
        self._connection.kept = writer

    async def commit(self) -> None:
        if self._readonly:
            await self.rollback()
        else:
            await self._end(self._kept().commit())

    async def rollback(self) -> None:
        kept = self._kept()
        if self._readonly:
            kept.release()
            self._file.give_reader(kept)
        else:
            await self._end(kept.rollback())

    async def _end(self, ending: "asyncio.Future[None]") -> None:
        try:
            await settled(ending)
        finally:
            self._file.turns.give()

    def _kept(self) -> KeptConnection:
        kept, self._connection.kept = self._connection.kept, None
        if kept is None:
            raise RuntimeError("There is no transaction.")
        return kept


class _Row(Record):
    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    @property
    def _mapping(self) -> Mapping[str, Any]:
        return self._values

    def __getitem__(self, key: Any) -> Any:
        return list(self._values.values())[key] if isinstance(key, int) else self._values[key]

    def __len__(self) -> int:
        return len(self._values)
