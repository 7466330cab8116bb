"""Brings databases to the newest schema. The only import of ``alembic``, besides the history it reads."""

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from faultmaven_domain.kernel.errors import Misconfigured, StorageFull

from ..extras import needed
from .copied import copied, is_full
from .engines import POSTGRES
from .errors import translated
from .modules import MODULES
from .urls import sqlite_path

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

log = logging.getLogger(__name__)
logging.getLogger("alembic").setLevel(logging.WARNING)  # what was applied, we tell ourselves
#: How long another process that migrates is waited for, in seconds.
PATIENCE = 60.0
# Alembic keeps what it works on in globals.
_one_at_a_time = threading.Lock()
Work = Callable[[Connection, str], list[str]]


async def migrate(urls: Mapping[str, str]) -> list[str]:
    """Bring each module's database to the newest schema, making it where there is none; gives the revisions applied.

    A module's revisions are one transaction: all or none. Two processes at once take turns, and the second finds it
    done. A SQLite file with tables that are to be changed is copied first, beside itself.
    Raises: Misconfigured for a database of a newer version, or a file that cannot be made; Unavailable; StorageFull.
    """
    applied = await asyncio.to_thread(_done, dict(urls), _in_file, upgrade)
    if applied:
        log.info("applied to the database: %s", ", ".join(applied))
    return applied


async def pending(urls: Mapping[str, str]) -> list[str]:
    """The revisions that :func:`migrate` would apply; nothing is changed or made. Raises as it does."""
    return await asyncio.to_thread(_done, dict(urls), _of_file, ahead)


def _done(urls: dict[str, str], in_file: Callable[[Path, list[str]], list[str]], on_server: Work) -> list[str]:
    found: list[str] = []
    with _one_at_a_time:
        for url in dict.fromkeys(urls.values()):
            modules = [module for module, its in urls.items() if its == url]
            if url.partition(":")[0] not in POSTGRES:
                found += in_file(sqlite_path(url), modules)
                continue
            needed("postgres", "asyncpg")
            needed("postgres", "greenlet")
            from .migrate_postgres import in_transaction

            for module in modules:
                found += asyncio.run(in_transaction(url, module, on_server))
    return found


def _in_file(path: Path, modules: list[str]) -> list[str]:
    applied: list[str] = []
    kept = False
    for module in modules:
        with translated(), _transaction(path) as connection:
            if not kept and (changes := _changes(connection, modules)):
                copied(path, "-".join(changes))  # while nobody else can write
                kept = True
            applied += upgrade(connection, module)
    return applied


def _changes(connection: Connection, modules: list[str]) -> list[str]:
    """Where the modules that have tables and are behind will be: to make tables where there are none harms nothing."""
    behind = {module: ahead(connection, module) for module in modules if _current(connection, module) is not None}
    return [revisions[-1] for revisions in behind.values() if revisions]


def _of_file(path: Path, modules: list[str]) -> list[str]:
    with _in_place(path):
        there = path.exists()
    if not there:
        return [revision for module in modules for revision in _history(module)]
    with translated(), _connection(path, "query_only=ON") as connection:
        return [revision for module in modules for revision in ahead(connection, module)]


def upgrade(connection: Connection, module: str, to: str = "head") -> list[str]:
    """Within the connection's transaction; gives the revisions applied. Raises: Misconfigured for a newer database."""
    if not ahead(connection, module):
        return []
    from alembic import command  # late: of all commands only a start needs it

    applied: list[str] = []

    def on_version_apply(*, step: Any, **_: object) -> None:
        applied.append(step.up_revision_id)

    given = {"connection": connection, "metadata": MODULES[module].metadata, "version_table": f"{module}_version"}
    command.upgrade(_config(given | {"on_version_apply": on_version_apply}), f"{module}@head" if to == "head" else to)
    return applied


def ahead(connection: Connection, module: str) -> list[str]:
    """The revisions a module's database has yet to be given, oldest first. Raises: Misconfigured for a newer one."""
    its, current = _history(module), _current(connection, module)
    if current is None:
        return its
    if current not in its:  # a revision nobody here has heard of
        raise Misconfigured(
            f"The {module} module's database was written by a newer version of FaultMaven than this one."
        )
    return its[its.index(current) + 1 :]


def _history(module: str) -> list[str]:
    """A module's revisions, oldest first."""
    return [one.revision for one in _script().walk_revisions("base", f"{module}@head")][::-1]


@cache
def _script() -> "ScriptDirectory":
    from alembic.script import ScriptDirectory

    return ScriptDirectory.from_config(_config({}))


def _current(connection: Connection, module: str) -> str | None:
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"version_table": f"{module}_version"})
    return context.get_current_revision()


def _config(attributes: dict[str, Any]) -> "Config":
    from alembic.config import Config

    config = Config(attributes=attributes)
    config.set_main_option("script_location", f"{__package__}:migrations")
    config.set_main_option("path_separator", "os")
    return config


@contextmanager
def _transaction(path: Path) -> Iterator[Connection]:
    """One that writes, in a file that is made where there is none."""
    with _in_place(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)  # passwords' hashes and what broke at a company are nobody else's business
    with _connection(path, "journal_mode=WAL", "synchronous=FULL") as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection


@contextmanager
def _in_place(path: Path) -> Iterator[None]:
    """Raises: StorageFull; Misconfigured where the file cannot be there."""
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise StorageFull from error
        raise Misconfigured(f"The database {path} cannot be used: {error.strerror}. Check DATABASE_URL.") from error


@contextmanager
def _connection(path: Path, *pragmas: str) -> Iterator[Connection]:
    """What was begun on it is committed at the end of the block."""

    def opened() -> sqlite3.Connection:
        made = sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True, timeout=PATIENCE, isolation_level=None)
        for pragma in pragmas:
            made.execute(f"PRAGMA {pragma}").close()
        return made

    engine = create_engine("sqlite://", creator=opened, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            yield connection
    except DBAPIError as error:
        raise error.orig or error from error
    finally:
        engine.dispose()
