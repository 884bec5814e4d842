"""The measured rows as Markdown, JSON and an SVG chart."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from html import escape
from importlib.metadata import PackageNotFoundError, version
from math import log
from pathlib import Path

from benchmarks.rows.row import Row

PACKAGES = ("Django", "djangorestframework", "graphene-django", "graphql-core", "PyJWT", "orjson")


def machine() -> str:
    """The processor, system, Python and package versions of this machine."""
    packages = []
    for name in PACKAGES:
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            packages.append(f"no {name}")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()}; {python}; " + ", ".join(
        packages
    )


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| what | ratio | lowest to highest | pairs | target | |",
        "|---|---:|---|---:|---:|---|",
    ]
    for row in rows:
        target = "" if row.target is None else f"{'≥' if row.at_least else '≤'} {row.target:.2f}"
        unit = row.unit and f" {row.unit}"
        if row.ratio is None:
            lines.append(f"| {row.what} | – | {row.note} | | {target} | |")
            continue
        span = f"{row.ratio.lowest:.2f} to {row.ratio.highest:.2f}"
        lines.append(
            f"| {row.what} | {row.figure:.2f}{unit} | {span} | {row.ratio.pairs} | {target}{unit} "
            f"| {row.verdict} |"
        )
    return "\n".join(lines)


def as_json(rows: Sequence[Row]) -> str:
    """The machine and the rows as JSON."""
    told = [{**asdict(row), "figure": row.figure, "verdict": row.verdict} for row in rows]
    return json.dumps({"machine": machine(), "rows": told}, indent=2, ensure_ascii=False) + "\n"


#: In pixels: the height of a line, the left edge of the bars, and the width of the widest bar.
LINE, LEFT, WIDTH = 26, 530, 330


HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"
  font-family="system-ui, sans-serif" font-size="12">
<title>Ratios of what was measured; less is faster</title>
<style>
  text {{ fill: #57606a }} .bar {{ fill: #2f5bd8 }} .bad {{ fill: #b3261e }}
  line {{ stroke: #8c959f }}
  @media (prefers-color-scheme: dark) {{
    text {{ fill: #9aa6b6 }} .bar {{ fill: #86a8ff }} .bad {{ fill: #ff9d94 }}
  }}
</style>"""


def chart(rows: Sequence[Row]) -> str:
    """The ratios as bars on a logarithmic scale, as SVG. A figure with a unit is no ratio."""
    shown = [row for row in rows if row.ratio is not None and not row.unit]
    ratios = [row.figure for row in shown if row.figure]
    low, high = min(0.1, *ratios), max(10, *ratios)

    def across(ratio: float) -> float:
        return LEFT + WIDTH * log(ratio / low) / log(high / low)

    height = LINE * (len(shown) + 2)
    parts = [HEAD.format(width=LEFT + WIDTH + 70, height=height)]
    for number, row in enumerate(shown):
        assert row.figure is not None
        top = LINE * number + 10
        one, end = across(1), across(row.figure)
        kind = "bad" if row.verdict == "MISSED" else "bar"
        parts.append(
            f'<text x="{LEFT - 12}" y="{top + 12}" text-anchor="end">{escape(row.what)}</text>'
            f'<rect class="{kind}" x="{min(one, end):.1f}" y="{top}" height="16" rx="2" '
            f'width="{max(abs(end - one), 2):.1f}"/>'
            f'<text x="{LEFT + WIDTH + 60}" y="{top + 12}" text-anchor="end">'
            f"{row.figure:.2f}</text>"
        )
        if row.target is not None:
            place = across(row.target)
            parts.append(
                f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{top - 3}" y2="{top + 19}" '
                'stroke-width="2"/>'
            )
    parts.append(
        f'<text x="{across(1):.1f}" y="{height - 18}" text-anchor="middle">1 = as long</text></svg>'
    )
    return "\n".join(parts) + "\n"
