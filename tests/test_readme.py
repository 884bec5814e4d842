"""The README's code, run word for word, gives the responses that the README shows."""

import json
import re
import sys
import unittest
from pathlib import Path
from types import ModuleType

import pytest

from example_schema import models
from example_schema.models import Customer, Order

README = Path(__file__).parent.parent / "README.md"

pytestmark = pytest.mark.django_db


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)


def run(monkeypatch, code, name):
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(code, f"README.md ({name})", "exec"), vars(module))
    return module


@pytest.fixture
def shop(monkeypatch, settings):
    """The README's project: each block is a module, in the order of reading."""
    monkeypatch.setitem(sys.modules, "shop", ModuleType("shop"))
    monkeypatch.setitem(sys.modules, "shop.models", models)
    parts, schema, views, urls, tests = blocks("python")
    for name, code in [("parts", parts), ("schema", schema), ("views", views)]:
        run(monkeypatch, code, f"shop.{name}")
    settings.ROOT_URLCONF = run(monkeypatch, urls, "shop.urls")
    ann = Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")
    for pk, total in [(1, "10.50"), (2, "20.25")]:
        Order.objects.create(pk=pk, customer=ann, total=total)
    return run(monkeypatch, tests, "shop.tests")


def shown(number):
    return json.loads(blocks("json")[number])


def shortened(page):
    return json.loads(re.sub(r'"eyJ0eXAi[\w.-]+"', '"eyJ0eXAi…"', json.dumps(page)))


def test_the_graphql_pages_equal_the_samples_in_the_readme(shop, client):
    (query,) = blocks("graphql")
    after = None
    for number in (0, 1):
        body = {"query": query, "variables": {"after": after}}
        page = client.post("/graphql/", body, content_type="application/json").json()
        assert shortened(page) == shown(number)
        after = page["data"]["dashboard"]["pageInfo"]["endCursor"]


def test_the_rest_page_equals_the_sample_in_the_readme_and_leads_to_the_end(shop, client):
    page = client.get("/api/dashboard/").json()
    assert shortened(page) == shown(2)
    last = client.get(f"/api/dashboard/?cursor={page['cursor']}").json()
    assert (last["results"], last["cursor"]) == ([{"forecast": None}], None)


def test_the_tests_in_the_readme_pass(shop):
    suite = unittest.defaultTestLoader.loadTestsFromModule(shop)
    assert suite.countTestCases() == 2
    result = unittest.TestResult()
    suite.run(result)
    assert (result.failures, result.errors) == ([], [])


def test_every_setting_is_listed_in_the_readme_with_its_default():
    from django_partstream.conf import SETTINGS

    listed = README.read_text().partition("\n## Settings\n")[2]
    rows = re.findall(r"^\| `([A-Z_]+)` \| `?(\w+)`? \|", listed, re.MULTILINE)
    assert dict(rows) == {name: str(known.default) for name, known in SETTINGS.items()}
