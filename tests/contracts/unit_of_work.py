"""What every module's transactions promise, shown on the case module's. An adapter's test class inherits this and gives
`transactions`, and `told`, which grows by one whenever the transactions tell of a message in the outbox."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve

from faultmaven_domain.case import (
    Case,
    CaseDeleted,
    CaseStatus,
    CaseTransactions,
    CaseUnitOfWork,
    CaseVersionConflict,
    Priority,
)
from faultmaven_domain.kernel.errors import InvalidInput
from faultmaven_domain.kernel.job_desk import JobDesk
from tests.contracts.data_provider import undone

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)


class _Noon:
    def now(self) -> datetime:
        return NOON


def a_case(id: str = "case_1", **changes: object) -> Case:
    case = Case(
        case_id=id,
        owner_id="ana",
        title="Checkout is slow",
        description="",
        status=CaseStatus.CONSULTING,
        priority=Priority.HIGH,
        created_at=NOON,
        updated_at=NOON,
    )
    return evolve(case, **changes)


async def titles(transactions: CaseTransactions) -> list[str]:
    async with transactions.view() as unit:
        return [case.title for case in await unit.cases.query()]


async def version(transactions: CaseTransactions) -> int:
    async with transactions.view() as unit:
        case = await unit.cases.get("case_1")
    assert case is not None
    return case.version


async def ask(transactions: CaseTransactions, unit: CaseUnitOfWork) -> None:
    """Put a job and its message."""
    message = CaseDeleted(job_id="6f2f2c52-7b0c-4e4e-9d0e-0c5a3c4d1e2f", case_id="case_1")
    await JobDesk(transactions, _Noon()).ask(unit, message, owner_id="ana", subject_id="case_1")


async def jobs_and_messages(transactions: CaseTransactions) -> tuple[int, int]:
    async with transactions.view() as unit:
        return len(await unit.jobs.query()), len(await unit.outbox.due(sent_before=NOON))


class Broken(Exception):
    """A use-case that went wrong half-way."""


class UnitOfWorkContract:
    module = "case"

    @pytest.fixture
    def transactions(self, told: list[None]) -> CaseTransactions:
        raise NotImplementedError

    @pytest.fixture
    def told(self) -> list[None]:
        return []

    async def test_commits_at_the_end(self, transactions: CaseTransactions) -> None:
        """What a block wrote is there once it has ended, and not before."""
        async with transactions.begin() as unit:
            await unit.cases.save(a_case())
            assert await titles(transactions) == []
            assert await unit.cases.get("case_1") == a_case()

        assert await titles(transactions) == ["Checkout is slow"]

    async def test_what_need_not_last_is_there_all_the_same(self, transactions: CaseTransactions) -> None:
        """One that does not wait for the disk is seen by whoever looks next, and rolled back when it raises."""

        async def save(case: Case, *, failing: bool) -> None:
            async with transactions.begin(lasting=False) as unit:
                await unit.cases.save(case)
                if failing:
                    raise InvalidInput

        await save(a_case(), failing=False)
        with pytest.raises(InvalidInput):
            await save(a_case("case_2"), failing=True)
        async with transactions.begin() as unit:
            await unit.cases.save(a_case("case_3", title="Lasting"))

        assert await titles(transactions) == ["Checkout is slow", "Lasting"]

    async def test_rolls_back_what_raises(self, transactions: CaseTransactions) -> None:
        """A block that raises leaves nothing behind and passes its error on."""

        async def broken() -> None:
            async with transactions.begin() as unit:
                await unit.cases.save(a_case())
                await unit.cases.save(a_case("case_2"))
                raise Broken

        with pytest.raises(Broken):
            await broken()

        assert await titles(transactions) == []

    async def test_an_error_of_its_own_undoes_the_rest(self, transactions: CaseTransactions) -> None:
        """A write that is refused takes the block's earlier writes with it."""
        async with transactions.begin() as unit:
            await unit.cases.save(a_case())

        async def refused() -> None:
            async with transactions.begin() as unit:
                await unit.cases.save(a_case("case_2"))
                await unit.cases.save(a_case(version=7))

        with pytest.raises(CaseVersionConflict):
            await refused()

        assert await titles(transactions) == ["Checkout is slow"]

    async def test_rolls_back_what_is_cancelled(self, transactions: CaseTransactions) -> None:
        """A task cancelled inside its block leaves nothing behind, and the next one writes as usual."""
        written = asyncio.Event()

        async def interrupted() -> None:
            async with transactions.begin() as unit:
                await unit.cases.save(a_case())
                written.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(interrupted())
        await written.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await titles(transactions) == []
        async with transactions.begin() as unit:
            await unit.cases.save(a_case(title="The next one"))
        assert await titles(transactions) == ["The next one"]

    async def test_waiting_for_a_turn_can_be_cancelled(self, transactions: CaseTransactions) -> None:
        """A task cancelled while it waits for another's transaction disturbs neither that nor the next."""

        async def write(id: str) -> None:
            async with transactions.begin() as unit:
                await unit.cases.save(a_case(id, title=id))

        async with transactions.begin() as unit:
            waiting = [asyncio.create_task(write(id)) for id in ("impatient", "patient")]
            await asyncio.sleep(0)
            waiting[0].cancel()
            await unit.cases.save(a_case(title="first"))
        await asyncio.wait(waiting)

        assert waiting[0].cancelled()
        assert await titles(transactions) == ["first", "patient"]

    async def test_a_job_and_its_message_are_one(self, transactions: CaseTransactions) -> None:
        """A job, its message and what made it necessary are there together or not at all."""
        async with undone(transactions) as unit:
            await ask(transactions, unit)
        assert await jobs_and_messages(transactions) == (0, 0)

        async with transactions.begin() as unit:
            await ask(transactions, unit)
            assert await jobs_and_messages(transactions) == (0, 0)
        assert await jobs_and_messages(transactions) == (1, 1)

    async def test_tells_of_a_message_after_the_commit(self, transactions: CaseTransactions, told: list[None]) -> None:
        """Whoever sends messages is woken once per transaction that put some, when they are there to be read."""
        async with transactions.begin() as unit:
            await ask(transactions, unit)
            await ask(transactions, unit)
            assert told == []
        assert len(told) == 1

    async def test_does_not_tell_of_nothing(self, transactions: CaseTransactions, told: list[None]) -> None:
        """Neither a transaction without a message nor one that was undone wakes anybody."""
        async with transactions.begin() as unit:
            await unit.cases.save(a_case())
        async with undone(transactions) as unit:
            await ask(transactions, unit)
        async with transactions.view() as unit:
            await unit.outbox.due(sent_before=NOON)

        assert told == []

    async def test_a_view_is_one_picture(self, transactions: CaseTransactions) -> None:
        """What others commit while a view is open is not seen in it, though it was begun before."""
        async with transactions.begin() as unit:
            await unit.cases.save(a_case())
        async with transactions.view() as view:
            before = await view.cases.get("case_1")
            async with transactions.begin() as unit:
                await unit.cases.save(a_case(version=2, title="Renamed"))
                await unit.cases.save(a_case("case_2"))

            assert before == await view.cases.get("case_1")
            assert await view.cases.count("ana", status=None) == 1
        assert await titles(transactions) == ["Renamed", "Checkout is slow"]

    async def test_a_view_waits_for_no_writer(self, transactions: CaseTransactions) -> None:
        """While one writes, many read, and see what was there before."""
        async with transactions.begin() as unit:
            await unit.cases.save(a_case())
        async with transactions.begin() as unit:
            await unit.cases.save(a_case(version=2, title="Renamed"))

            assert await asyncio.gather(*[titles(transactions) for _ in range(30)]) == [["Checkout is slow"]] * 30

    async def test_a_view_sees_what_was_committed_before_it(self, transactions: CaseTransactions) -> None:
        """Whoever was told that something is stored finds it at once, every time."""
        async with transactions.begin() as unit:
            await unit.cases.save(a_case())
        for number in range(2, 30):
            async with transactions.begin() as unit:
                await unit.cases.save(a_case(version=number))
            assert number == await version(transactions)

    async def test_a_view_only_reads(self, transactions: CaseTransactions) -> None:
        """Writing in a view is a mistake and is told so."""
        with pytest.raises(RuntimeError):
            async with transactions.view() as unit:
                await unit.cases.save(a_case())
        with pytest.raises(RuntimeError):
            async with transactions.view() as unit:
                await unit.cases.delete("case_1")

        assert await titles(transactions) == []

    async def test_writers_take_turns(self, transactions: CaseTransactions) -> None:
        """Ten who read and then write at the same time all succeed, and none writes over another."""
        async with transactions.begin() as unit:
            await unit.cases.save(a_case())

        async def one_more() -> None:
            async with transactions.begin() as unit:
                case = await unit.cases.get("case_1")
                assert case is not None
                await asyncio.sleep(0)
                await unit.cases.save(evolve(case, version=case.version + 1, message_count=case.message_count + 1))

        await asyncio.gather(*[one_more() for _ in range(10)])

        assert await version(transactions) == 11

    async def test_a_child_task_writes_inside(self, transactions: CaseTransactions) -> None:
        """What tasks started in a block write belongs to its transaction, and is undone with it."""
        async with undone(transactions) as unit:
            await asyncio.gather(*[unit.cases.save(a_case(f"case_{number}")) for number in range(3)])
            assert await unit.cases.count("ana", status=None) == 3

        assert await titles(transactions) == []

    async def test_a_child_task_that_outlives_it_writes_nothing(self, transactions: CaseTransactions) -> None:
        """A task that still writes when the block has ended is told so; nothing is written beside a transaction."""
        go_on = asyncio.Event()

        async def late(unit: CaseUnitOfWork) -> None:
            await go_on.wait()
            await unit.cases.save(a_case("late"))

        async with transactions.begin() as unit:
            await unit.cases.save(a_case())
            child = asyncio.create_task(late(unit))
        go_on.set()

        with pytest.raises(RuntimeError):
            await child
        assert await titles(transactions) == ["Checkout is slow"]

    async def test_a_view_that_has_ended_reads_nothing(self, transactions: CaseTransactions) -> None:
        """A repository taken out of its block is of no use."""
        async with transactions.view() as unit:
            cases = unit.cases
        with pytest.raises(RuntimeError):
            await cases.get("case_1")

    async def test_one_inside_another_is_refused(self, transactions: CaseTransactions) -> None:
        """A task that begins a second transaction inside its first would wait for itself for ever; it is told so."""

        @asynccontextmanager
        async def doubled() -> AsyncIterator[None]:
            async with transactions.begin() as unit, transactions.begin():
                await unit.cases.save(a_case())
                yield

        with pytest.raises(RuntimeError):
            async with doubled():
                pass

        async with transactions.begin() as unit:
            await unit.cases.save(a_case(updated_at=NOON + timedelta(minutes=1)))
        assert await titles(transactions) == ["Checkout is slow"]
