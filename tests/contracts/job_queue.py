"""What every JobQueue promises. An adapter's test class inherits this and gives `queue` and `deliveries`."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from faultmaven_domain.kernel.job_desk import TryAgain
from faultmaven_domain.kernel.jobs import JobQueue, JobStatus

TURN, READING, EMBEDDING, CLEANING = KINDS = ("jobs.chat_turn", "jobs.extraction", "jobs.embedding", "jobs.cleaning")
SOON = timedelta(milliseconds=250)

Handler = Callable[[str, dict[str, Any], str], Awaitable[None]]
#: Has every queued job done by a handler, those that wait and those put back included, and returns.
Deliveries = Callable[[Handler], Awaitable[None]]


class Recorder:
    """A handler that notes what it is given."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, Any], str]] = []

    async def __call__(self, job_type: str, payload: dict[str, Any], job_id: str) -> None:
        self.seen.append((job_type, payload, job_id))

    @property
    def ids(self) -> list[str]:
        return [job_id for _, _, job_id in self.seen]


class JobQueueContract:
    @pytest.fixture
    def queue(self) -> JobQueue:
        raise NotImplementedError

    @pytest.fixture
    def deliveries(self, queue: JobQueue) -> Deliveries:
        raise NotImplementedError

    async def test_delivers_what_was_given(self, queue: JobQueue, deliveries: Deliveries) -> None:
        """Kind, payload and id arrive as they were, of whatever kind the job is."""
        payload: dict[str, object] = {
            "version": "1.0",
            "content": "Käse \u2603 \ud800\x00",
            "metadata": {"n": [1, 2.5, None, True]},
        }
        for kind in KINDS:
            assert f"id-{kind}" == await queue.enqueue(kind, payload, job_id=f"id-{kind}")
        handler = Recorder()

        await deliveries(handler)

        assert [(kind, payload, f"id-{kind}") for kind in sorted(KINDS)] == sorted(handler.seen)

    async def test_delivers_a_copy(self, queue: JobQueue, deliveries: Deliveries) -> None:
        """Changing a payload after asking changes nothing for the worker."""
        payload: dict[str, object] = {"n": 1}
        await queue.enqueue(TURN, payload, job_id="1")
        payload["n"] = 2
        handler = Recorder()

        await deliveries(handler)

        assert handler.seen == [(TURN, {"n": 1}, "1")]

    async def test_refuses_what_json_cannot_say(self, queue: JobQueue, deliveries: Deliveries) -> None:
        """A payload that is no JSON is a TypeError where it was asked for, and no job."""
        with pytest.raises(TypeError):
            await queue.enqueue(TURN, {"at": timedelta(seconds=1)}, job_id="1")

        assert await queue.get_status("1") == JobStatus.UNKNOWN

    async def test_queues_an_id_once(self, queue: JobQueue, deliveries: Deliveries) -> None:
        """Asked for twenty times at once, a job is delivered once, and every asker gets its id."""
        asked = await asyncio.gather(*(queue.enqueue(TURN, {"n": n}, job_id="1") for n in range(20)))
        handler = Recorder()

        await deliveries(handler)

        assert asked == ["1"] * 20
        assert handler.ids == ["1"]

    async def test_takes_an_id_again_once_it_has_ended(self, queue: JobQueue, deliveries: Deliveries) -> None:
        """Whoever sends a job again after it ended has it delivered again."""
        handler = Recorder()
        for n in (1, 2):
            await queue.enqueue(TURN, {"n": n}, job_id="1")
            await deliveries(handler)

        assert handler.seen == [(TURN, {"n": 1}, "1"), (TURN, {"n": 2}, "1")]

    async def test_an_id_is_taken_while_it_runs(self, queue: JobQueue, deliveries: Deliveries) -> None:
        """Asked for again by its own handler, a job is still delivered once."""
        recorder = Recorder()

        async def handler(job_type: str, payload: dict[str, Any], job_id: str) -> None:
            await recorder(job_type, payload, job_id)
            await queue.enqueue(job_type, payload, job_id=job_id)

        await queue.enqueue(TURN, {}, job_id="1")
        await deliveries(handler)

        assert recorder.ids == ["1"]

    async def test_delivers_every_one(self, queue: JobQueue, deliveries: Deliveries) -> None:
        """Of a hundred jobs asked for at once none is lost and none delivered twice."""
        await asyncio.gather(*(queue.enqueue(KINDS[n % len(KINDS)], {}, job_id=f"{n:03}") for n in range(100)))
        handler = Recorder()

        await deliveries(handler)

        assert [f"{n:03}" for n in range(100)] == sorted(handler.ids)

    async def test_delivers_what_a_handler_asks_for(self, queue: JobQueue, deliveries: Deliveries) -> None:
        """A job may ask for the next, of its own kind or another."""
        recorder = Recorder()

        async def handler(job_type: str, payload: dict[str, Any], job_id: str) -> None:
            await recorder(job_type, payload, job_id)
            if job_id == "1":
                await queue.enqueue(TURN, {}, job_id="2")

        await queue.enqueue(TURN, {}, job_id="1")
        await deliveries(handler)

        assert recorder.ids == ["1", "2"]

    async def test_delays(self, queue: JobQueue, deliveries: Deliveries) -> None:
        """A delayed job comes after one asked for later without delay."""
        await queue.enqueue(TURN, {}, job_id="late", delay=SOON)
        await queue.enqueue(TURN, {}, job_id="now")
        handler = Recorder()

        await deliveries(handler)

        assert handler.ids == ["now", "late"]

    async def test_gives_back_what_is_to_be_tried_again(self, queue: JobQueue, deliveries: Deliveries) -> None:
        """A job whose handler says TryAgain lets others pass and comes again as it was, as often as it says so."""
        recorder = Recorder()

        async def handler(job_type: str, payload: dict[str, Any], job_id: str) -> None:
            await recorder(job_type, payload, job_id)
            if job_id == "1" and recorder.ids.count("1") < 7:
                raise TryAgain(SOON if recorder.ids.count("1") == 1 else timedelta(0))

        await queue.enqueue(TURN, {"n": 1}, job_id="1")
        await queue.enqueue(TURN, {"n": 2}, job_id="2")
        await deliveries(handler)

        assert {"1", "2"} == set(recorder.ids[:2])
        assert recorder.ids[2:] == ["1"] * 6
        assert {1} == {payload["n"] for _, payload, job_id in recorder.seen if job_id == "1"}

    async def test_survives_a_handler_that_fails(
        self, queue: JobQueue, deliveries: Deliveries, caplog: pytest.LogCaptureFixture
    ) -> None:
        """An error in one job ends that job, is logged, and keeps no other from being delivered."""
        recorder = Recorder()

        async def handler(job_type: str, payload: dict[str, Any], job_id: str) -> None:
            await recorder(job_type, payload, job_id)
            if job_id == "1":
                raise RuntimeError("the handler broke")

        await queue.enqueue(TURN, {}, job_id="1")
        await queue.enqueue(TURN, {}, job_id="2", delay=SOON)
        await deliveries(handler)

        assert recorder.ids == ["1", "2"]
        assert "the handler broke" in caplog.text
        assert await queue.get_status("1") == JobStatus.ENDED

    async def test_knows_where_a_job_is(self, queue: JobQueue, deliveries: Deliveries) -> None:
        """A job is unknown, queued (delayed or not), running, ended, and queued again when it is sent again."""
        running: list[JobStatus] = []

        async def handler(job_type: str, payload: dict[str, Any], job_id: str) -> None:
            running.append(await queue.get_status(job_id))

        before = await queue.get_status("1")
        await queue.enqueue(EMBEDDING, {}, job_id="1")
        await queue.enqueue(EMBEDDING, {}, job_id="2", delay=SOON)
        queued = [await queue.get_status("1"), await queue.get_status("2")]
        await deliveries(handler)
        ended = await queue.get_status("1")
        await queue.enqueue(EMBEDDING, {}, job_id="1")

        assert before == JobStatus.UNKNOWN
        assert queued == [JobStatus.QUEUED, JobStatus.QUEUED]
        assert running == [JobStatus.RUNNING, JobStatus.RUNNING]
        assert ended == JobStatus.ENDED
        assert await queue.get_status("1") == JobStatus.QUEUED

    async def test_what_is_taken_back_is_delivered_once(self, queue: JobQueue, deliveries: Deliveries) -> None:
        """Taken back while it waits, a job is delivered once; one that is unknown or has ended does not come of it."""
        handler = Recorder()
        await queue.enqueue(TURN, {}, job_id="ended")
        await deliveries(handler)
        await queue.enqueue(TURN, {"n": 1}, job_id="1")
        for job_id in ("1", "ended", "unknown"):
            await queue.take_back(job_id)
            await queue.take_back(job_id)

        assert await queue.get_status("1") == JobStatus.QUEUED
        assert await queue.get_status("unknown") == JobStatus.UNKNOWN
        await deliveries(handler)
        assert handler.ids == ["ended", "1"]

    async def test_keeps_its_epoch_while_it_keeps_its_jobs(self, queue: JobQueue, deliveries: Deliveries) -> None:
        """Nothing that is asked for or done makes anybody believe that jobs were lost."""
        before = await queue.epoch()
        await queue.enqueue(TURN, {}, job_id="1")
        await queue.enqueue(TURN, {}, job_id="2", delay=SOON)
        await deliveries(Recorder())

        assert before == await queue.epoch() != ""

    async def test_one_kind_does_not_wait_for_another(self, queue: JobQueue, deliveries: Deliveries) -> None:
        """A question is answered while every hand of the ingestion is busy."""
        answered = asyncio.Event()
        order: list[str] = []

        async def handler(job_type: str, payload: dict[str, Any], job_id: str) -> None:
            if job_type == TURN:
                answered.set()
            await answered.wait()
            order.append(job_type)

        for n in range(50):
            await queue.enqueue(EMBEDDING, {}, job_id=str(n))
        await queue.enqueue(TURN, {}, job_id="question")
        await deliveries(handler)

        assert order[0] == TURN
        assert len(order) == 51
