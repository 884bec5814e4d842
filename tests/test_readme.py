"""The README's code runs as written, and its pages are the responses that the code gives."""

import json
import re

import pytest

from tests.documentation import README, blocks, make_shop, shortened

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(monkeypatch, settings):
    make_shop(monkeypatch, settings)


def shown(number):
    return json.loads(blocks(README, "json")[number])


def test_the_graphql_pages_equal_the_samples_in_the_readme(shop, client):
    (query,) = blocks(README, "graphql")
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


def test_every_setting_is_listed_in_the_readme_with_its_default():
    from django_partstream.conf import SETTINGS

    listed = README.read_text().partition("\n## Settings\n")[2]
    rows = re.findall(r"^\| `([A-Z_]+)` \| `?(\w+)`? \|", listed, re.MULTILINE)
    assert dict(rows) == {name: str(known.default) for name, known in SETTINGS.items()}
