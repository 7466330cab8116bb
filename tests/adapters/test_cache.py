from datetime import timedelta

import pytest
from arq.connections import ArqRedis

from faultmaven_adapters.memory.cache import MemoryCache
from faultmaven_adapters.redis.cache import RedisCache
from tests.contracts.cache import HOUR, CacheContract


class TestMemoryCache(CacheContract):
    @pytest.fixture
    def cache(self) -> MemoryCache:
        return MemoryCache()


class TestRedisCache(CacheContract):
    @pytest.fixture
    def cache(self, redis: ArqRedis) -> RedisCache:
        return RedisCache(redis)

    async def test_touches_nothing_but_its_own(self, cache: RedisCache, redis: ArqRedis) -> None:
        """Forgetting everything forgets the cache, not what else is in Redis."""
        await redis.set("fm:session:ses_1", b"kept")
        await cache.set("k", b"v", HOUR)

        await cache.invalidate("*")

        assert await redis.keys("*") == [b"fm:session:ses_1"]

    async def test_keeps_nothing_for_ever(
        self, cache: RedisCache, redis: ArqRedis, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Every entry has its end in Redis itself, also the shortest."""
        await cache.set("k", b"v", HOUR)
        await cache.set("blink", b"v", timedelta(microseconds=1))

        assert 3590 < await redis.ttl("fm:cache:k") <= 3600
        assert await cache.get("blink") is None
        assert caplog.text == ""


async def test_the_memory_cache_is_bounded() -> None:
    """A full cache lets go of what was not asked for the longest."""
    cache = MemoryCache(size=3)
    for key in ("a", "b", "c"):
        await cache.set(key, b"v", HOUR)
    await cache.get("a")
    await cache.set("d", b"v", HOUR)

    assert {"a", "c", "d"} == {key for key in "abcd" if await cache.get(key) is not None}
