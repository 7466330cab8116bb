import pytest
from arq.connections import ArqRedis

from faultmaven_adapters.memory.result_store import MemoryResultStore
from faultmaven_adapters.redis.result_store import RedisResultStore
from tests.contracts.result_store import ResultStoreContract


class TestMemoryResultStore(ResultStoreContract):
    @pytest.fixture
    def results(self) -> MemoryResultStore:
        return MemoryResultStore()


class TestRedisResultStore(ResultStoreContract):
    @pytest.fixture
    def results(self, redis: ArqRedis) -> RedisResultStore:
        return RedisResultStore(redis)

    async def test_keeps_it_for_an_hour(self, results: RedisResultStore, redis: ArqRedis) -> None:
        """A result set without a time of its own lapses after an hour."""
        await results.set("job-1", {})

        assert 3590 < await redis.ttl("fm:result:job-1") <= 3600
