"""Where a use-case asks for work that is done later, and tells how far it is."""

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

    async def progress(self, job_id: str, share: float) -> None:
        """A job's share done, 0.0 to 1.0; a sign of life too. Raises: JobNotFound; WorkCancelled."""
        async with self.transactions.begin() as unit:
            job = await unit.jobs.get(job_id)
            if job is None:
                raise JobNotFound(job_id=job_id)
            job = await unit.jobs.save(job.beaten(at=self.clock.now(), progress=share))
        if job.state is JobState.CANCELLED:
            raise WorkCancelled
