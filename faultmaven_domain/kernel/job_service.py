"""The jobs of every room: read them, call one off, have a failed one tried again."""

from datetime import timedelta

from attrs import frozen

from .clock import Clock
from .errors import Conflict, InvalidInput
from .job_desk import ClaimLost, is_ours
from .jobs import Job, JobNotFound, JobState
from .principal import Principal
from .unit_of_work import Transactions, UnitOfWork

#: How long the message of a failed job is kept for a retry, from when it was asked for.
PARKED_FOR = timedelta(days=30)

#: The words of the contract and the states they stand for.
WORDS: dict[str, tuple[JobState, ...]] = {
    "processing": (JobState.QUEUED, JobState.RUNNING),
    "completed": (JobState.COMPLETED,),
    "failed": (JobState.FAILED, JobState.CANCELLED),
}


class JobBooks(dict[str, Transactions[UnitOfWork]]):
    """Each module's transactions, by the module's name."""


@frozen
class JobService:
    books: JobBooks
    clock: Clock

    async def list(self, *, principal: Principal, status: str | None = None, limit: int = 50) -> tuple[Job, ...]:
        """The caller's jobs, an admin's everyone's, newest first.

        Raises: InvalidInput for a status that is none of processing, completed, failed.
        """
        if status is not None and status not in WORDS:
            raise InvalidInput(f"status is one of {', '.join(WORDS)}.", field="status")
        if not 1 <= limit <= 1000:
            raise InvalidInput("limit is a number from 1 to 1000.", field="limit")
        states = WORDS[status] if status else ()
        owner = None if principal.is_admin else principal.user_id
        found: list[Job] = []
        for transactions in self.books.values():
            async with transactions.view() as unit:
                found += await unit.jobs.of_owner(owner, states=states, limit=limit)
        return tuple(sorted(found, key=lambda job: job.created_at, reverse=True)[:limit])

    async def get(self, *, principal: Principal, job_id: str) -> Job:
        """Raises: JobNotFound, also for another user's unless the caller is an admin."""
        job, _ = await self._find(principal, job_id)
        return job

    async def cancel(self, *, principal: Principal, job_id: str) -> Job:
        """Call a job off; what it had done by then stays. Raises: JobNotFound; Conflict when it has ended."""
        _, transactions = await self._find(principal, job_id)
        async with transactions.begin() as unit:
            job = await _there(unit, job_id)
            job = await unit.jobs.save(job.cancelled(at=self.clock.now()))
            await unit.outbox.drop(job_id)
        return job

    async def retry(self, *, principal: Principal, job_id: str) -> Job:
        """Have a failed job done again from the beginning, soon.

        Raises: JobNotFound; Conflict when it has not failed, or did so too long ago for its message to be kept.
        """
        _, transactions = await self._find(principal, job_id)
        async with transactions.begin() as unit:
            job = (await _there(unit, job_id)).retried()
            if not await unit.outbox.unpark(job_id):
                raise Conflict("The job's message is not kept any more; ask for the work anew.", job_id=job_id)
            return await unit.jobs.save(job)

    async def retry_failed(self, *, principal: Principal) -> tuple[Job, ...]:
        """Have every failed job whose message is kept done again. Raises: Forbidden for anyone but an admin."""
        principal.require_admin()
        retried: list[Job] = []
        for transactions in self.books.values():
            ids = ["any"]
            while ids:
                async with transactions.begin() as unit:
                    ids = await unit.outbox.parked()
                    for job_id in ids:
                        job = await unit.jobs.get(job_id)
                        if job is None:
                            await unit.outbox.drop(job_id)
                            continue
                        await unit.outbox.unpark(job_id)
                        retried.append(await unit.jobs.save(job.retried()))
        return tuple(retried)

    async def forget_parked(self, *, older_than: timedelta = PARKED_FOR, module: str | None = None) -> int:
        """Let go of failed jobs' messages that were asked for longer ago, in one module's book or in all; gives how
        many. The jobs stay listed."""
        forgotten = 0
        for transactions in (self.books if module is None else {module: self.books[module]}).values():
            async with transactions.begin() as unit:
                forgotten += await unit.outbox.drop_parked(put_before=self.clock.now() - older_than)
        return forgotten

    async def beat(self, *, job_id: str) -> Job:
        """A worker's sign of life. Raises: JobNotFound; ClaimLost when another has the job, or it has ended."""
        _, transactions = await self._find(None, job_id)
        async with transactions.begin() as unit:
            job = await _there(unit, job_id)
            if is_ours(job):
                return await unit.jobs.save(job.beaten(at=self.clock.now()))
        if job.state is JobState.CANCELLED:
            return job
        raise ClaimLost

    async def _find(self, principal: Principal | None, job_id: str) -> tuple[Job, Transactions[UnitOfWork]]:
        """The job, where the principal may see it (None: a worker), and the book it is in."""
        for transactions in self.books.values():
            async with transactions.view() as unit:
                job = await unit.jobs.get(job_id)
            if job is None:
                continue
            if principal is None or principal.is_admin or job.owner_id == principal.user_id:
                return job, transactions
        raise JobNotFound(job_id=job_id)


async def _there(unit: UnitOfWork, job_id: str) -> Job:
    job = await unit.jobs.get(job_id)
    if job is None:
        raise JobNotFound(job_id=job_id)
    return job
