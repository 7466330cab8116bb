"""SQLite files with their connections kept open: opening one costs ten times what a query does.

A file has one writer, whose transactions come in turn, and a few readers that it never holds up (WAL). They are shared
by every handle of the process on the same file.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from attrs import define, field, frozen

from faultmaven_domain.kernel.errors import Unavailable

from ..turns import Turns

log = logging.getLogger(__name__)
R = TypeVar("R")

#: At most; each is opened when it is first needed.
READERS = 16
#: How long another process's transaction is waited for, in seconds.
BUSY = 10.0
#: How long those of this process are waited for, in seconds.
PATIENCE = 30.0

_UNDONE = "The database undid the transaction after an error; try again."
# FULL: a commit is on the disk before it is acknowledged, so it outlives a power cut too.
_COMMON = (f"busy_timeout={int(BUSY * 1000)}", "foreign_keys=ON", "temp_store=MEMORY")
_WRITER = ("journal_mode=WAL", "synchronous=FULL", "journal_size_limit=67108864")
_READER = ("query_only=ON",)


class KeptConnection:
    """A connection on a thread of its own, opened at the first call. Calls are done in the order they were made."""

    def __init__(self, path: Path, pragmas: tuple[str, ...]) -> None:
        self._uri = f"{path.as_uri()}?mode=rw"
        self._pragmas = pragmas
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._closed = False
        # A daemon, so that a process that forgot to close can end; SQLite undoes what was not committed.
        Thread(target=self._work, name=f"sqlite {path.name}", daemon=True).start()

    def begin(self) -> "asyncio.Future[None]":
        """Begin a transaction and lock the file for writing."""
        return self._call(_begin)

    def run(self, sql: str, arguments: Mapping[str, Any], *, begins: bool) -> "asyncio.Future[list[tuple[Any, ...]]]":
        """All rows of a statement, which may be the one that begins a transaction."""

        def work(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
            if not connection.in_transaction:
                if not begins:
                    raise Unavailable(_UNDONE)
                connection.execute("BEGIN")
            return connection.execute(sql, arguments).fetchall()

        return self._call(work)

    def commit(self) -> "asyncio.Future[None]":
        return self._call(_commit)

    def rollback(self) -> "asyncio.Future[None]":
        """Undo the transaction, if there is one."""
        return self._call(_rollback, opens=False)

    def release(self) -> None:
        """Undo the transaction, waiting for nothing: whoever calls next stands behind it."""
        if not self._closed:
            self._calls.put(_Call(_rollback, False, None))

    def close(self) -> "asyncio.Future[None]":
        """After what was called before; nothing is done after it."""
        closed = self._call(sqlite3.Connection.close, opens=False)
        self._closed = True
        self._calls.put(None)
        return closed

    def _call(self, work: Callable[[sqlite3.Connection], R], *, opens: bool = True) -> "asyncio.Future[R]":
        """Do it on the connection's thread. It is done even if nobody waits for it any more."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if not self._closed:
            self._calls.put(_Call(work, opens, future))
        elif opens:
            future.set_exception(Unavailable("The database is closed."))
        else:
            future.set_result(None)
        return future

    def _work(self) -> None:
        connection: sqlite3.Connection | None = None
        while (call := self._calls.get()) is not None:
            try:
                if connection is None and call.opens:
                    connection = self._opened()
                call.done(None if connection is None else call.work(connection))
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                call.failed(error)
            del call  # which would hold on to its result until the next

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._uri, uri=True, isolation_level=None, cached_statements=256)
        try:
            for pragma in (*_COMMON, *self._pragmas):
                connection.execute(f"PRAGMA {pragma}").close()
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _begin(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")


def _commit(connection: sqlite3.Connection) -> None:
    if not connection.in_transaction:
        raise Unavailable(_UNDONE)
    try:
        connection.execute("COMMIT")
    except sqlite3.Error:
        _rollback(connection)
        raise


def _rollback(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


@frozen(eq=False)
class _Call:
    work: Callable[[sqlite3.Connection], Any]
    opens: bool
    future: "asyncio.Future[Any] | None"

    def done(self, result: object) -> None:
        if self.future is not None:
            _tell(self.future, self.future.set_result, result)

    def failed(self, error: BaseException) -> None:
        if self.future is None:
            log.error("a reader could not end its transaction: %s", error)
        else:
            _tell(self.future, self.future.set_exception, error)


def _tell(future: "asyncio.Future[Any]", how: Callable[[Any], None], news: object) -> None:
    def tell() -> None:
        if not future.done():  # cancelled: nobody waits any more
            how(news)

    with suppress(RuntimeError):  # the loop is closed, and whoever asked is gone with it
        future.get_loop().call_soon_threadsafe(tell)


@define(eq=False)
class KeptFile:
    """A file's connections."""

    path: Path
    patience: float = PATIENCE
    turns: Turns = field(init=False)
    handles: int = 0
    _writer: KeptConnection | None = None
    _idle: list[KeptConnection] = field(factory=list)
    _readers: list[KeptConnection] = field(factory=list)
    _free: asyncio.Semaphore = field(factory=lambda: asyncio.Semaphore(READERS))

    def __attrs_post_init__(self) -> None:
        self.turns = Turns(patience=self.patience)

    def writer(self) -> KeptConnection:
        """Only for whoever has the turn."""
        if self._writer is None:
            self._writer = KeptConnection(self.path, _WRITER)
        return self._writer

    async def take_reader(self) -> KeptConnection:
        """Raises: Unavailable when none comes free."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._free.acquire()
        except TimeoutError as error:
            raise Unavailable("The database is busy; try again.") from error
        if self._idle:
            return self._idle.pop()
        reader = KeptConnection(self.path, _READER)
        self._readers.append(reader)
        return reader

    def give_reader(self, reader: KeptConnection) -> None:
        self._idle.append(reader)
        self._free.release()

    async def close(self) -> None:
        kept = [*self._readers, *([self._writer] if self._writer else [])]
        self._readers, self._idle, self._writer = [], [], None
        for connection in kept:  # the writer last: closing it folds the log into the file
            await settled(connection.close())


_open: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Path, KeptFile]] = WeakKeyDictionary()


def open_file(path: Path) -> KeptFile:
    """The process's one :class:`KeptFile` of this path; each open wants its close."""
    files = _open.setdefault(asyncio.get_running_loop(), {})
    file = files.setdefault(path.resolve(), KeptFile(path.resolve()))
    file.handles += 1
    return file


async def close_file(file: KeptFile) -> None:
    file.handles -= 1
    if file.handles == 0:
        _open[asyncio.get_running_loop()].pop(file.path, None)
        await file.close()


async def settled(future: "asyncio.Future[R]") -> R:
    """Wait to the very end; a cancellation meanwhile is passed on after it."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        future.exception()  # looked at, so that it is not reported as forgotten
        raise cancelled
    return future.result()
