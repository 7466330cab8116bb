"""What becomes of calls, and of jobs, when the server that took the writes is another now."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from arq.connections import ArqRedis
from redis.asyncio import Redis
from redis.crc import key_slot

from faultmaven_adapters.queues import TURNS
from faultmaven_adapters.redis.address import Address, Tls, address_of
from faultmaven_adapters.redis.connection import close, connect, connect_any, ping
from faultmaven_adapters.redis.job_queue import ArqJobQueue
from faultmaven_adapters.redis.rate_limiter import RedisRateLimiter
from faultmaven_adapters.redis.reply_store import RedisReplyStore
from faultmaven_adapters.redis.result_store import RedisResultStore
from faultmaven_adapters.redis.session_store import RedisSessionStore
from faultmaven_adapters.redis.turn_events import RedisTurnEvents
from faultmaven_adapters.redis.worker import work
from faultmaven_domain.kernel.errors import Unavailable
from tests.adapters.redis_door import a_door
from tests.adapters.redis_places import Certified, sentinel_address
from tests.adapters.redis_processes import Server, a_cluster, a_port, a_sentinel, a_server, until
from tests.adapters.test_job_queue import HANGS, a_worker
from tests.contracts.job_queue import TURN, Recorder
from tests.contracts.rate_limiter import MINUTE, NOON
from tests.contracts.reply_store import HOUR, a_claim
from tests.contracts.session_store import a_session
from tests.contracts.turn_events import NOW, tell, texts

T = TypeVar("T")
IMPATIENT = timedelta(milliseconds=300)


@asynccontextmanager
async def client_of(address: Address | str, patience: timedelta = IMPATIENT) -> AsyncIterator[Redis]:
    client = connect_any(address, patience=patience)
    try:
        yield client
    finally:
        await close(client)


async def in_the_end(call: Callable[[], Awaitable[T]]) -> tuple[int, T]:
    """How often it was unavailable before it was not."""
    tries, give_up = 0, time.monotonic() + HANGS
    while True:
        try:
            return tries, await call()
        except Unavailable:
            assert time.monotonic() < give_up, "it does not come back"
            tries += 1
            await asyncio.sleep(0.02)


async def test_another_server_takes_over(tmp_path: Path) -> None:
    """When Sentinel makes a replica the primary, calls fail for a moment and then reach it; jobs and sessions are
    there, and who relies on the queue is told that it is another."""
    with (
        a_server(tmp_path / "first") as first,
        a_server(tmp_path / "second", "--replicaof", "127.0.0.1", str(first.port)) as second,
    ):
        until(lambda: second.asked("INFO", "replication").get("master_link_status") == "up")
        with a_sentinel(tmp_path / "sentinel", first, patience=200) as sentinel:
            until(lambda: sentinel.asked("SENTINEL", "REPLICAS", "main"))
            address = sentinel_address(sentinel)
            handler = Recorder()
            idle = a_worker(address, handler, TURNS)
            async with client_of(address) as client:
                assert isinstance(client, ArqRedis)
                queue, sessions = ArqJobQueue(client), RedisSessionStore(client)
                limiter = RedisRateLimiter(client)  # keeps a connection of its own
                await sessions.put(a_session(), now=NOON)
                await limiter.take("b", limit=3, window=MINUTE, now=NOON)
                before = await queue.epoch()
                working = asyncio.create_task(work(idle))
                while not await client.keys("fm:turns:health:*"):  # noqa: ASYNC110
                    await asyncio.sleep(0.002)
                await asyncio.gather(*(sessions.get("ses_1", now=NOON) for _ in range(30)))  # that many connections
                assert first.asked("WAIT", 1, 10_000) == 1
                os.kill(first.process.pid, signal.SIGSTOP)  # it takes connections still, and answers nothing

                missed, found = await in_the_end(lambda: sessions.get("ses_1", now=NOON))
                assert missed > 0
                assert found == a_session()
                await asyncio.gather(*(sessions.get("ses_1", now=NOON) for _ in range(30)))
                await queue.enqueue(TURN, {}, job_id="1")
                assert await queue.epoch() != before
                taken = await limiter.take("b", limit=3, window=MINUTE, now=NOON)
                if taken.remaining == 2:  # that it was away is known only now
                    taken = await limiter.take("b", limit=3, window=MINUTE, now=NOON)
                assert taken.remaining == 1
                first.kill()
                async with asyncio.timeout(HANGS):
                    while handler.ids != ["1"]:  # noqa: ASYNC110
                        await asyncio.sleep(0.005)
                working.cancel()
                await asyncio.wait({working})


async def test_a_primary_that_was_demoted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server that takes no writes any more is away: who waits there says so, and what can do without it does."""
    with a_server(tmp_path) as server:
        address = address_of(f"redis://127.0.0.1:{server.port}")
        client = connect(address)
        sessions, limiter, events = RedisSessionStore(client), RedisRateLimiter(client), RedisTurnEvents(client)
        replies, queue = RedisReplyStore(client), ArqJobQueue(client)
        await limiter.take("b", limit=3, window=MINUTE, now=NOON)
        working = asyncio.create_task(work(a_worker(address, Recorder(), TURNS, poll=timedelta(hours=1))))
        while not any(one["cmd"] == "blpop" for one in await client.client_list()):  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        server.asked("REPLICAOF", "127.0.0.1", "1")

        async with asyncio.timeout(HANGS):
            while "is a replica now" not in caplog.text:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        working.cancel()
        await asyncio.wait({working})
        caplog.clear()
        for call in (
            sessions.put(a_session(), now=NOON),
            queue.take_back("1"),
            tell(events, "job-1", "a"),
            RedisResultStore(client).set("1", {}),
        ):
            with pytest.raises(Unavailable, match="is a replica now"):
                await call
        with pytest.raises(Unavailable):
            await queue.enqueue(TURN, {}, job_id="1")
        assert (await limiter.take("b", limit=1, window=MINUTE, now=NOON)).allowed
        assert await replies.claim(a_claim(), lease=HOUR) is None
        assert caplog.text.count("is a replica now") == 2
        server.asked("REPLICAOF", "NO", "ONE")
        await sessions.put(a_session(), now=NOON)
        assert (await limiter.take("b", limit=3, window=MINUTE, now=NOON)).remaining == 1
        await close(client)


async def test_a_name_that_leads_elsewhere(tmp_path: Path) -> None:
    """A connection to the old primary is given up at its first word, and the name in the address is followed anew."""
    with a_server(tmp_path / "old") as old, a_server(tmp_path / "new") as new:
        there = old
        async with a_door(lambda: there.port) as port, client_of(f"redis://127.0.0.1:{port}") as client:
            results, limiter = RedisResultStore(client), RedisRateLimiter(client)
            await limiter.take("b", limit=3, window=MINUTE, now=NOON)
            await results.set("1", {})
            old.asked("REPLICAOF", "127.0.0.1", new.port)
            there = new

            with pytest.raises(Unavailable):
                await results.set("1", {"n": 1})
            await results.set("1", {"n": 2})
            await limiter.take("b", limit=3, window=MINUTE, now=NOON)
            assert new.asked("DBSIZE") == 2


async def test_a_cluster_that_changes(tmp_path: Path) -> None:
    """Calls follow a slot on its way to another server and once it is there; and when a server dies, its replica."""
    with a_cluster(tmp_path, "--cluster-node-timeout", "500", replicas=1) as servers:
        first, other = servers[:2]
        async with client_of(f"redis+cluster://127.0.0.1:{first.port}") as client:
            events, results = RedisTurnEvents(client), RedisResultStore(client)
            going, staying = [f"job-{n}" for n in range(100) if key_slot(f"job-{n}".encode()) < 5_000][:2]
            await _moved(events, going, first, other)
            mine = next(f"{n}" for n in range(100) if key_slot(f"fm:result:{n}".encode()) < 5_000)
            await results.set(mine, {"n": 1})
            until(lambda: first.asked("WAIT", 1, 10_000) == 1)
            reading = asyncio.create_task(events.read(staying, wait=HOUR))
            await asyncio.sleep(0.05)
            first.kill()

            with pytest.raises(Unavailable):
                await reading
            missed, found = await in_the_end(lambda: results.get(mine))
            assert missed > 0
            assert found == {"n": 1}
            await in_the_end(lambda: ping(client))


async def _moved(events: RedisTurnEvents, going: str, source: Server, target: Server) -> None:
    """A turn's events are told before, while and after their slot goes from one server to another."""
    slot = key_slot(going.encode())
    await tell(events, going, "a")
    source_id, target_id = source.asked("CLUSTER", "MYID"), target.asked("CLUSTER", "MYID")
    target.asked("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
    source.asked("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
    await tell(events, going, "b")
    source.asked("MIGRATE", "127.0.0.1", target.port, f"fm:turn:{{{going}}}", 0, 5_000)
    await tell(events, going, "c", "d")
    assert texts(await events.read(going, wait=NOW)) == ["a", "b", "c", "d"]

    for server in (target, source):
        server.asked("CLUSTER", "SETSLOT", slot, "NODE", target_id)
    await tell(events, going, "e")
    assert texts(await events.read(going, wait=NOW)) == ["a", "b", "c", "d", "e"]


async def test_a_cluster_that_was_all_away(tmp_path: Path, certified: Certified) -> None:
    """A cluster over TLS is found again after none of its servers could be reached for a while."""
    port = a_port()
    announced = ("--cluster-announce-ip", "127.0.0.1", "--cluster-announce-port", str(port))
    with a_cluster(tmp_path, *announced, primaries=1) as [server]:
        address = address_of(f"rediss+cluster://127.0.0.1:{port}", tls=Tls(ca=certified.file))
        async with client_of(address) as client:
            results = RedisResultStore(client)
            async with a_door(lambda: server.port, certified.context, port):
                await results.set("1", {"n": 1})
            for _ in range(5):
                with pytest.raises(Unavailable):
                    await results.get("1")
            async with a_door(lambda: server.port, certified.context, port):
                assert await results.get("1") == {"n": 1}
