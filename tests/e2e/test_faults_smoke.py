"""A fault or two of each kind; ``python -m tests.faults`` strikes in earnest, and holds recovery to its times."""

from pathlib import Path

import pytest

from tests.faults import everything, mounting, worker
from tests.faults.row import Row, table

SEED = 20


def broken(rows: list[Row]) -> str:
    """What did not hold, whatever the machine's speed."""
    failed = [row for row in rows if not row.holds and not row.timed]
    return table("broken promises", failed) if failed else ""


def test_a_kill_of_everything_breaks_no_promise(tmp_path: Path) -> None:
    """Killed in the middle of the demo's flow, a server has everything it acknowledged, once and whole."""
    assert broken(everything.run(tmp_path, kills=2, seed=SEED, longest=1.0, players=2)) == ""


def test_a_kill_of_the_worker_breaks_no_promise(tmp_path: Path) -> None:
    """What a killed worker had in hand another brings to its end."""
    assert broken(worker.run(tmp_path, kills=1, documents=2, turns=1, seed=SEED)) == ""


def test_a_full_disk_breaks_no_promise(tmp_path: Path) -> None:
    """A full disk is said clearly, and forgotten once there is room."""
    rows = mounting.apart("tests.faults.disk", tmp_path, fills=1, seed=SEED)
    if rows[0].figure == mounting.NOT_ALLOWED:
        pytest.skip(mounting.NOT_ALLOWED)
    assert broken(rows) == ""
