from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve
from hypothesis import strategies as st

from faultmaven_domain.case import Case, CaseStatus, CaseTransactions, CaseVersionConflict, Priority
from tests.contracts.data_provider import DataProviderContract, undone
from tests.contracts.values import NOON

OPEN, CLOSED = CaseStatus.INVESTIGATING, CaseStatus.CLOSED


class CaseRepositoryContract(DataProviderContract[Case]):
    module, part, key, text = "case", "cases", "case_id", "title"
    fixed = {"version": st.just(1)}  # noqa: RUF012

    def value(self, id: str, **changes: Any) -> Case:
        fields: dict[str, Any] = {
            "case_id": id,
            "owner_id": "ana",
            "title": "Checkout is slow",
            "description": "since noon",
            "status": CaseStatus.CONSULTING,
            "priority": Priority.HIGH,
            "created_at": NOON,
            "updated_at": NOON,
            "metadata": {"service": {"name": "checkout", "tier": 1}},
        }
        return Case(**{**fields, **changes})

    def again(self, value: Case, **changes: Any) -> Case:
        return evolve(value, version=value.version + 1, **changes)

    @pytest.mark.parametrize("version", [1, 2, 4, 5])
    async def test_a_change_follows_the_stored_version(self, transactions: CaseTransactions, version: int) -> None:
        """A case at version 2 takes version 3 and no other: what was changed meanwhile is not written over."""
        async with transactions.begin() as unit:
            await unit.cases.save(self.value("a"))
            await unit.cases.save(self.value("a", version=2, title="Second"))
        with pytest.raises(CaseVersionConflict):
            async with transactions.begin() as unit:
                await unit.cases.save(self.value("a", version=version, title="Wrong"))

        async with transactions.begin() as unit:
            assert (await unit.cases.get("a")).title == "Second"
            await unit.cases.save(self.value("a", version=3, title="Third"))
            assert self.value("a", version=3, title="Third") == await unit.cases.get("a")

    async def test_a_new_case_begins_at_one(self, transactions: CaseTransactions) -> None:
        """A case that is not there, or no longer, cannot be changed."""
        with pytest.raises(CaseVersionConflict):
            async with transactions.begin() as unit:
                await unit.cases.save(self.value("a", version=2))
        async with undone(transactions) as unit:
            await unit.cases.save(self.value("a"))
            await unit.cases.delete("a")
            with pytest.raises(CaseVersionConflict):
                await unit.cases.save(self.value("a", version=2))

    async def test_lists_an_owners_last_changed_first(self, transactions: CaseTransactions) -> None:
        """An owner's cases page by page, last changed first, all or those of one status, and their number."""
        async with undone(transactions) as unit:
            for number, (id, owner, status) in enumerate(
                [("a", "ana", OPEN), ("b", "bob", OPEN), ("c", "ana", CLOSED), ("d", "ana", OPEN), ("e", "ana", OPEN)]
            ):
                at = NOON + timedelta(minutes=number)
                await unit.cases.save(self.value(id, owner_id=owner, status=status, updated_at=at))
            await unit.cases.save(self.value("a", version=2, status=OPEN, updated_at=NOON + timedelta(hours=1)))

            async def listed(owner: str, status: CaseStatus | None = None, *, limit: int = 10, offset: int = 0) -> str:
                found = await unit.cases.of_owner(owner, status=status, limit=limit, offset=offset)
                return "".join(case.case_id for case in found)

            assert await listed("ana") == "aedc"
            assert await listed("ana", OPEN) == "aed"
            assert await listed("bob") == "b"
            assert [await listed("ana", limit=2, offset=offset) for offset in (0, 2, 4)] == ["ae", "dc", ""]
            assert await listed("ana", OPEN, limit=1, offset=1) == "e"
            assert [
                await unit.cases.count("ana", status=None),
                await unit.cases.count("ana", status=OPEN),
                await unit.cases.count("bob", status=CLOSED),
                await unit.cases.count("eve", status=None),
            ] == [4, 3, 0, 0]

    async def test_of_equal_times_the_later_comes_first(self, transactions: CaseTransactions) -> None:
        """Cases changed in the same moment are listed against the order they were opened in, always the same."""
        async with undone(transactions) as unit:
            for id in ("b", "c", "a"):
                await unit.cases.save(self.value(id))

            found = await unit.cases.of_owner("ana", status=None, limit=10, offset=0)
            assert [case.case_id for case in found] == ["a", "c", "b"]
