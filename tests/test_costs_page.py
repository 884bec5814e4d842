"""The page on costs: its samples have the shape of what is sent, and its code runs."""

import json
import logging
import re
from importlib import import_module
from types import SimpleNamespace
from typing import get_args
from unittest import mock

import pytest

from django_partstream.costs import Ran
from django_partstream.signals import part_resolved
from django_partstream.testing import part_fails
from tests.documentation import ROOT, block, blocks, run_module, shop_of

PAGE = ROOT / "docs" / "costs.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

STREAMED, ANSWERED = map(json.loads, blocks(PAGE, "json"))
(TIMED,) = ANSWERED["extensions"]["partstream"]["timing"]["dashboard"]
QUERY = "{ dashboard { edges { node { overview { orders } } } } }"

#: An entry of the header.
ENTRY = re.compile(
    r'(\w+);desc="\1 \((\w+)(, \d+ quer(y|ies) [\d.]+ ms)?(, cache (hit|miss))?(, \w+)?'
    r'(, waited [\d.]+ ms)?\)";dur=[\d.]+(, |$)'
)


@pytest.fixture
def shop(monkeypatch, settings, db):
    """The project of the shop, whose responses tell what parts cost."""
    settings.PARTSTREAM = {"SERVER_TIMING": True}
    return shop_of(PAGE, monkeypatch, settings)


def with_times_of(sample, sent):
    """*sent*, a timing, with the times of *sample*."""
    assert all(sent[key] >= 0 for key in ("ms", "sql_ms", "waited_ms"))
    return {**sent, **{key: sample[key] for key in ("ms", "sql_ms", "waited_ms")}}


def rows(first):
    """The first cells of the table of which *first* is the heading."""
    table = PAGE.read_text().partition(f"\n\n| {first} | ")[2].partition("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_every_python_block_of_the_page_is_run_by_a_test():
    named = [code.partition("\n")[0] for code in blocks(PAGE, "python")]
    assert named == ["# shop/metrics.py", "# shop/settings.py"]


def test_the_header_on_the_page_is_of_the_form_that_is_sent(shop, client):
    (sample,) = blocks(PAGE, "http")
    sent = client.get("/api/dashboard/")["Server-Timing"]
    for header in (sample.strip().removeprefix("Server-Timing: "), sent):
        assert ENTRY.sub("", header) == ""
        assert [entry[1] for entry in ENTRY.finditer(header)] == ["overview", "orders"]


def test_the_part_of_a_stream_on_the_page_is_of_the_form_that_is_sent(shop, client):
    response = client.get("/api/dashboard/?parts=orders", HTTP_ACCEPT="application/jsonl")
    sent = json.loads(response.getvalue().decode().splitlines()[0])
    assert {**sent, "cursor": ..., "timing": ...} == {**STREAMED, "cursor": ..., "timing": ...}
    assert sent["timing"].keys() == STREAMED["timing"].keys()
    assert sent["timing"]["queries"] == STREAMED["timing"]["queries"]


def test_the_answer_on_the_page_is_the_one_that_is_sent(shop, client):
    answer = client.post("/graphql/", {"query": QUERY}, content_type="application/json").json()
    (timed,) = answer["extensions"]["partstream"]["timing"]["dashboard"]
    assert timed.pop("ran") == "transaction"  # of the test
    assert with_times_of(TIMED, {**timed, "ran": "request"}) == TIMED
    assert answer["data"] == ANSWERED["data"]


def test_the_record_on_the_page_is_the_one_that_is_logged(shop, client, caplog):
    (sample,) = re.findall(r"^```\n(.*)\n```$", PAGE.read_text(), re.MULTILINE)
    caplog.set_level(logging.ERROR, "django_partstream")
    with part_fails("orders", TimeoutError()):
        client.get("/api/dashboard/?parts=orders")
    (record,) = caplog.records
    said = record.getMessage().replace(record.reference, "9f2c11d0").replace("error", "timeout")
    assert said == sample
    assert all(hasattr(record, key) for key in STREAMED["timing"])
    assert (record.part, record.error_code) == ("orders", "part_failed")


def test_the_tables_have_all_keys_and_places():
    assert rows("key") == list(STREAMED["timing"])
    assert rows("`ran`") == list(get_args(Ran))


def test_the_receiver_of_the_page_counts(shop, monkeypatch, client):
    statsd = SimpleNamespace(timing=mock.Mock(), incr=mock.Mock())
    monkeypatch.setattr("builtins.statsd", statsd, raising=False)
    metrics = shop("metrics")
    try:
        with part_fails("orders"):
            client.get("/api/dashboard/")
    finally:
        part_resolved.disconnect(metrics.observe)
    counted = dict(call.args for call in statsd.incr.call_args_list if len(call.args) == 2)
    assert counted == {"part.overview.queries": 1, "part.orders.queries": 0}
    assert [call.args[0] for call in statsd.timing.call_args_list] == [
        "part.overview.ok",
        "part.orders.error",
    ]
    assert mock.call("part.orders.part_failed") in statsd.incr.call_args_list


def test_the_panel_of_the_settings_on_the_page_is_there(monkeypatch):
    pytest.importorskip("debug_toolbar", reason="the panel needs django-debug-toolbar")
    made = run_module(monkeypatch, block(PAGE, "# shop/settings.py\n"), "shop.settings")
    first, *others = made.DEBUG_TOOLBAR_PANELS
    module, _, name = first.rpartition(".")
    assert getattr(import_module(module), name).is_async
    assert "debug_toolbar.panels.history.HistoryPanel" in others
    known = import_module("debug_toolbar.settings").CONFIG_DEFAULTS
    assert made.DEBUG_TOOLBAR_CONFIG.keys() <= known.keys()
