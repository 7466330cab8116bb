"""Databases on a server that the test processes share: an empty one with every module's tables for each process."""

import asyncio
import fcntl
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
from attrs import field, frozen

from faultmaven_adapters.sql import MODULES, migrate
from tests.adapters.postgres_server import PostgresServer, shared_postgres
from tests.adapters.sql_plans import filling

R = TypeVar("R")

TEMPLATE, LONG = "as_migrated", "as_filled"
#: Everything but what the migrations know of themselves.
EMPTY = "; ".join(f"DELETE FROM {table}" for module in MODULES.values() for table in module.metadata.tables)


@frozen
class PostgresPlace:
    """Used from a thread of its own, as a test's event loop may be running in the caller's."""

    server: PostgresServer
    _thread: ThreadPoolExecutor = field(factory=lambda: ThreadPoolExecutor(1))

    def made(self, template: str = TEMPLATE) -> str:
        """The URL of a new database: migrated, or with ``template1`` empty."""
        name = f"fm_{uuid4().hex}"
        self._run(execute(self.server.url("postgres"), f"CREATE DATABASE {name} TEMPLATE {template}"))
        return self.server.url(name)

    def emptied(self, url: str) -> str:
        self._run(execute(url, EMPTY))
        return url

    def prepare(self) -> None:
        """Make the template, unless another process did."""
        if self._run(fetched(self.server.url("postgres"), f"SELECT 1 FROM pg_database WHERE datname = '{TEMPLATE}'")):
            return
        self._run(execute(self.server.url("postgres"), f"CREATE DATABASE {TEMPLATE}"))
        self._run(migrate(dict.fromkeys(MODULES, self.server.url(TEMPLATE))))
        self._run(execute(self.server.url("postgres"), f"CREATE DATABASE {LONG} TEMPLATE {TEMPLATE}"))
        self._run(execute(self.long(), "; ".join(filling("postgres"))))

    def long(self) -> str:
        """The URL of a database whose tables are long, which is only read."""
        return self.server.url(LONG)

    def close(self) -> None:
        self._thread.shutdown()

    def _run(self, work: Coroutine[Any, Any, R]) -> R:
        return self._thread.submit(asyncio.run, work).result()


@contextmanager
def postgres_place(folder: Path) -> Iterator[PostgresPlace]:
    folder.mkdir(exist_ok=True)
    with shared_postgres(folder) as server:
        place = PostgresPlace(server)
        with open(folder / "template", "a+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            place.prepare()
        yield place
        place.close()


async def execute(url: str, words: str) -> None:
    """Over a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(words)
    finally:
        await connection.close()


async def fetched(url: str, words: str) -> list[tuple[Any, ...]]:
    """Over a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(words)]
    finally:
        await connection.close()
