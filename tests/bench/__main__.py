"""Runs the benchmarks and prints a table, a line as soon as it is known. ``--quick`` makes each small, for a smoke."""

import argparse
import sys
from collections.abc import Callable

from . import asking, case_list, cases, embedding, idle_loop, overload, responsive, scale, search, start, streams, turns
from .row import Row

#: By name, each with whether it is to be quick.
BENCHES: dict[str, Callable[[bool], list[Row]]] = {
    "start": lambda quick: start.run(quick=quick),
    "cases": lambda quick: cases.run(quick=quick),
    "case_list": lambda quick: case_list.run(quick=quick),
    "scale": lambda quick: scale.run(quick=quick),
    "search": lambda quick: search.run(documents=60, searches=20) if quick else search.run(),
    "embedding": lambda quick: embedding.run(passages=16, rounds=1) if quick else embedding.run(),
    "turns": lambda quick: turns.run(quick=quick),
    "asking": lambda quick: asking.run(quick=quick),
    "idle_loop": lambda quick: idle_loop.run(quick=quick),
    "streams": lambda quick: streams.run(streams=20 if quick else 200),
    "overload": lambda quick: overload.run(uploads=20, slow=100) if quick else overload.run(),
    "responsive": lambda quick: responsive.run(documents=20 if quick else 500),
}
_WIDTH = 96


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds of each, for a smoke")
    parser.add_argument(
        "bench", nargs="*", metavar="BENCH", choices=[*BENCHES, []], help=f"of {', '.join(BENCHES)}; by default all"
    )
    options = parser.parse_args()
    rows: list[Row] = []
    for name in options.bench or BENCHES:
        for row in BENCHES[name](options.quick):
            sys.stdout.write(f"{row.what:<{_WIDTH}}  {row.figure:>14}  {row.limit:>14}  {_verdict(row)}\n")
            sys.stdout.flush()
            rows.append(row)
    sys.exit(0 if all(row.holds or row.aim for row in rows) else 1)


def _verdict(row: Row) -> str:
    if not row.limit:
        return ""
    if row.aim:
        return "aim met" if row.holds else "AIM MISSED"
    return "ok" if row.holds else "MISSED"


if __name__ == "__main__":
    main()
