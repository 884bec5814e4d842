"""The panel for django-debug-toolbar in Chromium: the parts of what a page has fetched."""

import re

import pytest

from tests.browser.conftest import PATIENCE
from tests.server.servers import Server

pytest.importorskip("debug_toolbar", reason="the panel needs django-debug-toolbar")

#: Fetch an address to its end, as code of the page would.
FETCH = """([address, headers, body]) => fetch(address, {
  headers: {
    "Content-Type": "application/json",
    "X-CSRFToken": document.cookie.match(/csrftoken=(\\w+)/)?.[1] ?? "",
    ...headers,
  },
  method: body ? "POST" : "GET",
  body: body && JSON.stringify(body),
}).then((response) => response.text())"""

#: Wait until a module that the page has begun to load has run. A second import runs nothing again.
LOADED = """name => import(
  [...document.querySelectorAll("script")].find(({ src }) => src.endsWith(`/${name}`)).src
).then(() => true)"""


@pytest.fixture(scope="module", params=["gthread", "uvicorn"])
def server(request, database):
    one = ["--workers=1"]  # the history of the toolbar is in the memory of a process
    server = Server(
        request.param,
        *one,
        app="tests.browser.shop",
        DJANGO_SETTINGS_MODULE="tests.browser.shop.toolbar",
        EXAMPLE_DB=database,
        EXAMPLE_SIGN_IN="1",
        EXAMPLE_FORECAST_SECONDS="0",
    )
    yield server
    server.stop()


@pytest.fixture
def page(browser, server):
    """The browsable API of a part, on which the toolbar is shown."""
    host, port = server.address
    with browser.new_context(base_url=f"http://{host}:{port}") as context:
        context.set_default_timeout(PATIENCE)
        context.route("**/favicon.ico", lambda route: route.fulfill(status=204))
        page = context.new_page()
        page.goto("/")  # which has the cookie for a POST
        page.goto("/api/dashboard/?parts=overview")
        yield page


def rows_in(page):
    """Open the panel, and return the rows of its table."""
    page.locator("a.PartsPanel").click()
    return page.locator("#PartsPanel tbody tr")


def test_a_page_of_html_has_its_own_parts(page, expect, complaints):
    rows = rows_in(page)
    expect(rows.get_by_role("rowheader")).to_have_text(["overview"])
    expect(rows.locator("svg rect")).to_have_count(2)
    assert complaints == []


@pytest.mark.parametrize(
    ("address", "headers", "body", "parts"),
    [
        ("/api/dashboard/", {"Accept": "application/json"}, None, ["overview", "today_stats"]),
        ("/api/dashboard/?parts=overview,inventory_alerts", {"Accept": "application/jsonl"}, None,
         ["overview", "inventory_alerts"]),
        ("/graphql/", {}, {"query": "{ dashboard { edges { node { overview { admin } } } } }"},
         ["overview"]),
    ],
    ids=["page", "stream", "graphql"],
)  # fmt: skip
def test_the_history_has_the_parts_of_what_was_fetched(
    page, expect, complaints, address, headers, body, parts
):
    assert "overview" in page.evaluate(FETCH, [address, headers, body])
    page.locator("a.HistoryPanel").click()
    fetched = page.locator("#djdtHistoryRequests > tr").first  # the newest
    expect(fetched).to_contain_text(address)
    page.evaluate(LOADED, "history.js")  # which listens to the button
    fetched.get_by_role("button", name="Switch").click()
    switched = fetched.get_attribute("data-request-id")
    expect(page.locator("#djDebug")).to_have_attribute("data-request-id", switched)
    expect(page.locator("a.PartsPanel")).to_contain_text(f"{len(parts)} part")
    rows = rows_in(page)
    expect(rows.get_by_role("rowheader")).to_have_text(parts)
    for row in rows.all():
        expect(row).to_contain_text(re.compile(r"ok\s+[\d.]+ ms"))
    assert complaints == []
