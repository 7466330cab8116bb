"""One process's worker: a queue per kind of work, so that a question never waits behind an upload."""

import asyncio
import logging
from datetime import timedelta
from functools import partial

from arq.worker import Worker

from faultmaven_adapters import FaultMaven
from faultmaven_adapters.jobs import JOBS, JobHandler
from faultmaven_adapters.queues import EVIDENCE, INGESTION, MAINTENANCE, TURNS, names_of
from faultmaven_adapters.redis.worker import arq_worker, work
from faultmaven_domain.kernel.errors import FaultMavenError
from faultmaven_domain.kernel.job_runner import JobRunner
from faultmaven_domain.kernel.job_service import JobBooks, JobService
from faultmaven_domain.kernel.schedule import Hourly

from .tasks.maintenance import CLEAN_UP, LONGEST, MINUTE, clean_up

log = logging.getLogger(__name__)
#: A job ends itself by its own time limit, as a try that counts; the queue's is only the last resort.
SLACK = timedelta(seconds=30)
#: How often it is looked whether the time of something scheduled has come, in seconds.
LOOK = 10.0


async def run_worker(fm: FaultMaven) -> None:
    """Do the jobs of this process's modules until cancelled, also across a restart of Redis.

    Of ``settings.worker_queues`` alone. Ingestion and evidence take ``settings.worker_jobs`` each at a time, turns
    twice as many, the rest one. Who serves maintenance also asks for what is scheduled.
    """
    handler = JobHandler(
        services=fm.services,
        runner=fm.services[JobRunner],
        jobs=fm.services[JobService],
        own={CLEAN_UP: (partial(clean_up, fm), LONGEST)},
        patient=True,
    )
    timeouts = {kind: len(job.use_cases) * job.timeout + SLACK for kind, job in JOBS.items()}
    timeouts[CLEAN_UP] = LONGEST + SLACK
    jobs = fm.settings.worker_jobs
    concurrency = {TURNS: 2 * jobs, EVIDENCE: jobs, INGESTION: jobs, MAINTENANCE: 1}

    def hands(queue: str) -> Worker:
        return arq_worker(handler, address=fm.redis, queue=queue, timeouts=timeouts, concurrency=concurrency[queue])

    async with asyncio.TaskGroup() as group:
        for queue in names_of(fm.settings.worker_queues):
            group.create_task(work(hands(queue)), name=f"worker {queue}")
            if queue == MAINTENANCE:
                books = fm.services[JobService].books
                group.create_task(keep_time(books, fm), name="schedule")


async def keep_time(books: JobBooks, fm: FaultMaven) -> None:
    """Ask for the clean-up when its time has come, until cancelled."""
    hourly = Hourly(books, fm.clock, CLEAN_UP, MINUTE)
    while True:
        try:
            await hourly.look()
        except FaultMavenError as error:
            log.warning("what is scheduled waits: %s", error.message)
        await asyncio.sleep(LOOK)
