import json
import re
from pathlib import Path
from threading import Event

import pytest
from django.contrib.staticfiles import finders

from django_partstream.testing import expired, part_fails, part_hangs
from example_schema.parts import DashboardParts
from example_schema.seeding import DEMO_PASSWORD, DEMO_USERNAME

START, NEXT, ONE = "the start", "the next page", "one part"
CODES = {"CURSOR_EXPIRED": 410, "CURSOR_STALE": 410}
TITLES = [
    "Overview",
    "Today",
    "Recent orders",
    "Inventory alerts",
    "Sales",
    "Forecast",
    "Customers",
]
STRICT_POLICY = "require-trusted-types-for 'script'"
FRONTS = {"rest": "REST", "graphql": "GraphQL", "stream": "Stream"}
PAGED = pytest.mark.parametrize("over", ["rest", "graphql"])


@pytest.fixture(params=FRONTS)
def over(request):
    """The way in which the parts are delivered, each in turn."""
    return request.param


@pytest.fixture
def walked(over):
    """The requests of a whole walk, as ``answers`` has them."""
    return [(START, 200)] if over == "stream" else [(START, 200), *[(NEXT, 200)] * 3]


@pytest.fixture
def visit(page, over):
    """Open the dashboard with that delivery."""
    return lambda: page.goto(f"/?over={over}")


@pytest.fixture
def answers(page):
    """Tell the requests (START, NEXT or ONE part) with their status or error code, in order."""
    responses = []
    page.on("response", lambda response: responses.append(response))
    return lambda: list(filter(None, map(_told, responses)))


def _told(response):
    address, _, query = response.url.partition("?")
    if address.endswith("/api/dashboard/"):
        return {"": START, "cursor": NEXT, "parts": ONE}[query.partition("=")[0]], response.status
    if not address.endswith("/graphql/"):
        return None
    sent = json.loads(response.request.post_data)
    asked = START if sent["query"].count("{") > 10 else ONE
    errors = response.json().get("errors", [{"extensions": {"code": 200}}])
    code = errors[0]["extensions"]["code"]
    return NEXT if sent["variables"]["after"] else asked, CODES.get(code, code)


def card(page, title):
    return page.get_by_role("region", name=title, exact=True)


@pytest.fixture
def expire_cursors(page, over):
    """Let the cursors of the next requests be expired: ``expire_cursors(times)``, or all."""

    def late(times=None):
        if over == "rest":
            page.route("**/api/dashboard/?cursor=*", _expire_in_address, times=times)
        else:
            page.route("**/graphql/", _expire_in_body)
            late.left = times

    def _expire_in_address(route):
        address, _, cursor = route.request.url.partition("?cursor=")
        route.continue_(url=f"{address}?cursor={expired(cursor)}")

    def _expire_in_body(route):
        sent = json.loads(route.request.post_data)
        after = sent["variables"]["after"]
        if not after or late.left == 0:
            route.continue_()
            return
        late.left = late.left and late.left - 1
        sent["variables"]["after"] = expired(after)
        route.continue_(post_data=json.dumps(sent))

    def in_time():
        page.unroute_all()

    late.over = in_time
    return late


def test_the_page_fills_every_card_under_a_strict_content_security_policy(
    page, visit, over, expect, complaints, answers, walked
):
    policy = visit().headers["content-security-policy"]
    assert STRICT_POLICY in policy
    assert "unsafe" not in policy

    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    expect(page.get_by_label(FRONTS[over], exact=True)).to_be_checked()
    expect(page.locator("progress")).to_have_js_property("position", 1)
    expect(page.get_by_role("heading", level=2)).to_have_text(TITLES)
    expect(page.locator("section.filled[aria-busy=false]")).to_have_count(7)
    expect(card(page, "Overview")).to_contain_text("Corner Shop")
    expect(card(page, "Recent orders").get_by_role("row")).to_have_count(1 + 20)
    revenue, conversion = card(page, "Sales").get_by_role("img").all()
    expect(revenue).to_have_attribute("aria-label", re.compile(r"^Revenue by month, .*\. Most in "))
    expect(conversion).to_have_attribute("aria-label", re.compile("^Conversion by month, "))
    assert answers() == walked
    assert complaints == []


def test_the_page_shows_the_same_with_each_delivery(page, expect):
    shown = []
    for over in FRONTS:
        page.goto(f"/?over={over}")
        expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
        page.get_by_text("The same as a table").click()
        texts = page.locator("section > div:last-child").all_inner_texts()
        shown.append([re.sub(r"\d+:\d+ [AP]M", "", text) for text in texts])
    assert shown[0] == shown[1] == shown[2]
    assert len(shown[0]) == 7


def test_each_card_says_when_it_was_here(page, visit, expect):
    visit()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    told = page.locator(".head p").all_inner_texts()
    took = [float(re.fullmatch(r"here after (\d+\.\d\d) s", text)[1]) for text in told]
    assert len(took) == 7
    assert took == sorted(took)
    assert took[-1] > 0


def test_each_card_says_how_long_the_server_worked_where_the_server_tells(
    page, visit, expect, settings
):
    settings.PARTSTREAM = {"SERVER_TIMING": True}
    visit()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    told = r"^here after [\d.]+ s; the server worked [\d.]+ ms$"
    expect(page.locator(".head p")).to_have_text([re.compile(told)] * 7)


def test_a_card_says_that_the_server_had_its_value_in_the_cache(page, visit, expect, settings):
    settings.PARTSTREAM = {"SERVER_TIMING": True}
    for _ in range(2):
        visit()
        expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    cached = re.compile(r"^here after [\d.]+ s; the server had it in its cache$")
    expect(card(page, "Customers").locator(".head p")).to_have_text(cached)


def test_the_overview_says_why_a_visitor_of_the_demo_is_signed_in(page, expect):
    def signed_in(route):
        board = route.fetch()
        route.fulfill(
            response=board, body=board.text().replace('id="board"', 'id="board" data-demo')
        )

    page.goto("/")
    expect(card(page, "Overview")).to_contain_text("Signed in as")
    expect(card(page, "Overview")).not_to_contain_text("The demo")
    page.route(re.compile("/$"), signed_in)
    page.goto("/")
    expect(card(page, "Overview")).to_contain_text(
        "The demo signs each visitor in as its staff user."
    )


def test_the_switch_between_fronts_ends_the_walk_and_begins_another(page, expect, gate, complaints):
    page.goto("/")
    expect(page.get_by_role("status")).to_have_text("2 of 7 parts")
    page.get_by_label("GraphQL", exact=True).check()
    expect(page.get_by_role("status")).to_have_text("2 of 7 parts")
    gate.set()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    expect(page.locator("section")).to_have_count(7)
    expect(card(page, "Recent orders").get_by_role("row")).to_have_count(1 + 20)
    assert page.url.endswith("/?over=graphql")
    assert complaints == []

    page.reload()
    expect(page.get_by_label("GraphQL", exact=True)).to_be_checked()


def test_the_reload_button_walks_again(page, visit, expect, answers, walked):
    visit()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    with part_fails("overview"):
        page.get_by_role("button", name="Reload").click()
        expect(page.get_by_role("status")).to_have_text("7 of 7 parts, 1 failed")
    assert answers() == walked * 2


def test_cards_wait_as_skeletons_until_their_page_arrives(page, expect, gate):
    page.goto("/")
    expect(page.get_by_role("status")).to_have_text("2 of 7 parts")
    expect(page.locator("section[aria-busy=true] .skeleton")).to_have_count(5)
    expect(card(page, "Today")).to_have_attribute("aria-busy", "false")
    gate.set()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")


def test_a_failed_part_has_an_error_in_its_card_and_can_be_retried(
    page, visit, expect, complaints, answers, walked
):
    sales = card(page, "Sales")
    with part_fails("sales_analytics"):
        visit()
        expect(page.get_by_role("status")).to_have_text("7 of 7 parts, 1 failed")
        expect(sales).to_contain_text("Reference")
        expect(card(page, "Customers")).to_contain_text("Spent on average")

        sales.get_by_role("button", name="Retry").click()
        expect(sales).to_be_focused()  # the retry has failed
        expect(sales.get_by_role("button", name="Retry")).to_be_visible()

    sales.get_by_role("button", name="Retry").click()
    expect(sales.get_by_role("img")).to_have_count(2)
    expect(sales.get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    assert answers() == [*walked, (ONE, 200), (ONE, 200)]
    assert complaints == []


def test_a_part_that_is_retried_may_outlast_the_walk(page, visit, expect, gate, monkeypatch):
    with part_fails("overview"):
        visit()
        expect(page.get_by_role("status")).to_have_text("2 of 7 parts, 1 failed")
    again, known = Event(), DashboardParts.get_overview
    late = lambda view, request: again.wait(15) and known(view, request)  # noqa: E731
    monkeypatch.setattr(DashboardParts, "get_overview", late)
    card(page, "Overview").get_by_role("button", name="Retry").click()
    expect(card(page, "Overview")).to_have_attribute("aria-busy", "true")

    gate.set()
    expect(page.get_by_role("status")).to_have_text("6 of 7 parts")
    again.set()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    expect(page.get_by_role("heading", level=2)).to_have_text(TITLES)


def test_the_card_of_a_part_that_timed_out_says_that_it_took_too_long(page, visit, expect):
    with part_hangs("sales_analytics", 5):
        visit()
        expect(page.get_by_role("status")).to_have_text("7 of 7 parts, 1 failed")
    expect(card(page, "Sales")).to_contain_text("took too long")


@PAGED
def test_an_expired_cursor_starts_the_walk_again(page, visit, expect, answers, expire_cursors):
    expire_cursors(times=1)
    visit()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    expect(page.locator("section.filled")).to_have_count(7)
    assert answers() == [(START, 200), (NEXT, 410), (START, 200), *[(NEXT, 200)] * 3]


@PAGED
def test_a_walk_with_ever_expired_cursors_stops_with_an_alert(
    page, visit, expect, answers, expire_cursors
):
    expire_cursors()
    visit()
    expect(page.get_by_role("alert")).to_contain_text("This cursor has expired.")
    expect(page.locator("section")).to_have_count(2)
    assert answers() == [(START, 200), (NEXT, 410)] * 4

    expire_cursors.over()
    page.get_by_role("button", name="Try again").click()
    expect(
        page.get_by_role("button", name="Reload")
    ).to_be_focused()  # the button "Try again" is gone
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_visitor_is_told_to_sign_in_and_comes_back_to_the_dashboard(page, over, expect):
    page.context.clear_cookies()
    page.goto("/")
    chosen = page.get_by_label(FRONTS[over], exact=True)
    chosen.check()
    expect(page.get_by_role("alert")).to_contain_text("for members of staff")
    expect(page.locator("section")).to_have_count(0)

    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Username").fill(DEMO_USERNAME)
    page.get_by_label("Password").fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    expect(chosen).to_be_checked()


def test_a_part_unknown_to_the_page_is_shown_as_text(page, expect, complaints, monkeypatch):
    value = "<img src=x onerror=alert(1)>"
    known = DashboardParts.get_parts
    monkeypatch.setattr(
        DashboardParts, "get_parts", lambda view: [*known(view), ("weekly_news", value)]
    )
    page.goto("/")
    expect(page.get_by_role("status")).to_have_text("8 of 8 parts")
    expect(card(page, "Weekly news")).to_contain_text(value)
    assert complaints == []


def test_a_part_that_is_not_for_this_user_leaves_no_card(page, visit, expect, monkeypatch):
    known = DashboardParts.get_parts
    monkeypatch.setattr(DashboardParts, "get_parts", lambda view: known(view)[:4])
    visit()
    expect(page.get_by_role("status")).to_have_text("4 of 4 parts")
    expect(page.get_by_role("heading", level=2)).to_have_text(TITLES[:4])


def test_the_dashboard_page_never_scrolls_sideways(page, expect):
    page.set_viewport_size({"width": 320, "height": 640})  # WCAG 2.2, success criterion 1.4.10
    page.goto("/")
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_the_dashboard_page_fits_a_phone(page, expect):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/")
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    choice = page.get_by_label("Stream", exact=True).bounding_box()
    button = page.get_by_role("button", name="Reload").bounding_box()
    assert abs(choice["y"] - button["y"]) < choice["height"]  # in a row


def test_the_dashboard_page_works_on_a_slow_network(page, visit, expect):
    session = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 150, "downloadThroughput": 1e5, "uploadThroughput": 2e4}
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", slow)
    visit()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    expect(card(page, "Sales").get_by_role("img")).to_have_count(2)


def test_every_control_of_the_page_can_be_reached_with_the_keyboard(page, expect):
    with part_fails("inventory_alerts"):
        page.goto("/")
        expect(page.get_by_role("status")).to_have_text("7 of 7 parts, 1 failed")
    page.locator("nav a").last.focus()
    page.keyboard.press("Tab")
    expect(page.get_by_label("REST", exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Reload")).to_be_focused()
    page.keyboard.press("Tab")
    expect(
        page.get_by_role("region", name="Orders", exact=True)
    ).to_be_focused()  # a scrolling region
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Show all 20 orders")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Retry")).to_be_focused()
    page.keyboard.press("Enter")
    expect(card(page, "Inventory alerts")).to_have_class("filled")
    expect(card(page, "Inventory alerts")).to_be_focused()

    page.get_by_label("REST", exact=True).focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("GraphQL", exact=True)).to_be_focused()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")


class TestAccessibility:
    """Accessibility checked by axe-core, for violations of any impact."""

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [1280, 360])
    def test_axe_finds_no_violation_on_the_whole_page(
        self, page, expect, violations, scheme, width
    ):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        with part_fails("inventory_alerts"):
            page.goto("/")
            expect(page.get_by_role("status")).to_have_text("7 of 7 parts, 1 failed")
        page.get_by_text("The same as a table").click()
        assert violations() == []

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_axe_finds_no_violation_while_the_page_loads(
        self, page, expect, violations, gate, scheme
    ):
        page.emulate_media(color_scheme=scheme)
        page.goto("/")
        expect(page.get_by_role("status")).to_have_text("2 of 7 parts")
        assert violations() == []
        gate.set()
        expect(page.get_by_role("status")).to_have_text("7 of 7 parts")

    def test_axe_finds_no_violation_on_the_signed_out_page(self, page, expect, violations):
        page.context.clear_cookies()
        page.goto("/")
        expect(page.get_by_role("alert")).to_be_visible()
        assert violations() == []


def test_the_vendored_chart_library_equals_the_published_package(npm_file):
    folder = Path(finders.find("example_schema/vendor"))
    ours = (folder / "chart.umd.min.js").read_bytes()
    version = re.search(rb"Chart\.js v([\d.]+)", ours)[1].decode()
    assert ours == npm_file(f"chart.js@{version}", "dist/chart.umd.min.js")
    assert (folder / "chart.LICENSE.md").read_bytes() == npm_file(
        f"chart.js@{version}", "LICENSE.md"
    )
