"""The dashboard while there is trouble that passes: it says so, and goes on by itself."""

import re

import pytest

from tests.browser.test_dashboard_page import FRONTS

ASKS = re.compile(r"/api/dashboard/|/graphql/")


@pytest.fixture
def busy(page):
    """Let the server answer 503 to so many requests: ``busy(1, retry_after="1")``."""

    def refuse(times, **headers):
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        page.route(
            ASKS, lambda route: route.fulfill(status=503, body="Busy", headers=sent), times=times
        )

    return refuse


@pytest.mark.parametrize("over", FRONTS)
class TestTrouble:
    def test_the_page_says_that_the_server_is_busy_and_goes_on(self, page, expect, busy, over):
        busy(1, retry_after="1")
        page.goto(f"/?over={over}")
        status = page.get_by_role("status")
        expect(status).to_have_text("0 of 7 parts, the server is busy: trying again")
        expect(status).to_have_class("troubled")
        expect(status).to_have_text("7 of 7 parts")
        expect(status).to_have_class("")

    def test_the_page_waits_for_as_long_as_the_server_says(self, page, expect, busy, over):
        page.add_init_script(
            """window.waits = [];
            const { setTimeout } = window;
            window.setTimeout = (act, duration, ...given) => {
              window.waits.push(duration);
              return setTimeout(act, duration === 7_000 ? 0 : duration, ...given);
            };"""
        )
        busy(1, retry_after="7")
        page.goto(f"/?over={over}")
        expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
        assert page.evaluate("window.waits").count(7_000) == 1

    def test_the_page_says_that_there_is_no_connection_and_goes_on(self, page, expect, gate, over):
        page.goto(f"/?over={over}")
        status = page.get_by_role("status")
        expect(status).to_have_text("2 of 7 parts")
        page.route(ASKS, lambda route: route.abort())
        page.get_by_role("button", name="Reload").click()
        gate.set()
        expect(status).to_have_text("0 of 7 parts, no connection: trying again")
        page.unroute(ASKS)
        page.evaluate("dispatchEvent(new Event('online'))")
        expect(status).to_have_text("7 of 7 parts")


def test_a_retry_says_that_it_waits_and_goes_on(page, expect, busy):
    from django_partstream.testing import part_fails

    with part_fails("overview"):
        page.goto("/")
        expect(page.get_by_role("status")).to_have_text("7 of 7 parts, 1 failed")
    busy(1, retry_after="1")
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("status")).to_have_text(
        "6 of 7 parts, the server is busy: trying again"
    )
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")


def test_axe_finds_no_violation_while_the_page_waits(page, expect, busy, violations):
    busy(None, retry_after="30")
    page.goto("/")
    expect(page.get_by_role("status")).to_have_class("troubled")
    assert violations() == []
