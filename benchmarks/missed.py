"""The missed targets on the page about benchmarks, from the results that were written last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.count import bounds

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"
RESULTS = HERE / "results.json"
BEGIN, END = "<!-- missed targets, written by make bench and make count -->\n", "<!-- end -->\n"


def missed() -> str:
    """The missed targets as a Markdown table, or a sentence where there are none."""
    lines = []
    for row in bounds.read():
        if row.is_missed:
            lines.append(f"| instructions | {row.what} | {row.reached:.3f} | ≤ {row.target:.3f} |")
    timed: list[dict[str, Any]] = json.loads(RESULTS.read_text())["rows"]
    for one in timed:
        if one["verdict"] == "MISSED":
            sign = "≥" if one["at_least"] else "≤"
            unit = one["unit"] and f" {one['unit']}"
            lines.append(
                f"| time | {one['what']} | {one['figure']:.2f}{unit} "
                f"| {sign} {one['target']:.2f}{unit} |"
            )
    if not lines:
        return "Every target is met.\n"
    heading = ["| missed targets | ratio | measured | target |", "|---|---|---:|---|"]
    return "\n".join([*heading, *lines]) + "\n"


def write() -> None:
    """Write the table between its marks."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{missed()}{END}{after}")
