"""What is found is indexed anew: all of it is marked at once, and asked for a lot at a time.

A mark outlives whoever made it, so that nothing is left out. A lot is small, so that there is room for what people add.
"""

from attrs import frozen

from ..kernel.backlog import Backlog
from ..kernel.jobs import JobState
from .adding import Adding
from .events import EmbeddingRequested
from .ports import KnowledgeTransactions

#: How many documents are asked for ahead of those being indexed.
AHEAD = 100
_RUNNING_AT_ONCE = 10_000


@frozen
class Renewing:
    transactions: KnowledgeTransactions
    adding: Adding
    backlog: Backlog

    async def mark(self, *, but: str | None) -> None:
        """All that is ready but what that model has embedded; with None, all that was ever indexed, and what a job is
        yet to index is owed it."""
        async with self.transactions.begin() as unit:
            await unit.documents.outdate(but=but)

    async def mark_owed(self) -> None:
        """What was left to jobs that came to nothing, once."""
        async with self.transactions.begin() as unit:
            await unit.documents.outdate_owed()

    async def take_back(self) -> None:
        """Have the jobs that run begin again: of what they wrote, some may be gone."""
        async with self.transactions.begin() as unit:
            running = await unit.jobs.of_owner(None, states=(JobState.RUNNING,), limit=_RUNNING_AT_ONCE)
            taken = [job for job in running if job.kind == EmbeddingRequested.topic]
            for job in taken:
                await unit.jobs.save(job.orphaned())
            await unit.outbox.mark_unsent([job.job_id for job in taken])

    async def waiting(self) -> int:
        """How many are marked and not asked for yet."""
        async with self.transactions.view() as unit:
            return await unit.documents.count_outdated()

    async def go_on(self) -> None:
        """Ask for as many of the marked ones as there is room for."""
        async with self.transactions.view() as unit:
            if not await unit.documents.outdated(limit=1):
                return
        async with self.transactions.begin() as unit:
            room = await self.backlog.spare(unit, EmbeddingRequested, most=AHEAD)
            for document in await unit.documents.outdated(limit=room):
                await self.adding.ask(unit, document, by=document.owner_id, title_given=True, tags_given=True)
