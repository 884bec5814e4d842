"""The dashboard in dark colours, in print, without motion, and after a reload."""

import pytest

from tests.browser.conftest import PATIENCE

CHARTS = "Object.values(Chart.instances)"
ACCENT = "getComputedStyle(document.documentElement).getPropertyValue('--accent').trim()"
# Perceived brightness of a colour as browsers compute it, from 0 to 255.
BRIGHTNESS = """(property) => {
  const colour = getComputedStyle(document.body)[property];
  const [r, g, b] = colour.match(/\\d+/g).map(Number);
  return 0.3 * r + 0.6 * g + 0.1 * b;
}"""
HEIGHTS = """() => Object.fromEntries(
  [...document.querySelectorAll("section")].map((card) => [card.dataset.part, card.offsetHeight]),
)"""


@pytest.fixture
def until(page):
    """
    Wait for a condition in JavaScript.

    Playwright's own ``wait_for_function`` calls ``eval()``, which the page's policy refuses.
    """
    return lambda condition, arg=None: page.evaluate(
        f"""(arg) => new Promise((hold, fail) => {{
          setTimeout(() => fail(new Error("It never came true.")), {PATIENCE});
          const look = () => ({condition}) ? hold() : requestAnimationFrame(look);
          look();
        }})""",
        arg,
    )


@pytest.fixture
def load(page, expect, until):
    """Open the dashboard and wait for all of its parts."""

    def loaded():
        page.goto("/")
        expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
        until(f"{CHARTS}.length === 3")

    return loaded


def test_the_page_is_dark_in_a_dark_color_scheme(page, load):
    page.emulate_media(color_scheme="dark")
    load()
    assert page.evaluate(BRIGHTNESS, "backgroundColor") < 50
    assert page.evaluate(BRIGHTNESS, "color") > 200


def test_the_charts_change_their_colours_with_the_color_scheme(page, load, until):
    load()
    colours = set()
    for scheme in ("light", "dark", "light"):
        page.emulate_media(color_scheme=scheme)
        until(f"{CHARTS}.every(({{ data }}) => data.datasets[0].borderColor === {ACCENT})")
        colours.add(page.evaluate(ACCENT))
    assert len(colours) == 2


def test_the_page_prints_dark_on_light_from_a_dark_screen(page, load, expect):
    page.emulate_media(color_scheme="dark")
    load()
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate(BRIGHTNESS, "backgroundColor") > 200
    assert page.evaluate(BRIGHTNESS, "color") < 50
    expect(page.get_by_role("button")).to_have_count(0)
    orders = page.get_by_role("region", name="Orders", exact=True)
    assert orders.evaluate("(all) => all.scrollHeight === all.clientHeight")  # no order is cut off


@pytest.mark.parametrize(("motion", "moves"), [("no-preference", True), ("reduce", False)])
def test_animations_stop_where_reduced_motion_is_preferred(
    page, expect, until, gate, motion, moves
):
    page.emulate_media(reduced_motion=motion)
    page.goto("/")
    expect(page.get_by_role("status")).to_have_text("2 of 7 parts")
    skeletons = "(all) => all.flatMap((one) => one.getAnimations()).length > 0"
    assert page.locator(".skeleton").evaluate_all(skeletons) is moves
    gate.set()
    until(f"{CHARTS}.length === 3")
    assert (
        page.evaluate(f"{CHARTS}.map(({{ options }}) => Boolean(options.animation))") == [moves] * 3
    )


@pytest.mark.parametrize("width", [1280, 800, 600, 390])
def test_a_card_has_the_same_height_before_and_after_its_part_arrives(page, expect, gate, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/")
    expect(page.get_by_role("status")).to_have_text("2 of 7 parts")
    waiting = page.evaluate(HEIGHTS)
    gate.set()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    filled = page.evaluate(HEIGHTS)
    for part in ("recent_orders", "sales_analytics", "sales_forecast", "customer_insights"):
        assert filled[part] == pytest.approx(waiting[part], abs=4)


def test_a_chart_removed_by_a_reload_is_destroyed(page, load, until):
    load()
    before = page.evaluate_handle(f"{CHARTS}[0]")
    page.get_by_role("button", name="Reload").click()
    until(f"!{CHARTS}.includes(arg) && {CHARTS}.length === 3", before)
