"""Pools of connections to wherever an address leads, how long a call may take, and what Redis's errors mean to the
domain."""

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from arq.connections import ArqRedis
from attrs import define, field
from redis import exceptions as vendor
from redis.asyncio import BlockingConnectionPool, Redis

from faultmaven_domain.kernel.errors import FaultMavenError, Misconfigured, StorageFull, Unavailable

from .address import Address, Form, Host, Login, address_of
from .cluster import OPTIONS, ClusterRedis, NoCluster
from .primary import ANSWER, Demoted, Nameless, PrimaryConnection, Sentinels, SocketConnection, Untrusted
from .tls import context_of
from .wire import deserialize, serialize

log = logging.getLogger(__name__)

PATIENCE = timedelta(seconds=5)
#: First match counts.
_MEANING: tuple[tuple[type[BaseException], type[FaultMavenError], str], ...] = (
    (Demoted, Unavailable, "Redis takes no writes: what was its primary is a replica now."),
    (Untrusted, Misconfigured, "The certificate of Redis is not trusted; REDIS_TLS_CA names whom to trust."),
    (Nameless, Misconfigured, "The Sentinels know no primary of the name that REDIS_URL or QUEUE_REDIS_URL has."),
    (NoCluster, Misconfigured, "REDIS_URL says redis+cluster://, and the server there is one by itself."),
    (vendor.AuthenticationError, Misconfigured, "Redis refuses the user or password in REDIS_URL or QUEUE_REDIS_URL."),
    (vendor.NoPermissionError, Misconfigured, "The Redis user in REDIS_URL may not do what is needed."),
    (vendor.OutOfMemoryError, StorageFull, "Redis has no memory left."),
    (vendor.RedisError, Unavailable, "Redis does not answer."),
    (TimeoutError, Unavailable, "Redis does not answer in time."),
    (OSError, Unavailable, "Redis does not answer."),
)
#: As Redis says it, as a script passes it on, and as the client says which command of a pipeline it was said of.
_UNWRITABLE = re.compile(r"(?:^|-|caused error: \(')MISCONF ")
_FULL = re.compile(r"-OOM ")
_CLUSTERED = re.compile(r"(?:^|caused error: \(')(?:MOVED|CROSSSLOT) | non local key ")
FAILURES = tuple(error for error, _, _ in _MEANING)


def connect(address: Address | str | Path, *, connections: int = 50, patience: timedelta = PATIENCE) -> ArqRedis:
    """A client of the one primary at an address, its text, or a socket's path. Sends nothing yet.

    At most ``connections`` are open at once; ``patience`` is what :func:`calling` has. There is no ``socket_timeout``:
    with one, redis-py 5 sends through ``asyncio.wait_for``, which loses cancellations before Python 3.12.
    Raises: Misconfigured for an address that is none or is a cluster's, and for files of REDIS_TLS_* that are none.
    """
    where = _read(address)
    if where.form is Form.CLUSTER:
        raise Misconfigured(f"{where.variable} is a cluster, and what is asked for is one primary.")
    pool = _pools(where, connections, patience)(where.hosts[0] if where.hosts else ("", 0))
    return ArqRedis(pool_or_conn=pool, job_serializer=serialize, job_deserializer=deserialize)


def connect_any(address: Address | str | Path, *, connections: int = 50, patience: timedelta = PATIENCE) -> Redis:
    """The same, of a cluster too, where ``connections`` are open to each of its servers. Raises: Misconfigured."""
    where = _read(address)
    if where.form is not Form.CLUSTER:
        return connect(where, connections=connections, patience=patience)
    return ClusterRedis(where.hosts, _pools(where, connections, patience, **OPTIONS))


def _read(address: Address | str | Path) -> Address:
    if isinstance(address, Address):
        return address
    if isinstance(address, Path) or address.startswith("/"):
        return Address(form=Form.SOCKET, socket=Path(address))
    return address_of(address)


def _pools(
    where: Address, connections: int, patience: timedelta, **more: Any
) -> Callable[[Host], BlockingConnectionPool]:
    """What makes a pool for each server of one address. Raises: Misconfigured."""
    seconds = patience.total_seconds()
    options: dict[str, Any] = {
        **more,
        **_logged_in(where.login),
        "max_connections": connections,
        "timeout": seconds,
        "socket_connect_timeout": min(seconds, 2),
        "encoding_errors": "surrogatepass",  # keys may hold what a client sent, and JSON can say half a sign
        "db": where.database,
    }
    if where.socket is not None:
        path = str(where.socket)
        return lambda host: BlockingConnectionPool(connection_class=SocketConnection, path=path, **options)
    tls = context_of(where.tls) if where.tls is not None else None
    options |= {"tls": tls, "socket_keepalive": True, "socket_keepalive_options": _signs_of_life()}
    if where.form is Form.SENTINEL:
        asked = {**_logged_in(where.sentinel_login), "tls": tls, "socket_connect_timeout": ANSWER.total_seconds()}
        options["sentinels"] = Sentinels(where.hosts, where.primary or "", asked)
    return lambda host: BlockingConnectionPool(
        connection_class=PrimaryConnection, host=host[0], port=host[1], **options
    )


def _logged_in(login: Login) -> dict[str, str | None]:
    return {"username": login.user, "password": login.password}


def _signs_of_life() -> dict[int, int]:
    """TCP's own, so that whoever waits without patience (a worker) notices within 20 s that the other host is gone."""
    wanted = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 20_000}
    return {getattr(socket, name): value for name, value in wanted.items() if hasattr(socket, name)}


async def ping(redis: Redis) -> None:
    """Raises: Unavailable; Misconfigured."""
    async with calling(redis):
        await redis.ping()


async def close(redis: Redis) -> None:
    """Whether or not the other side is there to take leave of."""
    with suppress(*FAILURES):
        await redis.aclose(close_connection_pool=True)


async def matching(redis: Redis, pattern: str) -> AsyncIterator[list[bytes]]:
    """The keys a glob of Redis's matches, in batches that may be large, empty, or overlap. Raises: Unavailable."""
    async with calling(redis):
        servers = await redis.primaries() if isinstance(redis, ClusterRedis) else [redis]
    for server in servers:
        async for keys in _matching(server, pattern):
            yield keys


async def _matching(redis: Redis, pattern: str) -> AsyncIterator[list[bytes]]:
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
    """Of what is one of FAILURES, or the domain's already."""
    if isinstance(error, FaultMavenError):
        return error
    cause = error.__cause__  # a refused greeting comes wrapped as a broken connection
    if isinstance(cause, vendor.RedisError) and not isinstance(cause, vendor.ExecAbortError):
        error = cause
    if isinstance(error, vendor.ResponseError) and _UNWRITABLE.search(str(error)):
        return StorageFull("Redis cannot write its file; the disk may be full.")
    if isinstance(error, vendor.ResponseError) and _FULL.search(str(error)):
        return StorageFull("Redis has no memory left.")
    if isinstance(error, vendor.ResponseError) and _CLUSTERED.search(str(error)):
        return Misconfigured(
            "Redis is a cluster: REDIS_URL begins with redis+cluster:// then, QUEUE_REDIS_URL names a server outside."
        )
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
