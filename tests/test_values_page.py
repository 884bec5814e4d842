"""The page on values: its code runs, and its tables show the JSON that a client gets."""

import json
import re
from collections import deque
from dataclasses import dataclass
from enum import Enum

import pytest
from django.utils.functional import SimpleLazyObject

from django_partstream import ProgressiveView, lazy
from example_schema.models import Customer, Order
from tests.documentation import ROOT, blocks, shop_of

PAGE = ROOT / "docs" / "values.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(monkeypatch, settings):
    """The project of the shop, and ``shop(name)`` to run a block of the page as ``shop.<name>``."""
    return shop_of(PAGE, monkeypatch, settings)


def test_every_python_block_of_the_page_is_run_by_a_test():
    named = [code.partition("\n")[0] for code in blocks(PAGE, "python")]
    assert named == ["# shop/rows.py", "# shop/encoded.py"]


def test_a_query_set_sends_every_column_and_a_serializer_its_fields(shop, serve):
    page = serve(shop("rows").RowsView).get("/").json()
    every_column, some_columns, serialized = [
        row for result in page["results"] for (row,) in result.values()
    ]
    fields = {field.attname for field in Customer._meta.concrete_fields}
    assert set(every_column) == {*fields, "orders_made"}
    assert every_column["orders_made"] == 2
    assert some_columns == serialized == {"name": "Ann", "city": "Oslo"}


def test_the_encoder_of_the_page_has_a_say_in_every_part(shop, serve):
    page = serve(shop("encoded").EncodedView).get("/").json()
    totals = page["results"][0]["totals"]
    assert {pk: row["total"] for pk, row in totals.items()} == {"1": "10.50", "2": "20.25"}
    assert set(totals["1"]) == {field.attname for field in Order._meta.concrete_fields}


@dataclass
class Record:
    a: int


def test_the_table_of_kinds_has_an_example_that_is_sent_as_it_says(serve):
    size = Enum("Size", {"SMALL": "s"})
    value = [{1: 2}, deque([1]), Record(1), size.SMALL, SimpleLazyObject(lambda: 5), float("nan")]
    view = type(
        "View", (ProgressiveView,), {"get_parts": lambda self: [("a", lazy(lambda _: value))]}
    )
    assert serve(view).get("/").json()["results"][0] == {
        "a": [{"1": 2}, [1], {"a": 1}, "s", 5, None]
    }
    table = PAGE.read_text().partition("## Other kinds")[2].partition("\n## ")[0]
    shown, sent = re.search(r"`({1: 2})` is `(.*?)`", table).groups()
    assert (eval(shown), json.loads(sent)) == (value[0], {"1": 2})
