"""A sliding window per bucket: a sorted set of the moments of the requests it let through, judged in one step."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from attrs import Factory, field, frozen
from redis.asyncio import Redis

from faultmaven_domain.kernel.errors import FaultMavenError
from faultmaven_domain.kernel.limits import Allowance

from .connection import Outage, calling
from .line import line_to
from .script import Script

# Scores are the moments at which requests leave the window, in microseconds since 1970: whole numbers that a double
# holds exactly until the year 2255.
_TAKE = Script("""
local now, limit = tonumber(ARGV[1]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
local used, allowed = redis.call('ZCARD', KEYS[1]), 0
if used < limit then
    redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[4])
    redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] / 1000))
    used, allowed = used + 1, 1
end
local decisive = used < limit and -1 or used - limit
local moment = redis.call('ZRANGE', KEYS[1], decisive, decisive, 'WITHSCORES')
return {allowed, used, moment[2] or false}
""")


@frozen
class RedisRateLimiter:
    _redis: Redis
    _send: Callable[..., Awaitable[Any]] = field(
        init=False, default=Factory(lambda self: line_to(self._redis), takes_self=True)
    )
    _outage: Outage = field(factory=lambda: Outage("the rate limiter"), init=False)

    async def take(self, bucket: str, *, limit: int, window: timedelta, now: datetime) -> Allowance:
        microseconds = (_microseconds(now), window // timedelta(microseconds=1))
        try:
            async with calling(self._redis):
                asked = (*microseconds, limit, uuid4().hex)
                allowed, used, moment = await _TAKE.run(self._send, [f"fm:limit:{bucket}"], *asked)
        except FaultMavenError as error:
            self._outage.met(error)
            return Allowance(allowed=True, limit=limit, remaining=max(0, limit - 1), reset_at=now + window)
        self._outage.over()
        return Allowance(
            allowed=bool(allowed),
            limit=limit,
            remaining=max(0, limit - used),
            reset_at=now + window if moment is None else _moment(int(float(moment))),
        )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
