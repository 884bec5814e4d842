"""The figures of the page on why are those of the benchmarks."""

import json
import re

import pytest

from tests.documentation import ROOT

PAGE = ROOT / "docs" / "why.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

ROWS = re.findall(r"^\| (.+?) \| ([\d.]+) \|$", PAGE.read_text(), re.MULTILINE)


def test_each_figure_of_the_page_is_that_of_the_benchmarks():
    measured = json.loads((ROOT / "benchmarks" / "results.json").read_text())["rows"]
    figures = {one["what"]: f"{one['figure']:.2f}" for one in measured if one["figure"]}
    assert len(ROWS) == 12
    assert dict(ROWS) == {what: figures[what] for what, _ in ROWS}


def test_a_tiny_page_costs_what_the_page_says():
    figures = dict(ROWS)
    first, following = (
        figures[f"REST, {page} page / plain DRF view"] for page in ("first", "cursor")
    )
    assert (round(float(first), 1), round(float(following), 1)) == (1.4, 1.5)
    assert "1.4 to 1.5 times as much" in PAGE.read_text()
