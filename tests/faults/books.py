"""What the database itself says, read beside a live server or from a copy of a dead one's files."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

ENDED = {"completed", "failed", "cancelled"}
DATABASE = "faultmaven.db"


@frozen
class JobRow:
    job_id: str
    kind: str
    subject_id: str
    state: str
    attempts: int
    progress: float
    error: str | None

    @property
    def ended(self) -> bool:
        return self.state in ENDED


@frozen
class DocumentRow:
    document_id: str
    revision: str | None
    passage_count: int
    status: str


def jobs(data: Path) -> dict[str, JobRow]:
    """Every module's jobs by their id, while a server may be writing."""
    with _opened(data / DATABASE) as connection:
        return _jobs(connection)


def documents(data: Path) -> list[DocumentRow]:
    statement = "SELECT document_id, revision, passage_count, status FROM knowledge_documents"
    with _opened(data / DATABASE) as connection:
        return [DocumentRow(*row) for row in connection.execute(statement)]


def unsent(data: Path) -> list[str]:
    """Messages that still wait in an outbox, of whichever module."""
    with _opened(data / DATABASE) as connection:
        found = [
            row for table in _tables(connection, "outbox") for row in connection.execute(f"SELECT id FROM {table}")
        ]
    return [str(row[0]) for row in found]


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
    found: dict[str, JobRow] = {}
    if (copy / DATABASE).exists():
        with _opened(copy / DATABASE) as connection:
            found = _jobs(connection)
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


def _jobs(connection: sqlite3.Connection) -> dict[str, JobRow]:
    columns = "job_id, kind, subject_id, state, attempts, progress, error"
    tables = _tables(connection, "jobs")
    rows = [row for table in tables for row in connection.execute(f"SELECT {columns} FROM {table}")]
    return {row[0]: JobRow(*row) for row in rows}


def _tables(connection: sqlite3.Connection, ending: str) -> list[str]:
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return [name for name in names if name.endswith(f"_{ending}")]
