"""
A browser that is signed in to the example shop on a live server.

Playwright's sync API keeps an event loop running in the thread of the tests, and Django refuses
to use a database from such a thread. ``DJANGO_ALLOW_ASYNC_UNSAFE`` permits it while the browser
runs.
"""

import os
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from threading import Event

import pytest
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command

from django_partstream.testing import background_now
from tests import tools
from tests.settings import HAS_GRAPHQL, HAS_REST

if not (HAS_REST and HAS_GRAPHQL):
    collect_ignore_glob = ["test_*.py"]  # the example shop has both fronts

CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: The environment of the shop on a server of its own.
SHOP = {"DJANGO_SETTINGS_MODULE": "tests.browser.shop.settings"}
PATIENCE = 15_000  # milliseconds, enough for a busy machine


@pytest.fixture(scope="package")
def chromium():
    if find_spec("playwright") is None:
        tools.lack("No Playwright: pip install -e .[dev]")
    return tools.chromium()


@pytest.fixture(scope="package")
def browser(chromium):
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def expect(browser):
    """Playwright's ``expect``, which may be missing when the tests are collected."""
    from playwright.sync_api import expect

    return expect


@pytest.fixture
def trade():
    """The numbers of customers, products and orders that the shop is seeded with."""
    return {"customers": 20, "products": 15, "orders": 40}


@pytest.fixture(scope="package")
def database(tmp_path_factory):
    """The path of the database of a small shop."""
    path = str(tmp_path_factory.mktemp("shop") / "db.sqlite3")
    for command in (
        ["migrate", "--verbosity=0"],
        ["seed", "--customers=20", "--products=15", "--orders=40", "--verbosity=0"],
    ):
        subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=tools.ROOT,
            env={**os.environ, **SHOP, "EXAMPLE_DB": path},
            check=True,
        )
    return path


@pytest.fixture
def background():
    """Compute the forecast of the shop at once, in the request."""
    with background_now():
        yield


@pytest.fixture
def page(browser, transactional_db, live_server, client, trade, background):
    """A page of the seeded shop, with the demo's member of staff signed in."""
    call_command("seed", **trade, verbosity=0)
    client.force_login(get_user_model().objects.get())
    session = client.cookies[settings.SESSION_COOKIE_NAME]
    with browser.new_context(base_url=live_server.url) as context:
        context.set_default_timeout(PATIENCE)
        context.add_cookies([{"name": session.key, "value": session.value, "url": live_server.url}])
        yield context.new_page()


@pytest.fixture
def complaints(page):
    """The errors and warnings in the console of the page, and its uncaught exceptions."""
    told = []
    page.on(
        "console",
        lambda message: told.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: told.append(str(error)))
    return told


@pytest.fixture
def gate(monkeypatch):
    """An event that the part ``recent_orders`` waits for."""
    from example_schema.parts import DashboardParts

    gate, known = Event(), DashboardParts.get_recent_orders
    late = lambda view, request, **limit: gate.wait(15) and known(view, request, **limit)  # noqa: E731
    monkeypatch.setattr(DashboardParts, "get_recent_orders", late)
    yield gate
    gate.set()


@pytest.fixture(scope="session")
def npm_file(pytestconfig):
    """Read a file of an npm package as bytes: ``npm_file("axe-core@4.14.1", "axe.min.js")``."""
    folder = pytestconfig.cache.mkdir("npm")

    def read(package, path):
        tarball = folder / f"{package.removeprefix('@').replace('/', '-').replace('@', '-')}.tgz"
        if not tarball.exists():
            done = tools.npm("pack", "--silent", "--pack-destination", str(folder), package)
            assert done.returncode == 0, done.stdout
        with tarfile.open(tarball) as packed:
            return packed.extractfile(f"package/{path}").read()

    return read


@pytest.fixture
def foreign(page, live_server):
    """The addresses on other hosts that the page asked for; each request is refused."""
    asked = []

    def refuse(route):
        asked.append(route.request.url)
        route.abort()

    page.route(lambda url: not url.startswith((live_server.url, "data:")), refuse)
    return asked


@pytest.fixture
def violations(page, npm_file):
    """The violations of accessibility, of any impact, that axe-core finds on the page."""
    axe = npm_file("axe-core@4.14.1", "axe.min.js").decode()

    def found():
        page.evaluate(axe)
        results = page.evaluate("axe.run({resultTypes: ['violations']})")  # no list of what is well
        assert len(results["passes"]) > 10
        return [
            (one["id"], [node["html"] for node in one["nodes"]]) for one in results["violations"]
        ]

    return found
