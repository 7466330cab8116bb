"""Connections to PostgreSQL servers, kept open, and shared by every handle of the process on the same database."""

import asyncio
import time
from contextlib import nullcontext
from hashlib import sha256
from weakref import WeakKeyDictionary

from attrs import define, field

from faultmaven_domain.kernel.errors import FaultMavenError, Unavailable

from ..turns import Turns
from .connecting import Connection, connect
from .engines import Limits
from .postgres_errors import meant
from .urls import PostgresAddress

#: How long a connection may lie idle and still be used, in seconds: something between here and there may have cut it.
FRESH = 300.0
#: How long closing may take, in seconds.
CLOSING = 5.0


def lock_key(name: str) -> int:
    """Of the advisory lock of this name: a number of 64 bits."""
    return int.from_bytes(sha256(f"faultmaven {name}".encode()).digest()[:8], "big", signed=True)


@define(eq=False)
class Pool:
    """A database's connections from this process."""

    address: PostgresAddress
    limits: Limits
    handles: int = 0
    closed: bool = False
    _turns: dict[str, Turns] = field(factory=dict)
    _idle: list[tuple[float, Connection]] = field(factory=list)
    _all: set[Connection] = field(factory=set)
    _seats: asyncio.Semaphore = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._seats = asyncio.Semaphore(self.limits.size)

    def turns(self, module: str) -> Turns:
        """Those of a module's writers in this process."""
        return self._turns.setdefault(module, Turns(patience=self.limits.patience))

    async def take_seat(self) -> None:
        """A reader's right to a connection. Raises: Unavailable when none comes free."""
        try:
            async with asyncio.timeout(self.limits.patience) if self._seats.locked() else nullcontext():
                await self._seats.acquire()
        except TimeoutError as error:
            raise Unavailable("The database is busy; try again.") from error

    def give_seat(self) -> None:
        self._seats.release()

    async def take(self) -> tuple[Connection, bool]:
        """A connection, and whether it was used before. Raises: Unavailable; Misconfigured."""
        while self._idle and not self.closed:
            since, connection = self._idle.pop()
            if not connection.is_closed() and time.monotonic() - since < FRESH:
                return connection, True
            self._drop(connection)
        if self.closed:
            raise Unavailable("The database is closed.")
        connection = await connect(self.address, self.limits)
        self._all.add(connection)
        return connection, False

    def give(self, connection: Connection, *, alive: bool) -> None:
        if alive and not self.closed and not connection.is_closed():
            self._idle.append((time.monotonic(), connection))
        else:
            self._drop(connection)

    async def close(self) -> None:
        self.closed = True
        idle, self._idle = self._idle, []
        await asyncio.gather(*[_closed(connection) for _, connection in idle])
        for connection in list(self._all):
            self._drop(connection)

    def _drop(self, connection: Connection) -> None:
        self._all.discard(connection)
        connection.terminate()


async def _closed(connection: Connection) -> None:
    """With a word to the server, unless it does not listen."""
    try:
        await connection.close(timeout=CLOSING)
    except Exception as error:
        if not isinstance(meant(error), FaultMavenError):
            raise


_open: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[PostgresAddress, Limits], Pool]] = WeakKeyDictionary()


def open_pool(address: PostgresAddress, limits: Limits) -> Pool:
    """The process's one :class:`Pool` of this database; each open wants its close."""
    pools = _open.setdefault(asyncio.get_running_loop(), {})
    pool = pools.setdefault((address, limits), Pool(address, limits))
    pool.handles += 1
    return pool


async def close_pool(pool: Pool) -> None:
    pool.handles -= 1
    if pool.handles == 0:
        _open[asyncio.get_running_loop()].pop((pool.address, pool.limits), None)
        await pool.close()
