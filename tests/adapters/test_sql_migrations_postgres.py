"""What only PostgreSQL can show of the schemas' history."""

import asyncio
import threading
from typing import Any

import pytest
from sqlalchemy import Connection, text

from faultmaven_adapters.sql import MODULES, migrate, open_sql
from faultmaven_adapters.sql.migrate_postgres import in_transaction
from tests.adapters.postgres_place import PostgresPlace, execute, fetched
from tests.adapters.test_sql_migrations import REVISIONS

COLUMNS = """
SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY 1, 2
"""
INDEXES = """
SELECT tablename, replace(indexdef, ' ' || schemaname || '.', ' ') FROM pg_indexes
WHERE schemaname = current_schema() ORDER BY 1, 2
"""


@pytest.fixture
def url(postgres: PostgresPlace) -> str:
    """An empty database."""
    return postgres.made("template1")


async def schema(url: str) -> list[tuple[Any, ...]]:
    found = [*await fetched(url, COLUMNS), *await fetched(url, INDEXES)]
    return [row for row in found if not row[0].endswith("_version")]


async def test_ends_in_the_same_schema(url: str) -> None:
    """As PostgreSQL itself tells it, defaults, collations and partial indexes too are what the metadata says."""
    await migrate(dict.fromkeys(MODULES, url))
    await execute(url, "CREATE SCHEMA made")
    made = f"{url}&search_path=made"
    for module, of in MODULES.items():
        await in_transaction(made, module, lambda connection, _, of=of: of.metadata.create_all(connection))

    assert await schema(url) == [tuple(_unqualified(word) for word in row) for row in await schema(made)]
    texts = [row for row in await schema(url) if len(row) == 6 and row[2] == "text"]
    assert texts
    assert {row[3] for row in texts} == {"C"}  # no column's order hangs on the locale of the server


def _unqualified(word: object) -> object:
    return word.replace("made.", "") if isinstance(word, str) else word


async def test_modules_may_lie_apart(url: str) -> None:
    """With a search path in its URL each module's tables are made, and found, in a schema of their own."""
    urls = {module: f"{url}&search_path=of_{module}" for module in MODULES}
    await execute(url, "; ".join(f"CREATE SCHEMA of_{module}" for module in MODULES))

    assert await migrate(urls) == REVISIONS
    for module, its in urls.items():
        assert {row[0] for row in await schema(its)} == set(MODULES[module].metadata.tables)
    assert await schema(url) == []
    async with open_sql(urls, lambda: None) as opened:
        for transactions in opened.values():
            await transactions.ping()


async def test_one_waits_while_another_is_at_it(url: str) -> None:
    """While one migrates a module, another has not looked yet at how far it is; afterwards it finds it done."""
    inside, go_on, seen = threading.Event(), threading.Event(), list[int]()

    def first(connection: Connection, _: str) -> None:
        inside.set()
        assert go_on.wait(30)
        connection.execute(text("CREATE TABLE made (x int)"))

    def second(connection: Connection, _: str) -> None:
        seen.append(connection.execute(text("SELECT count(*) FROM pg_tables WHERE tablename = 'made'")).scalar_one())

    def at_work(work: Any) -> "asyncio.Future[None]":
        return asyncio.ensure_future(asyncio.to_thread(lambda: asyncio.run(in_transaction(url, "case", work))))

    one = at_work(first)
    await asyncio.to_thread(inside.wait, 30)
    other = at_work(second)
    waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory' AND database = "
    waits += "(SELECT oid FROM pg_database WHERE datname = current_database())"
    while not seen and not await fetched(url, waits):  # noqa: ASYNC110 - it is another program that is waited for
        await asyncio.sleep(0.01)
    go_on.set()
    await asyncio.gather(one, other)

    assert seen == [1]
