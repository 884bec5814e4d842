"""The page on settings lists each setting with its default, and each extra."""

import re
import tomllib

import pytest

from django_partstream.conf import SETTINGS
from tests.documentation import ROOT, commands

PAGE = ROOT / "docs" / "settings.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)


def test_every_setting_is_on_the_page_with_its_default():
    listed = PAGE.read_text().partition("\n## Settings\n")[2]
    rows = re.findall(r"^\| `([A-Z_]+)` \| `?(\w+)`? \|", listed, re.MULTILINE)
    assert dict(rows) == {name: str(known.default) for name, known in SETTINGS.items()}


def test_every_extra_that_the_page_installs_is_one_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {name for line in commands(PAGE) for name in re.findall(r"[\[,](\w+)(?=[\],])", line)}
    inner = {"demo", "docs", "test", "test-graphql", "test-engines", "bench", "dev"}
    assert named == project["optional-dependencies"].keys() - inner
