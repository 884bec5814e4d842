"""The README: its example runs as pasted, and its figures are those of the benchmarks."""

import json
import re
import tomllib

import pytest

from tests.documentation import README, ROOT, blocks
from tests.project import Project

TEXT = README.read_text()
RESULTS = ROOT / "benchmarks" / "results.json"


def test_the_readme_has_at_most_130_lines():
    assert len(TEXT.splitlines()) <= 130


def test_the_example_of_the_readme_prints_what_the_readme_shows(tmp_path):
    project = Project(tmp_path)
    try:
        (code,) = blocks(README, "python")
        project.save(code)
        serve, ask, _ = blocks(README, "console")
        project.check(serve)
        project.check(ask)
        page = project.run("curl -sf -H 'Accept: text/html' http://127.0.0.1:8000/")
        assert "Corner Shop" in page
    finally:
        project.close()


@pytest.mark.skipif(not RESULTS.exists(), reason="benchmarks/ is not beside these tests")
@pytest.mark.parametrize(
    ("row", "words", "what"),
    [
        ("**django-partstream**", "first page {}", "first page / one blocking view (parts of"),
        ("**django-partstream**", "stream {} of", "all parts of a stream / the slowest (REST, g"),
        ("**django-partstream**", "pages {} and", "REST, first page / plain DRF view"),
        ("**django-partstream**", "and {} of a plain", "REST, cursor page / plain DRF view"),
        ("n endpoints", "at once: {} of", "six endpoints at once / one blocking view (parts"),
        ("`@defer` elsewhere", "Strawberry: {} of", "strawberry, one of the two in @defer /"),
        ("Inertia deferred props", "pages {} and", "inertia-django, page with two deferred"),
        ("Inertia deferred props", "and {} of", "inertia-django, the deferred props /"),
    ],
)
def test_a_figure_of_the_readme_is_that_of_the_benchmarks(row, words, what):
    (line,) = [line for line in TEXT.splitlines() if line.startswith(f"| {row}")]
    measured = json.loads(RESULTS.read_text())["rows"]
    (figure,) = [one["figure"] for one in measured if one["what"].startswith(what)]
    assert words.format(f"{figure:.2f}") in line


def test_the_commands_of_the_readme_are_targets_of_make():
    makefile = ROOT / "Makefile"
    if not makefile.exists():
        pytest.skip("The Makefile is not beside these tests.")
    for target in re.findall(r"^\$ make (\S+)", TEXT, re.MULTILINE):
        assert f"\n{target}: " in makefile.read_text()


def test_no_link_of_the_readme_is_broken_on_pypi():
    """PyPI shows the README without the project's other files: a link to one is left out there."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["metadata"]
    shown = TEXT
    for each in settings["hooks"]["fancy-pypi-readme"]["substitutions"]:
        shown = re.sub(each["pattern"], each["replacement"], shown)
    assert re.findall(r"\]\((?!https://)[^)]*\)", shown) == []
    assert "[Guards](docs/guide.md#guards)" in TEXT
    assert "| Guards | `safe_call`" in shown
