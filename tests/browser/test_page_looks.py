"""The dashboard in dark colours, in print, without motion, and after a reload."""

import re

import pytest

from django_partstream.testing import part_fails
from example_schema.models import Product
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
    jumps = {part: filled[part] - waiting[part] for part in filled}
    del jumps["inventory_alerts"]  # as long as the shop has products that run out
    assert jumps == pytest.approx(dict.fromkeys(jumps, 0), abs=4)


#: The part of each card, from 0 to 1, that is empty below its content.
EMPTINESS = """() => [...document.querySelectorAll("section")].map((card) => {
  const content = card.lastElementChild;
  const bottoms = [...content.querySelectorAll("*")].map((one) => one.getBoundingClientRect().bottom);
  const box = card.getBoundingClientRect();
  return [card.dataset.part, (box.bottom - Math.max(...bottoms)) / box.height];
})"""


@pytest.mark.parametrize("width", [1280, 800, 390])
class TestFullCards:
    """No card is half empty."""

    @pytest.fixture
    def trade(self):
        return {"customers": 60, "products": 400, "orders": 200}  # lists that are long enough

    def full(self, page, width):
        page.set_viewport_size({"width": width, "height": 800})
        return all(share < 0.25 for _, share in page.evaluate(EMPTINESS))

    def test_no_card_is_half_empty(self, page, load, width):
        load()
        assert self.full(page, width)

    def test_no_card_with_little_to_show_is_half_empty(self, page, expect, width):
        Product.objects.filter(stock__lt=10).exclude(pk=Product.objects.first().pk).update(stock=99)
        with part_fails("customer_insights"):
            page.goto("/")
            expect(page.get_by_role("status")).to_have_text("7 of 7 parts, 1 failed")
        assert self.full(page, width)

    def test_no_card_is_half_empty_while_the_page_loads(self, page, expect, gate, width):
        page.goto("/")
        expect(page.get_by_role("status")).to_have_text("2 of 7 parts")
        assert self.full(page, width)

    def test_a_list_that_is_cut_off_shows_that_there_is_more(self, page, expect, load, width):
        page.set_viewport_size({"width": width, "height": 800})
        load()
        orders = page.get_by_role("region", name="Orders", exact=True)
        cut = """(all) => [...all.querySelectorAll("tr")].some((row) => {
          const [own, box] = [row, all].map((one) => one.getBoundingClientRect());
          return own.top < box.bottom - 5 && own.bottom > box.bottom + 5;
        })"""
        assert orders.evaluate(cut)  # a row shows its upper half only
        more = page.get_by_role("button", name="Show all 20 orders")
        more.click()
        assert orders.evaluate("(all) => all.scrollHeight === all.clientHeight")
        fewer = page.get_by_role("button", name="Show fewer")
        expect(fewer).to_be_focused()
        expect(fewer).to_have_attribute("aria-expanded", "true")
        fewer.click()
        expect(more).to_have_attribute("aria-expanded", "false")
        assert orders.evaluate(cut)


def test_a_list_that_fits_has_no_button_for_more(page, expect, load):
    load()
    products = page.get_by_role("region", name="Products", exact=True)
    assert products.evaluate("(all) => all.scrollHeight === all.clientHeight")
    expect(page.get_by_role("button", name=re.compile("Show all .* products"))).to_have_count(0)


def test_a_chart_removed_by_a_reload_is_destroyed(page, load, until):
    load()
    before = page.evaluate_handle(f"{CHARTS}[0]")
    page.get_by_role("button", name="Reload").click()
    until(f"!{CHARTS}.includes(arg) && {CHARTS}.length === 3", before)
