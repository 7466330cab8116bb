"""The schemas' history on both engines: it ends in the tables the repositories use, and half of it is never seen."""

import asyncio
import re
import sqlite3
import sys
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect

from faultmaven_adapters.sql import MODULES, migrate, migrations, open_sql, sqlite_path, sqlite_url
from faultmaven_adapters.sql.migrate import pending
from faultmaven_domain.kernel.errors import Misconfigured, Unavailable
from tests.adapters.sql_engines import inside, new_url, scripted

__all__ = ["new_url"]

#: Each module's revisions, oldest first.
HISTORY = {
    module: sorted(file.stem for file in Path(migrations.__file__).parent.glob(f"versions/{module}_*.py"))
    for module in MODULES
}
REVISIONS = [revision for revisions in HISTORY.values() for revision in revisions]


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


async def test_ends_in_the_tables_in_use(new_url: str) -> None:
    """The migrations make exactly the tables, columns and indexes that each module's repositories are written for."""
    await migrate(dict.fromkeys(MODULES, new_url))

    for module in MODULES:
        assert await inside(new_url, lambda connection, _, module=module: differences(connection, module)) == []
    made = await inside(new_url, lambda connection, _: inspect(connection).get_table_names())
    expected = {name for module in MODULES.values() for name in module.metadata.tables}
    assert set(made) == expected | {f"{module}_version" for module in MODULES}


async def test_ends_in_the_same_words(tmp_path: Path) -> None:
    """To the letter: partial indexes, keys and AUTOINCREMENT too are what the metadata says."""
    migrated, made = sqlite_url(tmp_path / "migrated.db"), sqlite_url(tmp_path / "made.db")
    await migrate(dict.fromkeys(MODULES, migrated))
    engine = create_engine(made)
    for module in MODULES.values():
        module.metadata.create_all(engine)
    engine.dispose()

    assert schema(made) == [(name, sql) for name, sql in schema(migrated) if not name.endswith("_version")]


async def test_twice_is_once(new_url: str) -> None:
    """It is told beforehand what is to be done, then that it was, then that there is nothing to do; data stay."""
    urls = dict.fromkeys(MODULES, new_url)
    assert await pending(urls) == REVISIONS
    assert await inside(new_url, lambda connection, _: inspect(connection).get_table_names()) == []
    assert await migrate(urls) == REVISIONS
    await scripted(new_url, "INSERT INTO auth_passwords VALUES ('ana', 'hash')")

    assert await pending(urls) == await migrate(urls) == []
    async with open_sql({"auth": new_url}, lambda: None) as opened, opened["auth"].view() as unit:
        assert await unit.passwords.get("ana") == "hash"


async def test_modules_may_lie_apart(tmp_path: Path) -> None:
    """Each module in a file of its own, in a folder that is yet to be made: each has its own tables and no other's."""
    urls = {module: sqlite_url(tmp_path / "deep" / f"{module}.db") for module in MODULES}
    assert await pending(urls) == REVISIONS
    assert not (tmp_path / "deep").exists()

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


#: Says what it applied; where told to, it halts half-way through the case module's migration, and waits to be killed.
MIGRATE = """
import asyncio, sys, time
from sqlalchemy import Engine, event
from faultmaven_adapters.sql import MODULES, migrate
url, halts = sys.argv[1:]

def half_way(connection, cursor, statement, *_):
    if halts == "halts" and "CREATE TABLE case_reports" in statement:
        print("half", flush=True)
        time.sleep(600)

event.listen(Engine, "before_cursor_execute", half_way)
print("begins", flush=True)
print(*asyncio.run(migrate(dict.fromkeys(MODULES, url))))
"""


async def started(url: str, *, halts: bool = False) -> asyncio.subprocess.Process:
    words = (sys.executable, "-c", MIGRATE, url, "halts" if halts else "")
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    assert await process.stdout.readline() == b"begins\n"
    return process


async def test_many_start_at_once_and_one_is_killed(new_url: str) -> None:
    """A process killed half-way leaves none of that module; of those that waited, one does the rest, once."""
    halted = await started(new_url, halts=True)
    assert halted.stdout is not None
    assert await halted.stdout.readline() == b"half\n"
    other = await started(new_url)
    own = asyncio.create_task(migrate(dict.fromkeys(MODULES, new_url)))
    halted.kill()
    await halted.communicate()
    (output, _), applied = await asyncio.gather(other.communicate(), own)

    assert other.returncode == 0
    done = [*output.decode().split(), *applied]
    assert sorted(done) == sorted(revision for revision in REVISIONS if not revision.startswith("auth_"))
    assert await pending(dict.fromkeys(MODULES, new_url)) == []
    for module in MODULES:
        assert await inside(new_url, lambda connection, _, module=module: differences(connection, module)) == []


async def test_twice_in_one_process(url: str) -> None:
    """Two who migrate in one process take turns too."""
    done = await asyncio.gather(*[migrate(dict.fromkeys(MODULES, url)) for _ in range(2)])

    assert sorted(REVISIONS) == sorted(revision for applied in done for revision in applied)


async def test_a_step_that_fails_leaves_nothing(new_url: str) -> None:
    """A module's migration is all or nothing: what fails half-way leaves all as it was, and may be done again."""
    await scripted(new_url, "CREATE TABLE case_reports (was TEXT)")  # in the way of the third table
    with pytest.raises((sqlite3.OperationalError, asyncpg.DuplicateTableError)):
        await migrate({"case": new_url})
    assert await inside(new_url, lambda connection, _: inspect(connection).get_table_names()) == ["case_reports"]

    await scripted(new_url, "DROP TABLE case_reports")
    assert await migrate({"case": new_url}) == HISTORY["case"]


async def test_a_newer_database_is_refused(new_url: str) -> None:
    """A database that a later version has changed is not touched, nor said to be in order; the message says so."""
    await migrate({"case": new_url})
    await scripted(new_url, "UPDATE case_version SET version_num = 'case_9999'")

    for ask in (migrate, pending):
        with pytest.raises(Misconfigured, match="newer version"):
            await ask({"case": new_url})


async def test_what_is_no_database_is_told_of(url: str) -> None:
    """A file of something else is left alone."""
    sqlite_path(url).write_bytes(b"something else, " * 1000)
    for ask in (migrate, pending):
        with pytest.raises(Unavailable):
            await ask({"case": url})

    assert sqlite_path(url).read_bytes() == b"something else, " * 1000


async def test_a_place_that_cannot_be_is_told_of(tmp_path: Path) -> None:
    """Where a folder of the file's is a file itself, the setting is named."""
    (tmp_path / "there").touch()
    with pytest.raises(Misconfigured, match="DATABASE_URL"):
        await migrate({"case": sqlite_url(tmp_path / "there" / "faultmaven.db")})


def test_every_module_is_a_branch() -> None:
    """Each module has one line of revisions, labelled with its name."""
    config = Config()
    config.set_main_option("script_location", "faultmaven_adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)

    assert set(MODULES) == {label for script in scripts.walk_revisions() for label in script.branch_labels}
    assert len(MODULES) == len(scripts.get_heads())
    assert sorted(REVISIONS) == sorted(script.revision for script in scripts.walk_revisions())
