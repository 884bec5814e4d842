"""``manage.py partstream walk`` on the shop of the demo, as a program of its own."""

import json
import os
import pty
import re
import subprocess
import sys
from contextlib import suppress

import pytest

from tests.documentation import ROOT
from tests.shop import PARTS

DASHBOARD = "/api/dashboard/"


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The environment of a small shop, with a database of its own."""
    chosen = {
        "DJANGO_SETTINGS_MODULE": "example_schema.settings",
        "EXAMPLE_DB": str(tmp_path_factory.mktemp("shop") / "db.sqlite3"),
        "EXAMPLE_FORECAST_SECONDS": "0.1",
        "EXAMPLE_SIGN_IN": "0",
        "COLUMNS": "120",
        "TERM": "xterm",
    }
    environment = {**os.environ, **chosen}
    for name in ("NO_COLOR", "DJANGO_COLORS"):
        environment.pop(name, None)
    manage(environment, "migrate", "--verbosity=0")
    numbers = ["--customers=50", "--products=50", "--orders=200"]
    manage(environment, "seed", "--verbosity=0", *numbers)
    return environment


def manage(environment, *arguments, code=0):
    """The output of ``manage.py`` with *arguments*, which exits with *code*."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def in_a_terminal(environment, *arguments):
    """What ``manage.py`` writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
    ) as process:
        os.close(theirs)
        written = b""
        with suppress(OSError):  # the end of a terminal
            while piece := os.read(ours, 65_536):
                written += piece
        assert process.wait(timeout=120) == 0
    os.close(ours)
    return written.decode()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_reader_that_has_left_ends_the_walk_without_a_traceback(form, environment):
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        done = subprocess.run(
            [sys.executable, "manage.py", "partstream", "walk", DASHBOARD, "--format", form],
            cwd=ROOT,
            env=environment,
            stdout=theirs,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    finally:
        os.close(theirs)
    assert done.returncode == 1
    assert "BrokenPipe" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ([DASHBOARD], {*PARTS}),
        ([DASHBOARD, "--stream"], {*PARTS}),
        (["Query.dashboard"], {re.sub("_(.)", lambda at: at[1].upper(), each) for each in PARTS}),
    ],
    ids=["pages", "stream", "GraphQL"],
)
def test_the_dashboard_is_walked_to_its_end(arguments, names, environment):
    done = manage(
        environment, "partstream", "walk", *arguments, "--user", "demo", "--format", "json"
    )
    told = json.loads(done.stdout)
    assert {part["name"] for part in told["parts"]} == names
    assert (told["readers"], told["problems"]) == (["demo"], [])
    by_name = {part["name"].replace("_", "").lower(): part for part in told["parts"]}
    assert by_name["salesforecast"]["pending_ms"]["median"] > 0
    assert all(part["ms"]["median"] >= 0 for part in told["parts"])


def test_the_walk_of_a_reader_without_permission_is_exit_code_1(environment):
    done = manage(environment, "partstream", "walk", DASHBOARD, code=1)
    assert "CommandError: GET /api/dashboard/: 403" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["/nothing/"], ["Query.nothing"], [DASHBOARD, "--user", "eve"], []]
)
def test_a_mistake_in_the_arguments_is_exit_code_2(arguments, environment):
    assert manage(environment, "partstream", "walk", *arguments, code=2).stdout == ""


def test_a_terminal_has_a_bar_and_colors(environment):
    written = in_a_terminal(environment, "partstream", "walk", DASHBOARD, "--user", "demo")
    assert "[####################] 7 of 7" in written
    assert "\x1b[32" in written


@pytest.mark.parametrize("by", ["option", "option in front", "variable"])
def test_a_terminal_may_be_without_colors(by, environment):
    before = ["--no-color"] if by == "option in front" else []
    behind = ["--no-color"] if by == "option" else []
    chosen = {**environment, **({"NO_COLOR": "1"} if by == "variable" else {})}
    written = in_a_terminal(
        chosen, "partstream", *before, "walk", DASHBOARD, "--user", "demo", *behind
    )
    assert "7 of 7" in written
    assert "\x1b[3" not in written


def test_another_output_has_lines_without_colors(environment):
    written = manage(environment, "partstream", "walk", DASHBOARD, "--user", "demo").stdout
    assert "\x1b" not in written
    assert "\r" not in written
    assert "  sales_forecast  pending\n" in written


def test_the_values_of_the_demo_are_not_dropped_from_another_process(environment):
    name = "example_schema.parts.DashboardParts.get_customer_insights"
    done = manage(environment, "partstream", "clear", name, code=2)
    assert "of which each process has its own" in done.stderr
