"""The code of the shop, which other pages continue, runs, and its pages are its responses."""

import json

import pytest

from tests.documentation import SHOP as PAGE
from tests.documentation import blocks, make_shop, shortened

if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(monkeypatch, settings):
    make_shop(monkeypatch, settings)


def shown(number):
    return json.loads(blocks(PAGE, "json")[number])


def test_the_graphql_pages_equal_the_samples_on_the_page(shop, client):
    (query,) = blocks(PAGE, "graphql")
    after = None
    for number in (0, 1):
        body = {"query": query, "variables": {"after": after}}
        page = client.post("/graphql/", body, content_type="application/json").json()
        assert shortened(page) == shown(number)
        after = page["data"]["dashboard"]["pageInfo"]["endCursor"]


def test_the_rest_page_equals_the_sample_on_the_page_and_leads_to_the_end(shop, client):
    page = client.get("/api/dashboard/").json()
    assert shortened(page) == shown(2)
    last = client.get(f"/api/dashboard/?cursor={page['cursor']}").json()
    assert (last["results"], last["cursor"]) == ([{"forecast": None}], None)
