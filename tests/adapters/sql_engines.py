"""What a suite over SQL runs on: both engines, one after the other."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import Connection, create_engine

from faultmaven_adapters.sql import SqlTransactions, open_sql, sqlite_path, sqlite_url
from faultmaven_adapters.sql.migrate import upgrade
from faultmaven_adapters.sql.migrate_postgres import in_transaction
from tests.adapters.postgres_place import PostgresPlace, execute
from tests.adapters.sql_plans import Planner, issued, long_sqlite_file
from tests.adapters.sqlite_file import sqlite_file
from tests.contracts.data_provider import ModuleContract

R = TypeVar("R")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database with every module's tables."""
    if request.param == "sqlite":
        return sqlite_file(tmp_path)
    found: str = request.getfixturevalue("postgres_url")
    return found


class OnSql(ModuleContract):
    @pytest.fixture
    async def transactions(self, url: str, request: pytest.FixtureRequest) -> AsyncIterator[SqlTransactions]:
        """Each statement that the suites issue is held to what it may cost."""
        with issued() as statements:
            async with open_sql({self.module: url}, lambda: None) as opened:
                yield opened[self.module]
        assert await planner_for(url, request).troubles(statements) == []

    @pytest.fixture
    def keeps_nul(self, url: str) -> bool:
        """PostgreSQL's text has no such character."""
        return url.startswith("sqlite")


_planners: dict[str, Planner] = {}


def planner_for(url: str, request: pytest.FixtureRequest) -> Planner:
    """This process's, of the engine that the URL names."""
    engine = "sqlite" if url.startswith("sqlite") else "postgres"
    if engine not in _planners:
        factory: pytest.TempPathFactory = request.getfixturevalue("tmp_path_factory")
        place: PostgresPlace | None = request.getfixturevalue("postgres") if engine == "postgres" else None
        _planners[engine] = Planner(place.long() if place else long_sqlite_file(factory.mktemp("long")))
    return _planners[engine]


@pytest.fixture(params=["sqlite", "postgres"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of the test's own, without a table."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "faultmaven.db")
    place: PostgresPlace = request.getfixturevalue("postgres")
    return place.made("template1")


async def scripted(url: str, words: str) -> None:
    """Statements run past the gateway."""
    if url.startswith("sqlite"):
        with sqlite3.connect(sqlite_path(url)) as connection:
            connection.executescript(words)
        connection.close()
    else:
        await execute(url, words)


async def upgraded_to(url: str, module: str, revision: str) -> None:
    """A module's database as an older version made it."""

    def older(connection: Connection, _: str) -> list[str]:
        return upgrade(connection, module, revision)

    await inside(url, older)


async def inside(url: str, work: Callable[[Connection, str], R]) -> R:
    """What it gives of a transaction past the gateway."""
    if not url.startswith("sqlite"):
        return await asyncio.to_thread(lambda: asyncio.run(in_transaction(url, "", work)))
    engine = create_engine(url)
    with engine.begin() as connection:
        found = work(connection, "")
    engine.dispose()
    return found
