"""arq's worker as this queue needs it: our JSON, our ids, no results, no end to trying."""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from arq.constants import in_progress_key_prefix
from arq.typing import WorkerCoroutine
from arq.utils import timestamp_ms
from arq.worker import Function, Retry, Worker, func

from faultmaven_domain.kernel.errors import FaultMavenError, Unavailable
from faultmaven_domain.kernel.job_desk import TryAgain

from ..queues import Handler, queue_of
from .address import Address
from .connection import FAILURES, calling, close, connect, meaning, ping
from .job_queue import ENDED_KEY, ENDED_TTL, HEALTH, WAKE_KEY
from .job_scripts import GIVE_BACK, TAKE
from .wire import deserialize, serialize

log = logging.getLogger(__name__)
#: The job's own row counts its attempts and parks it; a queue that counted too would drop jobs that only waited.
ENDLESS = 1_000_000
#: Between two looks at a queue where no word comes that a job is in it.
PAUSE = timedelta(milliseconds=100)
#: Until a job is tried again that could not be claimed.
UNCLAIMED = timedelta(seconds=2)
#: Between two looks for a Redis that went away.
AWAY = timedelta(seconds=1)
#: How often a worker says that it lives, which is taken for true a second longer.
HEALTH_EVERY = timedelta(seconds=10)
NEVER = -HEALTH_EVERY.total_seconds()
#: Where a task leaves word of the delay that its job wants, by the job's id.
DELAYS = "delays"
#: What Redis does, or a call that was mapped already says, when it goes.
LOST: tuple[type[BaseException], ...] = (*FAILURES, FaultMavenError)
#: A Redis that takes connections and answers nothing for so long has gone, and another may be the primary by now.
SILENCE = timedelta(seconds=20)


def arq_worker(
    handler: Handler,
    *,
    address: Address | str | Path,
    queue: str,
    timeouts: Mapping[str, timedelta],
    concurrency: int = 4,
    poll: timedelta | None = None,
    burst: bool = False,
) -> Worker:
    """A worker of one queue; several may run in one process, each with connections of its own.

    ``timeouts`` names the kinds of job it does (those of other queues are left out) and how long one may take; after it
    the handler is cancelled and the job ends for the queue. A handler that raises TryAgain puts its job back, one that
    is cancelled by a stop has it run again, one that raises anything else ends it, and the log says why.

    ``poll`` is the longest a due job waits for an idle worker; one that is queued without a delay is looked for at
    once. ``burst`` stops it when its queue is empty.

    Call it on the running loop, and give it to :func:`work`.
    """
    functions = [
        func(_task(job_type, handler), name=job_type, timeout=timeout)
        for job_type, timeout in timeouts.items()
        if queue_of(job_type) == queue
    ]
    return _Worker(
        poll or PAUSE,
        functions,
        queue_name=queue,
        redis_pool=connect(address, connections=concurrency + 4),
        burst=burst,
        handle_signals=False,
        max_jobs=concurrency,
        max_tries=ENDLESS,
        keep_result=0,
        poll_delay=0,  # the pause is the worker's own
        after_job_end=_remember,
        health_check_key=f"{queue}{HEALTH}{socket.gethostname()}:{os.getpid()}",
        health_check_interval=HEALTH_EVERY,
        job_serializer=serialize,
        job_deserializer=deserialize,
        log_results=False,
        ctx={DELAYS: {}},
    )


class _Worker(Worker):
    """arq's own in how it runs a job and ends it. How it comes by jobs is ours: it waits for the word that one is there
    where arq would sleep, goes by Redis's clock where arq asks its host's, takes as many as it has hands for in one
    step, however many others run, and outlives a Redis that goes away."""

    def __init__(self, pause: timedelta, functions: Sequence[Function], **options: Any) -> None:
        super().__init__(functions, **options)
        self.allow_pick_jobs = False
        self._away = False
        self._pause = pause.total_seconds()
        self._looked = False
        self._told = NEVER

    async def async_run(self) -> None:
        """Raises: Misconfigured; in a burst Unavailable too."""
        while True:
            if await self._served():
                return
            await asyncio.sleep(AWAY.total_seconds())

    async def _served(self) -> bool:
        """Until there is no more to do, or, which gives False, Redis goes; what is in hand then stays there."""
        try:
            await ping(self.pool)
            await self.main()
            return True
        except LOST as error:
            why = meaning(error)
            if self.burst or not isinstance(why, Unavailable):
                raise why from error
            if not self._away:
                self._away = True
                in_hand = len(self._in_hand())
                log.warning("the worker of %s waits, with %d jobs in hand: %s", self.queue_name, in_hand, why.message)
            self._looked, self._told = False, NEVER
            with suppress(*FAILURES):
                await self.pool.connection_pool.disconnect(inuse_connections=isinstance(error, TimeoutError))
            return False

    def _in_hand(self) -> dict[str, asyncio.Task[Any]]:
        return {job_id: task for job_id, task in self.tasks.items() if not task.done()}

    async def _poll_iteration(self) -> None:
        async with asyncio.timeout(self._pause + SILENCE.total_seconds()):
            if self._looked:
                await self._wait()
            self._looked = True
            await super()._poll_iteration()  # forgets tasks that ended, and says that it lives
            await self._take()
        if self._away:
            self._away = False
            log.info("the worker of %s goes on", self.queue_name)

    async def _wait(self) -> None:
        """For a word that a job is there, or a free hand, but for the pause at most."""
        redis: Any = self.pool  # whose hints know whole seconds only
        in_hand = self._in_hand().values()
        if len(in_hand) < self.max_jobs:
            await redis.blpop([WAKE_KEY + self.queue_name], timeout=self._pause)
        else:
            await asyncio.wait(in_hand, timeout=self._pause, return_when=asyncio.FIRST_COMPLETED)

    async def _take(self) -> None:
        """What was taken back while it ran here waits for another worker, or until it has ended here."""
        in_hand = self._in_hand()
        hands = self.max_jobs - len(in_hand)
        if hands <= 0:
            return
        hold = int(self.in_progress_timeout_s * 1000)
        now, *found = await TAKE.run(self.pool.execute_command, [self.queue_name], hold, hands, *in_hand)
        ahead = now - timestamp_ms()
        for job_id, place in zip(found[::2], found[1::2], strict=True):
            running = self.run_job(job_id.decode(), int(float(place)) - ahead)  # as this host's clock would have it
            self.tasks[job_id.decode()] = asyncio.create_task(running)

    async def run_job(self, job_id: str, score: int) -> None:
        try:
            await super().run_job(job_id, score)
        except LOST as error:
            log.warning("job %s: its queue does not hear what became of it: %s", job_id, meaning(error).message)
        finally:
            self.ctx[DELAYS].pop(job_id, None)

    async def finish_job(self, job_id: str, finish: bool, *how: Any) -> None:
        async with calling(self.pool):
            if finish:
                return await super().finish_job(job_id, finish, *how)
            keys = (self.queue_name, in_progress_key_prefix + job_id)
            await GIVE_BACK.run(self.pool.execute_command, keys, job_id, self.ctx[DELAYS].get(job_id, 0))

    async def record_health(self) -> None:
        if time.monotonic() - self._told < HEALTH_EVERY.total_seconds():
            return
        self._last_health_check = 0  # arq counts by the time of day, which may be set back
        await super().record_health()
        self._told = time.monotonic()


async def work(worker: Worker) -> None:
    """Run a worker until it is cancelled (or, in a burst, done); what it has in hand then goes back to its queue.

    While Redis is away what it has in hand goes on, for the database knows of it, and it takes no more.
    Signals are the caller's. Raises: Misconfigured; in a burst Unavailable too.
    """
    pool = worker.pool
    try:
        await worker.async_run()
    finally:
        # arq's own close() raises the CancelledError of a job that had only just been claimed.
        tasks = list(worker.tasks.values())
        worker.tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(FaultMavenError):  # it lapses by itself
            async with calling(pool):
                await pool.delete(worker.health_check_key)
        await close(pool)


def _task(job_type: str, handler: Handler) -> WorkerCoroutine:
    async def task(ctx: dict[Any, Any], payload: dict[str, Any]) -> None:
        job_id = ctx["job_id"]
        try:
            await handler(job_type, payload, job_id)
        except TryAgain as later:
            ctx[DELAYS][job_id] = later.delay // timedelta(milliseconds=1)
            raise Retry(defer=later.delay) from later
        except Unavailable as error:  # what could not even be claimed; that there is no database is told elsewhere
            log.info("job %s (%s) is begun later: %s", job_id, job_type, error.message)
            ctx[DELAYS][job_id] = UNCLAIMED // timedelta(milliseconds=1)
            raise Retry(defer=UNCLAIMED) from error
        except FaultMavenError as error:  # arq would log where each of its lines is
            log.warning("job %s (%s) is sent again later: %s", job_id, job_type, error.message)

    return task


async def _remember(ctx: dict[Any, Any]) -> None:
    async with calling(ctx["redis"]):
        await ctx["redis"].set(ENDED_KEY + ctx["job_id"], b"", px=ENDED_TTL)
