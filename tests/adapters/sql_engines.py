"""What a suite over SQL runs on: both engines, one after the other."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine

from faultmaven_adapters.sql import MODULES, SqlTransactions, open_sql, sqlite_path, sqlite_url
from faultmaven_adapters.sql.migrate_postgres import in_transaction
from tests.adapters.postgres_place import PostgresPlace, execute
from tests.adapters.sqlite_file import sqlite_file
from tests.contracts.data_provider import ModuleContract


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database with every module's tables."""
    if request.param == "sqlite":
        return sqlite_file(tmp_path)
    found: str = request.getfixturevalue("postgres_url")
    return found


class OnSql(ModuleContract):
    @pytest.fixture
    async def transactions(self, url: str) -> AsyncIterator[SqlTransactions]:
        async with open_sql({self.module: url}, lambda: None) as opened:
            yield opened[self.module]

    @pytest.fixture
    def keeps_nul(self, url: str) -> bool:
        """PostgreSQL's text has no such character."""
        return url.startswith("sqlite")


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


async def taken_back(url: str, module: str, revision: str) -> None:
    """A module's database as an older version left it."""

    def back(connection: Connection, _: str) -> None:
        config = Config(
            attributes={
                "connection": connection,
                "metadata": MODULES[module].metadata,
                "version_table": f"{module}_version",
                "on_version_apply": lambda **_: None,
            }
        )
        config.set_main_option("script_location", "faultmaven_adapters.sql:migrations")
        config.set_main_option("path_separator", "os")
        command.downgrade(config, revision)

    if url.startswith("sqlite"):
        engine = create_engine(url)
        with engine.begin() as connection:
            back(connection, module)
        engine.dispose()
    else:
        await asyncio.to_thread(lambda: asyncio.run(in_transaction(url, module, back)))
