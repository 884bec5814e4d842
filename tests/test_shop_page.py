"""The code of the shop, which other pages continue, runs, and its pages are its responses."""

import json
import re
import subprocess

import pytest

from django_partstream import cursors
from tests import tools
from tests.documentation import ROOT, TYPES, block, blocks, commands, make_shop, shortened
from tests.documentation import SHOP as PAGE
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


def walked_in_node(folder, url):
    """Walk *url* in Node with the code of the page: the parts, and the errors by their part."""
    node = tools.program("node")
    (code,) = [code for code in blocks(PAGE, "js") if "// graphql.mjs" in code]
    (folder / "graphql.mjs").write_text(code)
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "partstream").symlink_to(ROOT / "clients" / "js")
    (folder / "run.mjs").write_text(
        'import { dashboard } from "./graphql.mjs";\n'
        "const came = [];\n"
        "for await (const part of dashboard(process.argv[2])) came.push(part);\n"
        "console.log(JSON.stringify(came));\n"
    )
    done = subprocess.run(
        [node, folder / "run.mjs", url], capture_output=True, text=True, timeout=30, check=False
    )
    return json.loads(done.stdout or "null"), done.stderr


@pytest.mark.django_db(transaction=True)
def test_the_loop_over_graphql_gets_each_part_and_the_error_of_the_one_that_failed(
    shop, live_server, tmp_path
):
    parts, told = walked_in_node(tmp_path, f"{live_server.url}/graphql/")
    assert told == ""
    assert [part["name"] for part in parts] == ["overview", "orders", "forecast"]
    assert parts[0]["value"] == {"store": "Corner Shop", "orders": 2}
    assert [(part["error"] or {}).get("code") for part in parts] == [None, None, "part_failed"]


@pytest.mark.django_db(transaction=True)
def test_the_loop_over_graphql_ends_with_410_where_each_cursor_has_expired(
    shop, live_server, tmp_path, monkeypatch
):
    write = cursors.write
    monkeypatch.setattr(cursors, "write", lambda *args, **kw: cursors.expire(write(*args, **kw)))
    parts, told = walked_in_node(tmp_path, f"{live_server.url}/graphql/")
    assert parts is None
    assert "status: 410" in told


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
