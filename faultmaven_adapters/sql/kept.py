"""SQLite files with their connections kept open: opening one costs ten times what a query does.

A file has one writer, whose transactions come in turn, and a few readers that it never holds up (WAL). They are shared
by every handle of the process on the same file.

Each connection has a thread for what may take long: writes, commits, reads of much. A trip there and back costs ten
times what a look-up by key does, so a read is first tried where it is asked, on the event loop's own thread, and given
to the other one when it is not done within :data:`GLANCE`.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
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
#: How long a read may hold up the event loop, in seconds, and after how many of SQLite's steps that is looked at.
GLANCE, STEPS = 0.001, 500

_UNDONE = "The database undid the transaction after an error; try again."
# FULL: a commit is on the disk before it is acknowledged, so it outlives a power cut too.
_PATIENT = f"busy_timeout={int(BUSY * 1000)}"
_COMMON = (_PATIENT, "foreign_keys=ON", "temp_store=MEMORY")
_WRITER = ("journal_mode=WAL", "synchronous=FULL", "journal_size_limit=67108864")
_READER = ("query_only=ON",)


class KeptConnection:
    """A connection on a thread of its own, opened at the first call. Calls are done in the order they were made."""

    def __init__(self, path: Path, pragmas: tuple[str, ...], *, glance: float = GLANCE) -> None:
        self._glance = glance
        self._uri = f"{path.as_uri()}?mode=rw"
        self._pragmas = pragmas
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._connection: sqlite3.Connection | None = None
        # Two counters, each written by one thread: where they are equal the thread is idle, and stays so until asked.
        self._asked = self._done = 0
        self._hurried, self._until = False, 0.0
        self._lasting = True
        self._closed = False
        # A daemon, so that a process that forgot to close can end; SQLite undoes what was not committed.
        Thread(target=self._work, name=f"sqlite {path.name}", daemon=True).start()

    async def begin(self, *, lasting: bool) -> None:
        """Begin a transaction and lock the file for writing; its commit waits for the disk where it is to last."""

        def begin(connection: sqlite3.Connection) -> bool:
            if self._lasting is not lasting:
                connection.execute(f"PRAGMA synchronous={'FULL' if lasting else 'NORMAL'}").close()
                self._lasting = lasting
            connection.execute("BEGIN IMMEDIATE")
            return True

        if self._glanced(begin) is None:
            # It may have begun all the same: SQLite looks at the time limit once more after the statement is done.
            await self._call(lambda connection: connection.in_transaction or begin(connection))

    def glance(self, sql: str, arguments: Mapping[str, Any], *, begins: bool) -> list[tuple[Any, ...]] | None:
        """All rows of a statement that only reads, at once; None where that would take long, and :meth:`run` is due."""
        return self._glanced(lambda connection: _rows(connection, sql, arguments, begins))

    def run(self, sql: str, arguments: Mapping[str, Any], *, begins: bool) -> "asyncio.Future[list[tuple[Any, ...]]]":
        """All rows of a statement, which may be the one that begins a transaction."""
        return self._call(lambda connection: _rows(connection, sql, arguments, begins))

    def commit(self) -> "asyncio.Future[None]":
        return self._call(_commit)

    def rollback(self) -> "asyncio.Future[Any]":
        """Undo the transaction, if there is one."""
        return self._call(_rollback, opens=False)

    def release(self) -> None:
        """Undo the transaction, waiting for nothing: whoever calls next stands behind it."""
        if self._glanced(_rollback) is None and not self._closed:
            self._put(_Call(_rollback, False, None))

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
            self._put(_Call(work, opens, future))
        elif opens:
            future.set_exception(Unavailable("The database is closed."))
        else:
            future.set_result(None)
        return future

    def _put(self, call: "_Call") -> None:
        self._asked += 1
        self._calls.put(call)

    def _glanced(self, work: Callable[[sqlite3.Connection], R]) -> R | None:
        """Do it on this thread; None where the connection is busy or not open, or has to wait, or was interrupted."""
        connection = self._connection
        if connection is None or self._closed or self._asked != self._done:
            return None
        if not self._hurried:
            self._hurried = True
            connection.execute("PRAGMA busy_timeout=0").close()
            connection.set_progress_handler(self._late, STEPS)
        self._until = time.perf_counter() + self._glance
        try:
            return work(connection)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY}:
                return None
            raise

    def _late(self) -> bool:
        return time.perf_counter() > self._until

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                result = self._patiently(call)
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                self._done += 1
                call.failed(error)
            else:
                self._done += 1
                call.done(result)
            result = None  # neither holds on to it until the next
            del call

    def _patiently(self, call: "_Call") -> object:
        if self._connection is None and call.opens:
            self._connection = self._opened()
        if self._connection is None:
            return None
        if self._hurried:
            self._hurried = False
            self._connection.set_progress_handler(None, 0)
            self._connection.execute(f"PRAGMA {_PATIENT}").close()
        return call.work(self._connection)

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._uri, uri=True, isolation_level=None, cached_statements=256, check_same_thread=False
        )
        try:
            for pragma in (*_COMMON, *self._pragmas):
                connection.execute(f"PRAGMA {pragma}").close()
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def _rows(
    connection: sqlite3.Connection, sql: str, arguments: Mapping[str, Any], begins: bool
) -> list[tuple[Any, ...]]:
    if not connection.in_transaction:
        if not begins:
            raise Unavailable(_UNDONE)
        connection.execute("BEGIN")
    return connection.execute(sql, arguments).fetchall()


def _commit(connection: sqlite3.Connection) -> None:
    if not connection.in_transaction:
        raise Unavailable(_UNDONE)
    try:
        connection.execute("COMMIT")
    except sqlite3.Error:
        _rollback(connection)
        raise


def _rollback(connection: sqlite3.Connection) -> bool:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    return True


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
            async with asyncio.timeout(self.patience) if self._free.locked() else nullcontext():
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
