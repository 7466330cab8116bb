"""What only SQLite can show: its files, its threads and its ways of failing."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from faultmaven_adapters.sql import SqlTransactions, migrate, open_sql, sqlite_path, sqlite_url
from faultmaven_adapters.sql.kept import READERS, KeptConnection, KeptFile, close_file, open_file
from faultmaven_domain.kernel.errors import Misconfigured, StorageFull, Unavailable
from tests.adapters.sqlite_file import sqlite_file
from tests.contracts.unit_of_work import a_case, titles


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_file(tmp_path)


@pytest.fixture
async def transactions(url: str) -> AsyncIterator[SqlTransactions]:
    async with open_sql({"case": url}, lambda: None) as opened:
        yield opened["case"]


async def test_handles_share_a_files_connections(url: str) -> None:
    """One file has one writer in a process, however many handles it has; the last of them closes it."""
    path = sqlite_path(url)
    first, second = open_file(path), open_file(path.parent / "." / ".." / path.parent.name / path.name)
    assert first is second
    await close_file(first)
    assert await second.writer().run("SELECT 1", {}, begins=True) == [(1,)]
    await close_file(second)
    third = open_file(path)
    assert third is not first
    await close_file(third)


async def test_closing_leaves_nothing_open(url: str) -> None:
    """After the close no thread of the database lives, and its log is folded into the one file."""
    path = sqlite_path(url)
    async with open_sql({"case": url, "agent": url}, lambda: None) as opened:
        async with opened["case"].begin() as unit:
            await unit.cases.save(a_case())
            await asyncio.gather(*[titles(opened["case"]) for _ in range(5)])
        threads = [thread for thread in threading.enumerate() if thread.name == f"sqlite {path.name}"]
        assert threads
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)
    assert [path.name] == [found.name for found in path.parent.iterdir()]


async def test_waiting_has_an_end(url: str) -> None:
    """Where no turn or no reader comes free, a task is told that the database is busy; the next one is served again."""
    file = KeptFile(sqlite_path(url), patience=0.01)
    await file.turns.take()
    with pytest.raises(Unavailable):
        await asyncio.create_task(file.turns.take())
    file.turns.give()
    await asyncio.create_task(file.turns.take())
    readers = [await file.take_reader() for _ in range(READERS)]
    with pytest.raises(Unavailable):
        await file.take_reader()
    file.give_reader(readers[0])
    assert await file.take_reader() is readers[0]
    await file.close()


async def test_each_connection_is_prepared(url: str) -> None:
    """The writer logs ahead and waits for the disk; both kinds check foreign keys; a reader cannot write at all."""

    async def pragmas(kept: KeptConnection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys", "query_only")
        return [(await kept.run(f"PRAGMA {name}", {}, begins=True))[0][0] for name in names]

    file = open_file(sqlite_path(url))
    try:
        assert await pragmas(file.writer()) == ["wal", 2, 1, 0]
        assert await pragmas(await file.take_reader()) == ["wal", 2, 1, 1]
    finally:
        await close_file(file)


async def test_only_what_is_to_last_waits_for_the_disk(transactions: SqlTransactions) -> None:
    """A commit that need not survive a power cut is not synchronised; the next one that must is."""
    levels = []
    for lasting in (True, False, False, True):
        async with transactions.begin(lasting=lasting) as unit:
            await unit.cases.get("case_1")
            levels += await unit.cases._connection._backend.session.kept.run("PRAGMA synchronous", {}, begins=False)

    assert levels == [(2,), (1,), (1,), (2,)]


async def test_a_quick_read_is_done_where_it_is_asked(url: str) -> None:
    """A look-up takes no trip to another thread; a read of much does, and sees the same picture as the rest."""
    counted = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT max(i) FROM n"
    async with open_sql({"case": url}, lambda: None) as opened:
        transactions = opened["case"]
        await titles(transactions)
        async with transactions.view() as unit:
            kept = unit.cases._connection._backend.session.kept
            before = kept._asked
            assert await unit.cases.get("case_1") is None
            assert kept._asked == before
            async with transactions.begin() as other:
                await other.cases.save(a_case())
            assert kept.glance(counted, {}, begins=True) is None
            assert await kept.run(counted, {}, begins=True) == [(3000000,)]
            assert await unit.cases.get("case_1") is None
            assert kept._asked == before + 1


async def test_a_held_file_holds_up_nobody_else(transactions: SqlTransactions, url: str) -> None:
    """While another process writes, this one's writer waits for it elsewhere than on the event loop."""
    async with transactions.begin() as unit:
        await unit.cases.save(a_case())
        kept = unit.cases._connection._backend.session.kept
    assert kept.glance("PRAGMA busy_timeout", {}, begins=True) == [(0,)]
    assert await kept.run("PRAGMA busy_timeout", {}, begins=True) == [(10_000,)]
    await kept.rollback()
    other = sqlite3.connect(sqlite_path(url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def write() -> None:
        async with transactions.begin() as unit:
            await unit.cases.save(a_case("case_2"))

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.05)
    assert not writing.done()
    assert await titles(transactions) == ["Checkout is slow"]
    other.execute("ROLLBACK")
    other.close()
    await writing
    assert len(await titles(transactions)) == 2


async def test_a_full_disk_is_told_and_nothing_is_lost(url: str) -> None:
    """With no room left a write is refused as such, what was there stays, and writing goes on once there is room."""
    async with open_sql({"case": url}, lambda: None) as opened:
        transactions = opened["case"]
        async with transactions.begin() as unit:
            await unit.cases.save(a_case())
        await _allow(transactions, 1)
        with pytest.raises(StorageFull):
            async with transactions.begin() as unit:
                await unit.cases.save(a_case("case_2", description="x" * 3_000_000))

        assert await titles(transactions) == ["Checkout is slow"]
        await _allow(transactions, 1_000_000)
        async with transactions.begin() as unit:
            await unit.cases.save(a_case("case_2", description="x" * 3_000_000))
        assert len(await titles(transactions)) == 2


async def _allow(transactions: SqlTransactions, pages: int) -> None:
    """How large the file may become: what a full disk is to SQLite."""
    async with transactions.gateway.transaction() as connection:
        await connection.execute(text(f"PRAGMA max_page_count={pages}"))


async def test_an_undone_transaction_is_not_taken_up_again(url: str) -> None:
    """Where the engine itself undid a transaction, going on in it is refused: no second half is ever committed."""
    async with open_sql({"case": url}, lambda: None) as opened:
        transactions = opened["case"]

        async def write(*, more: bool) -> None:
            async with transactions.begin() as unit:
                await unit.cases.save(a_case())
                await unit.cases._connection.execute(text("ROLLBACK"))
                if more:
                    await unit.cases.save(a_case("case_2"))

        for more in (True, False):
            with pytest.raises(Unavailable):
                await write(more=more)

        assert await titles(transactions) == []


async def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    """A database that is not there is told of, again and again, and no empty one takes its place."""
    missing = tmp_path / "gone.db"
    async with open_sql({"case": sqlite_url(missing)}, lambda: None) as opened:
        for _ in range(2):
            with pytest.raises(Unavailable):
                await opened["case"].ping()
            with pytest.raises(Unavailable):
                async with opened["case"].begin():
                    pass
        assert not missing.exists()


async def test_a_damaged_file_is_told_of(tmp_path: Path) -> None:
    """A file that is no database makes a plain error, not a driver's."""
    path = tmp_path / "faultmaven.db"
    path.write_bytes(b"not a database, " * 1000)
    async with open_sql({"case": sqlite_url(path)}, lambda: None) as opened:
        with pytest.raises(Unavailable):
            await opened["case"].ping()


async def test_a_database_that_was_not_migrated_is_told_of(tmp_path: Path) -> None:
    """Tables that are not there are a matter of setting up, and the message says what to do."""
    path = tmp_path / "faultmaven.db"
    sqlite3.connect(path).close()
    path.touch()
    async with open_sql({"case": sqlite_url(path)}, lambda: None) as opened:
        with pytest.raises(Misconfigured, match="migrate"):
            await titles(opened["case"])


async def test_names_of_files_are_taken_as_they_are(tmp_path: Path) -> None:
    """Blanks, percent and question marks, and any script, are no trouble in a path."""
    path = tmp_path / "datos 100%25 ¿qué? #1" / "fm.db"
    await migrate({"case": sqlite_url(path)})
    async with open_sql({"case": sqlite_url(path)}, lambda: None) as opened:
        assert await titles(opened["case"]) == []

    assert [path] == list(path.parent.iterdir())
