import re
from threading import Event

import pytest

from django_partstream.testing import expired, part_fails
from example_schema.parts import DashboardParts
from example_schema.seeding import DEMO_PASSWORD, DEMO_USERNAME

START, NEXT = "", "cursor"
TITLES = [
    "Overview",
    "Today stats",
    "Recent orders",
    "Inventory alerts",
    "Sales analytics",
    "Customer insights",
]
STRICT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "require-trusted-types-for 'script'"
)


@pytest.fixture
def answers(page):
    """What the REST endpoint was asked for, by its query parameter, and how it answered."""
    seen = []

    def see(response):
        address, _, query = response.url.partition("?")
        if address.endswith("/api/dashboard/"):
            seen.append((query.partition("=")[0], response.status))

    page.on("response", see)
    return seen


def card(page, title):
    return page.get_by_role("region", name=title, exact=True)


def expire_cursor(route):
    address, _, cursor = route.request.url.partition("?cursor=")
    route.continue_(url=f"{address}?cursor={expired(cursor)}")


def test_the_page_fills_every_card_under_a_strict_content_security_policy(
    page, expect, complaints, answers
):
    def with_policy(route):
        response = route.fetch()
        headers = {**response.headers, "content-security-policy": STRICT_POLICY}
        route.fulfill(response=response, headers=headers)

    page.route("/", with_policy)
    page.goto("/")

    expect(page.get_by_role("status")).to_have_text("6 of 6 parts")
    expect(page.locator("progress")).to_have_js_property("position", 1)
    expect(page.get_by_role("heading", level=2)).to_have_text(TITLES)
    expect(page.locator("section.filled[aria-busy=false]")).to_have_count(6)
    expect(card(page, "Overview")).to_contain_text("Corner Shop")
    expect(card(page, "Recent orders").get_by_role("row")).to_have_count(1 + 20)
    expect(card(page, "Sales analytics").get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("^Revenue by month, ")
    )
    assert answers == [(START, 200), (NEXT, 200), (NEXT, 200)]
    assert complaints == []


def test_cards_wait_as_skeletons_until_their_page_arrives(page, expect, monkeypatch):
    gate = Event()
    known = DashboardParts.get_recent_orders

    def late(view, request, **limit):
        gate.wait(15)
        return known(view, request, **limit)

    monkeypatch.setattr(DashboardParts, "get_recent_orders", late)
    page.goto("/")
    try:
        expect(page.get_by_role("status")).to_have_text("2 of 6 parts")
        expect(page.locator("section[aria-busy=true] .skeleton")).to_have_count(4)
        expect(card(page, "Today stats")).to_have_attribute("aria-busy", "false")
    finally:
        gate.set()
    expect(page.get_by_role("status")).to_have_text("6 of 6 parts")


def test_a_failed_part_says_so_in_its_card_and_can_be_fetched_again(
    page, expect, complaints, answers
):
    sales = card(page, "Sales analytics")
    with part_fails("sales_analytics"):
        page.goto("/")
        expect(page.get_by_role("status")).to_have_text("6 of 6 parts, 1 failed")
        expect(sales).to_contain_text("Reference")
        expect(card(page, "Customer insights")).to_contain_text("Spent on average")

        sales.get_by_role("button", name="Retry").click()
        expect(sales).to_be_focused()  # it has failed again
        expect(sales.get_by_role("button", name="Retry")).to_be_visible()

    sales.get_by_role("button", name="Retry").click()
    expect(sales.get_by_role("img")).to_be_visible()
    expect(sales.get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("status")).to_have_text("6 of 6 parts")
    assert answers[3:] == [("parts", 200), ("parts", 200)]
    assert complaints == []


def test_an_expired_cursor_starts_the_walk_again(page, expect, answers):
    page.route("**/api/dashboard/?cursor=*", expire_cursor, times=1)
    page.goto("/")
    expect(page.get_by_role("status")).to_have_text("6 of 6 parts")
    expect(page.locator("section.filled")).to_have_count(6)
    assert answers == [(START, 200), (NEXT, 410), (START, 200), (NEXT, 200), (NEXT, 200)]


def test_a_walk_that_cannot_go_on_stops_after_the_second_try(page, expect, answers):
    page.route("**/api/dashboard/?cursor=*", expire_cursor)
    page.goto("/")
    expect(page.get_by_role("alert")).to_contain_text("This cursor has expired.")
    expect(page.locator("section")).to_have_count(2)
    assert answers == [(START, 200), (NEXT, 410)] * 2

    page.unroute("**/api/dashboard/?cursor=*")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("status")).to_have_text("6 of 6 parts")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_visitor_is_told_to_sign_in_and_comes_back_to_the_dashboard(page, expect):
    page.context.clear_cookies()
    page.goto("/")
    expect(page.get_by_role("alert")).to_contain_text("for members of staff")
    expect(page.locator("section")).to_have_count(0)

    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Username").fill(DEMO_USERNAME)
    page.get_by_label("Password").fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("status")).to_have_text("6 of 6 parts")


def test_a_part_that_the_page_does_not_know_is_shown_as_text(page, expect, complaints, monkeypatch):
    value = "<img src=x onerror=alert(1)>"
    known = DashboardParts.get_parts
    monkeypatch.setattr(
        DashboardParts, "get_parts", lambda view: [*known(view), ("weekly_news", value)]
    )
    page.goto("/")
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    expect(card(page, "Weekly news")).to_contain_text(value)
    assert complaints == []


def test_a_part_that_is_not_for_this_user_leaves_no_card(page, expect, monkeypatch):
    known = DashboardParts.get_parts
    monkeypatch.setattr(DashboardParts, "get_parts", lambda view: known(view)[:4])
    page.goto("/")
    expect(page.get_by_role("status")).to_have_text("4 of 4 parts")
    expect(page.get_by_role("heading", level=2)).to_have_text(TITLES[:4])


def test_the_page_fits_a_phone(page, expect):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/")
    expect(page.get_by_role("status")).to_have_text("6 of 6 parts")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
