"""What is scheduled, on a real Redis with three workers: done once each time, whatever happens to them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis

from faultmaven_adapters.jobs import JobHandler
from faultmaven_adapters.queues import MAINTENANCE
from faultmaven_adapters.redis.connection import close, connect
from faultmaven_adapters.redis.embedded import EmbeddedRedis, embedded_redis
from faultmaven_adapters.redis.job_queue import ArqJobQueue
from faultmaven_adapters.redis.worker import arq_worker, work
from faultmaven_adapters.sql import open_sql
from faultmaven_domain.kernel.job_relay import JobRelay
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_domain.kernel.jobs import JobState
from faultmaven_domain.kernel.schedule import Hourly
from faultmaven_worker.tasks.maintenance import CLEAN_UP, LONGEST, MINUTE
from tests.adapters.sqlite_file import sqlite_file
from tests.fakes.clock import FakeClock

MODULES = ("auth", "evidence", "knowledge")
HANGS = 40


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[EmbeddedRedis]:
    async with embedded_redis(tmp_path / "redis") as server:
        yield server


@pytest.fixture
async def client(redis: EmbeddedRedis) -> AsyncIterator[ArqRedis]:
    client = connect(redis.socket)
    yield client
    await close(client)


@pytest.fixture
async def books(tmp_path: Path) -> AsyncIterator[JobBooks]:
    url = sqlite_file(tmp_path)
    async with open_sql(dict.fromkeys(MODULES, url), lambda: None) as opened:
        yield JobBooks(opened)


class Fleet:
    """Three workers, each with a schedule and a relay of its own. What they do waits until it is let go."""

    def __init__(self, books: JobBooks, clock: FakeClock, redis: EmbeddedRedis, client: ArqRedis) -> None:
        self.books, self.clock, self.redis = books, clock, redis
        self.begun, self.done = Counter[str](), Counter[str]()
        self.let_go = asyncio.Event()
        self.schedules = [Hourly(books, clock, CLEAN_UP, MINUTE) for _ in range(3)]
        self.relays = [JobRelay(books, ArqJobQueue(client), clock) for _ in range(3)]
        self.workers: list[asyncio.Task[None]] = []

    async def clean_up(self, payload: dict[str, Any]) -> None:
        self.begun[payload["module"]] += 1
        await self.let_go.wait()
        self.done[payload["module"]] += 1

    def start(self) -> None:
        handler = JobHandler(
            services={},
            runner=JobRunner(self.books, self.clock),
            jobs=JobService(self.books, self.clock),
            own={CLEAN_UP: (self.clean_up, LONGEST)},
        )
        worker = arq_worker(
            handler, address=self.redis.socket, queue=MAINTENANCE, timeouts={CLEAN_UP: LONGEST}, concurrency=1
        )
        self.workers.append(asyncio.create_task(work(worker)))

    async def stop(self, worker: "asyncio.Task[None]") -> None:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker

    async def tick(self) -> None:
        """All look at their clocks and into their outboxes, at once."""
        await asyncio.gather(*(schedule.look() for schedule in self.schedules))
        await asyncio.gather(*(relay.run() for relay in self.relays))

    async def until(self, so: Callable[[], bool]) -> None:
        async with asyncio.timeout(HANGS):
            while not so():
                await self.tick()
                await asyncio.sleep(0.02)

    async def states(self) -> list[JobState]:
        found = []
        for module, transactions in self.books.items():
            async with transactions.view() as unit:
                job = await unit.jobs.get(self.schedules[0].job_id(module))
                assert job is not None
                found.append(job.state)
        return found


@pytest.fixture
async def fleet(books: JobBooks, redis: EmbeddedRedis, client: ArqRedis) -> AsyncIterator[Fleet]:
    fleet = Fleet(books, FakeClock(), redis, client)
    for _ in range(3):
        fleet.start()
    yield fleet
    for worker in fleet.workers:
        await fleet.stop(worker)


async def test_what_is_scheduled_is_done_once(fleet: Fleet, client: ArqRedis) -> None:
    """One of three workers does each module's clean-up each hour, also where one is stopped in the middle of it and
    Redis loses everything meanwhile."""
    await fleet.tick()
    fleet.clock.advance(timedelta(minutes=MINUTE))
    await fleet.until(lambda: len(fleet.begun) == 3)
    await fleet.stop(fleet.workers.pop())
    await client.flushall()
    fleet.start()
    fleet.let_go.set()
    await fleet.until(lambda: len(fleet.done) == 3)
    fleet.clock.advance(timedelta(minutes=10))
    for _ in range(5):
        await fleet.tick()

    assert fleet.done == dict.fromkeys(MODULES, 1)
    assert sorted(fleet.begun.values()) == [1, 1, 2]
    for _ in range(HANGS * 50):  # what is done is written down a moment later
        if set(await fleet.states()) == {JobState.COMPLETED}:
            break
        await asyncio.sleep(0.02)
    assert set(await fleet.states()) == {JobState.COMPLETED}
    fleet.clock.advance(timedelta(minutes=50))
    await fleet.until(lambda: set(fleet.done.values()) == {2})
