"""Sends what waits in the outboxes to the queue, and again what the queue has lost: the rows are the truth."""

from datetime import UTC, datetime

from attrs import define, field

from .clock import Clock
from .errors import FaultMavenError
from .job_service import JobBooks
from .jobs import LEASE, JobQueue, JobState
from .unit_of_work import Transactions, UnitOfWork

#: What was sent this long ago, and neither ended nor runs, is sent again: the queue may have lost this one alone, or
#: a worker have died that had taken it and not begun. Within twice a lease another is to have it. So is what was sent
#: as far in the future: by a host whose clock is ahead, or before this one's was set back.
RESEND_AFTER = 1.5 * LEASE
AT_ONCE = 100
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@define
class JobRelay:
    """One per process. It remembers which queue it sent to, so that another one, or an emptied one, gets all anew."""

    books: JobBooks
    queue: JobQueue
    clock: Clock
    _epoch: str | None = field(default=None, init=False)

    async def run(self) -> int:
        """Send what has never been sent, and what the queue may have lost; gives how many. Raises: Unavailable."""
        sent = 0
        try:
            epoch = await self.queue.epoch()
            if epoch != self._epoch:
                for transactions in self.books.values():
                    async with transactions.begin() as unit:
                        await unit.outbox.mark_all_unsent()
                    sent += await self._drain(transactions, again=True)
                self._epoch = epoch
            for transactions in self.books.values():
                sent += await self._drain(transactions, again=False)
            now = self.clock.now()
            for transactions in self.books.values():  # no more than a batch: what is new does not wait for it
                sent += (await self._send(transactions, now - RESEND_AFTER, now + RESEND_AFTER, again=True))[1]
        except FaultMavenError:
            self._epoch = None  # what workers meant to tell the queue meanwhile was lost
            raise
        return sent

    async def release(self) -> int:
        """Take every running job from its worker: for the one who knows that no worker lives. Gives how many."""
        released = 0
        for transactions in self.books.values():
            async with transactions.begin() as unit:
                running = await unit.jobs.of_owner(None, states=(JobState.RUNNING,), limit=10_000)
                for job in running:
                    await unit.jobs.save(job.orphaned())
                await unit.outbox.mark_unsent([job.job_id for job in running])
            released += len(running)
        return released

    async def _drain(self, transactions: Transactions[UnitOfWork], *, again: bool) -> int:
        """Whatever is marked unsent."""
        sent = 0
        while True:
            seen, some = await self._send(transactions, _NEVER, None, again=again)
            sent += some
            if seen < AT_ONCE:
                return sent

    async def _send(
        self,
        transactions: Transactions[UnitOfWork],
        sent_before: datetime,
        sent_after: datetime | None,
        *,
        again: bool,
    ) -> tuple[int, int]:
        """One batch; how many were due, and how many of them were sent: not those that a worker has."""
        async with transactions.view() as unit:
            due = await unit.outbox.due(sent_before=sent_before, sent_after=sent_after, limit=AT_ONCE)
            jobs = [await unit.jobs.get(message.id) for message in due]
        sent = 0
        for message, job in zip(due, jobs, strict=True):
            if job is not None and job.state is JobState.RUNNING:
                continue
            if again or (job is not None and job.attempts):  # the queue may still think that a worker has it
                await self.queue.take_back(message.id)
            await self.queue.enqueue(message.topic, message.payload, job_id=message.id)
            sent += 1
        if due:
            async with transactions.begin(lasting=False) as unit:
                await unit.outbox.mark_sent([message.id for message in due], at=self.clock.now())
        return len(due), sent
