"""The page for on-call people: its commands run, and it has each log line and hint."""

import logging
import re
import shlex
import sys
from functools import cache
from itertools import chain

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandParser

from django_partstream.management.commands.partstream import Command
from django_partstream.signals import part_resolved
from django_partstream.testing import walk as walk_pages
from django_partstream.walking.hints import parts, responses
from example_schema.models import Customer
from tests.commands import partstream
from tests.documentation import ROOT, block, blocks, make_shop, run_module, shapes, shop_of
from tests.sources import calls, constants

PAGE = ROOT / "docs" / "on-call.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

TEXT = " ".join(PAGE.read_text().split())
CONSOLES = [text.splitlines() for text in blocks(PAGE, "console")]
COMMANDS = [
    shlex.split(line.removeprefix("$ python manage.py partstream "))
    for line in chain.from_iterable(CONSOLES)
    if line.startswith("$ ")
]


@cache
def log_lines():
    """The messages of the packages, with ``…`` in place of what differs."""
    levels = {"debug", "info", "warning", "error", "exception", "critical", "log"}
    problems, lines = [], []
    for owner, name, arguments, _ in calls():
        texts = list(chain.from_iterable(map(constants, arguments)))
        if owner == "logger" and name in levels:
            assert texts, f"logger.{name}() has no literal message."
            lines.append(texts[0])
        elif owner == "warnings" and name == "warn":
            lines.append(texts[0])
        elif name in ("_log", "_ask", "ask"):
            problems += texts
    # Two messages have a problem as an argument, of which the callers have the words.
    about_work = [text for text in problems if text.startswith(("was ", "has "))]
    about_caches = [text for text in problems if text not in about_work]
    lines.remove("Background work %s %s [%s].")
    lines.remove("The cache %r %s %s.")
    lines += [f"Background work %s {text} [%s]." for text in about_work]
    lines += [f"The cache %r {text} %s." for text in about_caches]
    assert (len(about_work), len(about_caches)) == (2, 4)
    return sorted({re.sub(r"%(\.\d)?[a-z]", "…", line) for line in lines})


@pytest.mark.parametrize("line", log_lines())
def test_each_log_line_is_on_the_page(line):
    assert f"`{line}`" in TEXT or f"`{line.removesuffix('.')}`" in TEXT


def test_the_page_has_no_log_line_that_is_not_written():
    table = PAGE.read_text().partition("## Log lines")[2].partition("## Alerts")[0]
    rows = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `")]
    assert {line.strip("`| ") for row in rows for line in re.findall(r"`[^`]+`", row)} <= {
        *log_lines()
    }


def test_the_lines_of_alerts_are_log_lines():
    table = PAGE.read_text().partition("## Alerts")[2]
    named = re.findall(r"lines? `([^`]+)`", table)
    assert len(named) > 3
    for words in named:
        assert any(words in line for line in log_lines())


def test_each_hint_has_its_row_and_its_bound():
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|", PAGE.read_text(), re.MULTILINE)
    hints = {kind: when for kind, when in rows if kind in {**parts.LOOKS, **responses.LOOKS}}
    assert [*hints] == [*parts.LOOKS, *responses.LOOKS]
    assert f"{parts.NEAR:.0%}".replace("%", " %") in hints["near_limit"]
    assert (parts.MUCH, f"at least {parts.SLOW} ms" in hints["share"]) == (0.5, True)
    assert (parts.LARGE, responses.ROWS, responses.EQUAL) == (1_000_000, 10, 3)
    assert f"{responses.PLANNING} ms" in hints["planning"]
    assert f"{responses.FAST} ms" in hints["waiting_behind"]
    assert f"{parts.SLOW} ms" in hints["waiting_behind"]


@pytest.mark.parametrize("arguments", COMMANDS, ids=shlex.join)
def test_each_command_of_the_page_is_accepted(arguments):
    parser = Command().create_parser("manage.py", "partstream")
    assert isinstance(parser, CommandParser)
    assert parser.parse_args(arguments).action == arguments[0]


def test_the_table_of_arguments_has_each_option():
    parser = Command().create_parser("manage.py", "partstream")
    actions = next(each for each in parser._actions if each.dest == "action").choices
    own = [
        option
        for action in actions["walk"]._actions
        for option in action.option_strings
        if action.help not in (None, "==SUPPRESS==") and option not in ("-h", "--help")
    ]
    table = PAGE.read_text().partition("| argument |")[2].partition("| exit code |")[0]
    assert set(own) == set(re.findall(r"^\| `(--\w+)", table, re.MULTILINE))


@pytest.fixture
def shop(monkeypatch, settings, db):
    make_shop(monkeypatch, settings)
    settings.GRAPHENE = {"SCHEMA": sys.modules["shop.schema"].schema}
    for name in ("ann", "bob"):
        User.objects.create_user(name)


def test_the_walk_of_the_shop_prints_what_the_page_shows(shop, caplog):
    caplog.set_level(logging.CRITICAL)
    (shown,) = [lines for lines in CONSOLES if len(lines) > 10]
    told = partstream(*shlex.split(shown[0])[4:])
    assert shapes(f"{told.out}CommandError: {told.error}") == shapes("\n".join(shown[1:]))
    assert told.code == 1


def test_the_page_names_each_key_of_the_document(shop):
    told = partstream("walk", "/api/dashboard/", "--format", "json").json
    (failure,) = [failure for part in told["parts"] for failure in part["failures"]]
    table = PAGE.read_text().partition("| key |")[2].partition("A step of CI")[0]
    named = re.findall(r"`(\w+)`", table)
    keys = [*told, *told["parts"][0], *told["hints"][0], *failure]
    assert set(keys) <= set(named)


WALKS = [each for each in COMMANDS if each[0] == "walk" and not each[1].startswith("http")]


@pytest.mark.parametrize("arguments", WALKS, ids=shlex.join)
def test_each_walk_of_the_page_walks_the_shop(arguments, shop):
    told = partstream(*arguments)
    walks = 40 if "20" in arguments else 3 if "--times" in arguments else 1
    noun = "walks" if walks > 1 else "walk"
    assert told.error == f"forecast ended error in {walks} of {walks} {noun}."


def test_each_clear_of_the_page_drops_the_values_of_the_shop(monkeypatch, settings, tmp_path, shop):
    backend = "django.core.cache.backends.filebased.FileBasedCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": tmp_path}}
    guide = block(ROOT / "docs" / "guide.md", "# shop/cached.py\n")
    run_module(monkeypatch, guide, "shop.cached")
    name = "shop.cached.CachedParts.get_mine"
    clears = [each for each in COMMANDS if each[0] == "clear"]
    told = [partstream(*each) for each in clears]
    assert [each.code for each in told] == [0, 0, 0, 2]
    assert told[0].out == f"Dropped all values: {name}, in the cache 'default'.\n"
    assert told[1].out == f"Dropped the values of ann: {name}, in the cache 'default'.\n"
    assert f"Dropped the values of ann: {name}" in told[2].out
    assert name in told[3].error


def test_the_receiver_of_the_page_counts_the_ends_of_parts(monkeypatch, settings, client, db):
    metrics = shop_of(PAGE, monkeypatch, settings)("metrics")
    Customer.objects.create(name="Bob", email="bob@example.com", city="Rome")
    try:
        walk_pages(client, "/api/dashboard/")
        assert metrics.ends == {
            ("DashboardView.overview", "ok"): 1,
            ("DashboardView.orders", "ok"): 1,
            ("DashboardView.forecast", "error"): 1,
        }
    finally:
        part_resolved.disconnect(metrics.count)


def test_every_python_block_of_the_page_is_run_by_a_test():
    assert [code.partition("\n")[0] for code in blocks(PAGE, "python")] == ["# shop/metrics.py"]
