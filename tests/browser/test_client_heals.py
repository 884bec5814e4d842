"""The dashboard of the example shop on a network that drops requests, or is gone for a while."""

import random

import pytest

#: What happens to a request of ten: two are dropped, one meets a busy server.
FATES = ["dropped", "dropped", "busy", *["answered"] * 7]

SHORTER = "Math.random = () => 0;"  # the shortest waits


@pytest.fixture(params=["rest", "graphql", "stream"])
def over(request):
    return request.param


@pytest.fixture
def bad_network(page):
    """Let requests for parts meet their fates, always the same for a seed; tell those."""
    page.add_init_script(SHORTER)
    met = []

    def begin(seed):
        choose = random.Random(seed).choice
        met.clear()

        def handle(route):
            met.append(choose(FATES))
            if met[-1] == "dropped":
                route.abort("connectionreset")
            elif met[-1] == "busy":
                route.fulfill(status=503, headers={"Retry-After": "1"}, body="<h1>Busy</h1>")
            else:
                route.continue_()

        page.unroute_all()
        for address in ("**/api/dashboard/*", "**/graphql/"):
            page.route(address, handle)
        return met

    return begin


def test_the_dashboard_fills_each_card_once_where_requests_are_dropped(
    page, over, expect, bad_network
):
    met = []
    for seed in (18, 209):  # with each fate among their first four
        fates = bad_network(seed)
        page.goto(f"/?over={over}")
        expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
        expect(page.locator("section.filled[aria-busy=false]")).to_have_count(7)
        expect(page.get_by_role("alert")).to_be_hidden()
        met += fates
    assert {"dropped", "busy", "answered"} <= set(met)


def test_the_dashboard_goes_on_when_the_network_is_back(page, over, expect, gate):
    page.goto(f"/?over={over}")
    expect(page.get_by_role("status")).to_have_text("2 of 7 parts")
    page.context.set_offline(True)
    gate.set()
    with page.expect_event("requestfailed"):
        page.get_by_role("button", name="Reload").click()
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(page.get_by_role("status")).not_to_have_text("7 of 7 parts")
    page.context.set_offline(False)
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
