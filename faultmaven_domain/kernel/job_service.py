"""The jobs of every room: read them, call one off, send what waits in the outboxes."""

from datetime import timedelta

from attrs import frozen

from .clock import Clock
from .errors import InvalidInput
from .jobs import LEASE, Job, JobNotFound, JobQueue, JobState
from .principal import Principal
from .unit_of_work import Transactions, UnitOfWork

#: A message whose job has neither ended nor shown life for this long is sent again: the queue may have lost it.
RESEND_AFTER = 3 * LEASE

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
    queue: JobQueue
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
        job, _ = await self._find(job_id)
        if job.owner_id != principal.user_id and not principal.is_admin:
            raise JobNotFound(job_id=job_id)
        return job

    async def cancel(self, *, principal: Principal, job_id: str) -> Job:
        """Call a job off; what it had done by then stays. Raises: JobNotFound; Conflict when it has ended."""
        await self.get(principal=principal, job_id=job_id)
        _, transactions = await self._find(job_id)
        async with transactions.begin() as unit:
            job = await unit.jobs.get(job_id)
            if job is None:
                raise JobNotFound(job_id=job_id)
            job = await unit.jobs.save(job.cancelled(at=self.clock.now()))
            await unit.outbox.drop(job_id)
        return job

    async def beat(self, *, job_id: str) -> Job:
        """A worker's sign of life. Raises: JobNotFound."""
        _, transactions = await self._find(job_id)
        async with transactions.begin() as unit:
            job = await unit.jobs.get(job_id)
            if job is None:
                raise JobNotFound(job_id=job_id)
            return await unit.jobs.save(job.beaten(at=self.clock.now()))

    async def relay(self) -> int:
        """Send what the outboxes hold and no worker has; gives how many were sent. Raises: Unavailable."""
        sent = 0
        for transactions in self.books.values():
            sent += await self._relay(transactions)
        return sent

    async def release(self) -> int:
        """Take every running job from its worker: for the one who knows that no worker lives. Gives how many."""
        released = 0
        for transactions in self.books.values():
            async with transactions.begin() as unit:
                running = await unit.jobs.of_owner(None, states=(JobState.RUNNING,), limit=10_000)
                for job in running:
                    await unit.jobs.save(job.put_back(error="Its worker died while it ran."))
                waiting = await unit.outbox.due(sent_before=self.clock.now() + timedelta(days=1), limit=100_000)
                await unit.outbox.mark_unsent([message.id for message in waiting])
            released += len(running)
        return released

    async def _relay(self, transactions: Transactions[UnitOfWork]) -> int:
        now = self.clock.now()
        async with transactions.view() as unit:
            due = await unit.outbox.due(sent_before=now - RESEND_AFTER)
            jobs = [await unit.jobs.get(message.id) for message in due]
        waiting = [message for message, job in zip(due, jobs, strict=True) if job is None or not job.held(at=now)]
        for message in waiting:
            await self.queue.enqueue(message.topic, message.payload, job_id=message.id)
        if due:
            async with transactions.begin() as unit:
                await unit.outbox.mark_sent([message.id for message in due], at=now)
        return len(waiting)

    async def _find(self, job_id: str) -> tuple[Job, Transactions[UnitOfWork]]:
        for transactions in self.books.values():
            async with transactions.view() as unit:
                job = await unit.jobs.get(job_id)
            if job is not None:
                return job, transactions
        raise JobNotFound(job_id=job_id)
