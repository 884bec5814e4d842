"""The times that the documentation gives for a command are those of `make help`."""

import re

import pytest

from tests.documentation import ROOT

if not (ROOT / "Makefile").exists():
    pytest.skip("the Makefile is not beside these tests", allow_module_level=True)

HELP = dict(re.findall(r"^([a-z-]+):.*## (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TIME = re.compile(r"(?:under a|[a-z]+|\d+) (?:minutes?|seconds)\b")
COMMAND = re.compile(r"^\$ make ([a-z-]+) .*?# (.*)$", re.MULTILINE)

#: The page, the target and the time of each command that has one.
TIMED = [
    pytest.param(target, found[0], id=f"{page.name}-{target}-{found[0]}")
    for page in PAGES
    for target, words in COMMAND.findall(page.read_text())
    if (found := TIME.search(words))
]


@pytest.mark.parametrize(("target", "time"), TIMED)
def test_the_time_of_a_command_is_that_of_make_help(target, time):
    assert TIME.search(HELP[target])[0] == time


def test_make_test_says_at_once_what_make_help_says():
    said = re.search(r'^test:.*\n.*echo "(.*?)"', (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    assert TIME.search(said)[0] == TIME.search(HELP["test"])[0]
