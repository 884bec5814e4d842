"""The page on upgrading promises what the code does, and names tests that are there."""

import re
import shlex

import pytest

from django_partstream import cursors
from django_partstream.management.commands.partstream import Command
from tests.documentation import ROOT, folder_of

PAGE = ROOT / "docs" / "upgrading.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

TEXT = " ".join(PAGE.read_text().split())
SOURCES = [
    path
    for name in ("django_partstream", "partstream_rest", "partstream_graphql")
    for path in folder_of(name).rglob("*.py")
]


def test_each_promise_names_a_test_that_is_there():
    named = re.findall(r"`(tests/\S+\.py)` \|$", PAGE.read_text(), re.MULTILINE)
    assert len(named) == len(re.findall(r"^\| .* \| .* \| `", PAGE.read_text(), re.MULTILINE)) == 7
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_formats_of_cursors_are_those_of_the_page():
    assert "There are two formats of cursors" in TEXT
    assert (cursors.FORMAT, cursors.OWING_FORMAT) == (1, 2)
    page = cursors.Cursor(after="orders", position=1)
    pending = cursors.Cursor(after="orders", position=1, owed={"orders": 1})
    start = cursors.Cursor(after="", position=0)
    tokens = [cursors.write(each, audience=["a"], ttl=60) for each in (page, pending, start)]
    assert [cursors._claims(token)["v"] for token in tokens] == [1, 2, 2]
    assert [cursors.read(token).after for token in tokens] == ["orders", "orders", ""]


def test_no_name_is_deprecated_as_the_page_says():
    assert "No name is deprecated today" in TEXT
    assert [path for path in SOURCES if "DeprecationWarning" in path.read_text()] == []


def test_the_walk_of_the_page_is_accepted():
    (walk,) = re.findall(
        r"\$ python manage.py partstream (walk .*)$", PAGE.read_text(), re.MULTILINE
    )
    parsed = Command().create_parser("manage.py", "partstream").parse_args(shlex.split(walk))
    assert (parsed.action, parsed.times) == ("walk", 3)
