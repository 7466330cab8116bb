"""Notices that a worker died, and frees what it had in hand.

A worker that lives changes its job's row every BEAT. Whether the row changes can be seen without comparing one host's
time of day with another's: a clock that is wrong, or is set while a job runs, neither takes a live worker's job away
nor leaves a dead one's where it is.
"""

import logging
from collections.abc import Callable

from attrs import define, field, frozen

from .job_service import JobBooks
from .jobs import LEASE, Job, JobState
from .unit_of_work import Transactions, UnitOfWork

log = logging.getLogger(__name__)
#: One who has seen nothing for so long, asleep itself or without a database, has seen nobody be silent.
OVERSLEPT = (LEASE / 2).total_seconds()
AT_ONCE = 1_000


@frozen
class _Sight:
    """A job's last sign of life, and since when it has been the last, by the watch's own time."""

    job: Job
    since: float


@define
class JobWatch:
    """One per process, asked to look about every second; ``elapsed`` is a time in seconds that only ever goes on."""

    books: JobBooks
    elapsed: Callable[[], float]
    _seen: dict[str, _Sight] = field(factory=dict, init=False)
    _looked: float | None = field(default=None, init=False)

    async def look(self) -> int:
        """Put back what a dead worker had in hand, to be sent again; gives how many jobs."""
        now = self.elapsed()
        if self._looked is not None and now - self._looked > OVERSLEPT:
            self._seen.clear()
        seen: dict[str, _Sight] = {}
        freed = 0
        for transactions in self.books.values():
            async with transactions.view() as unit:
                running = await unit.jobs.of_owner(None, states=(JobState.RUNNING,), limit=AT_ONCE)
            for job in running:
                before = self._seen.get(job.job_id)
                seen[job.job_id] = before if before and _same(before.job, job) else _Sight(job, now)
            silent = [job for job in running if now - seen[job.job_id].since >= LEASE.total_seconds()]
            if silent:
                freed += await self._free(transactions, silent)
        self._seen, self._looked = seen, now
        return freed

    async def _free(self, transactions: Transactions[UnitOfWork], silent: list[Job]) -> int:
        freed = []
        async with transactions.begin() as unit:
            for job in silent:
                current = await unit.jobs.get(job.job_id)
                if current is not None and _same(current, job):
                    await unit.jobs.save(current.orphaned())
                    freed.append(job.job_id)
            await unit.outbox.mark_unsent(freed)
        for job_id in freed:
            log.warning("the worker of job %s is silent; another is to do it", job_id)
        return len(freed)


def _same(one: Job, other: Job) -> bool:
    """Whether its worker has given no sign of life between the two."""
    return (one.state, one.attempts, one.heartbeat_at) == (other.state, other.attempts, other.heartbeat_at)
