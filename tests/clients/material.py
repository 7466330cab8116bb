"""What the clients send: an incident's log, and the runbook that fits it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

QUESTION = "Uploads to the store fail with 'Disk quota exceeded' since this morning. Why?"
RUNBOOK_TITLE = "Disk quota exceeded"
RUNBOOK = """# Disk quota exceeded

## Meaning

The volume of the store has used up its quota, and every write to it fails.

## Diagnosis

- Run `df -h /srv/store` and compare it with the quota of the volume.
- Look for segments that were never compacted.

## Causes

- Compaction was switched off, so that old segments are never deleted.

## Fix

1. Switch compaction on again.
2. Delete the old segments with `storectl compact --now`.
"""
_BEGIN = datetime(2026, 5, 1, 10)


def log() -> bytes:
    """Ten quiet minutes, a change, and then writes that fail."""
    return "".join(_lines()).encode()


def _lines() -> Iterator[str]:
    for n in range(600):
        yield _line(n, "INFO", f"segment {n} written in {n % 7 + 3} ms")
    yield _line(600, "INFO", "configuration reloaded: compaction changed from on to off")
    for n in range(90):
        yield _line(601 + 2 * n, "ERROR", f"write of segment {600 + n} failed: Disk quota exceeded")
        yield _line(602 + 2 * n, "WARN", f"upload {n} is tried again")


def _line(second: int, level: str, message: str) -> str:
    return f"{_BEGIN + timedelta(seconds=second):%Y-%m-%d %H:%M:%S} {level} store: {message}\n"
