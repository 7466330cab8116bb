from datetime import timedelta
from typing import Any

from faultmaven_domain.kernel.jobs import Job, JobState
from faultmaven_domain.kernel.unit_of_work import Transactions, UnitOfWork
from tests.contracts.data_provider import DataProviderContract, undone
from tests.contracts.values import NOON


class JobRepositoryContract(DataProviderContract[Job]):
    module, part, key, text = "agent", "jobs", "job_id", "kind"

    def value(self, id: str, **changes: Any) -> Job:
        fields: dict[str, Any] = {
            "job_id": id,
            "kind": "jobs.chat_turn",
            "owner_id": "ana",
            "subject_id": "case_1",
            "state": JobState.QUEUED,
            "created_at": NOON,
        }
        return Job(**{**fields, **changes})

    async def _filled(self, unit: UnitOfWork) -> None:
        for number, (id, owner, state) in enumerate(
            [
                ("a", "ana", JobState.COMPLETED),
                ("b", "bob", JobState.RUNNING),
                ("c", "ana", JobState.QUEUED),
                ("d", None, JobState.FAILED),
                ("e", "ana", JobState.RUNNING),
            ]
        ):
            at = NOON + timedelta(microseconds=number)
            await unit.jobs.save(self.value(id, owner_id=owner, state=state, created_at=at))

    async def test_lists_an_owners_newest_first(self, transactions: Transactions[Any]) -> None:
        """An owner's jobs, or everybody's, the newest first and no more than asked for."""
        async with undone(transactions) as unit:
            await self._filled(unit)

            async def listed(owner: str | None, *states: JobState, limit: int = 50) -> str:
                return "".join(j.job_id for j in await unit.jobs.of_owner(owner, states=states, limit=limit))

            assert await listed("ana") == "eca"
            assert await listed(None) == "edcba"
            assert await listed(None, limit=2) == "ed"
            assert await listed("nobody") == ""
            assert await listed("ana", JobState.QUEUED, JobState.RUNNING) == "ec"
            assert await listed(None, JobState.RUNNING) == "eb"
            assert await listed(None, JobState.FAILED, JobState.CANCELLED) == "d"

    async def test_of_equal_times_the_later_comes_first(self, transactions: Transactions[Any]) -> None:
        """Jobs of the same moment are listed against the order they were asked for in."""
        async with undone(transactions) as unit:
            for id in ("b", "a", "c"):
                await unit.jobs.save(self.value(id))
            await unit.jobs.save(self.value("b", progress=0.5))

            assert [j.job_id for j in await unit.jobs.of_owner("ana", states=(), limit=10)] == ["c", "a", "b"]

    async def test_counts_those_that_wait(self, transactions: Transactions[Any]) -> None:
        """Queued jobs are counted, and no further than asked; and an owner's among the oldest of them."""
        async with undone(transactions) as unit:
            await self._filled(unit)
            assert await unit.jobs.waiting(most=5) == 1
            for n in range(4):
                await unit.jobs.save(self.value(f"more {n}"))

            await unit.jobs.save(self.value("latest", owner_id="bob", created_at=NOON + timedelta(hours=1)))

            assert [await unit.jobs.waiting(most=most) for most in (3, 9)] == [3, 6]
            assert [await unit.jobs.waiting(most=most, owner_id="bob") for most in (5, 9)] == [0, 1]
