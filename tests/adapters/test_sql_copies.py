"""A SQLite database is copied before its tables are changed."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from faultmaven_adapters.sql import MODULES, migrate, open_sql, sqlite_url
from faultmaven_adapters.sql.migrate import pending
from faultmaven_domain.kernel.errors import Unavailable
from tests.adapters.sql_engines import upgraded_to
from tests.adapters.test_sql_migrations import HISTORY
from tests.faults import mounting

COPY = f"faultmaven.db.before-{HISTORY['case'][-1]}-{HISTORY['agent'][-1]}"


@pytest.fixture
async def old(tmp_path: Path) -> Path:
    """A file that an older version wrote, in which one module has no tables and one is up to date."""
    path = tmp_path / "faultmaven.db"
    for module in ("case", "agent"):
        await upgraded_to(sqlite_url(path), module, f"{module}_0001")
    await migrate({"evidence": sqlite_url(path)})
    return path


def beside(path: Path) -> list[str]:
    return sorted(found.name for found in path.parent.iterdir())


def rows(path: Path, words: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(words).fetchall()


async def test_holds_what_was_there(old: Path) -> None:
    """It is the database as it was, what lay in its log alone too, and it is the owner's to read."""
    with closing(sqlite3.connect(old)) as writer:
        writer.execute("INSERT INTO case_reports VALUES (1, 'rep_1', 'case_1', 'x', 'x', 'words', 'x', '[]')")
        writer.commit()
        assert old.with_name("faultmaven.db-wal").stat().st_size > 0
        await migrate(dict.fromkeys(MODULES, sqlite_url(old)))

    copy = old.with_name(COPY)
    assert rows(copy, "SELECT report_id FROM case_reports") == [("rep_1",)]
    assert rows(copy, "SELECT version_num FROM case_version") == [("case_0001",)]
    assert rows(copy, "PRAGMA integrity_check") == [("ok",)]
    assert copy.stat().st_mode & 0o777 == 0o600
    assert beside(old) == [old.name, COPY]


async def test_is_a_way_back(old: Path) -> None:
    """Put in the database's place it is upgraded again, with its data."""
    await migrate({"case": sqlite_url(old), "agent": sqlite_url(old)})
    os.replace(old.with_name(COPY), old)

    assert await migrate({"case": sqlite_url(old)}) == HISTORY["case"][1:]
    async with open_sql({"case": sqlite_url(old)}, lambda: None) as opened:
        await opened["case"].ping()


async def test_is_made_for_a_change_only(tmp_path: Path) -> None:
    """A new database, one that is up to date and one that gets another module's tables need none."""
    url = sqlite_url(tmp_path / "faultmaven.db")
    for modules in (["auth"], ["auth"], MODULES):
        await migrate(dict.fromkeys(modules, url))

    assert beside(tmp_path / "faultmaven.db") == ["faultmaven.db"]


async def test_one_is_kept_of_an_upgrade(old: Path) -> None:
    """An upgrade that failed and is begun again replaces its copy; what a killed one left half-done is cleared away."""
    old.with_name(COPY).write_bytes(b"of an earlier try")
    old.with_name(f"{COPY}.part").write_bytes(b"half of it")
    await migrate({"case": sqlite_url(old), "agent": sqlite_url(old)})

    assert rows(old.with_name(COPY), "SELECT version_num FROM case_version") == [("case_0001",)]
    assert beside(old) == [old.name, COPY]


async def test_without_a_copy_nothing_begins(old: Path) -> None:
    """Where it cannot be written the upgrade is not begun, and the message says so."""
    urls = {"case": sqlite_url(old), "agent": sqlite_url(old)}
    before = await pending(urls)
    old.with_name(COPY).mkdir()
    with pytest.raises(Unavailable, match="Nothing was changed"):
        await migrate(urls)

    assert before == await pending(urls)
    assert beside(old) == [old.name, COPY]


FULL = """
import asyncio, sys
from pathlib import Path
from faultmaven_adapters.sql import migrate, sqlite_url
from faultmaven_domain.kernel.errors import StorageFull
from tests.faults.mounting import mount
disk, old = Path(sys.argv[1]), Path(sys.argv[2])
mount(disk, megabytes=1)
path = disk / "faultmaven.db"
path.write_bytes(old.read_bytes())
try:
    asyncio.run(migrate({"case": sqlite_url(path)}))
except StorageFull as error:
    print(error.message, *[found.name for found in disk.iterdir()], sep="\\n")
"""


async def test_a_full_disk_is_told_of(old: Path) -> None:
    """Where there is no room for it the upgrade is not begun, the message says what is needed, and no half is left."""
    if not mounting.allowed(old.parent):
        pytest.skip(mounting.NOT_ALLOWED)
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("INSERT INTO case_reports VALUES (1, 'r', 'c', 'x', 'x', ?, 'x', '[]')", ("x" * 500_000,))
        connection.commit()
    words = [*mounting.NAMESPACE, sys.executable, "-c", FULL, str(old.parent / "disk"), str(old)]
    done = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    message, *left = done.stdout.splitlines()
    assert "about 1 MB" in message
    assert "Nothing was changed" in message
    assert left == ["faultmaven.db"]
