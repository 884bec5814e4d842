"""The page on compatibility names sessions that exist, that CI runs, and the lowest versions."""

import ast
import re
import tomllib

import pytest

from tests.documentation import ROOT

PAGE = ROOT / "docs/compatibility.md"
if not all(path.exists() for path in (ROOT / "noxfile.py", ROOT / ".ci/run", PAGE)):
    pytest.skip("needs the files of the repository", allow_module_level=True)

#: The words for a cell that no session covers.
UNCOVERED = ("untested", "none: ")


def rows():
    """The cells of each row of each table, without the heads."""
    lines = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    heads = [at - 1 for at, line in enumerate(lines) if line.startswith("|---")]
    kept = [line for at, line in enumerate(lines) if not {at, at - 1} & set(heads)]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in kept]


CELLS = [pytest.param(cell, id=f"{name}: {cell}") for name, *cells in rows() for cell in cells]


def is_session(decorator):
    return "nox.session" in ast.unparse(decorator)


def declared():
    """The names of the sessions in noxfile.py, without a Python."""
    return {
        one.name
        for one in ast.parse((ROOT / "noxfile.py").read_text()).body
        if isinstance(one, ast.FunctionDef) and any(map(is_session, one.decorator_list))
    }


def pythons():
    """The Django of each Python that `tests` has a session for, as noxfile.py pins it."""
    source = (ROOT / "noxfile.py").read_text()
    return ast.literal_eval(re.search(r"^DJANGO = (\{.*?\})", source, re.MULTILINE | re.DOTALL)[1])


def in_ci():
    """What `.ci/run` runs: its targets of make, and its sessions."""
    script = (ROOT / ".ci/run").read_text()
    listed = re.search(r"^jobs=\((.*?)\)", script, re.MULTILINE | re.DOTALL)[1]
    return {quoted or bare for quoted, bare in re.findall(r"'(.*?)'|(\S+)", listed)}


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_names_what_ci_runs_or_says_untested(cell):
    named = re.findall(r"`(.*?)`", cell)
    assert bool(named) is not cell.startswith(UNCOVERED)
    assert set(named) <= in_ci()


def test_a_session_of_the_page_is_declared_in_noxfile():
    named = {name for row in rows() for name in re.findall(r"`(.*?)`", " ".join(row))}
    sessions = {name.partition("-")[0] for name in named if not name.startswith("make")}
    assert sessions <= declared()


def test_a_session_of_the_workflow_is_declared_in_noxfile():
    workflow = ROOT / ".github/workflows/tests.yml"
    named = " ".join(re.findall(r"nox -s (.*?) }", workflow.read_text())).split()
    assert "tests-3.14" in named
    assert {name.partition("-")[0] for name in named} <= declared()


def test_each_session_of_a_python_is_in_the_column_of_its_django():
    head = next(line for line in PAGE.read_text().splitlines() if "Django 5.2" in line)
    columns = re.findall(r"Django (\d\.\d)", head)
    table = {name.removeprefix("Python "): cells for name, *cells in rows() if "Python" in name}
    for python, django in pythons().items():
        for column, cell in zip(columns, table[python], strict=True):
            if f"`tests-{python}`" in cell or (python == "3.12" and "`wheel`" in cell):
                assert column == re.search(r"\d\.\d", django)[0]


def test_the_lowest_versions_are_those_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = " ".join(map(" ".join, project["optional-dependencies"].values()))
    names = {"Django REST framework": "djangorestframework", "graphql-core 3.2": "graphql-core"}
    stated = {row[0]: row[1] for row in rows() if "`lowest`" in row[1] and "Python" not in row[0]}
    assert stated
    for name, cell in stated.items():
        lowest = f"{names.get(name, name.lower())}>={cell.partition(':')[0]}"
        assert re.search(rf"(^|\s){re.escape(lowest)}(\s|$)", required), lowest
