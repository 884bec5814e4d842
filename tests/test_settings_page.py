"""The page on installation lists each extra; the settings are in the reference."""

import re
import tomllib

import pytest

from tests.documentation import ROOT, commands

PAGE = ROOT / "docs" / "settings.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)


def test_every_extra_that_the_page_installs_is_one_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {name for line in commands(PAGE) for name in re.findall(r"[\[,](\w+)(?=[\],])", line)}
    inner = {"demo", "docs", "test", "test-graphql", "test-engines", "bench", "dev"}
    assert named == project["optional-dependencies"].keys() - inner
