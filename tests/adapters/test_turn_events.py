import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from faultmaven_adapters.memory.turn_events import MemoryTurnEvents
from faultmaven_adapters.redis.connection import close, connect
from faultmaven_adapters.redis.embedded import EmbeddedRedis, embedded_redis
from faultmaven_adapters.redis.turn_events import SPARE, RedisTurnEvents
from faultmaven_domain.agent import EventKind
from faultmaven_domain.kernel.errors import Unavailable
from tests.contracts.turn_events import BRIEF, LONG, NOW, TurnEventsContract, heard, tell, texts


class TestMemoryTurnEvents(TurnEventsContract):
    @pytest.fixture
    def events(self) -> MemoryTurnEvents:
        return MemoryTurnEvents()

    @pytest.fixture
    def elsewhere(self, events: MemoryTurnEvents) -> MemoryTurnEvents:
        return events

    @pytest.fixture
    def brief(self) -> MemoryTurnEvents:
        return MemoryTurnEvents(BRIEF)

    async def test_who_waits_outlives_what_lapses(self, brief: MemoryTurnEvents) -> None:
        """A reader that waits longer than anything is kept still hears what comes."""
        waiting = asyncio.create_task(brief.read("job-1", wait=LONG))
        await asyncio.sleep(0.06)
        await tell(brief, "job-2", "another's")
        await asyncio.sleep(0.06)
        await tell(brief, "job-1", "a")

        async with asyncio.timeout(20):
            assert texts(await waiting) == ["a"]


class TestRedisTurnEvents(TurnEventsContract):
    @pytest.fixture
    def events(self, redis: ArqRedis) -> RedisTurnEvents:
        return RedisTurnEvents(redis)

    @pytest.fixture
    async def elsewhere(self, redis: ArqRedis, redis_server: EmbeddedRedis) -> AsyncIterator[RedisTurnEvents]:
        client = connect(redis_server.socket)
        yield RedisTurnEvents(client)
        await close(client)

    @pytest.fixture
    def brief(self, redis: ArqRedis) -> RedisTurnEvents:
        return RedisTurnEvents(redis, BRIEF)

    async def test_everything_lapses_by_itself(self, events: RedisTurnEvents, redis: ArqRedis) -> None:
        """Redis itself drops a turn's events, an hour after the last."""
        await tell(events, "job-1", "a")

        assert await redis.keys("*") == [b"fm:turn:{job-1}"]
        assert 3590 < await redis.ttl("fm:turn:{job-1}") <= 3600

    async def test_a_newer_versions_kind_is_passed_over(self, events: RedisTurnEvents, redis: ArqRedis) -> None:
        """What this version has no word for costs nothing, and a reader waits on behind it."""
        await redis.xadd("fm:turn:{job-1}", {"kind": "applause", "data": "{}"})
        assert await events.read("job-1", wait=NOW) == ()
        waiting = asyncio.create_task(events.read("job-1", wait=LONG))
        await asyncio.sleep(0.02)
        await redis.xadd("fm:turn:{job-1}", {"kind": "token", "data": '{"text":"a"}', "mood": "fine"})

        assert texts(await waiting) == ["a"]

    async def test_a_stream_is_bounded(self, events: RedisTurnEvents, redis: ArqRedis) -> None:
        """A model that never stops fills no memory: the oldest pieces go, and who had heard them misses nothing."""
        async with redis.pipeline() as pipe:
            for n in range(12_000):
                pipe.xadd("fm:turn:{job-1}", {"kind": "token", "data": f'{{"text":"{n}"}}'})
            [first, *_] = await pipe.execute()
        await tell(events, "job-1", "last")

        assert await redis.xlen("fm:turn:{job-1}") < 11_000
        heard_first = await events.read("job-1", after=first.decode(), wait=NOW)
        assert heard_first == await events.read("job-1", wait=NOW)

    async def test_redis_emptied_in_the_middle(self, events: RedisTurnEvents, redis: ArqRedis) -> None:
        """After Redis lost everything, who comes with an old id hears what is told since."""
        await tell(events, "job-1", "a", "b")
        [_, last] = await events.read("job-1", wait=NOW)
        await redis.flushall()
        await asyncio.sleep(0.005)  # ids are by the millisecond
        await tell(events, "job-1", "c")

        assert texts(await events.read("job-1", after=last.id, wait=NOW)) == ["c"]

    async def test_more_readers_than_connections(self, redis: ArqRedis, redis_server: EmbeddedRedis) -> None:
        """Who finds no connection to wait on looks from time to time, and tellers always find one."""
        client = connect(redis_server.socket, connections=SPARE + 2)
        try:
            events = RedisTurnEvents(client)
            patient = [asyncio.create_task(events.read(f"job-{n}", wait=LONG)) for n in (2, 3)]
            await asyncio.sleep(0.05)
            readers = [asyncio.create_task(heard(events, "job-1")) for _ in range(40)]
            await asyncio.sleep(0.1)
            await tell(events, "job-1", *"abc")
            await events.add("job-1", EventKind.ENDED, {})

            async with asyncio.timeout(30):
                assert await asyncio.gather(*readers) == [["a", "b", "c"]] * 40
            assert not any(task.done() for task in patient)
            assert len(await redis.client_list()) <= SPARE + 2 + 1
            for task in patient:
                task.cancel()
            await asyncio.wait(patient)
        finally:
            await close(client)

    async def test_readers_called_off_give_their_connections_back(
        self, redis: ArqRedis, redis_server: EmbeddedRedis
    ) -> None:
        """A thousand readers called off while they wait cost neither a connection nor an answer that is another's."""
        client = connect(redis_server.socket, connections=SPARE + 5)
        try:
            events = RedisTurnEvents(client)
            for _ in range(100):
                waiting = [asyncio.create_task(events.read(f"job-{n}", wait=LONG)) for n in range(10)]
                await asyncio.sleep(0.002)
                for task in waiting:
                    task.cancel()
                await asyncio.wait(waiting)
            await tell(events, "job-0", "a")

            assert texts(await events.read("job-0", wait=LONG)) == ["a"]
            assert await events.read("job-1", wait=NOW) == ()
            blocked = [one for one in await redis.client_list() if one["cmd"] == "xread" and "b" in one["flags"]]
            assert blocked == []
        finally:
            await close(client)

    async def test_redis_going_ends_the_wait(self, tmp_path: Path) -> None:
        """Readers and tellers are told when Redis goes, and go on when it is back."""
        async with embedded_redis(tmp_path) as server:
            client = connect(server.socket)
            events = RedisTurnEvents(client)
            await tell(events, "job-1", "a")
            waiting = asyncio.create_task(events.read("job-2", wait=LONG))
            await asyncio.sleep(0.05)
        with pytest.raises(Unavailable):
            await waiting
        with pytest.raises(Unavailable):
            await events.read("job-1", wait=LONG)
        with pytest.raises(Unavailable):
            await tell(events, "job-1", "b")
        async with embedded_redis(tmp_path):
            assert texts(await events.read("job-1", wait=LONG)) == ["a"]
            await close(client)
