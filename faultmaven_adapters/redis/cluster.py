"""A client of a Redis Cluster: each command goes to the server that has its key's slot.

The vendor's own client forgets where it began once every server was away, and loses a connection with each caller that
leaves; so the routing is here, over one ordinary pool for each server. It follows the cluster's specification: MOVED
tells who has a slot from now on, ASK who has this one key already, and CLUSTER SLOTS who has what. After a failure that
is asked anew, of servers that are known and of those in the address, and the failed command is the caller's to repeat:
it may have been done.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import chain
from typing import Any

from redis import exceptions as vendor
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.cluster import ClusterParser
from redis.crc import key_slot

from .address import Host

#: How long one server may take to say who has what.
ANSWER = timedelta(seconds=1)
#: How often a command may be sent on, and the pause where both servers say that a slot is on its way.
REDIRECTIONS, PAUSE = 5, timedelta(milliseconds=50)
#: What a pool here is made with besides: MOVED and ASK come as errors of their own.
OPTIONS: dict[str, Any] = {"parser_class": ClusterParser}


class Astray(vendor.RedisError):
    """No server takes the command for its own."""


class NoCluster(vendor.RedisError):
    """The server is one by itself."""


class ClusterRedis(Redis):
    """The vendor's commands, of one key each. A pipeline is sent in pieces, one for each server, and is no transaction;
    MGET and UNLINK of several keys become pipelines."""

    def __init__(self, hosts: Sequence[Host], pool: Callable[[Host], BlockingConnectionPool]) -> None:
        self._hosts, self._pool = tuple(hosts), pool
        self._servers: dict[Host, Redis] = {}
        self._owners: dict[int, Host] = {}
        self._stale = True
        self._learning: asyncio.Task[None] | None = None
        self._turn = 0
        super().__init__(connection_pool=pool(hosts[0]))  # for what it says of patience and number

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        return await self.routed(self.slot_of(args), *args, **options)

    def slot_of(self, args: Sequence[Any]) -> int:
        encoder = self.get_encoder()  # type: ignore[no-untyped-call]
        return key_slot(encoder.encode(_key(args)))

    async def routed(self, slot: int, *args: Any, **options: Any) -> Any:
        """Raises: what the vendor's client does."""
        host, asking = await self.owner(slot), False
        for _ in range(REDIRECTIONS):
            try:
                return await self._sent(host, asking, *args, **options)
            except vendor.MovedError as moved:  # which is an AskError to the vendor
                host, asking = (moved.host or host[0], moved.port), False
                self._owners[slot] = host
            except vendor.AskError as ask:
                host, asking = (ask.host or host[0], ask.port), True
            except vendor.TryAgainError:
                await asyncio.sleep(PAUSE.total_seconds())
            except (vendor.ConnectionError, vendor.ClusterDownError, OSError, asyncio.CancelledError):
                self.forget()  # a cancellation may come of patience that ended
                raise
        raise Astray("The cluster sends a command from server to server.")

    async def _sent(self, host: Host, asking: bool, *args: Any, **options: Any) -> Any:
        if not asking:
            return await self.at(host).execute_command(*args, **options)  # type: ignore[no-untyped-call]
        async with self.at(host).pipeline(transaction=False) as pipe:
            pipe.execute_command("ASKING")
            pipe.execute_command(*args, **options)
            return (await pipe.execute())[1]

    def at(self, host: Host) -> Redis:
        """The client of one server."""
        if host not in self._servers:
            self._servers[host] = Redis(connection_pool=self._pool(host))
        return self._servers[host]

    async def owner(self, slot: int) -> Host:
        """Raises: what the vendor's client does."""
        if self._stale:
            await self._learnt()
        try:
            return self._owners[slot]
        except KeyError:
            self.forget()
            raise Astray("Nobody in the cluster has this slot.") from None

    def forget(self) -> None:
        """Who has what is asked again before the next command."""
        self._stale = True

    async def primaries(self) -> list[Redis]:
        """Raises: what the vendor's client does."""
        if self._stale:
            await self._learnt()
        return [self.at(host) for host in dict.fromkeys(self._owners.values())]

    async def ping(self, **options: Any) -> bool:
        """Whether all do. Raises: what the vendor's client does."""
        try:
            for server in await self.primaries():
                await server.ping(**options)
        except (vendor.RedisError, OSError, asyncio.CancelledError):
            self.forget()
            raise
        return True

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:
        return _Pipeline(self)

    async def mget(self, keys: Any, *args: Any) -> list[bytes | None]:
        async with self.pipeline() as pipe:
            for key in (*keys, *args):
                pipe.get(key)
            found: list[bytes | None] = await pipe.execute()
        return found

    async def unlink(self, *names: Any) -> int:
        async with self.pipeline() as pipe:
            for name in names:
                pipe.unlink(name)
            return sum(await pipe.execute())

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        if self._learning is not None:
            self._learning.cancel()
            await asyncio.wait({self._learning})
        for server in self._servers.values():
            await server.aclose(close_connection_pool=True)
        await super().aclose(close_connection_pool=close_connection_pool)

    async def _learnt(self) -> None:
        """However many ask, one asks for all; and it goes on when who began it has lost patience."""
        if self._learning is None or self._learning.done():
            self._learning = asyncio.create_task(self._learn())
            self._learning.add_done_callback(lambda task: task.cancelled() or task.exception())
        await asyncio.shield(self._learning)

    async def _learn(self) -> None:
        hosts = list(dict.fromkeys((*self._servers, *self._hosts)))
        self._turn += 1  # another begins each time, lest one that is cut off from the rest is believed for ever
        first = self._turn % len(hosts)
        failures: list[Exception] = []
        for host in (*hosts[first:], *hosts[:first]):
            try:
                async with asyncio.timeout(ANSWER.total_seconds()):
                    found = await self.at(host).execute_command("CLUSTER", "SLOTS")  # type: ignore[no-untyped-call]
            except vendor.ResponseError as error:
                failures.append(NoCluster(str(error)) if "cluster support disabled" in str(error) else error)
            except (vendor.RedisError, OSError, TimeoutError) as error:
                failures.append(error)
            else:
                if found:
                    await self._learned(host, found)
                    return
        refusals = (error for error in failures if _refuses(error))
        raise next(chain(refusals, failures), Astray("The cluster's servers know no slots."))

    async def _learned(self, host: Host, ranges: Iterable[Sequence[Any]]) -> None:
        owners: dict[int, Host] = {}
        for first, last, (name, port, *_), *_ in ranges:
            owner = (name.decode() if name else host[0], port)  # without a name it is where the answer came from
            owners.update(dict.fromkeys(range(first, last + 1), owner))
        self._owners, self._stale = owners, False
        kept = {*owners.values(), *self._hosts}
        for gone in [host for host in self._servers if host not in kept]:
            await self._servers.pop(gone).aclose(close_connection_pool=True)


class _Pipeline(Pipeline):
    """Sent in one piece to each server; what has moved meanwhile is sent on by itself."""

    def __init__(self, cluster: ClusterRedis) -> None:
        super().__init__(cluster.connection_pool, cluster.response_callbacks, transaction=False, shard_hint=None)
        self._cluster = cluster

    async def execute(self, raise_on_error: bool = True) -> list[Any]:
        stack, self.command_stack = self.command_stack, []
        pieces: dict[Host, list[int]] = {}
        slots = [self._cluster.slot_of(args) for args, _ in stack]
        for place, slot in enumerate(slots):
            pieces.setdefault(await self._cluster.owner(slot), []).append(place)
        results: list[Any] = [None] * len(stack)
        for host, places in pieces.items():
            for place, result in zip(places, await self._piece(host, [stack[place] for place in places]), strict=True):
                if isinstance(result, vendor.AskError | vendor.TryAgainError):  # or MOVED
                    args, options = stack[place]
                    result = await self._cluster.routed(slots[place], *args, **options)
                results[place] = result
        if raise_on_error:
            for result in results:
                if isinstance(result, Exception):
                    raise result
        return results

    async def _piece(self, host: Host, commands: Iterable[tuple[tuple[Any, ...], Mapping[str, Any]]]) -> list[Any]:
        try:
            async with self._cluster.at(host).pipeline(transaction=False) as pipe:
                for args, options in commands:
                    pipe.execute_command(*args, **options)
                found: list[Any] = await pipe.execute(raise_on_error=False)
        except (vendor.ConnectionError, OSError, asyncio.CancelledError):
            self._cluster.forget()
            raise
        if any(isinstance(result, vendor.ClusterDownError) for result in found):
            self._cluster.forget()
        return found


def _key(args: Sequence[Any]) -> Any:
    """Of the commands that are sent here."""
    if args[0] in ("EVAL", "EVALSHA"):
        return args[3]
    return args[args.index(b"STREAMS") + 1] if args[0] == "XREAD" else args[1]


def _refuses(error: Exception) -> bool:
    """Whether it is about who we are, or who they are, and not about a moment."""
    told = isinstance(error, vendor.AuthenticationError | vendor.NoPermissionError | NoCluster)
    return told or isinstance(error.__cause__, vendor.RedisError)
