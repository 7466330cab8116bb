"""A connection that is kept, for short commands that every request sends."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from attrs import define, field
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as Broken

from .cluster import ClusterRedis


def line_to(redis: Redis) -> Callable[..., Awaitable[Any]]:
    """What sends a command and gives its answer; in a cluster that is a matter of the command's key."""
    return redis.execute_command if isinstance(redis, ClusterRedis) else Line(redis).call


@define(eq=False)
class Line:
    """One caller after the other, over one connection taken from the client's pool, which closes it.

    The pool asks a connection whether it lives each time it gives it out, and that costs more than a short command
    does. Here a broken one is noticed by the command, which is sent once more, so it must bear that.
    """

    _redis: Redis
    _turn: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _connection: AbstractConnection | None = field(default=None, init=False)

    async def call(self, *command: str | int | bytes) -> Any:
        """The answer. Raises: what the vendor's client does."""
        async with self._turn:
            if self._connection is None:
                self._connection = await self._redis.connection_pool.get_connection()
                return await _answer(self._connection, command)
            try:
                return await _answer(self._connection, command)
            except Broken:  # since the last one; it connects anew by itself
                return await _answer(self._connection, command)


async def _answer(connection: AbstractConnection, command: tuple[str | int | bytes, ...]) -> Any:
    await connection.send_packed_command(connection.pack_command(*command), check_health=False)
    return await connection.read_response()
