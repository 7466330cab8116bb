"""The schemas' history: it ends in the tables the repositories use, whoever runs it and how often."""

import asyncio
import re
import sqlite3
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect

from faultmaven_adapters.sql import MODULES, migrate, open_sql, sqlite_path, sqlite_url
from faultmaven_domain.kernel.errors import Misconfigured, Unavailable
from tests.adapters.sql_engines import taken_back

#: Each module's revisions, oldest first.
LATEST = {"agent": 3, "auth": 2, "case": 2, "evidence": 2, "knowledge": 2}
REVISIONS = [f"{module}_{number:04}" for module in MODULES for number in range(1, LATEST.get(module, 1) + 1)]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path / "faultmaven.db")


def schema(url: str) -> list[tuple[str, str]]:
    with sqlite3.connect(sqlite_path(url)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name").fetchall()
    connection.close()
    # a column that was added later has no line of its own in SQLite's own words
    return [(name, re.sub(r"\s+([,)])", r"\1", " ".join(sql.split()))) for name, sql in rows]


def differences(connection: Connection, module: str) -> list[object]:
    def ours(name: str | None, kind: str, _: object) -> bool:
        return kind != "table" or (str(name).startswith(f"{module}_") and name != f"{module}_version")

    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True, "include_name": ours}
    )
    found: list[object] = compare_metadata(context, MODULES[module].metadata)
    return found


@pytest.mark.parametrize("module", MODULES)
async def test_ends_in_the_tables_in_use(url: str, module: str) -> None:
    """A module's migrations make exactly the tables, columns and indexes that its repositories are written for."""
    await migrate({module: url})

    engine = create_engine(url)
    with engine.connect() as connection:
        assert differences(connection, module) == []
        made = set(inspect(connection).get_table_names())
    engine.dispose()
    assert made == {*MODULES[module].metadata.tables, f"{module}_version"}


async def test_ends_in_the_same_words(tmp_path: Path) -> None:
    """To the letter: partial indexes, keys and AUTOINCREMENT too are what the metadata says."""
    migrated, made = sqlite_url(tmp_path / "migrated.db"), sqlite_url(tmp_path / "made.db")
    await migrate(dict.fromkeys(MODULES, migrated))
    engine = create_engine(made)
    for module in MODULES.values():
        module.metadata.create_all(engine)
    engine.dispose()

    assert schema(made) == [(name, sql) for name, sql in schema(migrated) if not name.endswith("_version")]


async def test_twice_is_once(url: str) -> None:
    """The first run says what it did, the next that there was nothing to do; data stay."""
    urls = dict.fromkeys(MODULES, url)
    assert await migrate(urls) == REVISIONS
    with sqlite3.connect(sqlite_path(url)) as connection:
        connection.execute("INSERT INTO auth_passwords VALUES ('ana', 'hash')")
    connection.close()
    before = schema(url)

    assert await migrate(urls) == []
    assert before == schema(url)
    async with open_sql({"auth": url}, lambda: None) as opened, opened["auth"].view() as unit:
        assert await unit.passwords.get("ana") == "hash"


async def test_modules_may_lie_apart(tmp_path: Path) -> None:
    """Each module in a file of its own, in a folder that is yet to be made: each has its own tables and no other's."""
    urls = {module: sqlite_url(tmp_path / "deep" / f"{module}.db") for module in MODULES}

    assert await migrate(urls) == REVISIONS
    for module, url in urls.items():
        assert all(name.startswith((f"{module}_", "sqlite_")) for name, _ in schema(url))


async def test_is_nobody_elses_to_read(tmp_path: Path) -> None:
    """The file and the folder made for it are the owner's alone, also what SQLite lays beside the file."""
    path = tmp_path / "deep" / "faultmaven.db"
    await migrate({"auth": sqlite_url(path)})
    async with open_sql({"auth": sqlite_url(path)}, lambda: None) as opened:
        async with opened["auth"].begin() as unit:
            await unit.passwords.set("ana", "hash")

        assert path.parent.stat().st_mode & 0o777 == 0o700
        assert len(list(path.parent.iterdir())) == 3
        assert {found.stat().st_mode & 0o777 for found in path.parent.iterdir()} == {0o600}


MIGRATE = """
import asyncio, sys
from faultmaven_adapters.sql import MODULES, migrate
import alembic.command
print("ready", flush=True)
sys.stdin.readline()
print(*asyncio.run(migrate(dict.fromkeys(MODULES, sys.argv[1]))))
"""


async def test_two_processes_at_once(url: str) -> None:
    """Processes that start at the same moment take turns: each revision is applied once, by one of them."""
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE, url, stdin=pipe, stdout=pipe)
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    outputs = await asyncio.gather(*[process.communicate(b"go\n") for process in processes])

    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(REVISIONS) == sorted(revision for done, _ in outputs for revision in done.decode().split())


async def test_twice_in_one_process(url: str) -> None:
    """Two who migrate in one process take turns too."""
    done = await asyncio.gather(*[migrate(dict.fromkeys(MODULES, url)) for _ in range(2)])

    assert sorted(REVISIONS) == sorted(revision for applied in done for revision in applied)


def test_a_step_that_fails_leaves_nothing(url: str) -> None:
    """A module's migration is all or nothing: what fails half-way leaves the database as it was."""
    path = sqlite_path(url)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE case_reports (was TEXT)")  # in the way of the third table
    connection.close()
    before = schema(url)
    with pytest.raises(sqlite3.OperationalError):
        asyncio.run(migrate({"case": url}))

    assert before == schema(url)


async def test_a_newer_database_is_refused(url: str) -> None:
    """A database that a later version has changed is not touched; the message says so."""
    await migrate({"case": url})
    with sqlite3.connect(sqlite_path(url)) as connection:
        connection.execute("UPDATE case_version SET version_num = 'case_9999'")
    connection.close()

    with pytest.raises(Misconfigured, match="newer version"):
        await migrate({"case": url})


async def test_what_is_no_database_is_told_of(url: str) -> None:
    """A file of something else is left alone."""
    sqlite_path(url).write_bytes(b"something else, " * 1000)
    with pytest.raises(Unavailable):
        await migrate({"case": url})

    assert sqlite_path(url).read_bytes() == b"something else, " * 1000


async def test_can_be_taken_back(url: str) -> None:
    """Every step knows its way back, to nothing."""
    await migrate(dict.fromkeys(MODULES, url))
    for module in MODULES:
        await taken_back(url, module, f"{module}@base")

    assert [name for name, _ in schema(url) if not name.endswith("_version") and name != "sqlite_sequence"] == []


def test_every_module_is_a_branch() -> None:
    """Each module has one line of revisions, labelled with its name."""
    config = Config()
    config.set_main_option("script_location", "faultmaven_adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)

    assert set(MODULES) == {label for script in scripts.walk_revisions() for label in script.branch_labels}
    assert len(MODULES) == len(scripts.get_heads())
