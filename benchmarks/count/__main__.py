"""``python -m benchmarks.count [--set-bounds]``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from benchmarks import missed, needs
from benchmarks.count import bounds, callgrind


def main(arguments: Sequence[str] | None = None) -> int:
    """Count and print the table; return 1 if a row is past its bound."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.count", description=main.__doc__)
    parser.add_argument(
        "--set-bounds", action="store_true", help="write bounds a little above what is counted"
    )
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        if not options.set_bounds:
            _check_python()
        rows = bounds.read()
        counts = callgrind.count_all({name for row in rows for name in (row.subject, row.beside)})
    except needs.LackingError as lacking:
        sys.stdout.write(f"make count is {needs.skip(lacking)}\n")
        return 0
    rows = [row.counted(counts) for row in rows]
    took = time.monotonic() - started
    if options.set_bounds:
        bounds.write(rows)
        missed.write()
        rows = bounds.read()
    sys.stdout.write(f"{bounds.table(rows, counts)}\n{len(rows)} rows in {took:.0f} s.\n")
    past = [row for row in rows if row.is_past_bound]
    for row in past:
        sys.stderr.write(f"{row.what}: {row.reached:.3f} is past its bound of {row.bound:.3f}.\n")
    return 1 if past else 0


def _check_python() -> None:
    if bounds.python() != bounds.python_of_file():
        raise needs.LackingError(
            f"The bounds are for {bounds.python_of_file()}, and this is {bounds.python()}."
        )


if __name__ == "__main__":
    sys.exit(main())
