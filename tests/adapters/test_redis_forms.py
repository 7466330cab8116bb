"""The suites of what lives in Redis, over each way of reaching one; the default is in each adapter's own tests."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from faultmaven_adapters.redis.address import Address
from faultmaven_adapters.redis.cache import RedisCache
from faultmaven_adapters.redis.connection import close, connect, connect_any
from faultmaven_adapters.redis.job_queue import ArqJobQueue
from faultmaven_adapters.redis.rate_limiter import RedisRateLimiter
from faultmaven_adapters.redis.reply_store import RedisReplyStore
from faultmaven_adapters.redis.result_store import RedisResultStore
from faultmaven_adapters.redis.session_store import RedisSessionStore
from faultmaven_adapters.redis.turn_events import SPARE, RedisTurnEvents
from tests.adapters.redis_places import Reached
from tests.adapters.test_job_queue import delivering
from tests.contracts.cache import CacheContract
from tests.contracts.job_queue import Deliveries, JobQueueContract
from tests.contracts.rate_limiter import RateLimiterContract
from tests.contracts.reply_store import ReplyStoreContract
from tests.contracts.result_store import ResultStoreContract
from tests.contracts.session_store import SessionStoreContract
from tests.contracts.turn_events import BRIEF, TurnEventsContract


@pytest.fixture(params=["tls", "sentinel", "cluster"])
async def address(request: pytest.FixtureRequest, reached: Reached) -> AsyncIterator[Address]:
    async with reached(request.param) as address:
        yield address


@pytest.fixture(params=["tls", "sentinel"])
async def primary(request: pytest.FixtureRequest, reached: Reached) -> AsyncIterator[Address]:
    """The queue's: a cluster is none."""
    async with reached(request.param) as address:
        yield address


@pytest.fixture
async def redis(address: Address) -> AsyncIterator[Redis]:
    client = connect_any(address, connections=SPARE + 5)
    yield client
    await close(client)


class TestRedisCache(CacheContract):
    @pytest.fixture
    def cache(self, redis: Redis) -> RedisCache:
        return RedisCache(redis)


class TestRedisSessionStore(SessionStoreContract):
    @pytest.fixture
    def store(self, redis: Redis) -> RedisSessionStore:
        return RedisSessionStore(redis)


class TestRedisResultStore(ResultStoreContract):
    @pytest.fixture
    def results(self, redis: Redis) -> RedisResultStore:
        return RedisResultStore(redis)


class TestRedisReplyStore(ReplyStoreContract):
    @pytest.fixture
    def store(self, redis: Redis) -> RedisReplyStore:
        return RedisReplyStore(redis)


class TestRedisRateLimiter(RateLimiterContract):
    @pytest.fixture
    def limiter(self, redis: Redis) -> RedisRateLimiter:
        return RedisRateLimiter(redis)


class TestRedisTurnEvents(TurnEventsContract):
    @pytest.fixture
    def events(self, redis: Redis) -> RedisTurnEvents:
        return RedisTurnEvents(redis)

    @pytest.fixture
    async def elsewhere(self, redis: Redis, address: Address) -> AsyncIterator[RedisTurnEvents]:
        client = connect_any(address, connections=SPARE + 5)
        yield RedisTurnEvents(client)
        await close(client)

    @pytest.fixture
    def brief(self, redis: Redis) -> RedisTurnEvents:
        return RedisTurnEvents(redis, BRIEF)


class TestArqJobQueue(JobQueueContract):
    @pytest.fixture
    async def queue(self, primary: Address) -> AsyncIterator[ArqJobQueue]:
        client = connect(primary, connections=SPARE)
        yield ArqJobQueue(client)
        await close(client)

    @pytest.fixture
    def deliveries(self, queue: ArqJobQueue, primary: Address) -> Deliveries:
        return delivering(queue._redis, primary)
