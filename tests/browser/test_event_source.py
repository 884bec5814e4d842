"""
Chromium's own EventSource, and the page of the shop, where each connection breaks behind a part.

The server is a real one, and would compress each response; a proxy before it ends a connection as
soon as it has passed a part on.
"""

import re

import pytest

from tests.browser.conftest import SHOP
from tests.proxy import Proxy
from tests.server.servers import Server

#: The parts that an EventSource asks for; it waits two seconds after each break.
NAMES = ["overview", "recent_orders", "sales_analytics"]

#: A whole event with a part; an end of a line with a part. The first bytes are never part of them.
EVENT = re.compile(rb"^event: part\n(?:[^\n]+\n)+\n", re.MULTILINE)
LINE = re.compile(rb'\{"name":[^\n]+\n')

#: Collect the events until the source has closed, which it does by itself on a 204 only.
COLLECT = """(names) => new Promise((hold, fail) => {
  setTimeout(() => fail(new Error(`It never ended: ${JSON.stringify(came)}`)), 60_000);
  const source = new EventSource(`/api/dashboard/?parts=${names}`);
  const came = [];
  for (const kind of ["part", "progress", "end", "message"]) {
    source.addEventListener(kind, ({ data, lastEventId }) => {
      came.push({ kind, id: lastEventId, ...JSON.parse(data) });
    });
  }
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) hold(came);
  });
})"""


@pytest.fixture(scope="module", params=["gthread", "uvicorn"])
def server(request, database):
    server = Server(
        request.param,
        app="tests.browser.shop",
        **SHOP,
        EXAMPLE_DB=database,
        EXAMPLE_SIGN_IN="1",
        EXAMPLE_FORECAST_SECONDS="0.5",
    )
    yield server
    server.stop()


@pytest.fixture
def visit(browser, server):
    """Open a page of the server behind a proxy that cuts; return both."""
    opened = []

    def visited(address, cut):
        proxy = Proxy(*server.address, cut=cut)
        opened.append(proxy)
        proxy.__enter__()
        page = browser.new_page(base_url=f"http://127.0.0.1:{proxy.port}")
        opened.append(page)
        page.goto(address)
        return page, proxy

    yield visited
    for one in reversed(opened):
        one.close() if hasattr(one, "goto") else one.__exit__()


@pytest.fixture
def collect():
    """The events that an EventSource gets, and the responses to it, when the last one is here."""

    def collected(page):
        answers = []
        page.on("response", lambda answer: answers.append(answer))
        with page.expect_event("response", lambda answer: answer.status == 204, timeout=90_000):
            came = page.evaluate(COLLECT, NAMES)
        return came, answers

    return collected


def test_an_event_source_that_breaks_behind_each_part_gets_each_once_and_ends(
    visit, server, collect
):
    page, proxy = visit("/api/schema/?format=json", EVENT)
    came, answers = collect(page)
    assert [event.get("name") for event in came] == NAMES, server.log
    assert len({event["id"] for event in came}) == len(NAMES)
    # Where the break overtakes a part, Chromium drops the part and asks for it once more.
    assert proxy.cuts >= len(NAMES)
    assert [answer.status for answer in answers] == [200] * proxy.cuts + [204]


def test_an_event_source_without_a_break_ends_by_itself(visit, server, collect):
    page, _ = visit("/api/schema/?format=json", None)
    came, answers = collect(page)
    assert [event["kind"] for event in came] == ["part"] * len(NAMES) + ["end"], server.log
    assert [event["name"] for event in came[:-1]] == NAMES
    assert came[-1]["has_more"] is False
    assert [answer.status for answer in answers] == [200, 204]
    assert answers[0].header_value("content-encoding") == "identity"


def test_the_page_fills_every_card_where_its_stream_breaks_behind_each_part(visit, server, expect):
    page, proxy = visit("/", None)
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    proxy.cut = LINE
    page.get_by_label("Stream", exact=True).check()
    expect(page.locator("section.filled")).to_have_count(7)
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    # Where breaks overtake two parts in a row, pages follow.
    assert proxy.cuts >= 2, server.log
