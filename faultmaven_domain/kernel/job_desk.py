"""Where a use-case asks for work that is done later, and tells how far it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta

from attrs import asdict, frozen

from .clock import Clock
from .errors import FaultMavenError
from .events import Message, Outgoing
from .jobs import Job, JobNotFound, JobState
from .unit_of_work import Transactions, UnitOfWork


class TryAgain(Exception):
    """Not now: the job goes back to its queue for ``delay``."""

    def __init__(self, delay: timedelta) -> None:
        super().__init__(f"again in {delay.total_seconds():.0f} s")
        self.delay = delay


class WorkCancelled(FaultMavenError):
    """The owner called the job off while it ran."""

    code = "CANCELLED"


class ClaimLost(Exception):
    """Another worker has the job by now, or it has ended: whoever hears this stops, and says nothing about it."""


#: Under which job and attempt the present task works, if it is a worker's: what it tells of itself is taken down only
#: while that attempt still has the job.
_claim: ContextVar[tuple[str, int] | None] = ContextVar("claim", default=None)


@contextmanager
def working(job: Job) -> Iterator[None]:
    """Whatever the block calls works on this attempt of the job."""
    token = _claim.set((job.job_id, job.attempts))
    try:
        yield
    finally:
        _claim.reset(token)


def is_ours(job: Job) -> bool:
    """Whether the present task still has the job; anyone who is no worker of it counts as entitled."""
    claim = _claim.get()
    return claim is None or claim[0] != job.job_id or job.held_by(claim[1])


@frozen
class JobDesk:
    """One module's job book."""

    transactions: Transactions[UnitOfWork]
    clock: Clock

    async def ask(self, unit: UnitOfWork, message: Message, *, owner_id: str | None, subject_id: str) -> Job:
        """Write the job and its message into the transaction that makes it necessary."""
        now = self.clock.now()
        job = Job(
            job_id=message.job_id,
            kind=message.topic,
            owner_id=owner_id,
            subject_id=subject_id,
            state=JobState.QUEUED,
            created_at=now,
        )
        await unit.jobs.save(job)
        await unit.outbox.put(Outgoing(id=message.job_id, topic=message.topic, payload=asdict(message)), at=now)
        return job

    async def let_go(self, unit: UnitOfWork, job_id: str) -> None:
        """What the job was about is gone: if it failed, its message and all that holds is not kept for a retry."""
        job = await unit.jobs.get(job_id)
        if job is not None and job.state is JobState.FAILED:
            await unit.outbox.drop(job_id)

    async def progress(self, job_id: str, share: float) -> None:
        """A job's share done, 0.0 to 1.0; a sign of life too, unless another worker took the job over.

        Raises: JobNotFound; WorkCancelled.
        """
        async with self.transactions.begin() as unit:
            job = await unit.jobs.get(job_id)
            if job is None:
                raise JobNotFound(job_id=job_id)
            if is_ours(job):
                job = await unit.jobs.save(job.beaten(at=self.clock.now(), progress=share))
        if job.state is JobState.CANCELLED:
            raise WorkCancelled
