"""What a driver's errors become. The errors are the engine's own."""

import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from faultmaven_adapters.rows import RowCodec
from faultmaven_adapters.sql.errors import translated
from faultmaven_domain.kernel.errors import (
    AlreadyExists,
    Conflict,
    FaultMavenError,
    InvalidInput,
    Misconfigured,
    StorageFull,
    TooLarge,
    Unavailable,
)
from faultmaven_domain.kernel.jobs import Job
from tests.contracts.job_repository import JobRepositoryContract


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (id TEXT PRIMARY KEY, name TEXT UNIQUE, age INTEGER NOT NULL CHECK (age > 0))")
    connection.execute("INSERT INTO t VALUES ('a', 'ana', 1)")
    connection.commit()
    connection.close()
    return path


def _locked(c: sqlite3.Connection) -> None:
    other = sqlite3.connect(c.execute("PRAGMA database_list").fetchone()[2], timeout=0)
    try:
        c.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")
    finally:
        other.close()


def _full(c: sqlite3.Connection) -> None:
    c.execute("PRAGMA max_page_count=1")
    c.execute("INSERT INTO t VALUES ('b', ?, 1)", ("x" * 100_000,))


def _read_only(c: sqlite3.Connection) -> None:
    c.execute("PRAGMA query_only=ON")
    c.execute("DELETE FROM t")


def _too_big(c: sqlite3.Connection) -> None:
    c.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1_000)
    c.execute("INSERT INTO t VALUES ('b', ?, 1)", ("x" * 2_000,))


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (lambda c: c.execute("INSERT INTO t VALUES ('a', 'bob', 1)"), AlreadyExists),
        (lambda c: c.execute("INSERT INTO t VALUES ('b', 'ana', 1)"), AlreadyExists),
        (lambda c: c.execute("INSERT INTO t VALUES ('b', 'bob', 0)"), Conflict),
        (lambda c: c.execute("INSERT INTO t VALUES ('b', 'bob', NULL)"), Conflict),
        (_locked, Unavailable),
        (_full, StorageFull),
        (_read_only, Unavailable),
        (_too_big, TooLarge),
        (lambda c: sqlite3.connect("/no/such/folder/x.db").execute("SELECT 1"), Unavailable),
        (lambda c: c.execute("SELECT * FROM elsewhere"), Misconfigured),
        (lambda c: c.execute("SELECT height FROM t"), Misconfigured),
        (lambda c: c.execute("SELECT ?", ("\ud800",)), InvalidInput),
        (lambda c: c.execute("SELECT ?", (2**63,)), InvalidInput),
    ],
)
def test_is_the_domains(
    file: Path, cause: Callable[[sqlite3.Connection], object], error: type[FaultMavenError]
) -> None:
    """Each of the engine's errors is raised as the domain's word for it, without the driver's text in the message."""
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        with pytest.raises(error) as raised, translated():
            cause(connection)
        assert raised.type is error
        assert str(raised.value.__cause__) not in raised.value.message
    finally:
        connection.close()


def test_a_mistake_of_ours_stays_one(file: Path) -> None:
    """Wrong SQL is not dressed up as a trouble of the database."""
    connection = sqlite3.connect(file)
    with pytest.raises(sqlite3.OperationalError), translated():
        connection.execute("SELEKT 1")
    with pytest.raises(sqlite3.ProgrammingError), translated():
        connection.execute("SELECT :a", {})
    connection.close()


def test_a_time_without_a_zone_is_a_mistake() -> None:
    """A time that names no moment is refused before it is stored, by every adapter alike."""
    job = JobRepositoryContract().value("a", created_at=datetime(2026, 1, 1))
    with pytest.raises(ValueError, match="time zone"):
        RowCodec(Job).to_row(job)


def test_what_json_cannot_say_is_a_mistake() -> None:
    """A value that would come back as another one is refused before it is stored."""
    from tests.contracts.message_repository import MessageRepositoryContract

    message = MessageRepositoryContract().value("a", metadata={"at": datetime(2026, 1, 1)})
    with pytest.raises(TypeError):
        RowCodec(type(message)).to_row(message)
