"""How a worker does a job: claim it, run its use-case, end it. By job id, so that a second delivery is harmless."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from attrs import frozen

from .clock import Clock
from .errors import FaultMavenError
from .job_desk import TryAgain, WorkCancelled
from .job_service import JobBooks
from .jobs import MAX_ATTEMPTS, Job, JobNotFound
from .unit_of_work import Transactions, UnitOfWork

log = logging.getLogger(__name__)


@frozen
class JobRunner:
    books: JobBooks
    clock: Clock

    async def run(self, job_id: str, use_case: Callable[[], Awaitable[object]]) -> None:
        """Run the use-case under the job's claim, unless the job has ended.

        An error that is final fails the job with its message; any other puts it back, until it was begun MAX_ATTEMPTS
        times. Raises: TryAgain, for the queue.
        """
        found = await self._claim(job_id)
        if found is None:
            return
        job, transactions = found
        try:
            await use_case()
        except asyncio.CancelledError:  # the process is told to stop, which is no fault of the job's
            await asyncio.shield(self._handed_back(job, transactions))
            raise
        except WorkCancelled:
            log.info("job %s (%s) was cancelled", job_id, job.kind)
        except FaultMavenError as error:
            log.warning("job %s (%s), attempt %d: %s", job_id, job.kind, job.attempts, error.message)
            await self._stumbled(job, transactions, error.message, final=error.final)
        except Exception:
            log.exception("job %s (%s), attempt %d", job_id, job.kind, job.attempts)
            await self._stumbled(job, transactions, "An internal error; the server's log says more.", final=False)
        else:
            await self._completed(job_id, transactions)

    async def _claim(self, job_id: str) -> tuple[Job, Transactions[UnitOfWork]] | None:
        for transactions in self.books.values():
            async with transactions.begin() as unit:
                job = await unit.jobs.get(job_id)
                if job is None:
                    continue
                now = self.clock.now()
                if job.held(at=now):
                    raise TryAgain(job.lease_left(at=now))
                if not job.ended and job.attempts < MAX_ATTEMPTS:
                    return await unit.jobs.save(job.begun(at=now)), transactions
                why = job.error or "Its worker died each time."
                await unit.jobs.save(job.finished(at=now, error=f"Given up after {job.attempts} tries. {why}"))
                await unit.outbox.drop(job_id)
                return None
        log.warning("job %s has no row; nothing to do", job_id)
        return None

    async def _handed_back(self, job: Job, transactions: Transactions[UnitOfWork]) -> None:
        async with transactions.begin() as unit:
            current = await unit.jobs.get(job.job_id)
            if current is not None and current.attempts == job.attempts:
                await unit.jobs.save(current.handed_back())

    async def _stumbled(self, job: Job, transactions: Transactions[UnitOfWork], why: str, *, final: bool) -> None:
        parked = final or job.attempts >= MAX_ATTEMPTS
        async with transactions.begin() as unit:
            current = await unit.jobs.get(job.job_id)
            if current is None or current.attempts != job.attempts:
                log.warning("job %s was taken over by another worker, which decides its end", job.job_id)
                return
            if parked:
                await unit.jobs.save(current.finished(at=self.clock.now(), error=why))
                await unit.outbox.drop(job.job_id)
            else:
                await unit.jobs.save(current.put_back(error=why))
        if not parked:
            raise TryAgain(timedelta(seconds=2**job.attempts))

    async def _completed(self, job_id: str, transactions: Transactions[UnitOfWork]) -> None:
        async with transactions.begin() as unit:
            job = await unit.jobs.get(job_id)
            if job is None:
                raise JobNotFound(job_id=job_id)
            await unit.jobs.save(job.finished(at=self.clock.now()))
            await unit.outbox.drop(job_id)
