"""Transactions on both engines: the contract, and what only a real engine and other processes can show."""

import asyncio
import gc
import sqlite3
import sys
from collections.abc import AsyncIterator

import pytest
from attrs import evolve

from faultmaven_adapters.sql import Gateway, SqlTransactions, open_sql, sqlite_path
from faultmaven_domain.kernel.errors import Misconfigured, Unavailable
from tests.adapters.sql_engines import url
from tests.contracts.unit_of_work import UnitOfWorkContract, a_case, ask, jobs_and_messages, titles, version

__all__ = ["url"]


@pytest.fixture
async def transactions(url: str) -> AsyncIterator[SqlTransactions]:
    async with open_sql({"case": url}, lambda: None) as opened:
        yield opened["case"]


class TestSqlUnitOfWork(UnitOfWorkContract):
    @pytest.fixture
    async def transactions(self, url: str, told: list[None]) -> AsyncIterator[SqlTransactions]:
        async with open_sql({"case": url}, lambda: told.append(None)) as opened:
            yield opened["case"]


async def test_a_statement_in_flight_can_be_cancelled(transactions: SqlTransactions) -> None:
    """A task cancelled while the database is at work leaves nothing behind and a connection that is clean."""

    async def interrupted() -> None:
        async with transactions.begin() as unit:
            asyncio.get_running_loop().call_soon(task.cancel)
            await unit.cases.save(a_case())

    task = asyncio.create_task(interrupted())
    with pytest.raises(asyncio.CancelledError):
        await task

    assert await titles(transactions) == []
    async with transactions.begin() as unit:
        await unit.cases.save(a_case(title="The next one"))
    assert await titles(transactions) == ["The next one"]


async def test_beginning_can_be_cancelled(transactions: SqlTransactions) -> None:
    """A task cancelled while its transaction begins does not hold the turn."""

    async def interrupted() -> None:
        asyncio.get_running_loop().call_soon(task.cancel)
        async with transactions.begin():
            raise AssertionError("it went on")

    task = asyncio.create_task(interrupted())
    with pytest.raises(asyncio.CancelledError):
        await task

    async with transactions.begin() as unit:
        await unit.cases.save(a_case())
    assert await titles(transactions) == ["Checkout is slow"]


async def test_a_commit_is_not_stopped_half_way(url: str) -> None:
    """A task cancelled while it commits has committed: the row is there, and its message was told of."""
    told: list[None] = []
    async with open_sql({"case": url}, lambda: told.append(None)) as opened:
        transactions = opened["case"]

        async def interrupted() -> None:
            async with transactions.begin() as unit:
                await unit.cases.save(a_case())
                await ask(transactions, unit)
                asyncio.get_running_loop().call_soon(task.cancel)

        task = asyncio.create_task(interrupted())
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await titles(transactions) == ["Checkout is slow"]
        assert await jobs_and_messages(transactions) == (1, 1)
        assert len(told) == 1


async def test_many_cancelled_at_random_moments_lose_nothing(transactions: SqlTransactions) -> None:
    """Whenever tasks are cancelled, the version is the number of those that ended well or were committing."""
    async with transactions.begin() as unit:
        await unit.cases.save(a_case())
    attempts = 0

    async def one_more() -> None:
        nonlocal attempts
        async with transactions.begin() as unit:
            case = await unit.cases.get("case_1")
            assert case is not None
            await unit.cases.save(evolve(case, version=case.version + 1))
        attempts += 1

    tasks = [asyncio.create_task(one_more()) for _ in range(60)]
    for number, task in enumerate(tasks):
        await asyncio.sleep(0.0005 * (number % 4))
        if number % 3 == 0:
            task.cancel()
    await asyncio.wait(tasks)

    reached = await version(transactions)
    assert attempts + 1 <= reached <= len(tasks) + 1
    async with transactions.begin() as unit:
        await unit.cases.save(a_case(version=reached + 1))


async def test_handles_on_one_file_take_turns(url: str) -> None:
    """Two modules in one file, and a second handle of one of them, write at the same time and none fails."""
    async with (
        open_sql({"case": url, "agent": url}, lambda: None) as first,
        open_sql({"case": url}, lambda: None) as other,
    ):
        async with first["case"].begin() as unit:
            await unit.cases.save(a_case())

        async def one_more(transactions: SqlTransactions) -> None:
            async with transactions.begin() as unit:
                if transactions is not first["agent"]:
                    case = await unit.cases.get("case_1")
                    await unit.cases.save(evolve(case, version=case.version + 1))
                else:
                    await ask(transactions, unit)

        handles = [first["case"], first["agent"], other["case"]] * 10
        await asyncio.gather(*[one_more(handle) for handle in handles])

        assert await version(first["case"]) == 21
        assert await jobs_and_messages(first["agent"]) == (1, 1)


INCREMENT = """
import asyncio, sys
from attrs import evolve
from faultmaven_adapters.sql import open_sql

async def main(url, times):
    async with open_sql({"case": url}, lambda: None) as opened:
        for _ in range(times):
            async with opened["case"].begin() as unit:
                case = await unit.cases.get("case_1")
                await unit.cases.save(evolve(case, version=case.version + 1))
            print("committed", flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def _process(url: str, times: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", INCREMENT, url, str(times), stdout=asyncio.subprocess.PIPE
    )


async def test_processes_take_turns(url: str) -> None:
    """Other processes that read and write the same row at the same time neither fail nor lose a change."""
    async with open_sql({"case": url}, lambda: None) as opened:
        async with opened["case"].begin() as unit:
            await unit.cases.save(a_case())
        others = [await _process(url, 25) for _ in range(2)]
        for _ in range(25):
            async with opened["case"].begin() as unit:
                case = await unit.cases.get("case_1")
                await unit.cases.save(evolve(case, version=case.version + 1))
        outputs = [await other.communicate() for other in others]

        assert [other.returncode for other in others] == [0, 0]
        assert [out.count(b"committed") for out, _ in outputs] == [25, 25]
        assert await version(opened["case"]) == 76


async def test_what_was_committed_survives_sigkill(url: str) -> None:
    """A process killed right after a commit has kept what it committed, and holds nobody up."""
    async with open_sql({"case": url}, lambda: None) as opened:
        async with opened["case"].begin() as unit:
            await unit.cases.save(a_case())
    process = await _process(url, 100_000)
    assert process.stdout is not None
    acknowledged = 0
    while acknowledged < 20:
        acknowledged += (await process.stdout.readline()).count(b"committed")
    process.kill()
    rest, _ = await process.communicate()
    acknowledged += rest.count(b"committed\n")

    if url.startswith("sqlite"):
        with sqlite3.connect(sqlite_path(url)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
    async with open_sql({"case": url}, lambda: None) as opened:
        assert await version(opened["case"]) - 1 in (acknowledged, acknowledged + 1)


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "postgresql://host", "postgres://[/x", "mysql://localhost/x", "nonsense", ""],
)
def test_an_unknown_database_stops_the_start(url: str) -> None:
    """A URL of no engine we know is refused when it is read."""
    with pytest.raises(Misconfigured):
        Gateway(url)


async def test_a_closed_handle_is_told_of(url: str) -> None:
    """After the close a transaction fails at once; nobody waits for a thread that is gone."""
    async with open_sql({"case": url}, lambda: None) as opened:
        transactions = opened["case"]
        async with transactions.view() as unit:
            await opened["case"].gateway.close()
            with pytest.raises(Unavailable):
                await unit.cases.get("case_1")
        with pytest.raises(Unavailable):
            await transactions.ping()


async def test_statements_made_on_the_way_are_not_kept(transactions: SqlTransactions) -> None:
    """Compiled statements are remembered as long as the statement lives: lists of ids do not pile up."""
    backend = transactions.gateway._database._backend
    async with transactions.begin() as unit:
        await unit.cases.save(a_case())
        before = len(backend._plans)
        for number in range(50):
            await unit.outbox.mark_sent([f"m{number}"], at=a_case().created_at)
        gc.collect()

        assert len(backend._plans) <= before + 1
