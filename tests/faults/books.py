"""What the database itself says, read beside a live server or from a copy of a dead one's files."""

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
from attrs import frozen

from faultmaven_adapters.sql import MODULES

ENDED = {"completed", "failed", "cancelled"}
DATABASE = "faultmaven.db"
#: A data directory with SQLite's file, or the URL of a database on PostgreSQL.
Place = Path | str


@frozen
class JobRow:
    job_id: str
    kind: str
    subject_id: str
    state: str
    attempts: int
    progress: float
    error: str | None
    heartbeat_at: object

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@frozen
class DocumentRow:
    document_id: str
    revision: str | None
    passage_count: int
    status: str


class Away(Exception):
    """The database does not answer at this moment."""


def jobs(place: Place) -> dict[str, JobRow]:
    """Every module's jobs by their id, while a server may be writing. Raises: Away."""
    columns = "job_id, kind, subject_id, state, attempts, progress, error, heartbeat_at"
    statements = [f"SELECT {columns} FROM {table}" for table in _tables("jobs")]
    return {row[0]: JobRow(*row) for rows in _asked(place, statements) for row in rows}


def documents(place: Place) -> list[DocumentRow]:
    """Raises: Away."""
    statement = "SELECT document_id, revision, passage_count, status FROM knowledge_documents"
    return [DocumentRow(*row) for rows in _asked(place, [statement]) for row in rows]


def unsent(place: Place) -> list[str]:
    """Messages that still wait in an outbox, of whichever module. Raises: Away."""
    statements = [f"SELECT id FROM {table}" for table in _tables("outbox")]
    return [str(row[0]) for rows in _asked(place, statements) for row in rows]


@frozen
class Remains:
    """What a killed server left: its jobs as they stood, and what SQLite thinks of each file."""

    jobs: dict[str, JobRow]
    integrity: dict[str, str]


def remains(data: Path, copy: Path) -> Remains:
    """Look at a copy, so that the recovery of the log is left to the next server."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    for path in data.glob("*.db*"):
        if not path.name.endswith("-shm"):
            shutil.copy(path, copy / path.name)
    integrity = {path.name: integrity_of(path) for path in sorted(copy.glob("*.db"))}
    found = jobs(copy) if (copy / DATABASE).exists() else {}
    return Remains(found, integrity)


def integrity_of(database: Path) -> str:
    with _opened(database) as connection:
        return " ".join(str(row[0]) for row in connection.execute("PRAGMA integrity_check"))


@contextmanager
def _opened(database: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True, timeout=10)
    try:
        yield connection
    finally:
        connection.close()


def _asked(place: Place, statements: list[str]) -> list[list[tuple[Any, ...]]]:
    """The rows of each."""
    if isinstance(place, str):
        return asyncio.run(_fetched(place, statements))
    with _opened(place / DATABASE) as connection:
        return [connection.execute(statement).fetchall() for statement in statements]


async def _fetched(url: str, statements: list[str]) -> list[list[tuple[Any, ...]]]:
    try:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            return [[tuple(row) for row in await connection.fetch(statement)] for statement in statements]
        finally:
            await connection.close(timeout=5)
    except (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError) as error:
        raise Away from error
    except (asyncpg.OperatorInterventionError, asyncpg.InternalClientError, AttributeError) as error:
        # Shutting down, starting; and of a connection that was cut asyncpg may tell with whatever comes up.
        raise Away from error


def _tables(ending: str) -> list[str]:
    names = [name for module in MODULES.values() for name in module.metadata.tables]
    return [name for name in names if name.endswith(f"_{ending}")]
