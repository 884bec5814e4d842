"""``python -m benchmarks [--quick] [--check]``."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import django

RESULTS = Path(__file__).parent
#: Seconds of measurement for each row of the table.
FULL, QUICK = 10.0, 0.5


def main() -> int:
    """Measure and print the table; a full run also writes it. ``--check`` returns 1 on a miss."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure in a minute, write no files")
    parser.add_argument("--seconds", type=float, help="seconds of measurement for each row")
    parser.add_argument("--check", action="store_true", help="fail if a target is missed")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.settings")
    django.setup()
    from benchmarks import missed, report, strawberry
    from benchmarks.rows import rows, streams

    if not options.quick:
        strawberry.install()
    started = time.monotonic()
    measured = []
    seconds = options.seconds
    if seconds is None:
        seconds = QUICK if options.quick else FULL
    for row in rows(seconds):
        measured.append(row)
        sys.stderr.write(f"{row.what}: {row.figure:.2f}\n" if row.figure else "")
    table = report.markdown(measured)
    took = time.monotonic() - started
    sys.stdout.write(f"\n{table}\n\n{report.machine()}\n{len(measured)} rows in {took:.0f} s.\n")
    if not options.quick:
        heading = (
            "# Figures of the benchmarks\n\n"
            "Written by `make bench`. Less is faster; pairs timed in turn. "
            f"Of streams the best of {streams.RUNS} runs.\n\n{table}\n"
        )
        (RESULTS / "results.md").write_text(f"{heading}\n{report.machine()}\n")
        (RESULTS / "results.json").write_text(report.as_json(measured))
        (RESULTS / "chart.svg").write_text(report.chart(measured))
        missed.write()
    is_missed = any(row.verdict == "MISSED" for row in measured)
    return 1 if options.check and is_missed else 0


if __name__ == "__main__":
    sys.exit(main())
