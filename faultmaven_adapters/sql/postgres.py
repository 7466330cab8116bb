"""PostgreSQL: sessions over a pool of connections to its server.

Writers of a module take turns, in this process and, by an advisory lock, in all others: so each reads what the one
before it has committed and none fails for another's sake, at the isolation PostgreSQL calls READ COMMITTED. Readers
wait for nobody and see one snapshot.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import asyncpg

from faultmaven_domain.kernel.errors import Unavailable

from ..turns import Turns
from .connecting import Connection
from .engines import Limits
from .kept import settled
from .plans import Plan
from .pool import Pool, close_pool, lock_key, open_pool
from .postgres_errors import LOST, UNDONE, broken, meant
from .urls import postgres_address

_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; {}SELECT pg_advisory_xact_lock({})"
_HASTY = "SET LOCAL synchronous_commit = off; "
_COMMIT, _ROLLBACK = "COMMIT", "ROLLBACK"


log = logging.getLogger(__name__)


class PostgresEngine:
    def __init__(self, url: str, module: str, limits: Limits) -> None:
        self._address = postgres_address(url)
        self._limits = limits
        self._module = module
        lock = lock_key(f"writes {module}")
        self._begin = {True: _WRITE.format("", lock), False: _WRITE.format(_HASTY, lock)}
        self._pool: Pool | None = None
        self.dialect: Dialect = asyncpg.dialect()  # type: ignore[no-untyped-call]

    def open(self) -> None:
        self._pool = open_pool(self._address, self._limits)

    async def close(self) -> None:
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await close_pool(pool)

    def session(self) -> "PostgresSession":
        if self._pool is None:
            raise Unavailable("The database is closed.")
        return PostgresSession(self._pool, self._pool.turns(self._module), self._begin)


class PostgresSession:
    __slots__ = ("_begin", "_connection", "_one_at_a_time", "_pool", "_readonly", "_turns")

    def __init__(self, pool: Pool, turns: Turns, begin: dict[bool, str]) -> None:
        self._pool, self._turns, self._begin = pool, turns, begin
        self._connection: Connection | None = None
        self._one_at_a_time = asyncio.Lock()  # a child task may ask while another one's question is under way
        self._readonly = False

    async def begin(self, *, readonly: bool, lasting: bool) -> None:
        self._readonly = readonly
        await (self._pool.take_seat() if readonly else self._turns.take())
        try:
            self._connection = await self._begun(_READ if readonly else self._begin[lasting])
        except BaseException:
            self._give_seat()
            raise

    async def rows(self, plan: Plan, arguments: dict[str, Any], *, reads: bool) -> Iterable[Iterable[Any]]:
        ordered = [arguments[name] for name in plan.numbered]
        async with self._one_at_a_time:
            connection = self._connection
            if connection is None:
                raise RuntimeError("There is no transaction.")
            if self._pool.closed or connection.is_closed():
                raise Unavailable(LOST)
            try:
                found: Iterable[Iterable[Any]] = await connection.fetch(plan.sql, *ordered)
            except Exception as error:
                told = meant(error)  # of a connection closed meanwhile asyncpg may tell with whatever error comes up
                raise (Unavailable(LOST) if told is error and connection.is_closed() else told) from error
        return found

    async def commit(self) -> None:
        if self._readonly:
            await self._end(_ROLLBACK)  # a cancellation may stop it, and costs the connection
        else:
            await settled(asyncio.ensure_future(self._end(_COMMIT)))

    async def rollback(self) -> None:
        await settled(asyncio.ensure_future(self._end(_ROLLBACK)))

    async def _begun(self, words: str) -> Connection:
        """One that was kept may have died since, and another is taken; only a new one's failure tells of the server."""
        while True:
            connection, kept = await self._pool.take()
            try:
                await connection.execute(words)
                return connection
            except Exception as error:
                dead = broken(error) or connection.is_closed()
                await self._put_back(connection, dead=dead)
                if not (kept and dead) or isinstance(error, TimeoutError):
                    raise meant(error) from error
            except BaseException:
                await self._put_back(connection, dead=False)
                raise

    async def _put_back(self, connection: Connection, *, dead: bool) -> None:
        if not dead:  # a question that was called off may still be: what state the server is in is not known yet
            dead = not await settled(asyncio.ensure_future(_undone(connection)))
        self._pool.give(connection, alive=not dead)

    async def _end(self, words: str) -> None:
        """Also where the connection is gone: the server undoes what it does not know to be committed."""
        alive = False
        connection, self._connection = self._connection, None
        if connection is None:
            raise RuntimeError("There is no transaction.")
        try:
            async with self._one_at_a_time:
                done = await connection.execute(words)
            alive = True
        except Exception as error:
            if words == _COMMIT:
                raise meant(error) from error
            log.debug("a connection was lost at the end of its transaction: %s", error)
        else:
            if done != words:  # the answer to the COMMIT of a transaction that has failed
                raise Unavailable(UNDONE)
        finally:
            self._pool.give(connection, alive=alive)
            self._give_seat()

    def _give_seat(self) -> None:
        if self._readonly:
            self._pool.give_seat()
        else:
            self._turns.give()


async def _undone(connection: Connection) -> bool:
    """Whether that could be done."""
    try:
        await connection.execute(_ROLLBACK)
    except Exception as error:
        if not broken(error):
            raise
        return False
    return True
