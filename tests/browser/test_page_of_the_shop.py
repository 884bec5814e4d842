"""The page of the shop, which the documentation shows whole, in Chromium."""

import json

import pytest
from django.template import Context, Template

from tests.documentation import SHOP, blocks

if not SHOP.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

(PAGE,) = blocks(SHOP, "html")
FIRST = json.loads(blocks(SHOP, "json")[2])
FAILED = {"part": "forecast", "code": "part_failed", "message": "No forecast.", "retryable": True}
LAST = {"results": [{"forecast": None}], "cursor": None, "errors": [FAILED]}
PENDING = [{"part": "forecast", "retry_after": 0.1, "progress": 0.5}]


@pytest.fixture
def released(page):
    """Serve the page and its parts; the forecast is pending until the list has an item."""
    released = []

    def answer(route):
        if "cursor=" not in route.request.url:
            route.fulfill(json=FIRST)
        elif released:
            route.fulfill(json=LAST)
        else:
            route.fulfill(json={"results": [], "cursor": "again", "pending": PENDING})

    page.route("**/api/dashboard/**", answer)
    html = Template(PAGE).render(Context()).replace("<title>", "<link rel=icon href=data:,><title>")
    page.route("**/of-the-shop/", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto("/of-the-shop/")
    return released


def test_each_card_of_the_page_has_its_value_or_a_bar_and_then_its_error(
    page, complaints, released, expect
):
    cards = {name: page.locator(f"[data-part={name}]") for name in ("orders", "forecast")}
    expect(cards["orders"]).to_contain_text("20.25")
    expect(cards["forecast"].locator("progress")).to_have_attribute("value", "0.5")
    expect(page.locator("main")).to_have_attribute("aria-busy", "true")
    released.append(True)
    expect(cards["forecast"]).to_contain_text("No forecast.")
    expect(page.locator("main")).to_have_attribute("aria-busy", "false")
    assert complaints == []
