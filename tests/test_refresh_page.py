"""The page on refreshes: its commands and its code run, and its samples are what is sent."""

import json
import re
import shlex
import subprocess
import sys
import unittest
from types import ModuleType

import pytest

from example_schema.models import Order
from partstream_rest.unchanged import HEADER, MAX_LENGTH
from tests import tools
from tests.documentation import ROOT, blocks, run_module, shop_of, shortened
from tests.rest.having import answer, have, page

PAGE = ROOT / "docs" / "refresh.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

ADDRESS = "/api/dashboard/"
PATIENCE = 30

ASKED, UNCHANGED = map(json.loads, blocks(PAGE, "json"))
TAGS = ASKED["etags"]
(HEADER_LINE,) = blocks(PAGE, "http")
(COMMAND,) = re.findall(r"^\$ (.*)$", PAGE.read_text(), re.MULTILINE)


@pytest.fixture
def shop(monkeypatch, settings):
    """The project of the shop, and ``shop(name)`` to run a block of the page as ``shop.<name>``."""
    return shop_of(PAGE, monkeypatch, settings)


def with_tags_of_the_page(sent):
    """*sent* with the tags that the page shows, which must be as long."""
    text = json.dumps(sent)
    for name, tag in sent["etags"].items():
        assert len(tag) == len(TAGS[name])
        text = text.replace(tag, TAGS[name])
    return shortened(json.loads(text))


def test_every_python_block_of_the_page_is_run_by_a_test():
    named = [code.partition("\n")[0] for code in blocks(PAGE, "python")]
    assert named == ["# settings.py", "# shop/tests.py"]


@pytest.mark.django_db
def test_the_pages_on_the_page_are_the_pages_that_are_sent(shop, client):
    first = page(client, ADDRESS)
    assert with_tags_of_the_page(first) == ASKED
    assert with_tags_of_the_page(page(client, ADDRESS, first["etags"])) == UNCHANGED
    assert "etags" not in client.get(ADDRESS).json()


def test_the_header_on_the_page_is_that_of_its_tags():
    assert HEADER_LINE.strip() == f"{HEADER}: {have(TAGS)}"


@pytest.mark.django_db
def test_the_frame_on_the_page_is_the_frame_that_is_sent(shop, client):
    tags = page(client, ADDRESS)["etags"]
    sent = answer(client, ADDRESS, tags, accept="text/event-stream")
    body = b"".join(sent.streaming_content).decode().replace(tags["orders"], TAGS["orders"])
    body = re.sub(r"eyJ0eXAi[\w.-]+", "eyJ0eXAi…", body)
    (frame,) = blocks(PAGE, "text")
    assert frame in body


@pytest.mark.django_db(transaction=True)
def test_the_command_of_the_page_asks_for_tags(shop, live_server):
    tools.program("curl")
    words = shlex.split(COMMAND.replace("http://127.0.0.1:8000", live_server.url))
    told = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert list(json.loads(told.stdout)["etags"]) == list(TAGS)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["board.mjs", "refresh.mjs"])
def test_the_javascript_of_the_page_fetches_what_has_changed(shop, live_server, tmp_path, name):
    node = tools.program("node")
    (code,) = [code for code in blocks(PAGE, "js") if code.startswith(f"// {name}\n")]
    (tmp_path / name).write_text(code)
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/partstream").symlink_to(ROOT / "clients/js")
    (tmp_path / "run.mjs").write_text(
        'import { createInterface } from "node:readline";\n'
        f'import {{ refresh }} from "./{name}";\n'
        "const copies = new Map();\n"
        "let sent = 0;\n"
        "const { fetch } = globalThis;\n"
        "globalThis.fetch = async (...args) => {\n"
        "  const response = await fetch(...args);\n"
        "  sent += (await response.clone().text()).length;\n"
        "  return response;\n"
        "};\n"
        "for await (const url of createInterface({ input: process.stdin })) {\n"
        "  sent = 0;\n"
        "  const values = await refresh(url, copies).catch((error) => error.message);\n"
        "  const told = values === copies ? [...copies].map(([k, { value }]) => [k, value]) : values;\n"
        "  console.log(JSON.stringify([told, sent]));\n"
        "}\n"
    )
    with subprocess.Popen(
        [node, tmp_path / "run.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as ran:

        def refreshed(query=""):
            ran.stdin.write(f"{live_server.url}{ADDRESS}{query}\n")
            ran.stdin.flush()
            return json.loads(ran.stdout.readline())

        values, bytes_of_values = refreshed()
        came = {name: value for name, value in values if name != "forecast"}  # which fails
        assert came == {name: one[name] for one in ASKED["results"] for name in one}
        again, bytes_of_nothing = refreshed()
        assert again == values
        assert bytes_of_nothing < bytes_of_values
        Order.objects.filter(pk=2).update(total="99.00")
        changed = dict(refreshed()[0])
        assert changed["orders"][0] == {"id": 2, "total": 99.0}
        assert changed["overview"] == dict(values)["overview"]
        refused = refreshed("?parts=nowhere")[0]
        assert "overview, orders" in refused


def test_the_limit_on_the_page_is_that_of_the_header():
    (told,) = re.findall(r"more than ([\d,]+) characters", PAGE.read_text())
    (parts,) = re.findall(r"room for (\d+) parts", PAGE.read_text())
    assert int(told.replace(",", "")) == MAX_LENGTH
    tags = {f"part_{number:05}": next(iter(TAGS.values())) for number in range(int(parts))}
    assert len(have(tags)) <= MAX_LENGTH


def test_the_settings_of_the_page_let_the_header_through(monkeypatch):
    defaults = ModuleType("corsheaders.defaults")
    defaults.default_headers = ("accept", "authorization")
    monkeypatch.setitem(sys.modules, "corsheaders", ModuleType("corsheaders"))
    monkeypatch.setitem(sys.modules, "corsheaders.defaults", defaults)
    (code,) = [code for code in blocks(PAGE, "python") if "corsheaders" in code]
    made = run_module(monkeypatch, code, "shop_settings")
    assert [*made.CORS_ALLOW_HEADERS] == ["accept", "authorization", HEADER.lower()]


@pytest.mark.django_db
def test_the_test_case_of_the_page_passes(shop):
    case = shop("tests").RefreshTest
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert (result.testsRun, result.errors, result.failures) == (1, [], [])
