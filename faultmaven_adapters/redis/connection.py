"""One pool of connections per process, how long a call may take, and what Redis's errors mean to the domain."""

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from arq.connections import ArqRedis
from attrs import define, field
from redis import exceptions as vendor
from redis.asyncio import BlockingConnectionPool, Redis, UnixDomainSocketConnection

from faultmaven_domain.kernel.errors import FaultMavenError, Misconfigured, StorageFull, Unavailable

from .wire import deserialize, serialize

log = logging.getLogger(__name__)

PATIENCE = timedelta(seconds=5)
#: First match counts.
_MEANING: tuple[tuple[type[BaseException], type[FaultMavenError], str], ...] = (
    (vendor.AuthenticationError, Misconfigured, "Redis refuses the user or password in REDIS_URL."),
    (vendor.NoPermissionError, Misconfigured, "The Redis user in REDIS_URL may not do what is needed."),
    (vendor.OutOfMemoryError, StorageFull, "Redis has no memory left."),
    (vendor.RedisError, Unavailable, "Redis does not answer."),
    (TimeoutError, Unavailable, "Redis does not answer in time."),
    (OSError, Unavailable, "Redis does not answer."),
)
#: As Redis says it, and as the client says which command of a pipeline it was said of.
_UNWRITABLE = re.compile(r"(?:^|caused error: \(')MISCONF ")
FAILURES = tuple(error for error, _, _ in _MEANING)


def connect(address: str | Path, *, connections: int = 50, patience: timedelta = PATIENCE) -> ArqRedis:
    """A client of the server at a URL (``redis://``, ``rediss://``, ``unix://``) or a socket's path. Sends nothing yet.

    At most ``connections`` are open at once; ``patience`` is what :func:`calling` has. There is no ``socket_timeout``:
    with one, redis-py 5 sends through ``asyncio.wait_for``, which loses cancellations before Python 3.12.
    Raises: Misconfigured for a URL that is none.
    """
    seconds = patience.total_seconds()
    options: dict[str, Any] = {
        "max_connections": connections,
        "timeout": seconds,
        "socket_connect_timeout": min(seconds, 2),
        "encoding_errors": "surrogatepass",  # keys may hold what a client sent, and JSON can say half a sign
    }
    if isinstance(address, Path) or address.startswith("/"):
        pool = BlockingConnectionPool(connection_class=UnixDomainSocketConnection, path=str(address), **options)
    else:
        try:
            if not address.startswith("unix:"):
                options |= {"socket_keepalive": True, "socket_keepalive_options": _signs_of_life()}
            pool = BlockingConnectionPool.from_url(address, **options)
        except ValueError as error:
            raise Misconfigured(
                "REDIS_URL is redis://HOST:PORT/DB, rediss://... or unix:///PATH.", field="REDIS_URL"
            ) from error
    return ArqRedis(pool_or_conn=pool, job_serializer=serialize, job_deserializer=deserialize)


def _signs_of_life() -> dict[int, int]:
    """TCP's own, so that whoever waits without patience (a worker) notices within 20 s that the other host is gone."""
    wanted = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}


async def ping(redis: Redis) -> None:
    """Raises: Unavailable; Misconfigured."""
    async with calling(redis):
        await redis.ping()


async def close(redis: Redis) -> None:
    await redis.aclose(close_connection_pool=True)


async def matching(redis: Redis, pattern: str) -> AsyncIterator[list[bytes]]:
    """The keys a glob of Redis's matches, in batches that may be large, empty, or overlap. Raises: Unavailable."""
    cursor = 0
    while True:
        async with calling(redis):
            cursor, keys = await redis.scan(cursor, match=pattern, count=1000)
        yield keys
        if cursor == 0:
            return


class calling:
    """Calls inside end in time, and their vendor errors come out as the domain's. A class, for its speed alone."""

    __slots__ = ("_timeout",)

    def __init__(self, redis: Redis) -> None:
        self._timeout = asyncio.timeout(getattr(redis.connection_pool, "timeout", PATIENCE.total_seconds()))

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)  # makes a cancellation of its own a TimeoutError
        except TimeoutError as late:
            raise meaning(late) from late
        if isinstance(error, FAILURES):
            raise meaning(error) from error


def meaning(error: BaseException) -> FaultMavenError:
    cause = error.__cause__  # a refused greeting comes wrapped as a broken connection
    if isinstance(cause, vendor.RedisError) and not isinstance(cause, vendor.ExecAbortError):
        error = cause
    if isinstance(error, vendor.ResponseError) and _UNWRITABLE.search(str(error)):
        return StorageFull("Redis cannot write its file; the disk may be full.")
    return next(kind(text) for cause, kind, text in _MEANING if isinstance(error, cause))


@define
class Outage:
    """For what may fail without harm: says once that it is away, and once that it is back."""

    what: str
    _now: bool = field(default=False, init=False)

    def met(self, error: FaultMavenError) -> None:
        if not self._now:
            self._now = True
            log.warning("%s is away and is done without: %s", self.what, error.message)

    def over(self) -> None:
        if self._now:
            self._now = False
            log.info("%s is back", self.what)
