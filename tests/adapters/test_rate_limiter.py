import asyncio
from datetime import timedelta

import pytest
from arq.connections import ArqRedis

from faultmaven_adapters.memory.rate_limiter import CROWD, MemoryRateLimiter
from faultmaven_adapters.redis.rate_limiter import RedisRateLimiter
from tests.contracts.rate_limiter import MINUTE, NOON, RateLimiterContract


class TestMemoryRateLimiter(RateLimiterContract):
    @pytest.fixture
    def limiter(self) -> MemoryRateLimiter:
        return MemoryRateLimiter()


class TestRedisRateLimiter(RateLimiterContract):
    @pytest.fixture
    def limiter(self, redis: ArqRedis) -> RedisRateLimiter:
        return RedisRateLimiter(redis)

    async def test_a_silent_bucket_is_forgotten(self, limiter: RedisRateLimiter, redis: ArqRedis) -> None:
        """Redis drops a bucket one window after its last request."""
        await limiter.take("b", limit=3, window=timedelta(hours=1), now=NOON)

        assert 3590 < await redis.ttl("fm:limit:b") <= 3600

    async def test_survives_a_server_that_forgot_the_script(self, limiter: RedisRateLimiter, redis: ArqRedis) -> None:
        """After a restart of Redis the next request counts as ever."""
        await limiter.take("b", limit=2, window=MINUTE, now=NOON)
        await redis.script_flush()

        assert (await limiter.take("b", limit=2, window=MINUTE, now=NOON)).remaining == 0

    async def test_survives_a_broken_connection(self, limiter: RedisRateLimiter, redis: ArqRedis) -> None:
        """A connection that Redis closed is replaced, and what was taken before counts."""
        await limiter.take("b", limit=3, window=MINUTE, now=NOON)
        await redis.client_kill_filter(_type="normal", skipme=True)

        assert (await limiter.take("b", limit=3, window=MINUTE, now=NOON)).remaining == 1

    async def test_survives_a_caller_that_leaves(self, limiter: RedisRateLimiter) -> None:
        """A request cancelled while it waits for its answer leaves nobody else with that answer."""
        await limiter.take("b", limit=9, window=MINUTE, now=NOON)
        leaving = asyncio.create_task(limiter.take("other", limit=2, window=MINUTE, now=NOON))
        await asyncio.sleep(0)
        leaving.cancel()
        taken = await asyncio.gather(*[limiter.take("b", limit=9, window=MINUTE, now=NOON) for _ in range(5)])

        assert sorted(each.remaining for each in taken) == [3, 4, 5, 6, 7]


async def test_the_memory_limiter_forgets_whole_buckets() -> None:
    """However many addresses ask once, only those of the last window are remembered."""
    limiter = MemoryRateLimiter()
    for n in range(3 * CROWD):
        await limiter.take(str(n), limit=1, window=MINUTE, now=NOON + n * timedelta(seconds=1))

    assert len(limiter._leaving) <= CROWD
