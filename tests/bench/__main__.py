"""Runs the scenarios and prints a table. ``--quick`` makes each small, for a smoke."""

import argparse
import sys

from . import responsive


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few documents, for a smoke")
    options = parser.parse_args()
    rows = responsive.run(documents=20 if options.quick else 500)
    width = max(len(row.what) for row in rows)
    for row in rows:
        sys.stdout.write(f"{row.what:<{width}}  {row.figure:>12}  {row.limit:>12}  {'ok' if row.holds else 'MISSED'}\n")
    sys.exit(0 if all(row.holds for row in rows) else 1)


main()
