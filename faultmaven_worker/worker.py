"""One process's worker: a queue per kind of work, so that a question never waits behind an upload."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

from arq.cron import CronJob, cron

from faultmaven_adapters import FaultMaven
from faultmaven_adapters.jobs import JOBS, JobHandler
from faultmaven_adapters.queues import EVIDENCE, INGESTION, MAINTENANCE, QUEUES, TURNS
from faultmaven_adapters.redis.worker import arq_worker, work
from faultmaven_domain.kernel.errors import Unavailable
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobService

from .tasks.maintenance import clean_up

log = logging.getLogger(__name__)
#: How long a worker waits before it looks for a Redis that went away, in seconds.
PAUSE = 1.0
#: A job ends itself by its own time limit, as a try that counts; the queue's is only the last resort.
SLACK = timedelta(seconds=30)


async def run_worker(fm: FaultMaven) -> None:
    """Do the jobs of this process's modules until cancelled, also across a restart of Redis.

    Ingestion and evidence take ``settings.worker_jobs`` each at a time, turns twice as many, the rest one.
    """
    handler = JobHandler(services=fm.services, runner=fm.services[JobRunner], jobs=fm.services[JobService])
    timeouts = {kind: len(job.use_cases) * job.timeout + SLACK for kind, job in JOBS.items()}
    jobs = fm.settings.worker_jobs
    concurrency = {TURNS: 2 * jobs, EVIDENCE: jobs, INGESTION: jobs, MAINTENANCE: 1}

    async def serve(queue: str) -> None:
        schedule = _schedule(fm) if queue == MAINTENANCE else ()
        while True:
            worker = arq_worker(
                handler,
                address=fm.redis,
                queue=queue,
                timeouts=timeouts,
                concurrency=concurrency[queue],
                schedule=schedule,
            )
            try:
                await work(worker)
            except Unavailable as error:
                log.warning("the worker of %s waits: %s", queue, error.message)
            await asyncio.sleep(PAUSE)

    async with asyncio.TaskGroup() as group:
        for queue in QUEUES:
            group.create_task(serve(queue), name=f"worker {queue}")


def _schedule(fm: FaultMaven) -> tuple[CronJob, ...]:
    """The clean-up, at 17 minutes past each hour, once across all workers."""

    async def run(ctx: dict[Any, Any], *_: Any, **__: Any) -> None:
        await clean_up(fm)

    return (cron(run, name="cron:clean_up", minute={17}, second={0}, timeout=timedelta(minutes=10), unique=True),)
