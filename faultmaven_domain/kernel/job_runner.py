"""How a worker does a job: claim it, run its use-case, end it. By job id, so that a second delivery is harmless.

A claim is one attempt. Whoever was silent for so long that another worker took the job over has lost it: nothing it
says about the job afterwards is written down.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from attrs import frozen

from .clock import Clock
from .errors import FaultMavenError, Unavailable
from .job_desk import ClaimLost, TryAgain, WorkCancelled, working
from .job_service import JobBooks
from .jobs import LEASE, MAX_ATTEMPTS, MAX_DEATHS, MAX_OUTAGES, Job, JobState
from .unit_of_work import Transactions, UnitOfWork

log = logging.getLogger(__name__)
#: Between one try and the next, in seconds. Before long the relay sends again whatever waits.
LONGEST_PAUSE = 1.5 * LEASE.total_seconds()


@frozen
class JobRunner:
    books: JobBooks
    clock: Clock

    async def run(self, job_id: str, use_case: Callable[[], Awaitable[object]], *, patient: bool = False) -> None:
        """Run the use-case under the job's claim, unless the job has ended.

        An error that is final fails the job with its message; any other puts it back, until it went wrong MAX_ATTEMPTS
        times, or, ``patient``, MAX_OUTAGES times where something was away. One that raises TryAgain has not begun at
        all, and is handed back. Raises: TryAgain, for the queue: as
        long as the row has not ended, the message stays there.
        """
        found = await self._claim(job_id)
        if found is None:
            return
        job, transactions = found
        try:
            with working(job):
                await use_case()
        except asyncio.CancelledError:  # the process is told to stop, which is no fault of the job's
            with suppress(TryAgain):
                await asyncio.shield(self._settle(job, transactions, Job.handed_back))
            raise
        except TryAgain:  # what it needs is not there yet, which is no fault of the job's either
            if await self._settle(job, transactions, Job.handed_back):
                raise
        except WorkCancelled:
            log.info("job %s (%s) was cancelled", job_id, job.kind)
        except ClaimLost:
            await self._settle(job, transactions, lambda current: current)
        except FaultMavenError as error:
            outage = patient and isinstance(error, Unavailable) and error.passes
            tell = log.info if 0 < job.outages < MAX_OUTAGES - 1 else log.warning
            tell("job %s (%s), attempt %d: %s", job_id, job.kind, job.attempts, error.message)
            await self._stumbled(job, transactions, error.message, final=error.final, outage=outage)
        except Exception:
            log.exception("job %s (%s), attempt %d", job_id, job.kind, job.attempts)
            await self._stumbled(job, transactions, "An internal error; the server's log says more.")
        else:
            await self._settle(job, transactions, lambda current: current.finished(at=self.clock.now()))

    async def _claim(self, job_id: str) -> tuple[Job, Transactions[UnitOfWork]] | None:
        for transactions in self.books.values():
            async with transactions.view() as unit:
                if await unit.jobs.get(job_id) is None:
                    continue
            async with transactions.begin(lasting=False) as unit:
                job = await unit.jobs.get(job_id)
                if job is None:
                    continue
                if job.ended:  # how its message ended was decided with it
                    return None
                now = self.clock.now()
                if job.held(at=now):
                    raise TryAgain(job.lease_left(at=now))
                job = job.orphaned()
                if job.deaths < MAX_DEATHS:
                    return await unit.jobs.save(job.begun(at=now)), transactions
                await unit.jobs.save(job.finished(at=now, error=f"Given up after {job.attempts} tries. {job.error}"))
                await unit.outbox.park(job_id)
                return None
        log.warning("job %s has no row; nothing to do", job_id)
        return None

    async def _stumbled(
        self, job: Job, transactions: Transactions[UnitOfWork], why: str, *, final: bool = False, outage: bool = False
    ) -> None:
        tries, most = (job.outages + 1, MAX_OUTAGES) if outage else (job.mishaps, MAX_ATTEMPTS)
        if final or tries >= most:
            await self._settle(job, transactions, lambda current: current.finished(at=self.clock.now(), error=why))
        elif await self._settle(job, transactions, lambda current: current.put_back(error=why, outage=outage)):
            raise TryAgain(timedelta(seconds=min(LONGEST_PAUSE, 2**tries)))

    async def _settle(
        self, job: Job, transactions: Transactions[UnitOfWork], change: Callable[[Job], Job]
    ) -> Job | None:
        """Write down what became of the claim, and of the job's message; None where the claim is lost and it has ended.

        Raises: TryAgain where the claim is lost and another has the job: its message is still needed.
        """
        async with transactions.begin() as unit:
            current = await unit.jobs.get(job.job_id)
            if current is not None and current.held_by(job.attempts):
                changed = await unit.jobs.save(change(current))
                if changed.state is JobState.FAILED:
                    await unit.outbox.park(job.job_id)
                elif changed.ended:
                    await unit.outbox.drop(job.job_id)
                return changed
        if current is None or current.ended:
            log.info("job %s (%s) was ended by another", job.job_id, job.kind)
            return None
        log.warning("job %s (%s) was taken over by another worker, which decides its end", job.job_id, job.kind)
        raise TryAgain(LEASE)
