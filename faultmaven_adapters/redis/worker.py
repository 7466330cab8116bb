"""arq's worker as this queue needs it: our JSON, our ids, no results, no end to trying."""

import asyncio
import logging
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from arq.typing import WorkerCoroutine
from arq.worker import Function, Retry, Worker, func

from faultmaven_domain.kernel.errors import FaultMavenError
from faultmaven_domain.kernel.job_desk import TryAgain

from ..queues import Handler, queue_of
from .address import Address
from .connection import FAILURES, calling, close, connect, meaning, ping
from .job_queue import ENDED_KEY, ENDED_TTL, HEALTH, WAKE_KEY
from .wire import deserialize, serialize

log = logging.getLogger(__name__)
#: The job's own row counts its attempts and parks it; a queue that counted too would drop jobs that only waited.
ENDLESS = 1_000_000
#: Between two looks at a queue where no word comes that a job is in it.
PAUSE = timedelta(milliseconds=100)
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
        health_check_interval=10,
        job_serializer=serialize,
        job_deserializer=deserialize,
        log_results=False,
    )


class _Worker(Worker):
    """arq's own, but for two things: it would sleep between two looks, where this one waits for the word that a job is
    there; and it mistakes itself when it is handed a job that it has in hand."""

    def __init__(self, pause: timedelta, functions: Sequence[Function], **options: Any) -> None:
        super().__init__(functions, **options)
        self._pause = pause.total_seconds()
        self._looked = False

    async def _poll_iteration(self) -> None:
        redis: Any = self.pool  # whose hints know whole seconds only
        async with asyncio.timeout(self._pause + SILENCE.total_seconds()):
            if self._looked:
                await redis.blpop([WAKE_KEY + self.queue_name], timeout=self._pause)
            self._looked = True
            await super()._poll_iteration()

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Those that were taken back while they ran here wait for another worker, or until they have ended here."""
        await super().start_jobs([job_id for job_id in job_ids if job_id.decode() not in self.tasks])


async def work(worker: Worker) -> None:
    """Run a worker until it is cancelled (or, in a burst, done); what it has in hand then goes back to its queue.

    Signals are the caller's. Raises: Unavailable as soon as Redis goes.
    """
    pool = worker.pool
    try:
        await ping(pool)
        await worker.main()
    except FAILURES as error:
        raise meaning(error) from error
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
        try:
            await handler(job_type, payload, ctx["job_id"])
        except TryAgain as later:
            raise Retry(defer=later.delay) from later
        except FaultMavenError as error:  # what could not even be claimed; arq would log where each of its lines is
            log.warning("job %s (%s) is sent again later: %s", ctx["job_id"], job_type, error.message)

    return task


async def _remember(ctx: dict[Any, Any]) -> None:
    await ctx["redis"].set(ENDED_KEY + ctx["job_id"], b"", px=ENDED_TTL)
