"""The schemas' history on PostgreSQL: it ends in the tables the repositories use, and half of it is never seen."""

import asyncio
import sys
from typing import Any

import asyncpg
import pytest

from faultmaven_adapters.sql import MODULES, migrate, open_sql
from faultmaven_adapters.sql.migrate_postgres import in_transaction
from faultmaven_domain.kernel.errors import Misconfigured
from tests.adapters.postgres_place import PostgresPlace, execute, fetched
from tests.adapters.sql_engines import taken_back
from tests.adapters.test_sql_migrations import MIGRATE, REVISIONS, differences

COLUMNS = """
SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2
"""
INDEXES = "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = current_schema() ORDER BY 1, 2"


@pytest.fixture
def url(postgres: PostgresPlace) -> str:
    """An empty database."""
    return postgres.made("template1")


async def schema(url: str) -> list[tuple[Any, ...]]:
    found = [*await fetched(url, COLUMNS), *await fetched(url, INDEXES)]
    return [row for row in found if not row[0].endswith("_version")]


@pytest.mark.parametrize("module", MODULES)
async def test_ends_in_the_tables_in_use(url: str, module: str) -> None:
    """A module's migrations make exactly the tables, columns and indexes that its repositories are written for."""
    await migrate({module: url})

    assert await in_transaction(url, module, differences) == []
    assert {row[0] for row in await schema(url)} == set(MODULES[module].metadata.tables)


async def test_ends_in_the_same_schema(url: str, postgres: PostgresPlace) -> None:
    """As PostgreSQL itself tells it, defaults, collations and partial indexes too are what the metadata says."""
    made = postgres.made("template1")
    await migrate(dict.fromkeys(MODULES, url))
    for module, of in MODULES.items():
        await in_transaction(made, module, lambda connection, _, of=of: of.metadata.create_all(connection))

    assert await schema(made) == await schema(url)


async def test_text_is_ordered_by_its_characters(url: str) -> None:
    """No column's order, nor its indexes, hang on the locale of the server."""
    await migrate(dict.fromkeys(MODULES, url))

    texts = [row for row in await schema(url) if len(row) == 6 and row[2] == "text"]
    assert texts
    assert {row[3] for row in texts} == {"C"}


async def test_twice_is_once(url: str) -> None:
    """The first run says what it did, the next that there was nothing to do; data stay."""
    urls = dict.fromkeys(MODULES, url)
    assert await migrate(urls) == REVISIONS
    await execute(url, "INSERT INTO auth_passwords VALUES ('ana', 'hash')")
    before = await schema(url)

    assert await migrate(urls) == []
    assert before == await schema(url)
    async with open_sql({"auth": url}, lambda: None) as opened, opened["auth"].view() as unit:
        assert await unit.passwords.get("ana") == "hash"


async def test_modules_may_lie_apart(postgres: PostgresPlace) -> None:
    """Each module in a database of its own has its own tables and no other's, and works there."""
    urls = {module: postgres.made("template1") for module in MODULES}

    assert await migrate(urls) == REVISIONS
    for module, url in urls.items():
        assert all(row[0].startswith(f"{module}_") for row in await schema(url))
    async with open_sql(urls, lambda: None) as opened:
        for transactions in opened.values():
            await transactions.ping()


async def test_a_schema_may_be_named(url: str) -> None:
    """With a search path in its URL a module's tables are made, and found, in that schema."""
    await execute(url, "CREATE SCHEMA cases")
    inside = f"{url}&search_path=cases"
    await migrate({"case": inside})
    async with open_sql({"case": inside}, lambda: None) as opened:
        await opened["case"].ping()

    [[where]] = await fetched(url, "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename LIKE 'case%'")
    assert where == "cases"


async def started(url: str) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE, url, stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    return process


async def test_two_processes_at_once(url: str) -> None:
    """Processes that start at the same moment take turns: each revision is applied once, by one of them."""
    processes = await asyncio.gather(started(url), started(url))
    outputs = await asyncio.gather(*[process.communicate(b"go\n") for process in processes])

    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(REVISIONS) == sorted(revision for done, _ in outputs for revision in done.decode().split())


async def test_one_that_is_killed_leaves_nothing(url: str) -> None:
    """A process killed half-way through a module's migration leaves none of it, and the next one does it all."""
    other = await asyncpg.connect(url)
    begun = other.transaction()
    await begun.start()
    await other.execute("CREATE TABLE case_reports (was text)")  # the process waits for what becomes of it
    process = await started(url)
    assert process.stdin is not None
    process.stdin.write(b"go\n")
    waits = "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database OR l.database IS NULL"
    waits += " WHERE NOT granted AND d.datname = current_database()"
    while not await fetched(url, waits):  # noqa: ASYNC110 - it is another program that is waited for
        await asyncio.sleep(0.01)
    process.kill()
    await process.wait()
    await begun.rollback()
    await other.close()

    applied = await migrate(dict.fromkeys(MODULES, url))
    assert applied == [revision for revision in REVISIONS if not revision.startswith("auth_")]
    assert await migrate(dict.fromkeys(MODULES, url)) == []


async def test_a_step_that_fails_leaves_nothing(url: str) -> None:
    """A module's migration is all or nothing: what fails half-way leaves the database as it was."""
    await execute(url, "CREATE TABLE case_reports (was text)")  # in the way of the third table
    before = await schema(url)
    with pytest.raises(asyncpg.DuplicateTableError):
        await migrate({"case": url})

    assert before == await schema(url)


async def test_a_newer_database_is_refused(url: str) -> None:
    """A database that a later version has changed is not touched; the message says so."""
    await migrate({"case": url})
    await execute(url, "UPDATE case_version SET version_num = 'case_9999'")

    with pytest.raises(Misconfigured, match="newer version"):
        await migrate({"case": url})


async def test_can_be_taken_back(url: str) -> None:
    """Every step knows its way back, to nothing."""
    await migrate(dict.fromkeys(MODULES, url))
    for module in MODULES:
        await taken_back(url, module, f"{module}@base")

    assert await schema(url) == []
