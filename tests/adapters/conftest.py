"""Real engines for the adapters' tests, one of each per test process."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from arq.connections import ArqRedis

from faultmaven_adapters.redis.connection import close, connect
from faultmaven_adapters.redis.embedded import EmbeddedRedis, embedded_redis


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        server = embedded_redis(tmp_path_factory.mktemp("redis"))
        yield runner.run(server.__aenter__())
        runner.run(server.__aexit__(None, None, None))


@pytest.fixture
async def redis(redis_server: EmbeddedRedis) -> AsyncIterator[ArqRedis]:
    """A client of the process's server, which is empty when the test begins."""
    client = connect(redis_server.socket)
    await client.flushall()
    yield client
    await close(client)
