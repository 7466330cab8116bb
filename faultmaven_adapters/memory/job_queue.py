"""Jobs in this process: for the library, for one-shot commands, and wherever no worker runs beside."""

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from attrs import define, field

from faultmaven_domain.kernel.errors import FaultMavenError
from faultmaven_domain.kernel.job_desk import TryAgain
from faultmaven_domain.kernel.jobs import JobStatus

from ..queues import QUEUES, Handler, queue_of

log = logging.getLogger(__name__)

#: How many ended jobs are remembered as such.
REMEMBERED = 10_000


@define(eq=False)
class _Job:
    kind: str
    payload: str
    job_id: str
    running: bool = False


def _set() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@define(eq=False)
class MemoryJobQueue:
    """Keeps what it is given until someone consumes it, and no longer than its process lives."""

    _jobs: dict[str, _Job] = field(factory=dict, init=False)
    _due: dict[str, "asyncio.Queue[_Job]"] = field(
        factory=lambda: {name: asyncio.Queue() for name in QUEUES}, init=False
    )
    _ended: dict[str, None] = field(factory=dict, init=False)
    _empty: asyncio.Event = field(factory=_set, init=False)

    async def enqueue(
        self, job_type: str, payload: dict[str, object], *, job_id: str, delay: timedelta = timedelta(0)
    ) -> str:
        """Raises: TypeError for what JSON cannot say."""
        written = json.dumps(payload)
        if job_id not in self._jobs:
            self._jobs[job_id] = job = _Job(job_type, written, job_id)
            self._empty.clear()
            self._put(job, delay)
        return job_id

    async def take_back(self, job_id: str) -> None:
        """Nothing to do: who works here dies with the queue, and what was only delayed comes soon."""

    async def epoch(self) -> str:
        return f"{id(self):x}"

    async def get_status(self, job_id: str) -> JobStatus:
        if job := self._jobs.get(job_id):
            return JobStatus.RUNNING if job.running else JobStatus.QUEUED
        return JobStatus.ENDED if job_id in self._ended else JobStatus.UNKNOWN

    async def consume(self, handler: Handler, *, concurrency: int | Mapping[str, int] = 4) -> None:
        """Do what is queued and what will be, until cancelled; jobs in hand then go back to their queue.

        ``concurrency``: how many jobs of one queue run at once, for all queues or by name. A handler that raises
        TryAgain has its job again after the delay; one that raises anything else has ended it, and the log says why.
        """
        async with asyncio.TaskGroup() as group:
            for queue in QUEUES:
                for _ in range(concurrency if isinstance(concurrency, int) else concurrency.get(queue, 1)):
                    group.create_task(self._work(queue, handler))

    async def idle(self) -> None:
        """Wait until nothing is queued, delayed or running. Without a consumer that may be never."""
        await self._empty.wait()

    async def _work(self, queue: str, handler: Handler) -> None:
        while True:
            job = await self._due[queue].get()
            with self._in_hand(job):
                await handler(job.kind, json.loads(job.payload), job.job_id)

    @contextmanager
    def _in_hand(self, job: _Job) -> Iterator[None]:
        job.running = True
        try:
            yield
        except TryAgain as later:
            self._put(job, later.delay)
        except asyncio.CancelledError:
            self._put(job, timedelta(0))
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
        except FaultMavenError as error:
            log.warning("job %s (%s) failed: %s", job.job_id, job.kind, error.message)
            self._end(job)
        except Exception:
            log.exception("job %s (%s) failed", job.job_id, job.kind)
            self._end(job)
        else:
            self._end(job)

    def _put(self, job: _Job, delay: timedelta) -> None:
        job.running = False
        due = self._due[queue_of(job.kind)]
        if delay > timedelta(0):
            asyncio.get_running_loop().call_later(delay.total_seconds(), due.put_nowait, job)
        else:
            due.put_nowait(job)

    def _end(self, job: _Job) -> None:
        del self._jobs[job.job_id]
        self._ended[job.job_id] = None
        if len(self._ended) > REMEMBERED:
            del self._ended[next(iter(self._ended))]
        if not self._jobs:
            self._empty.set()
