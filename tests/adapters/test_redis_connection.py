import asyncio
import errno
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from arq.connections import ArqRedis

from faultmaven_adapters.queues import TURNS
from faultmaven_adapters.redis.cache import RedisCache
from faultmaven_adapters.redis.connection import close, connect, ping
from faultmaven_adapters.redis.embedded import EmbeddedRedis, embedded_redis
from faultmaven_adapters.redis.job_queue import ArqJobQueue, forget_dead_workers
from faultmaven_adapters.redis.rate_limiter import RedisRateLimiter
from faultmaven_adapters.redis.result_store import RedisResultStore
from faultmaven_adapters.redis.session_store import RedisSessionStore
from faultmaven_adapters.redis.worker import arq_worker, work
from faultmaven_domain.kernel.errors import Misconfigured, StorageFull, Unavailable
from faultmaven_domain.kernel.job_desk import TryAgain
from tests.adapters.redis_door import a_door
from tests.adapters.redis_processes import Server, a_port
from tests.contracts.cache import HOUR
from tests.contracts.job_queue import TURN, Recorder
from tests.contracts.rate_limiter import MINUTE, NOON
from tests.contracts.session_store import a_session


@pytest.fixture
async def gone(tmp_path: Path) -> AsyncIterator[ArqRedis]:
    """A client whose server has been there and is dead."""
    async with embedded_redis(tmp_path) as server:
        client = connect(server.socket)
        await ping(client)
    yield client
    await close(client)


CALLS: dict[str, Callable[[ArqRedis], Awaitable[object]]] = {
    "ping": ping,
    "sessions.get": lambda redis: RedisSessionStore(redis).get("ses_1", now=NOON),
    "sessions.latest_of": lambda redis: RedisSessionStore(redis).latest_of("c1", now=NOON),
    "sessions.of_user": lambda redis: RedisSessionStore(redis).of_user("ana", now=NOON),
    "sessions.put": lambda redis: RedisSessionStore(redis).put(a_session(), now=NOON),
    "sessions.delete": lambda redis: RedisSessionStore(redis).delete("ses_1"),
    "results.get": lambda redis: RedisResultStore(redis).get("1"),
    "results.set": lambda redis: RedisResultStore(redis).set("1", {}),
    "queue.enqueue": lambda redis: ArqJobQueue(redis).enqueue(TURN, {}, job_id="1"),
    "queue.get_status": lambda redis: ArqJobQueue(redis).get_status("1"),
    "queue.take_back": lambda redis: ArqJobQueue(redis).take_back("1"),
    "queue.epoch": lambda redis: ArqJobQueue(redis).epoch(),
    "forget_dead_workers": forget_dead_workers,
}


@pytest.mark.parametrize("call", CALLS)
async def test_without_redis(gone: ArqRedis, call: str) -> None:
    """Whatever needs Redis says that it does not answer, in the domain's error and without the vendor's text."""
    with pytest.raises(Unavailable) as caught:
        await CALLS[call](gone)

    assert str(caught.value) == "Redis does not answer."


async def test_the_cache_without_redis(gone: ArqRedis, caplog: pytest.LogCaptureFixture) -> None:
    """Without Redis the cache is empty and says so once, however often it is asked."""
    cache = RedisCache(gone)
    for _ in range(3):
        await cache.set("k", b"v", HOUR)
        await cache.invalidate("k*")

        assert await cache.get("k") is None
    assert caplog.text.count("the cache is away") == 1


async def test_the_cache_when_redis_is_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After an outage the cache serves again, says so once, and has forgotten what was invalidated meanwhile."""
    caplog.set_level(logging.INFO)
    async with embedded_redis(tmp_path) as server:
        client = connect(server.socket)
        cache = RedisCache(client)
        for key in ("stale:1", "old", "kept"):
            await cache.set(key, b"v", HOUR)
    for pattern in ("stale:*", "old"):
        await cache.invalidate(pattern)
    async with embedded_redis(tmp_path):
        assert [await cache.get(key) for key in ("kept", "stale:1", "old")] == [b"v", None, None]
        await close(client)

    assert caplog.text.count("the cache is away") == 1
    assert caplog.text.count("the cache is back") == 1


async def test_the_rate_limiter_without_redis(gone: ArqRedis, caplog: pytest.LogCaptureFixture) -> None:
    """Without Redis every request passes, and the log says so once."""
    limiter = RedisRateLimiter(gone)

    taken = [await limiter.take("b", limit=1, window=MINUTE, now=NOON) for _ in range(3)]

    assert [each.allowed for each in taken] == [True] * 3
    assert {each.reset_at for each in taken} == {NOON + MINUTE}
    assert caplog.text.count("the rate limiter is away") == 1


async def test_comes_back_by_itself(tmp_path: Path) -> None:
    """A client survives its server: when the next one listens in the same place, the next call works."""
    async with embedded_redis(tmp_path) as server:
        client = connect(server.socket)
        await RedisResultStore(client).set("1", {"n": 1})
    async with embedded_redis(tmp_path):
        assert await RedisResultStore(client).get("1") == {"n": 1}
        await close(client)


class Hands:
    """A worker of three hands, whose jobs end as they are told to, or all of them at once."""

    def __init__(self, address: str) -> None:
        self.begun, self.ended, self.let_go = list[str](), list[str](), set[str]()
        self.open, self.cut_off = False, False
        self.most = 0
        worker = arq_worker(self, address=address, queue=TURNS, timeouts={TURN: MINUTE}, concurrency=3)
        self.task = asyncio.create_task(work(worker))

    async def __call__(self, job_type: str, payload: dict[str, Any], job_id: str) -> None:
        self.begun.append(job_id)
        self.most = max(self.most, len(self.begun) - len(self.ended))
        try:
            await so(lambda: self.open or job_id in self.let_go)
        except asyncio.CancelledError:
            self.cut_off = True
            raise
        self.let_go.discard(job_id)
        self.ended.append(job_id)
        if payload.get("again") and job_id not in self.ended[:-1]:
            raise TryAgain(timedelta(milliseconds=1))

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})


def url_of(server: Server, *, port: int | None = None) -> str:
    login = "" if server.password is None else f":{quote(server.password, safe='')}@"
    return f"redis://{login}127.0.0.1:{port or server.port}"


async def so(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):  # lest a broken one hang the suite
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


async def test_a_worker_outlives_its_redis(tmp_path: Path, guarded: Server, caplog: pytest.LogCaptureFixture) -> None:
    """What a worker has in hand goes on while Redis is away, ends meanwhile or later, and is not begun again beside
    itself; it takes more when Redis is back, and never more than it has hands for."""
    guarded.asked("FLUSHALL")
    port, asker = a_port(), connect(url_of(guarded))
    queue = ArqJobQueue(asker)

    async def send(*job_ids: str) -> None:
        for job_id in job_ids:  # as the relay does, which does not know what became of them
            await queue.take_back(job_id)
            await queue.enqueue(TURN, {"again": job_id == "2"}, job_id=job_id)

    async with a_door(lambda: guarded.port, port=port):
        hands = Hands(url_of(guarded, port=port))
        await send("1", "2")
        await so(lambda: len(hands.begun) == 2)
    await so(lambda: "waits, with 2 jobs in hand: Redis does not answer." in caplog.text)
    hands.let_go.add("1")
    await so(lambda: "job 1: its queue does not hear what became of it" in caplog.text)
    async with a_door(lambda: guarded.port, port=port):
        await send("2", "3", "4", "5", "1")
        await so(lambda: len(hands.begun) == 4)
        hands.open = True
        await so(lambda: not guarded.asked("ZCARD", TURNS))
    await hands.stop()
    await close(asker)

    assert sorted(hands.begun[2:4]) == ["1", "3"]
    assert sorted(hands.ended) == ["1", "1", "2", "2", "3", "4", "5"]
    assert (hands.most, hands.cut_off) == (3, False)
    assert caplog.text.count("waits, with") == 1


async def test_a_worker_without_redis(gone: ArqRedis, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A worker that finds no Redis says so at once, and waits for it."""
    worker = arq_worker(Recorder(), address=tmp_path / "redis.sock", queue=TURNS, timeouts={TURN: MINUTE})
    running = asyncio.create_task(work(worker))

    await so(lambda: "the worker of fm:turns waits, with 0 jobs in hand: Redis does not answer." in caplog.text)
    async with embedded_redis(tmp_path) as server:
        client = connect(server.socket)
        async with asyncio.timeout(20):
            while not await client.keys("fm:turns:health:*"):  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        await close(client)
        running.cancel()
        await asyncio.wait({running})


@pytest.mark.parametrize("call", ["results.set", "sessions.put", "queue.enqueue"])
async def test_a_full_disk(redis: ArqRedis, call: str) -> None:
    """What Redis says when it has no memory left is the domain's word for a full disk, in a script too."""
    await redis.config_set("maxmemory", "1")
    try:
        with pytest.raises(StorageFull):
            await CALLS[call](redis)
    finally:
        await redis.config_set("maxmemory", "0")


@pytest.mark.parametrize("call", ["results.set", "sessions.put", "queue.enqueue", "queue.take_back"])
async def test_a_file_that_cannot_be_written(tmp_path: Path, call: str) -> None:
    """When Redis takes no writes since its file takes none, each is refused as by a full disk, in a pipeline too."""
    (tmp_path / "dump.rdb").mkdir()
    async with embedded_redis(tmp_path) as server:
        redis = connect(server.socket)
        await redis.config_set("save", "3600 1000000")
        await redis.bgsave()
        for _ in range(1_000):
            if (await redis.info("persistence"))["rdb_last_bgsave_status"] != "ok":
                break
            await asyncio.sleep(0.01)

        with pytest.raises(StorageFull, match="Redis cannot write its file"):
            await CALLS[call](redis)
        await redis.config_set("save", "")  # or it would not end without having saved
        await close(redis)


async def test_a_wrong_password(redis: ArqRedis, redis_server: EmbeddedRedis) -> None:
    """Being refused by Redis is a bad setting, which no repetition mends; the password is not repeated."""
    client = connect(f"unix://ana:hunter2@{redis_server.socket}")
    try:
        with pytest.raises(Misconfigured, match="REDIS_URL") as caught:
            await ping(client)
    finally:
        await close(client)
    assert "hunter2" not in str(caught.value)


async def test_a_user_who_may_not(redis: ArqRedis, redis_server: EmbeddedRedis) -> None:
    """A Redis user without the rights is a bad setting too."""
    await redis.acl_setuser("bob", enabled=True, passwords=["+s3cret"], commands=["+ping"], reset=True)
    client = connect(f"unix://bob:s3cret@{redis_server.socket}")
    try:
        await ping(client)
        with pytest.raises(Misconfigured, match="REDIS_URL"):
            await RedisResultStore(client).get("1")
    finally:
        await close(client)
        await redis.acl_deluser("bob")


@pytest.mark.parametrize("form", ["{}", "unix://{}", "unix://{}?db=3"])
async def test_addresses(redis: ArqRedis, redis_server: EmbeddedRedis, form: str) -> None:
    """A socket's path and its URL reach the same server, and a URL may name a database."""
    client = connect(form.format(redis_server.socket))
    try:
        await client.set("k", "v")
        assert await redis.get("k") == (None if "db=3" in form else b"v")
    finally:
        await close(client)


async def test_a_port_where_nothing_listens() -> None:
    """A host that refuses is Redis not answering."""
    client = connect("redis://127.0.0.1:1")
    try:
        with pytest.raises(Unavailable):
            await ping(client)
    finally:
        await close(client)


async def test_a_server_that_never_answers(tmp_path: Path) -> None:
    """Calls that all connections are waiting for end as calls to a dead server do, and not never."""
    # Two callers, one connection, and a server stopped in its tracks.
    async with embedded_redis(tmp_path) as server:
        client = connect(server.socket, connections=1, patience=timedelta(milliseconds=50))
        await ping(client)
        os.kill(server.pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(20):  # lest a broken one hang the suite
                results = await asyncio.gather(ping(client), ping(client), return_exceptions=True)
        finally:
            os.kill(server.pid, signal.SIGCONT)
            await close(client)

    assert [type(result) for result in results] == [Unavailable, Unavailable]


async def test_many_at_once_share_few_connections(redis_server: EmbeddedRedis, redis: ArqRedis) -> None:
    """Five hundred calls at once wait their turn for ten connections, and all are served."""
    client = connect(redis_server.socket, connections=10)
    try:
        results = RedisResultStore(client)
        await asyncio.gather(*(results.set(str(n), {"n": n}) for n in range(500)))

        assert await asyncio.gather(*(results.get(str(n)) for n in range(500))) == [{"n": n} for n in range(500)]
        assert len(await redis.client_list()) <= 10 + 1
    finally:
        await close(client)


async def test_a_call_called_off_leaves_the_connection_clean(redis: ArqRedis) -> None:
    """After a cancelled call the next one gets its own answer, not the other's."""
    results = RedisResultStore(redis)
    await results.set("a", {"n": "a"})
    await results.set("b", {"n": "b"})
    for turns in range(12):
        call = asyncio.create_task(results.get("a"))
        for _ in range(turns):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

        assert await results.get("b") == {"n": "b"}


async def test_a_cancelled_caller_stops(redis: ArqRedis) -> None:
    """Whatever step of a call it hits, a cancellation reaches the caller and is not taken for the call's own affair."""
    results = RedisResultStore(redis)

    async def ask_for_ever() -> None:
        while True:
            await results.get("a")

    for turns in range(60):
        asking = asyncio.create_task(ask_for_ever())
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking], timeout=5)  # lest a broken one hang the suite

        assert asking.cancelled()


def test_an_operating_systems_error_is_an_outage() -> None:
    """What the table does not know by name it knows by family."""
    from faultmaven_adapters.redis.connection import meaning

    assert isinstance(meaning(OSError(errno.EPIPE, "broken pipe")), Unavailable)
    assert isinstance(meaning(TimeoutError()), Unavailable)
