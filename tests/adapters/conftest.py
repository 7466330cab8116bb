"""Real engines for the adapters' tests: a Redis and an S3 for each test process, a PostgreSQL for all of them."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import pytest
from arq.connections import ArqRedis

from faultmaven_adapters.redis.connection import close, connect
from faultmaven_adapters.redis.embedded import EmbeddedRedis, embedded_redis
from tests.adapters.postgres_place import PostgresPlace, postgres_place
from tests.adapters.redis_places import certified, cluster, guarded, reached, watched  # noqa: F401
from tests.standins.s3 import s3_server


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


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresPlace]:
    own = tmp_path_factory.getbasetemp()
    with postgres_place((own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "postgres") as place:
        yield place


@pytest.fixture(scope="session")
def _postgres_database(postgres: PostgresPlace) -> str:
    return postgres.made()


@pytest.fixture
def postgres_url(postgres: PostgresPlace, _postgres_database: str) -> str:
    """The process's database, with every module's tables, which are empty when the test begins."""
    return postgres.emptied(_postgres_database)


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of the process's S3, where each test makes a bucket of its own."""
    with s3_server() as (address, _):
        yield address
