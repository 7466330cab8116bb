"""Connections to PostgreSQL servers, kept open, and shared by every handle of the process on the same database."""

import asyncio
import ssl
import time
from contextlib import nullcontext
from hashlib import sha256
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import asyncpg
from attrs import define, field

from faultmaven_domain.kernel.errors import FaultMavenError, Misconfigured, Unavailable

from ..turns import Turns
from .engines import Limits
from .postgres_errors import meant

#: How long a connection may lie idle and still be used, in seconds: something between here and there may have cut it.
FRESH = 300.0
#: How long a transaction may hold up the others without a word, in seconds: its process has come to a halt.
SILENCE = 60
#: What the client waits for beyond what the server was told, in seconds: then it is the network that is gone.
GRACE = 5.0
#: How long closing may take, in seconds.
CLOSING = 5.0

Connection: TypeAlias = "asyncpg.Connection[Any]"


def postgres_url(url: str) -> str:
    """As asyncpg takes it. Raises: Misconfigured where it names no database."""
    rest = url.partition("://")[2]
    try:
        database = urlsplit(f"postgresql://{rest}").path.strip("/")
    except ValueError:
        database = ""
    if not database:
        raise Misconfigured("A PostgreSQL database is named as postgresql://user:password@host:5432/database.")
    return f"postgresql://{rest}"


def lock_key(name: str) -> int:
    """Of the advisory lock of this name: a number of 64 bits."""
    return int.from_bytes(sha256(f"faultmaven {name}".encode()).digest()[:8], "big", signed=True)


async def connect(url: str, limits: Limits) -> Connection:
    """A new connection. Raises: Unavailable; Misconfigured where the server will not have us."""
    milliseconds = str(int(limits.statement * 1000))
    settings = {
        "application_name": "faultmaven",
        "timezone": "UTC",
        "statement_timeout": milliseconds,
        "lock_timeout": str(int(limits.patience * 1000)),
        "idle_in_transaction_session_timeout": str(SILENCE * 1000),
        # a client whose machine is gone is noticed before the silence is over
        "tcp_keepalives_idle": "20",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
        "jit": "off",  # for short questions it costs more than it saves
    }
    try:
        return await asyncpg.connect(
            url,
            timeout=limits.connecting,
            command_timeout=max(limits.statement, limits.patience) + GRACE,
            server_settings=settings,
            statement_cache_size=500,
            max_cached_statement_lifetime=0,
        )
    except ssl.SSLError as error:  # some of them are ValueErrors too
        raise Misconfigured(
            "The database's certificate is not vouched for by what its URL names (sslmode, sslrootcert), or is another "
            "host's."
        ) from error
    except (ValueError, asyncpg.ClientConfigurationError, asyncpg.UndefinedObjectError) as error:
        raise Misconfigured("The database's URL cannot be read, or asks for what the server does not know.") from error
    except Exception as error:
        if "rejected SSL upgrade" in str(error):  # asyncpg has no class for it
            raise Misconfigured("The database speaks no TLS, which its URL asks for (sslmode).") from error
        raise meant(error) from error


@define(eq=False)
class Pool:
    """A database's connections from this process."""

    url: str = field(repr=False)
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
        connection = await connect(self.url, self.limits)
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


_open: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, Limits], Pool]] = WeakKeyDictionary()


def open_pool(url: str, limits: Limits) -> Pool:
    """The process's one :class:`Pool` of this database; each open wants its close."""
    pools = _open.setdefault(asyncio.get_running_loop(), {})
    pool = pools.setdefault((url, limits), Pool(url, limits))
    pool.handles += 1
    return pool


async def close_pool(pool: Pool) -> None:
    pool.handles -= 1
    if pool.handles == 0:
        _open[asyncio.get_running_loop()].pop((pool.url, pool.limits), None)
        await pool.close()
