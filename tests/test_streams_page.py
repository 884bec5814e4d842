"""The page on streams: its commands run against a server, its code runs, its samples are sent."""

import json
import re
import shlex
import subprocess
import sys
import types
import unittest

import pytest
from django.apps import AppConfig, apps

from django_partstream import lazy
from django_partstream.delivery import streams
from django_partstream.exceptions import PartPending
from django_partstream.frames import EventStream, JSONLines
from django_partstream.received import READERS
from django_partstream.testing import background_now, walk_stream
from tests import tools
from tests.core.test_ledgers import ledger_of
from tests.documentation import ROOT, blocks, shop_of
from tests.rest.streaming import view_of

PAGE = ROOT / "docs" / "streams.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

ADDRESS = "/api/dashboard/"
PATIENCE = 30

EVENTS, LINES, PROGRESS_EVENT, PROGRESS_LINE = blocks(PAGE, "text")
COMMANDS = re.findall(r"^\$ (.*)$", PAGE.read_text(), re.MULTILINE)


@pytest.fixture
def shop(monkeypatch, settings):
    """The project of the shop, and ``shop(name)`` to run a block of the page as ``shop.<name>``."""
    return shop_of(PAGE, monkeypatch, settings)


def test_as_many_coroutines_run_together_as_the_page_says():
    told = re.search(
        r"(\d+) with names of (\d+) letters, (\d+) with names of (\d+)", PAGE.read_text()
    )
    most, length, fewer, longer = map(int, told.groups())
    for together, letters in [(most, length), (fewer, longer)]:
        names = [f"{number:0{letters}}" for number in range(60)]
        may_begin = list(map(ledger_of(names).may_begin, names))
        assert may_begin == [True] * together + [False] * (60 - together)


def text_of(page):
    """The text of *page* without the ends of its lines."""
    return " ".join(page.read_text().split())


def shortened(text):
    """*text* with its cursors and references as the page shows them."""
    text = re.sub(r"eyJ0eXAi[\w.-]+", "eyJ0eXAi…", text)
    return re.sub(r'"reference":"\w+"', '"reference":"3f2a9c1e"', text)


def body(response):
    return b"".join(response.streaming_content).decode()


def test_every_python_block_of_the_page_is_run_by_a_test():
    named = [code.partition("\n")[0] for code in blocks(PAGE, "python")]
    assert named == ["# shop/forecasts.py", "# shop/live.py", "# shop/tests.py"]


@pytest.mark.django_db
def test_the_events_on_the_page_are_the_events_that_are_sent(shop, client):
    sent = body(client.get(ADDRESS, headers={"Accept": "text/event-stream"}))
    assert shortened(sent).strip() == EVENTS.strip()


@pytest.mark.django_db
def test_the_lines_on_the_page_are_the_lines_that_are_sent(shop, client):
    sent = body(client.get(ADDRESS, headers={"Accept": "application/jsonl"}))
    assert shortened(sent).strip("\n") == LINES.strip("\n")


@pytest.fixture
def forecast(shop, monkeypatch, settings):
    """The background function of the page, which takes no time."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    module = shop("forecasts")
    config = AppConfig("shop", types.SimpleNamespace(__path__=["shop"]))
    monkeypatch.setitem(apps.app_configs, "shop", config)
    return module.yearly_forecast


@pytest.mark.django_db
def test_the_background_function_of_the_page_tells_its_progress_and_the_part_comes(
    forecast, serve, monkeypatch
):
    told = []
    monkeypatch.setitem(vars(sys.modules["shop.forecasts"]), "progress", told.append)
    with background_now():
        view = view_of(("forecast", lazy(lambda request: forecast(4))))
        walked = walk_stream(serve(view), "/")
    assert walked.parts == {"forecast": {"days": 4}}
    assert told == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("sample", "kind"), [(PROGRESS_EVENT, EventStream), (PROGRESS_LINE, JSONLines)]
)
def test_the_progress_on_the_page_is_the_progress_that_is_sent(sample, kind):
    sent = kind().progress("forecast", progress=0.25, retry_after=0.5)
    assert sent.decode().strip() == sample.strip()


def test_a_stream_waits_as_long_as_the_page_says():
    (told,) = re.findall(
        r"nothing but pending parts has been left for (\d+) seconds", text_of(PAGE)
    )
    assert float(told) == streams.PATIENCE
    (least, most) = re.findall(r"again every ([\d.]+) to (\d+) seconds", text_of(PAGE))[0]
    ages = [PartPending("", age=age, limit=600).retry_after for age in (0, 10**6)]
    assert [round(ages[0] / float(least)), round(ages[1] / float(most))] == [1, 1]


@pytest.mark.django_db
def test_the_media_types_and_formats_on_the_page_are_those_of_a_view(shop, client):
    table = re.findall(r"^\| `([\w/-]+)` \| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)
    assert [media_type for media_type, _ in table] == list(READERS)
    for media_type, name in table:
        assert client.get(ADDRESS, headers={"Accept": media_type})["Content-Type"] == media_type
        assert client.get(ADDRESS, {"format": name})["Content-Type"] == media_type


@pytest.mark.django_db
def test_the_live_dashboard_of_the_page_streams_its_parts(shop, serve):
    walked = walk_stream(serve(shop("live").LiveDashboard), "/")
    assert sorted(walked.names) == ["forecast", "orders", "overview"]


@pytest.mark.django_db
def test_the_test_case_of_the_page_passes(shop):
    case = shop("tests").DashboardStream
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    assert (result.testsRun, result.errors, result.failures) == (1, [], [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_prints_a_stream(shop, live_server, command):
    tools.program("curl")
    words = shlex.split(command.replace("http://127.0.0.1:8000", live_server.url))
    told = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert '"has_more":false' in told.stdout.splitlines()[-2 if "event-stream" in command else -1]
    assert '"name":"overview"' in told.stdout


@pytest.mark.django_db(transaction=True)
def test_the_javascript_of_the_page_reads_the_lines_of_a_stream(shop, live_server, tmp_path):
    node = tools.program("node")
    (code,) = [code for code in blocks(PAGE, "js") if "lines.mjs" in code]
    (tmp_path / "lines.mjs").write_text(code)
    (tmp_path / "run.mjs").write_text(
        'import { lines } from "./lines.mjs";\n'
        "const told = [];\n"
        f'for await (const line of lines("{live_server.url}{ADDRESS}")) told.push(line);\n'
        f'const refused = lines("{live_server.url}{ADDRESS}?cursor=x").next();\n'
        "told.push(await refused.catch((error) => error.message));\n"
        "console.log(JSON.stringify(told));\n"
    )
    ran = subprocess.run(
        [node, tmp_path / "run.mjs"], capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    *parts, end, refusal = json.loads(ran.stdout)
    assert sorted(part["name"] for part in parts) == ["forecast", "orders", "overview"]
    assert end == {"meta": {"total_parts": 3, "delivered": 3, "has_more": False}, "cursor": None}
    assert refusal.startswith("400 ")
