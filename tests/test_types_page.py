"""The page on types: its code runs, and its samples are what the view answers."""

import json
import re
import shlex
import subprocess
import unittest
from importlib import import_module

import pytest

from partstream_rest import PartInfo
from tests import tools
from tests.documentation import TYPES as PAGE
from tests.documentation import blocks, commands, shop_with_types
from tests.rest.describing import schema_of

if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

PATIENCE = 30

(ANSWER,) = map(json.loads, blocks(PAGE, "json"))


@pytest.fixture
def shop(monkeypatch, settings):
    """The project of the shop with the view of the page, and ``shop(name)`` to run its blocks."""
    return shop_with_types(monkeypatch, settings)


def view():
    return import_module("shop.views").DashboardView


def test_every_block_of_the_page_is_run_by_a_test():
    named = [code.partition("\n")[0] for code in blocks(PAGE, "python")]
    assert named == ["# shop/views.py", "# shop/settings.py, at the end", "# shop/tests.py"]
    assert len(blocks(PAGE, "js")) == len(blocks(PAGE, "ts")) == 1


@pytest.mark.django_db
def test_options_answers_what_the_page_shows(shop, client):
    assert client.options("/api/dashboard/").json() == ANSWER


@pytest.mark.django_db(transaction=True)
def test_the_command_of_the_page_asks_for_the_manifest(shop, live_server):
    tools.program("curl")
    command, *_ = commands(PAGE)
    words = shlex.split(command.replace("http://127.0.0.1:8000", live_server.url))
    told = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert json.loads(told.stdout)["manifest"] == ANSWER["manifest"]


@pytest.mark.django_db(transaction=True)
def test_the_javascript_of_the_page_names_each_card(shop, live_server, tmp_path):
    node = tools.program("node")
    (code,) = blocks(PAGE, "js")
    (tmp_path / "skeletons.mjs").write_text(code)
    (tmp_path / "run.mjs").write_text(
        'import { skeletons } from "./skeletons.mjs";\n'
        "console.log(JSON.stringify(await skeletons(process.argv[2])));\n"
    )
    told = subprocess.run(
        [node, tmp_path / "run.mjs", f"{live_server.url}/api/dashboard/"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert [card["title"] for card in json.loads(told.stdout)] == [
        "overview", "Latest orders", "Forecast",
    ]  # fmt: skip


@pytest.mark.django_db
def test_the_test_of_the_page_passes(shop):
    case = shop("tests").ManifestTest
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert (result.testsRun, result.failures, result.errors) == (1, [], [])


@pytest.mark.django_db
def test_the_mistake_on_the_page_is_told_in_its_words(shop, client):
    from django_partstream.testing import walk
    from partstream_rest.testing import check_manifest

    (told,) = re.findall(r"`(orders\[1\].*?)`", PAGE.read_text())
    walked = walk(client, "/api/dashboard/")
    (orders,) = [page["results"][1]["orders"] for page in walked.pages if len(page["results"]) > 1]
    orders[1]["total"] = 20.25
    with pytest.raises(AssertionError) as refused:
        check_manifest(view(), walked)
    assert str(refused.value).endswith(f"\n  {told}")


@pytest.mark.django_db
def test_the_components_on_the_page_are_those_of_the_schema(shop):
    (table,) = re.findall(r"\| component .*?\n\n", PAGE.read_text(), re.DOTALL)
    named = set(re.findall(r"Dashboard\w+", table))
    found = schema_of(view())["components"]["schemas"]
    assert {name for name in found if name.startswith("Dashboard")} == named
    (keys,) = re.findall(r"a page: (.*?) \|", table)
    assert set(re.findall(r"\w+", keys)) == set(found["DashboardPage"]["properties"])


@pytest.mark.django_db
def test_a_subclass_extends_the_manifest_as_the_page_says(shop):
    (line,) = re.findall(r"`manifest = (\{.*?\})`", PAGE.read_text())
    extended = eval(line, {"DashboardView": view()})
    more = type("MoreView", (view(),), {"manifest": extended})
    assert list(more.manifest) == ["overview", "orders", "forecast", "*", "stock"]


@pytest.mark.django_db
def test_the_signature_on_the_page_is_that_of_part_info(shop):
    assert "`PartInfo(serializer=None, *, title=None, description=None)`" in PAGE.read_text()
    assert PartInfo() == PartInfo(None, title=None, description=None)
