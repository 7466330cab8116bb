from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from faultmaven_adapters.sql import sqlite_path
from faultmaven_adapters.sql.kept import KeptConnection
from tests.adapters.sqlite_file import sqlite_file


@pytest.fixture
async def hurried(tmp_path: Path) -> AsyncIterator[KeptConnection]:
    """A connection that gives nothing any time on the event loop."""
    connection = KeptConnection(Path(sqlite_path(sqlite_file(tmp_path))), (), glance=0.0)
    yield connection
    await connection.close()


async def test_a_beginning_that_is_interrupted_has_begun_once(hurried: KeptConnection) -> None:
    """SQLite may look at its time limit after it began a transaction: what follows goes on with that one."""
    await hurried.begin(lasting=True)  # opens it
    for _ in range(2_000):
        await hurried.rollback()
        await hurried.begin(lasting=True)

    await hurried.commit()
