"""A database as the migrations make it, of a test's own."""

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from faultmaven_adapters.sql import MODULES, migrate, sqlite_url


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "template.db"
        with ThreadPoolExecutor(1) as thread:  # a test's own event loop may be running in this one
            thread.submit(asyncio.run, migrate(dict.fromkeys(MODULES, sqlite_url(path)))).result()
        return path.read_bytes()


def sqlite_file(directory: Path) -> str:
    """The URL of an empty database with every module's tables."""
    path = directory / "faultmaven.db"
    path.write_bytes(_migrated())
    return sqlite_url(path)
