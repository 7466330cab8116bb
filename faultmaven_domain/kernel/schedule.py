"""What is done by the clock, once by however many processes: a job of a fixed id, asked for anew at each of its times.

The row is the claim. Its ``created_at`` is the time it was asked for, so of all who find that time come, by clocks that
differ or after a restart, the first writes it and the others read that it is written. From then on it is a job like
any other: it survives its queue, and a worker that dies with it.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256

from attrs import define, field

from .clock import Clock
from .events import Outgoing
from .job_service import JobBooks
from .jobs import Job, JobState
from .unit_of_work import Transactions, UnitOfWork

HOUR = timedelta(hours=1)


@define
class Hourly:
    """Asks each module for a job of one kind, so many minutes past each hour, and tells the job whose it is.

    A time that passed while nobody looked is made up for, once, where the module was ever asked before.
    """

    books: JobBooks
    clock: Clock
    kind: str
    minute: int
    _first: datetime = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._first = self.clock.now()

    async def look(self) -> int:
        """To be called every few seconds; gives how many jobs it asked for. Raises: Unavailable."""
        asked = 0
        for module, transactions in self.books.items():
            due = self._due()
            async with transactions.view() as unit:
                come = self._has_come(await unit.jobs.get(self.job_id(module)), due)
            if come and await self._asked(transactions, module, due):
                asked += 1
        return asked

    def job_id(self, module: str) -> str:
        """A UUID made of the kind and the module (RFC 9562, version 8)."""
        made = sha256(f"{self.kind}/{module}".encode()).hexdigest()
        return f"{made[:8]}-{made[8:12]}-8{made[13:16]}-8{made[17:20]}-{made[20:32]}"

    async def _asked(self, transactions: Transactions[UnitOfWork], module: str, due: datetime) -> bool:
        job_id = self.job_id(module)
        payload: Mapping[str, object] = {"module": module}
        async with transactions.begin() as unit:
            if not self._has_come(await unit.jobs.get(job_id), due):
                return False
            await unit.jobs.save(
                Job(
                    job_id=job_id,
                    kind=self.kind,
                    owner_id=None,
                    subject_id=module,
                    state=JobState.QUEUED,
                    created_at=due,
                )
            )
            await unit.outbox.put(Outgoing(id=job_id, topic=self.kind, payload=dict(payload)), at=self.clock.now())
        return True

    def _due(self) -> datetime:
        """The last time there was."""
        now = self.clock.now()
        this_hour = now.replace(minute=self.minute, second=0, microsecond=0)
        return this_hour if this_hour <= now else this_hour - HOUR

    def _has_come(self, last: Job | None, due: datetime) -> bool:
        """Not while the last one waits or runs. One from hours ahead was asked for by a clock that was wrong."""
        if last is None:
            return due > self._first
        return last.ended and (last.created_at < due or last.created_at > due + 2 * HOUR)
