"""
The table of ``bounds.csv``: pairs of cases, and the bound of each ratio for ``make count``.

A case is named with the kind of the process that counts it: ``orjson:first``. The bounds hold for
the Python that the first line names, since each Python spends other instructions.
"""

from __future__ import annotations

import csv
import io
import platform
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

FILE = Path(__file__).with_name("bounds.csv")
#: A new bound, as a multiple of the ratio that was reached.
MARGIN = 1.03
HEADING = "# {python}; written by `make count ARGS=--set-bounds`\n"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table; *target* is None for a row that is only told, without a bound."""

    what: str
    subject: str
    beside: str
    target: float | None
    reached: float
    bound: float | None

    def counted(self, counts: Mapping[str, float]) -> Row:
        """This row with the ratio of *counts* as *reached*."""
        return replace(self, reached=counts[self.subject] / counts[self.beside])

    @property
    def is_past_bound(self) -> bool:
        return self.bound is not None and self.reached > self.bound

    @property
    def is_missed(self) -> bool:
        return self.target is not None and self.reached > self.target

    @property
    def verdict(self) -> str:
        """``PAST ITS BOUND``, ``MISSED`` (the target), ``ok``, or nothing without a target."""
        if self.is_past_bound:
            return "PAST ITS BOUND"
        if self.target is None:
            return ""
        return "MISSED" if self.is_missed else "ok"


def read() -> list[Row]:
    """The rows of the file."""
    _, *lines = FILE.read_text().splitlines(keepends=True)
    return [
        Row(
            what=line["what"],
            subject=line["subject"],
            beside=line["beside"],
            target=float(line["target"]) if line["target"] else None,
            reached=float(line["reached"]),
            bound=float(line["bound"]) if line["bound"] else None,
        )
        for line in csv.DictReader(lines)
    ]


def write(rows: Iterable[Row]) -> None:
    """Write *rows* with new bounds, each a little above the reached ratio."""
    text = io.StringIO()
    text.write(HEADING.format(python=python()))
    table = csv.DictWriter(text, [one.name for one in fields(Row)], lineterminator="\n")
    table.writeheader()
    for row in rows:
        reached = round(row.reached, 3)
        bound = None if row.target is None else round(reached * MARGIN, 3)
        table.writerow(asdict(replace(row, reached=reached, bound=bound)))
    FILE.write_text(text.getvalue())


def python() -> str:
    """The Python that counts, as the first line of the file has it."""
    major, minor, _ = platform.python_version_tuple()
    return f"{platform.python_implementation()} {major}.{minor}"


def python_of_file() -> str:
    """The Python that the bounds are for."""
    return FILE.read_text().partition(";")[0].removeprefix("# ")


def table(rows: Iterable[Row], counts: Mapping[str, float]) -> str:
    """*rows* as they are printed, with the instructions of both cases in thousands."""
    rows = list(rows)
    width = max(len(row.what) for row in rows)
    lines = [f"{'':{width}}   ratio   bound  target    thousands"]
    for row in rows:
        bound, target = (f"{one:.3f}" if one else "" for one in (row.bound, row.target))
        thousands = f"{counts[row.subject] / 1000:,.0f} / {counts[row.beside] / 1000:,.0f}"
        lines.append(
            f"{row.what:{width}} {row.reached:7.3f} {bound:>7} {target:>7} {thousands:>15}"
            f"  {row.verdict}".rstrip()
        )
    return "\n".join(lines)
