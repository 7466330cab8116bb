"""Strikes, checks and prints a table; exits with 1 where a promise was broken or a bar missed."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from . import everything, fleet, mounting, worker
from .row import Row, table

Scenario = Callable[[Path, bool, int], list[Row]]


def _everything(directory: Path, quick: bool, seed: int) -> list[Row]:
    return everything.run(directory, kills=6 if quick else 50, seed=seed)


def _worker(directory: Path, quick: bool, seed: int) -> list[Row]:
    if quick:
        return worker.run(directory, kills=6, documents=18, turns=6, seed=seed, stretch=3)
    return worker.run(directory, kills=100, documents=200, turns=50, seed=seed)


def _disk(directory: Path, quick: bool, seed: int) -> list[Row]:
    return mounting.apart("tests.faults.disk", directory, fills=4 if quick else 40, seed=seed)


def _fleet(directory: Path, quick: bool, seed: int) -> list[Row]:
    return fleet.run(directory, clients=6 if quick else 50, seconds=30 if quick else 120, seed=seed)


SCENARIOS: dict[str, Scenario] = {"everything": _everything, "worker": _worker, "disk": _disk, "fleet": _fleet}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few faults, for a smoke")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the moments; else another each time")
    parser.add_argument("--keep", type=Path, help="a directory to work in, which is kept")
    parser.add_argument("scenario", nargs="*", choices=[*SCENARIOS, []], help="by default all")
    options = parser.parse_args()
    held = True
    for name in options.scenario or SCENARIOS:
        with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as place:
            began = time.monotonic()
            rows = SCENARIOS[name]((options.keep or Path(place)) / name, options.quick, options.seed)
        title = f"{name}, seed {options.seed}, {time.monotonic() - began:.0f} s"
        sys.stdout.write(table(title, rows) + "\n")
        sys.stdout.flush()
        held = held and all(row.holds for row in rows)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
