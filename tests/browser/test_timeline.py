"""The timeline of parts: on the page of the shop, and on a page that fetches by itself."""

import re

import pytest

from django_partstream.testing import part_fails
from example_schema import forecasts
from tests.browser.test_dashboard_in_background import compute  # noqa: F401 - a fixture
from tests.browser.test_dashboard_page import FRONTS, STRICT_POLICY, card
from tests.shop import PARTS

KEYS = "Alt+Shift+KeyP"
TIME = r"\d+\.\d\d s"
BY = {
    "rest": r"over REST, page \d",
    "graphql": r"over GraphQL, page \d",
    "stream": "over REST, stream 1",
}

#: A page of its own, with a client of its own.
BARE = """<!doctype html>
<html lang="en"><title>A page</title>
<script type="module" src="/static/django_partstream/timeline.js"></script>
<main><h1>A page</h1><a href="#there">A link</a></main>"""


@pytest.fixture(autouse=True)
def _debug(settings):
    settings.DEBUG = True


@pytest.fixture
def button(page):
    return page.get_by_role("button", name=re.compile(r"^Timeline"))


@pytest.fixture
def panel(page):
    return page.get_by_role("dialog", name="Timeline of parts")


@pytest.fixture
def load(page, expect):
    """Open the dashboard and wait for its parts."""

    def loaded(over="rest", failed=0):
        page.goto(f"/?over={over}")
        words = "7 of 7 parts" + (f", {failed} failed" if failed else "")
        expect(page.get_by_role("status")).to_have_text(words)

    return loaded


@pytest.fixture
def bare(page):
    """Open a page without any other script, under a strict policy."""

    def serve(route):
        policy = f"default-src 'self'; style-src 'none'; {STRICT_POLICY}"
        route.fulfill(
            body=BARE, content_type="text/html", headers={"Content-Security-Policy": policy}
        )

    page.route("**/bare/", serve)
    page.goto("/bare/")


def test_the_timeline_tells_when_each_part_was_asked_for_and_shown(
    page, load, button, panel, expect, complaints
):
    load()
    expect(panel).to_be_hidden()
    expect(button).to_have_text("Timeline 7 parts")
    button.click()
    expect(panel).to_be_visible()
    expect(panel.get_by_role("heading", level=3)).to_have_text("/api/dashboard/")
    told = rf": asked at {TIME}, shown at {TIME}; server [\d.]+ ms.*; over REST, page \d$"
    expect(panel.get_by_role("listitem")).to_have_text(
        [re.compile(rf"^{name}{told}") for name in PARTS]
    )
    assert complaints == []


@pytest.mark.parametrize("over", FRONTS)
def test_the_timeline_tells_the_time_on_the_server_for_each_delivery(
    load, button, panel, expect, over
):
    load(over)
    button.click()
    told = rf"; server [\d.]+ ms.*; {BY[over]}$"
    expect(panel.get_by_role("listitem")).to_have_text([re.compile(told)] * 7)


def test_the_page_without_debug_has_no_timeline(load, button, expect, settings):
    settings.DEBUG = False
    load()
    expect(button).to_have_count(0)


def test_a_bar_stands_where_its_part_was_asked_for_and_shown(load, button, panel):
    load()
    button.click()
    bars = panel.locator("li .bar:first-child").evaluate_all(
        """(bars) => bars.map((bar) => {
          const [own, all] = [bar, bar.parentNode].map((one) => one.getBoundingClientRect());
          return [own.left - all.left, own.right - all.left, all.width];
        })"""
    )
    starts, ends, (width, *_) = zip(*bars, strict=True)
    assert starts[0] == pytest.approx(0, abs=1)
    assert ends[-1] == pytest.approx(width, abs=1)
    assert list(starts) == sorted(starts)
    assert all(start < end for start, end in zip(starts, ends, strict=True))


def test_a_failed_and_a_retried_part_are_told(page, load, button, panel, expect):
    with part_fails("sales_analytics"):
        load(failed=1)
    card(page, "Sales").get_by_role("button", name="Retry").click()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    button.click()
    titles = panel.locator("summary")
    expect(titles).to_have_text(
        [re.compile("1 part in .*, only sales_analytics$"), re.compile("7 parts in .*, 1 failed$")]
    )
    expect(panel.locator("details[open]")).to_have_count(1)
    titles.nth(1).click()
    failed = panel.get_by_role("listitem").filter(has_text="failed")
    expect(failed).to_have_text(re.compile(r"^sales_analytics: .*; failed \(part_failed\); "))
    expect(failed.locator(".failed")).to_have_css("border-style", "dashed")


class TestPending:
    """A part that is computed in the background."""

    @pytest.fixture
    def background(self):
        """Leave the engine in place."""

    def test_a_pending_part_is_told_with_its_progress_until_it_comes(
        self,
        page,
        button,
        panel,
        expect,
        compute,  # noqa: F811
    ):
        page.goto("/")
        compute(10)
        button.click()
        forecast = panel.get_by_role("listitem").filter(has_text="sales_forecast")
        expect(forecast).to_contain_text("25 % done")
        title = re.compile(rf"^pending for {TIME}, 25 % done$")
        expect(forecast.locator(".pending")).to_have_attribute("title", title)
        compute(forecasts.BATCHES - 10)
        expect(forecast).to_contain_text(re.compile(rf"pending from {TIME} to {TIME}; server"))
        expect(forecast).to_have_count(1)


class TestKeyboard:
    def test_the_button_opens_the_panel_and_escape_closes_it(
        self, page, load, button, panel, expect
    ):
        load()
        button.focus()
        expect(button).to_have_attribute("aria-expanded", "false")
        page.keyboard.press("Enter")
        expect(panel).to_be_focused()
        expect(button).to_have_attribute("aria-expanded", "true")
        page.keyboard.press("Tab")
        expect(panel.get_by_role("button", name="Close")).to_be_focused()
        page.keyboard.press("Tab")
        expect(panel.get_by_role("group", name="Walks, the latest first")).to_be_focused()
        page.keyboard.press("Tab")
        expect(panel.locator("summary")).to_be_focused()
        page.keyboard.press("Enter")
        expect(panel.get_by_role("listitem")).to_have_count(0)
        page.keyboard.press("Enter")
        expect(panel.get_by_role("listitem")).to_have_count(7)
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        expect(button).to_be_focused()

    def test_the_keys_open_the_panel_and_the_focus_returns_to_where_it_was(
        self, page, load, panel, expect
    ):
        load()
        reload = page.get_by_role("button", name="Reload")
        reload.focus()
        page.keyboard.press(KEYS)
        expect(panel).to_be_focused()
        page.keyboard.press(KEYS)
        expect(panel).to_be_hidden()
        expect(reload).to_be_focused()
        page.keyboard.press(KEYS)
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")  # the button "Close"
        expect(reload).to_be_focused()
        page.get_by_label("REST", exact=True).focus()  # an input, and no field for text
        page.keyboard.press(KEYS)
        expect(panel).to_be_focused()

    def test_escape_leaves_the_focus_on_the_page_where_it_is_there(self, page, load, panel, expect):
        load()
        page.keyboard.press(KEYS)
        reload = page.get_by_role("button", name="Reload")
        reload.focus()
        page.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        expect(reload).to_be_focused()

    def test_the_keys_are_left_to_a_field_of_the_page(self, bare, page, panel, expect):
        page.locator("main").evaluate("(main) => main.append(document.createElement('textarea'))")
        page.get_by_role("textbox").focus()
        page.keyboard.press(KEYS)
        expect(panel).to_be_hidden()
        page.get_by_role("link").focus()
        page.keyboard.press(KEYS)
        expect(panel).to_be_focused()

    def test_the_focus_stays_where_it_is_when_a_walk_begins(
        self, page, load, button, panel, expect
    ):
        load()
        page.evaluate("fetch('/api/dashboard/?other=1')")
        button.click()
        expect(panel.get_by_role("heading", level=3)).to_have_count(2)
        last = panel.locator("summary").last
        last.focus()
        page.evaluate("fetch('/api/dashboard/')")  # its group comes first
        expect(panel.locator("summary")).to_have_count(3)
        expect(panel.get_by_role("heading", level=3).first).to_have_text("/api/dashboard/")
        expect(panel.locator("summary").nth(1)).to_be_focused()


def test_the_order_of_reading_is_titles_and_then_parts(page, load, button, panel):
    with part_fails("inventory_alerts"):
        load(failed=1)
    button.click()
    told = panel.aria_snapshot()
    places = [told.index(words) for words in ["Timeline of parts", "Close", "pending", *PARTS]]
    assert places == sorted(places)
    assert re.search(rf'paragraph: "?overview: asked at 0.00 s, shown at {TIME}; server', told)
    assert "img" not in told  # the bars say nothing that the words do not


class TestBarePage:
    def test_the_timeline_tells_of_a_page_that_fetches_by_itself(
        self, bare, page, button, panel, expect, complaints
    ):
        expect(button).to_have_text("Timeline 0 parts")
        button.click()
        expect(panel).to_contain_text("No answer with parts has come")
        count = "fetch('/api/dashboard/').then((page) => page.json()).then((p) => p.results.length)"
        assert page.evaluate(count) == 2
        expect(panel.get_by_role("listitem")).to_have_count(2)
        expect(panel.locator("summary")).to_contain_text("more to come")
        expect(button).to_have_text("Timeline 2 parts")
        assert complaints == []

    def test_the_timeline_tells_of_an_event_source(self, bare, page, button, panel, expect):
        page.evaluate(
            """() => new Promise((hold) => {
              const source = new EventSource("/api/dashboard/?parts=overview,today_stats");
              source.addEventListener("end", () => hold(source.close()));
            })"""
        )
        button.click()
        expect(panel.get_by_role("listitem")).to_have_text([re.compile("over REST, stream 1$")] * 2)
        expect(panel.locator("summary")).to_contain_text("only overview and today_stats")

    def test_the_styles_of_the_page_do_not_reach_the_timeline(self, bare, page, button, expect):
        page.evaluate(
            """() => {
              const sheet = new CSSStyleSheet();
              sheet.replaceSync("button, div { font-size: 40px; color: red; }");
              document.adoptedStyleSheets = [sheet];
            }"""
        )
        expect(button).to_have_css("font-size", "14px")

    def test_the_button_stands_in_a_corner_of_the_window(self, bare, page, button):
        window, box = page.viewport_size, button.bounding_box()
        assert window["width"] - 20 < box["x"] + box["width"] < window["width"]
        assert window["height"] - 20 < box["y"] + box["height"] < window["height"]

    def test_axe_finds_no_violation(self, bare, page, button, violations):
        page.evaluate("fetch('/api/dashboard/')")
        assert violations() == []
        button.click()
        assert violations() == []


class TestLooks:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("width", [1280, 360])
    def test_axe_finds_no_violation_in_the_open_panel(
        self, page, load, button, panel, expect, violations, scheme, width
    ):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        with part_fails("inventory_alerts"):
            load(failed=1)
        button.click()
        expect(panel.get_by_role("listitem")).to_have_count(7)
        assert violations() == []

    def test_the_panel_fits_a_phone(self, page, load, button, panel):
        page.set_viewport_size({"width": 320, "height": 640})
        load()
        button.click()
        assert page.evaluate("document.documentElement.scrollWidth") == 320
        sides = "(it) => [it.scrollWidth, it.clientWidth]"
        for box in (panel, panel.get_by_role("group", name="Walks, the latest first")):
            inner, outer = box.evaluate(sides)
            assert inner == outer

    def test_the_bars_are_told_apart_in_forced_colours(self, page, load, button, panel):
        page.emulate_media(forced_colors="active")
        with part_fails("inventory_alerts"):
            load(failed=1)
        button.click()
        look = """(bar) => {
          const { backgroundColor, backgroundImage, borderStyle } = getComputedStyle(bar);
          return [backgroundColor, backgroundImage, borderStyle].join();
        }"""
        names = [".bar:not(.server, .pending, .failed)", ".server", ".pending", ".failed"]
        looks = {panel.locator(f".legend {name}").evaluate(look) for name in names}
        assert len(looks) == 4

    @pytest.mark.parametrize("over", FRONTS)
    def test_the_panel_does_not_move_and_is_not_printed(self, page, load, button, panel, over):
        load(over)
        button.click()
        moves = "(panel) => panel.getRootNode().getAnimations().length"
        assert panel.evaluate(moves) == 0
        page.emulate_media(media="print")
        assert not panel.is_visible()
