"""The how-tos on existing projects: each project passes its tests, and its page has its code."""

import os
import re
import subprocess
import sys

import pytest

from tests.documentation import ROOT, blocks

PLACE = ROOT / "tests" / "adoptions"

#: The packages that each project needs, beside the library, and its page.
PROJECTS = {
    "clinic": (["rest_framework"], "from-a-drf-project.md"),
    "archive": (["graphene_django", "django_filters"], "from-a-graphene-project.md"),
}


@pytest.mark.parametrize("project", PROJECTS)
def test_a_project_passes_its_own_tests(project):
    for package in PROJECTS[project][0]:
        pytest.importorskip(package, reason=f"{package} is not installed")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "django", "test", project],
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": f"{project}.settings",
            "PYTHONPATH": os.pathsep.join([str(PLACE), *filter(None, sys.path)]),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(re.search(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)[1]) > 5


@pytest.mark.parametrize("project", PROJECTS)
def test_the_page_has_the_code_of_the_project(project):
    page = ROOT / "docs" / "how-to" / PROJECTS[project][1]
    if not page.exists():
        pytest.skip("docs/ is not beside these tests")
    shown = blocks(page, "python")
    assert shown
    for code in shown:
        heading, _, rest = code.partition("\n")
        source = (PLACE / heading.removeprefix("# ")).read_text()
        missing = [piece for piece in rest.strip("\n").split("\n    ...\n") if piece not in source]
        assert not missing, f"{heading} has no such code"
