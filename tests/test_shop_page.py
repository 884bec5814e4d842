"""The code of the shop, which other pages continue, runs, and its pages are its responses."""

import json
import re

import pytest

from tests.documentation import SHOP as PAGE
from tests.documentation import TYPES, block, blocks, commands, make_shop, shortened
from tests.project import Project

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


def test_the_files_and_commands_of_the_page_make_its_project_from_nothing(tmp_path):
    for package in ("drf_spectacular", "graphene_django"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    project = Project(tmp_path)
    try:
        project.make_shop()
        page = project.run("curl -sf http://127.0.0.1:8000/")
        (client,) = re.findall(r'from "(.*?)"', page)
        assert "parts" in project.run(f"curl -sf http://127.0.0.1:8000{client}")
        answer = json.loads(project.run("curl -s http://127.0.0.1:8000/api/dashboard/"))
        assert shortened(answer) == shown(2)
        assert "forecast" in project.run("python manage.py partstream walk Query.dashboard || true")
        project.save(block(TYPES, "# shop/settings.py"))
        project.save(block(TYPES, "# shop/views.py"))
        project.save(block(TYPES, "# shop/tests.py"))
        (spectacular,) = [line for line in commands(TYPES) if " spectacular " in line]
        project.run(spectacular)
        assert "DashboardParts" in (tmp_path / "schema.yml").read_text()
        project.run("python manage.py test -v 0")
    finally:
        project.close()
