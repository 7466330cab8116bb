"""The way to a database: four verbs over an explicit connection. The only import of ``databases``.

Of ``databases`` the URL, the choice of a backend and the backends' interface are used. Its upper layer is not: it ties
connections to tasks and transactions to context variables, so a child task's writes land outside the transaction, and
a commit or a start that fails keeps its connection for ever.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Generic, TypeVar

from attrs import define, frozen
from databases import Database
from databases.interfaces import ConnectionBackend, DatabaseBackend, Record, TransactionBackend
from sqlalchemy.sql.base import Executable

from faultmaven_domain.kernel.errors import Misconfigured

from .engines import POSTGRES, Limits, Session, engine_of
from .errors import translated
from .plans import NOTHING, Plan, Plans

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

    def __init__(self, url: str, *, module: str = "", limits: Limits | None = None) -> None:
        """``module``: whose writers take turns on a server. Raises: Misconfigured for a URL of no engine we know."""
        scheme = url.partition(":")[0]
        try:  # the scheme alone, as it would read the rest its own way, which knows neither several hosts nor sockets
            self._database = _Handle(f"{scheme}://", place=url, module=module, limits=limits or Limits())
        except KeyError as error:
            raise Misconfigured(f"{scheme} is no database this server can use.") from error

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
    """``databases``' own handle, with our backend, giving connections that belong to no task."""

    SUPPORTED_BACKENDS = dict.fromkeys({"sqlite", *POSTGRES}, f"{__name__}:_Backend")

    @property
    def dialect(self) -> str:
        backend: _Backend = self._backend
        return backend.dialect

    def explicit(self) -> ConnectionBackend:
        backend: _Backend = self._backend
        return backend.connection()


class _Backend(DatabaseBackend):
    """The engine a URL names."""

    def __init__(self, _: object, *, place: str, module: str, limits: Limits) -> None:
        self._engine = engine_of(place, module, limits)
        self._plans = Plans(self._engine.dialect)
        self.dialect: str = self._engine.dialect.name

    async def connect(self) -> None:
        self._engine.open()

    async def disconnect(self) -> None:
        await self._engine.close()

    def connection(self) -> "_Connection":
        return _Connection(self._engine.session(), self._plans)


class _Connection(ConnectionBackend):
    """Which of the engine's connections it is depends on the transaction, so that is where one is taken."""

    def __init__(self, session: Session, plans: Plans) -> None:
        self.session = session
        self._plans = plans

    async def acquire(self) -> None:
        """Nothing yet."""

    async def release(self) -> None:
        """Nothing any more."""

    def transaction(self) -> "_Transaction":
        return _Transaction(self.session)

    async def fetch_all(self, query: Any) -> list[Record]:
        plan: Plan = self._plans.of(query.statement)
        return [_Row(plan.row(raw)) for raw in await self._run(plan, query)]

    async def fetch_one(self, query: Any) -> Record | None:
        plan: Plan = self._plans.of(query.statement)
        first = next(iter(await self._run(plan, query)), None)
        return None if first is None else _Row(plan.row(first))

    async def execute(self, query: Any) -> None:
        await self._run(self._plans.of(query.statement), query)

    async def _run(self, plan: Plan, query: Bound) -> Iterable[Iterable[Any]]:
        log.debug("%s", plan.sql)
        return await self.session.rows(plan, plan.arguments(query.values), reads=query.statement.is_select)


class _Transaction(TransactionBackend):
    def __init__(self, session: Session) -> None:
        self._session = session

    async def start(self, is_root: bool, extra_options: dict[Any, Any]) -> None:
        await self._session.begin(**extra_options)

    async def commit(self) -> None:
        await self._session.commit()

    async def rollback(self) -> None:
        await self._session.rollback()


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
