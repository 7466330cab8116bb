"""Tries each combination with real processes, says how each went, and prints a table; exits with 1 where one failed."""

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen

from tests.adapters.postgres_server import shared_postgres
from tests.standins.s3 import s3_server

from .combinations import CHOICES, SENSIBLE, Combination, pairwise, refused
from .places import Shared, a_model
from .smoke import refusing, tried


@frozen
class Trial:
    """``refused`` are the words a start is to be refused with; None where it is to be a day's work."""

    combination: Combination
    refused: str | None = None

    def run(self, directory: Path, shared: Shared) -> None:
        if self.refused is None:
            tried(self.combination, directory, shared)
        else:
            refusing(self.combination, self.refused, directory, shared)

    def row(self, went: str) -> str:
        return "".join(f"{choice:<17}" for choice in (*self.combination.parts().values(), went)).rstrip()


@contextmanager
def shared(directory: Path) -> Iterator[Shared]:
    (directory / "postgres").mkdir(parents=True)
    with shared_postgres(directory / "postgres") as postgres, s3_server() as (s3, _):
        yield Shared(postgres, s3, a_model(directory / "onnx"))


def run(trials: list[Trial], directory: Path, at_once: int, say: Callable[[str], None]) -> bool:
    """Whether all went as they should; a line for each as it ends, and then the table."""
    went: dict[Trial, str] = {}

    def one(numbered: tuple[int, Trial]) -> None:
        number, trial = numbered
        began = time.monotonic()
        try:
            trial.run(directory / str(number), engines)
            went[trial] = "passed" if trial.refused is None else "refused"
        except Exception:  # noqa: BLE001 - whatever it was, it is told, and the others are tried
            went[trial] = "FAILED"
            say(traceback.format_exc())
        took = time.monotonic() - began
        say(f"{len(went)}/{len(trials)} {trial.combination}: {went[trial]} in {took:.1f} s")

    with shared(directory / "shared") as engines, ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, enumerate(trials)))
    say("".join(f"{name:<17}" for name in (*CHOICES, "went")).rstrip())
    for trial in trials:
        say(trial.row(went[trial]))
    failed = sum(how == "FAILED" for how in went.values())
    say(f"{len(trials) - failed} of {len(trials)} combinations went as they should; {len(SENSIBLE)} are possible.")
    return failed == 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.matrix", description=__doc__)
    parser.add_argument("--list", action="store_true", help="say which combinations, and try none")
    parser.add_argument("--only", nargs="*", default=[], metavar="CHOICE", help="those with each of these, as pinecone")
    parser.add_argument("-j", type=int, default=2, metavar="N", help="how many at once")
    options = parser.parse_args()
    trials = [*map(Trial, pairwise()), *(Trial(one, words) for words, one in refused().items())]
    trials = [trial for trial in trials if set(options.only) <= set(trial.combination.parts().values())]
    if options.list:
        sys.stdout.writelines(f"{trial.row(trial.refused or '')}\n" for trial in trials)
        return 0
    with tempfile.TemporaryDirectory(prefix="matrix-", ignore_cleanup_errors=True) as place:
        return 0 if run(trials, Path(place), options.j, _said) else 1


def _said(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
