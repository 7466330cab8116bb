"""Brings databases to the newest schema. The only import of ``alembic``, besides the history it reads."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from faultmaven_domain.kernel.errors import Misconfigured

from ..extras import needed
from .engines import POSTGRES
from .errors import translated
from .modules import MODULES
from .urls import sqlite_path

log = logging.getLogger(__name__)
#: How long another process that migrates is waited for, in seconds.
PATIENCE = 60.0
# Alembic keeps what it works on in globals.
_one_at_a_time = threading.Lock()


async def migrate(urls: Mapping[str, str]) -> list[str]:
    """Bring each module's database to the newest schema, making it where there is none; gives the revisions applied.

    A module's revisions are one transaction: all or none. Two processes at once take turns, and the second finds it
    done. Raises: Misconfigured for a database of a newer version; Unavailable; StorageFull.
    """
    return await asyncio.to_thread(_migrate, dict(urls))


def _migrate(urls: dict[str, str]) -> list[str]:
    applied: list[str] = []
    with _one_at_a_time:
        for module, url in urls.items():
            if url.partition(":")[0] in POSTGRES:
                applied += _upgraded_on_server(url, module)
            else:
                with translated(), _transaction(sqlite_path(url)) as connection:
                    applied += upgrade(connection, module)
    if applied:
        log.info("applied to the database: %s", ", ".join(applied))
    return applied


def upgrade(connection: Connection, module: str) -> list[str]:
    """Within the connection's transaction."""
    from alembic import command  # late: of all commands only a start needs it
    from alembic.config import Config
    from alembic.script.revision import ResolutionError
    from alembic.util import CommandError

    logging.getLogger("alembic").setLevel(logging.WARNING)  # what was applied, we tell ourselves
    applied: list[str] = []

    def on_version_apply(*, step: Any, **_: object) -> None:
        applied.append(step.up_revision_id)

    config = Config(
        attributes={
            "connection": connection,
            "metadata": MODULES[module].metadata,
            "version_table": f"{module}_version",
            "on_version_apply": on_version_apply,
        }
    )
    config.set_main_option("script_location", f"{__package__}:migrations")
    config.set_main_option("path_separator", "os")
    try:
        command.upgrade(config, f"{module}@head")
    except CommandError as error:
        if not isinstance(error.__cause__, ResolutionError):  # a revision nobody here has heard of
            raise
        raise Misconfigured(
            f"The {module} module's database was written by a newer version of FaultMaven than this one."
        ) from error
    return applied


def _upgraded_on_server(url: str, module: str) -> list[str]:
    needed("postgres", "asyncpg")
    needed("postgres", "greenlet")
    from .migrate_postgres import in_transaction

    return asyncio.run(in_transaction(url, module, upgrade))


@contextmanager
def _transaction(path: Path) -> Iterator[Connection]:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)  # passwords' hashes and what broke at a company are nobody else's business
    engine = create_engine(
        URL.create("sqlite", database=str(path)), poolclass=NullPool, connect_args={"timeout": PATIENCE}
    )
    event.listen(engine, "connect", _prepared)
    event.listen(engine, "begin", _begun)
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise error.orig or error from error
    finally:
        engine.dispose()


def _prepared(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _begun(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
