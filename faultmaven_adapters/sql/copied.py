"""A copy of a SQLite database, as it was before an upgrade changes its tables."""

import errno
import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from faultmaven_domain.kernel.errors import StorageFull, Unavailable

log = logging.getLogger(__name__)
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def copied(path: Path, upgrade: str) -> Path:
    """Write ``<file>.before-<upgrade>`` beside the file, whole or not at all, in the place of an earlier one.

    Through SQLite's backup, so that what its log alone holds is in it. One at a time: whoever upgrades has locked it.
    Raises: StorageFull; Unavailable.
    """
    copy = path.with_name(f"{path.name}.before-{upgrade}")
    part = copy.with_name(f"{copy.name}.part")
    try:
        _written(path, part)
        os.replace(part, copy)
        _on_disk(copy.parent)
    except (OSError, sqlite3.Error) as error:
        part.unlink(missing_ok=True)
        if is_full(error):
            size = path.stat().st_size / 1024**2
            raise StorageFull(
                f"There is no room for a copy of {path}, about {size:.0f} MB, which is made beside it before an "
                "upgrade. Nothing was changed; free some space and start again."
            ) from error
        raise Unavailable(
            f"{path} cannot be copied, which is done before an upgrade; is its folder writable? Nothing was changed."
        ) from error
    log.info("copied the database to %s before its upgrade", copy)
    return copy


def _written(path: Path, part: Path) -> None:
    part.unlink(missing_ok=True)
    part.touch(mode=0o600)
    with (
        closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(part)) as target,
    ):
        target.execute("PRAGMA journal_mode=OFF").close()  # an unfinished one is thrown away, not mended
        source.backup(target)
    _on_disk(part)


def _on_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_full(error: OSError | sqlite3.Error) -> bool:
    if isinstance(error, OSError):
        return error.errno in _FULL
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
