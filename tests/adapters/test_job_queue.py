import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.worker import Worker

from faultmaven_adapters.memory.job_queue import REMEMBERED, MemoryJobQueue
from faultmaven_adapters.queues import QUEUES, TURNS, Handler
from faultmaven_adapters.redis.address import Address
from faultmaven_adapters.redis.connection import close, connect
from faultmaven_adapters.redis.embedded import EmbeddedRedis, embedded_redis
from faultmaven_adapters.redis.job_queue import ArqJobQueue, forget_dead_workers
from faultmaven_adapters.redis.job_scripts import TAKE
from faultmaven_adapters.redis.worker import arq_worker, work
from faultmaven_domain.kernel.errors import FaultMavenError, Misconfigured, Unavailable
from faultmaven_domain.kernel.job_desk import TryAgain
from faultmaven_domain.kernel.jobs import JobStatus
from tests.contracts.job_queue import KINDS, TURN, Deliveries, JobQueueContract, Recorder

#: Seconds after which a delivery must have gone wrong, lest it hang the suite.
HANGS = 40


class TestMemoryJobQueue(JobQueueContract):
    @pytest.fixture
    def queue(self) -> MemoryJobQueue:
        return MemoryJobQueue()

    @pytest.fixture
    def deliveries(self, queue: MemoryJobQueue) -> Deliveries:
        async def deliver(handler: Handler) -> None:
            async with asyncio.timeout(HANGS), consumed(queue, handler):
                await queue.idle()

        return deliver

    async def test_bounds_how_much_runs_at_once(self, queue: MemoryJobQueue) -> None:
        """Each queue has as many hands as it was given, and uses them all."""
        running, most = 0, 0

        async def handler(job_type: str, payload: dict[str, Any], job_id: str) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

        for n in range(20):
            await queue.enqueue(TURN, {}, job_id=str(n))
        async with consumed(queue, handler, concurrency={TURNS: 3}):
            await queue.idle()

        assert most == 3

    async def test_a_stopped_consumer_gives_back_what_it_held(self, queue: MemoryJobQueue) -> None:
        """Jobs in hand when the consumer stops are queued again, for the next one."""
        begun = asyncio.Event()

        async def stuck(job_type: str, payload: dict[str, Any], job_id: str) -> None:
            begun.set()
            await asyncio.Event().wait()

        await queue.enqueue(TURN, {}, job_id="1")
        async with consumed(queue, stuck):
            await begun.wait()
        handler = Recorder()

        assert await queue.get_status("1") == JobStatus.QUEUED
        async with consumed(queue, handler):
            await queue.idle()
        assert handler.ids == ["1"]

    async def test_is_idle_from_the_start(self, queue: MemoryJobQueue) -> None:
        """Nothing asked for is nothing to wait for."""
        await queue.idle()

    async def test_remembers_so_many_ended_ones(self, queue: MemoryJobQueue) -> None:
        """The oldest of very many ended jobs is unknown again, the newest has ended."""
        async with consumed(queue, Recorder()):
            for n in range(REMEMBERED + 1):
                await queue.enqueue(TURN, {}, job_id=str(n))
            await queue.idle()

        assert await queue.get_status("0") == JobStatus.UNKNOWN
        assert await queue.get_status(str(REMEMBERED)) == JobStatus.ENDED


class TestArqJobQueue(JobQueueContract):
    @pytest.fixture
    def queue(self, redis: ArqRedis) -> ArqJobQueue:
        return ArqJobQueue(redis)

    @pytest.fixture
    def deliveries(self, queue: ArqJobQueue, redis: ArqRedis, redis_server: EmbeddedRedis) -> Deliveries:
        return delivering(redis, redis_server)

    async def test_logs_no_payload(
        self, queue: ArqJobQueue, deliveries: Deliveries, caplog: pytest.LogCaptureFixture
    ) -> None:
        """What a user wrote does not reach the worker's log, only which fields there were."""
        await queue.enqueue(TURN, {"message": "hunter2"}, job_id="1")
        with caplog.at_level("DEBUG"):
            await deliveries(Recorder())

        assert "1:jobs.chat_turn" in caplog.text
        assert "<message>" in caplog.text
        assert "hunter2" not in caplog.text

    async def test_an_idle_worker_hears_of_a_job(self, queue: ArqJobQueue, redis_server: EmbeddedRedis) -> None:
        """A worker that would look again in an hour does a job that is queued now."""
        done = asyncio.Event()

        async def handler(job_type: str, payload: dict[str, Any], job_id: str) -> None:
            done.set()

        working = asyncio.create_task(work(a_worker(redis_server, handler, TURNS, poll=timedelta(hours=1))))
        async with asyncio.timeout(HANGS):
            for number in range(3):  # the first may be there before it has looked at all
                done.clear()
                await queue.enqueue(TURN, {}, job_id=str(number))
                await done.wait()
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working

    async def test_leaves_nothing_behind(self, queue: ArqJobQueue, deliveries: Deliveries, redis: ArqRedis) -> None:
        """A job that has ended costs one short key, which lapses."""
        await queue.enqueue(TURN, {}, job_id="1")
        await deliveries(Recorder())

        assert await redis.keys("*") == [b"fm:job:ended:1"]
        assert 3590 < await redis.ttl("fm:job:ended:1") <= 3600

    async def test_a_job_of_no_known_kind_is_dropped(
        self, queue: ArqJobQueue, deliveries: Deliveries, redis: ArqRedis, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A kind that no worker knows, from another version perhaps, is logged and does not block the queue."""
        await queue.enqueue("jobs.unheard_of", {}, job_id="1")
        await deliveries(Recorder())

        assert "jobs.unheard_of" in caplog.text
        assert await waiting(redis) == 0

    async def test_a_stopped_worker_gives_back_what_it_held(
        self, queue: ArqJobQueue, deliveries: Deliveries, redis_server: EmbeddedRedis
    ) -> None:
        """Jobs in hand when the worker stops are queued again, for the next one at once."""
        begun = asyncio.Event()

        async def stuck(job_type: str, payload: dict[str, Any], job_id: str) -> None:
            begun.set()
            await asyncio.Event().wait()

        await queue.enqueue(TURN, {}, job_id="1")
        worker = asyncio.create_task(work(a_worker(redis_server, stuck, TURNS)))
        await begun.wait()
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker
        handler = Recorder()

        assert await queue.get_status("1") == JobStatus.QUEUED
        await deliveries(handler)
        assert handler.ids == ["1"]

    async def test_what_a_killed_worker_held_can_be_handed_out_at_once(
        self, queue: ArqJobQueue, deliveries: Deliveries, redis: ArqRedis
    ) -> None:
        """Whoever knows that every worker is dead need not wait for their holds to lapse."""
        await queue.enqueue(TURN, {}, job_id="1")
        await redis.set("arq:in-progress:1", b"1", px=timedelta(minutes=5))
        assert await queue.get_status("1") == JobStatus.RUNNING
        handler = Recorder()

        assert await forget_dead_workers(redis) == 1
        await deliveries(handler)
        assert handler.ids == ["1"]

    async def test_what_is_taken_back_from_a_dead_worker_is_handed_out_at_once(
        self, queue: ArqJobQueue, deliveries: Deliveries, redis: ArqRedis
    ) -> None:
        """Neither what it left in Redis nor the delay it had asked for keeps the job from the next one."""
        await queue.enqueue(TURN, {}, job_id="1", delay=timedelta(hours=1))
        await queue.enqueue(TURN, {}, job_id="other")
        for job_id in ("1", "other"):
            await redis.set(f"arq:in-progress:{job_id}", b"1", px=timedelta(minutes=5))
        await queue.take_back("1")
        handler = Recorder()

        assert [await queue.get_status(job_id) for job_id in ("1", "other")] == [JobStatus.QUEUED, JobStatus.RUNNING]
        await redis.delete("arq:in-progress:other")
        await deliveries(handler)
        assert sorted(handler.ids) == ["1", "other"]

    async def test_what_is_taken_back_keeps_its_place(
        self, queue: ArqJobQueue, redis_server: EmbeddedRedis, redis: ArqRedis
    ) -> None:
        """A job that waited longer than others is not sent behind them, nor is one to be tried again at once."""
        for n in range(4):
            await queue.enqueue(TURN, {}, job_id=str(n))
            await asyncio.sleep(0.002)
        assert await taken(redis, hands=1) == ["0"]
        await queue.take_back("0")
        recorder = Recorder()

        async def handler(job_type: str, payload: dict[str, Any], job_id: str) -> None:
            await recorder(job_type, payload, job_id)
            if job_id == "1" and recorder.ids.count("1") == 1:
                raise TryAgain(timedelta(0))

        await work(a_worker(redis_server, handler, TURNS, burst=True, concurrency=1))

        assert recorder.ids == ["0", "1", "1", "2", "3"]

    async def test_those_that_run_hide_none_that_wait(
        self, queue: ArqJobQueue, redis_server: EmbeddedRedis, redis: ArqRedis
    ) -> None:
        """However many jobs others have in hand, one look finds those that wait; also where others leave theirs in
        front, as workers of an older version do."""
        for n in range(600):
            await queue.enqueue(TURN, {}, job_id=f"{n:03}")
        assert len(await taken(redis, hands=500)) == 500
        async with redis.pipeline() as pipe:
            for n in range(500, 590):
                pipe.set(f"arq:in-progress:{n}", b"1", px=timedelta(minutes=5))
            await pipe.execute()

        assert await taken(redis, "590", hands=2) == ["591", "592"]
        assert await redis.zcard(TURNS) == 600
        handler = Recorder()
        working = asyncio.create_task(work(a_worker(redis_server, handler, TURNS)))
        async with asyncio.timeout(HANGS):
            while len(handler.ids) < 8:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        working.cancel()
        await asyncio.wait({working})
        assert sorted(handler.ids) == ["590", *(str(n) for n in range(593, 600))]

    async def test_a_worker_takes_no_more_than_it_has_hands_for(
        self, queue: ArqJobQueue, redis_server: EmbeddedRedis
    ) -> None:
        """And, with all of them full, the next as soon as one is free, without a word that it is there."""
        running, most, done = 0, 0, 0

        async def handler(job_type: str, payload: dict[str, Any], job_id: str) -> None:
            nonlocal running, most, done
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.002)
            running, done = running - 1, done + 1

        for n in range(30):
            await queue.enqueue(TURN, {}, job_id=str(n))
        hour = timedelta(hours=1)
        working = asyncio.create_task(work(a_worker(redis_server, handler, TURNS, poll=hour, concurrency=3)))
        async with asyncio.timeout(HANGS):
            while done < 30:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        working.cancel()
        await asyncio.wait({working})

        assert most == 3

    async def test_hosts_need_no_common_clock(self, redis: ArqRedis, redis_server: EmbeddedRedis) -> None:
        """A job asked for by a host an hour ahead is done by a worker an hour behind as soon as it is asked for, and
        again after the delay it wanted; and such a worker says that it lives, also when its clock is set."""
        asking = [sys.executable, "-m", "tests.adapters.other_clock", str(redis_server.socket)]
        other = await asyncio.create_subprocess_exec(*asking, stdout=asyncio.subprocess.PIPE)
        said, _ = await other.communicate()

        assert said.decode().split() == ["ahead", "behind", "behind", "ahead"]

    async def test_a_worker_does_not_begin_what_it_has_in_hand(
        self, queue: ArqJobQueue, redis_server: EmbeddedRedis, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Taken back from a worker that lives, a job waits until that one is done with it, and then comes again."""
        begun, go_on = asyncio.Event(), asyncio.Event()
        recorder = Recorder()

        async def handler(job_type: str, payload: dict[str, Any], job_id: str) -> None:
            await recorder(job_type, payload, job_id)
            if job_id == "1" and recorder.ids.count("1") == 1:
                begun.set()
                await go_on.wait()
                raise TryAgain(timedelta(0))
            go_on.set()

        await queue.enqueue(TURN, {}, job_id="1")
        worker = asyncio.create_task(work(a_worker(redis_server, handler, TURNS)))
        async with asyncio.timeout(HANGS):
            await begun.wait()
            await queue.take_back("1")
            await queue.enqueue(TURN, {}, job_id="1")
            await queue.enqueue(TURN, {}, job_id="2")
            while await queue.get_status("1") != JobStatus.ENDED:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker

        assert recorder.ids == ["1", "2", "1"]
        assert "KeyError" not in caplog.text

    async def test_an_emptied_redis_is_another_epoch(self, queue: ArqJobQueue, redis: ArqRedis) -> None:
        """Whoever empties Redis is noticed by every process that uses it, and once."""
        before = await queue.epoch()
        await redis.flushall()

        after = {await queue.epoch(), await ArqJobQueue(redis).epoch()}

        assert len(after) == 1
        assert before not in after

    async def test_a_restarted_redis_is_another_epoch(self, tmp_path: Path) -> None:
        """Also one that has its file still: what its workers told it while it was away is lost."""
        async with embedded_redis(tmp_path) as server:
            client = connect(server.socket)
            before, first = await ArqJobQueue(client).epoch(), server.pid
            os.kill(first, signal.SIGKILL)
            while server.pid == first:  # noqa: ASYNC110
                await asyncio.sleep(0.002)

            assert await ArqJobQueue(client).epoch() != before
            await close(client)

    async def test_a_job_that_takes_too_long_is_cut_off(self, queue: ArqJobQueue, redis_server: EmbeddedRedis) -> None:
        """Past its time-out a handler is cancelled and the job has ended for the queue."""
        cut = asyncio.Event()

        async def stuck(job_type: str, payload: dict[str, Any], job_id: str) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cut.set()

        await queue.enqueue(TURN, {}, job_id="1")
        await work(a_worker(redis_server, stuck, TURNS, burst=True, timeout=timedelta(milliseconds=20)))

        assert cut.is_set()
        assert await queue.get_status("1") == JobStatus.ENDED

    @pytest.mark.parametrize("answered", [True, False])
    async def test_is_not_fooled_by_a_broken_connection(
        self, deliveries: Deliveries, redis_server: EmbeddedRedis, redis: ArqRedis, tmp_path: Path, answered: bool
    ) -> None:
        """When the connection breaks as a job is written, before Redis has done it or after, the job is there once."""
        await ArqJobQueue(redis).enqueue(TURN, {}, job_id="0")  # or Redis might not know the script
        async with cut_once(redis_server.socket, tmp_path / "s", at=b"EVALSHA", forwarded=answered):
            client = connect(tmp_path / "s")
            assert await ArqJobQueue(client).enqueue(TURN, {}, job_id="1") == "1"
            await close(client)
        handler = Recorder()

        assert await waiting(redis) == 2
        await deliveries(handler)
        assert sorted(handler.ids) == ["0", "1"]

    async def test_one_that_cannot_begin_is_one_line(
        self, queue: ArqJobQueue, deliveries: Deliveries, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A job whose row cannot be reached is begun again soon, with why in a line; one that has none ends there."""
        errors: list[FaultMavenError] = [
            Unavailable("The database does not answer."),
            Misconfigured("The database's schema is not this version's."),
        ]

        async def handler(job_type: str, payload: dict[str, Any], job_id: str) -> None:
            raise errors.pop(0)

        await queue.enqueue(TURN, {}, job_id="1")
        with caplog.at_level("INFO", logger="faultmaven_adapters"):
            await deliveries(handler)

        told = [record for record in caplog.records if record.name.startswith("faultmaven_adapters")]
        assert [record.getMessage() for record in told] == [
            "job 1 (jobs.chat_turn) is begun later: The database does not answer.",
            "job 1 (jobs.chat_turn) is sent again later: The database's schema is not this version's.",
        ]
        assert not any(record.exc_info for record in told)
        assert await queue.get_status("1") == JobStatus.ENDED


async def taken(redis: ArqRedis, *mine: str, hands: int) -> list[str]:
    """What one look of a worker takes of the queue of turns, which has ``mine`` in hand already."""
    _, *found = await TAKE.run(redis.execute_command, [TURNS], 60_000, hands, *mine)
    return [job_id.decode() for job_id in found[::2]]


async def waiting(redis: ArqRedis) -> int:
    """How many jobs all queues hold, running ones included."""
    return sum([await redis.zcard(queue) for queue in QUEUES])


def delivering(redis: ArqRedis, place: EmbeddedRedis | Address) -> Deliveries:
    """Workers of each queue, until all are empty."""

    async def deliver(handler: Handler) -> None:
        async with asyncio.timeout(HANGS):
            while await waiting(redis):
                await asyncio.gather(*(work(a_worker(place, handler, name, burst=True)) for name in QUEUES))

    return deliver


def a_worker(
    server: EmbeddedRedis | Address,
    handler: Handler,
    queue: str,
    *,
    burst: bool = False,
    timeout: timedelta = timedelta(seconds=60),
    poll: timedelta = timedelta(milliseconds=5),
    concurrency: int = 4,
) -> Worker:
    return arq_worker(
        handler,
        address=server if isinstance(server, Address) else server.socket,
        queue=queue,
        timeouts=dict.fromkeys(KINDS, timeout),
        poll=poll,
        burst=burst,
        concurrency=concurrency,
    )


@asynccontextmanager
async def cut_once(server: Path, socket: Path, *, at: bytes, forwarded: bool) -> AsyncIterator[None]:
    """A socket before the server's that breaks its first connection that says ``at``, having passed it on or not."""
    cut = False
    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal cut
        answers, questions = await asyncio.open_unix_connection(server)
        back = asyncio.create_task(pipe(answers, writer))
        while data := await reader.read(65536):
            if at in data and not cut:
                cut = True
                back.cancel()
                await asyncio.wait([back])
                if forwarded:
                    questions.write(data)
                    await answers.read(1)
                break
            questions.write(data)
        for each in (questions, writer):
            each.close()
            await each.wait_closed()
        await asyncio.gather(back, return_exceptions=True)

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)

    listening = await asyncio.start_unix_server(lambda *ends: served.append(asyncio.create_task(serve(*ends))), socket)
    async with listening:
        yield
        await asyncio.gather(*served)
    assert cut


@asynccontextmanager
async def consumed(queue: MemoryJobQueue, handler: Handler, **options: Any) -> AsyncIterator[None]:
    consumer = asyncio.create_task(queue.consume(handler, **options))
    try:
        yield
    finally:
        consumer.cancel()
        with suppress(asyncio.CancelledError):
            await consumer
