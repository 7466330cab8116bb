"""A cache under ``fm:cache:``. Without Redis it is empty, and says so once."""

from datetime import timedelta

from attrs import field, frozen
from redis.asyncio import Redis

from faultmaven_domain.kernel.errors import FaultMavenError

from .connection import Outage, calling, matching

_PREFIX = "fm:cache:"


@frozen
class RedisCache:
    _redis: Redis
    _outage: Outage = field(factory=lambda: Outage("the cache"), init=False)
    #: Patterns that were to be forgotten while Redis was away: what it still holds of them is stale.
    _owed: set[str] = field(factory=set, init=False)

    async def get(self, key: str) -> bytes | None:
        try:
            await self._settle()
            async with calling(self._redis):
                value: bytes | None = await self._redis.get(_PREFIX + key)
        except FaultMavenError as error:
            self._outage.met(error)
            return None
        self._outage.over()
        return value

    async def set(self, key: str, value: bytes, ttl: timedelta) -> None:
        """Nothing is kept for a ``ttl`` of zero or less."""
        try:
            await self._settle()
            async with calling(self._redis):
                if ttl >= timedelta(milliseconds=1):
                    await self._redis.set(_PREFIX + key, value, px=ttl)
                else:
                    await self._redis.delete(_PREFIX + key)
        except FaultMavenError as error:
            self._outage.met(error)
        else:
            self._outage.over()

    async def invalidate(self, pattern: str) -> None:
        self._owed.add(pattern)
        try:
            await self._settle()
        except FaultMavenError as error:
            self._outage.met(error)
        else:
            self._outage.over()

    async def _settle(self) -> None:
        for pattern in tuple(self._owed):
            await self._forget(pattern)
            self._owed.discard(pattern)

    async def _forget(self, pattern: str) -> None:
        if "*" not in pattern:
            async with calling(self._redis):
                await self._redis.delete(_PREFIX + pattern)
            return
        async for keys in matching(self._redis, _PREFIX + _glob(pattern)):
            if keys:
                async with calling(self._redis):
                    await self._redis.unlink(*keys)


def _glob(pattern: str) -> str:
    """The port knows ``*`` alone; Redis knows more."""
    return "".join(f"\\{sign}" if sign in "\\?[]^-" else sign for sign in pattern)
