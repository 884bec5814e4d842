"""The page on settings has every setting, its default and its rule, and no other."""

import re

import pytest

from django_partstream.conf import SETTINGS
from partstream_graphql import ProgressiveConnection
from partstream_rest import ProgressiveView
from tests.documentation import ROOT, blocks, run_module

PAGE = ROOT / "docs" / "reference" / "settings.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

#: The cells of each row that begins with a key in capital letters.
ROWS = [
    [cell.strip() for cell in row.split("|")]
    for row in re.findall(r"^\| (`[A-Z_]+` \|.*) \|$", PAGE.read_text(), re.MULTILINE)
]


def test_the_page_has_each_setting_once():
    assert sorted(row[0].strip("`") for row in ROWS) == sorted(SETTINGS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip("`"))
def test_a_row_has_the_default_the_attribute_and_the_rule_of_the_setting(row):
    key, default, *attribute, _, rule = row
    known = SETTINGS[key.strip("`")]
    assert (default.strip("`"), rule) == (repr(known.default), known.wants)
    assert attribute in ([], [""], [f"`{key.strip('`').lower()}`"])


def test_an_attribute_of_the_page_is_one_that_a_view_or_connection_has():
    on_page = {row[2].strip("`") for row in ROWS if len(row) == 5 and row[2]}
    keys = {key.lower() for key in SETTINGS}
    assert on_page == {
        name
        for name in keys
        if hasattr(ProgressiveConnection, name) or hasattr(ProgressiveView, name)
    }


def test_the_settings_of_the_page_are_accepted(monkeypatch):
    (code,) = blocks(PAGE, "python")
    for key, value in run_module(monkeypatch, code, "shop.settings").PARTSTREAM.items():
        assert SETTINGS[key].accepts(value)
