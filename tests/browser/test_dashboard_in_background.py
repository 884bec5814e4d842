"""The dashboard while its forecast is computed in the background, by a thread of the server."""

import re
from threading import Semaphore

import pytest

from example_schema import forecasts
from tests.browser.test_dashboard_page import FRONTS, card
from tests.browser.test_page_looks import EMPTINESS

COMPUTING = "6 of 7 parts, 1 in the background"


@pytest.fixture
def background():
    """Leave the engine in place."""


@pytest.fixture
def compute(monkeypatch):
    """Let the forecast take so many of its 40 steps: ``compute(10)``."""
    steps = Semaphore(0)
    monkeypatch.setattr(forecasts, "take_time", lambda: steps.acquire(timeout=30))
    yield steps.release
    steps.release(forecasts.BATCHES)


@pytest.fixture
def begun(monkeypatch):
    """The computations that have begun."""
    known, begun = forecasts.revenue_by_week, []
    monkeypatch.setattr(forecasts, "revenue_by_week", lambda: begun.append(1) or known())
    return begun


@pytest.fixture
def bar(page):
    return page.get_by_role("progressbar", name="Forecast", exact=True)


@pytest.mark.parametrize("over", FRONTS)
def test_the_bar_of_a_part_moves_until_its_value_comes(
    page, expect, complaints, compute, begun, bar, over
):
    page.goto(f"/?over={over}")
    expect(page.get_by_role("status")).to_have_text(COMPUTING)
    expect(card(page, "Forecast")).to_have_attribute("aria-busy", "true")
    expect(card(page, "Forecast")).to_contain_text("Computed in the background")
    expect(card(page, "Customers")).to_contain_text("Spent on average")

    for percent, width in [("25", "25%"), ("75", "75%")]:
        compute(10 if percent == "25" else 20)
        expect(bar).to_have_attribute("aria-valuenow", percent)
        expect(card(page, "Forecast")).to_contain_text(f"in the background: {percent} % done")
        assert bar.locator("div").evaluate("(it) => it.style.width") == width
    compute(10)
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    expect(bar).to_have_count(0)
    expect(card(page, "Forecast")).to_contain_text("Next 12 weeks")
    expect(card(page, "Forecast").get_by_role("img")).to_have_count(1)
    took = re.compile(r"^here after [\d.]+ s; computed in the background$")
    expect(card(page, "Forecast").locator(".head p")).to_have_text(took)
    assert len(begun) == 1
    assert complaints == []


def test_the_bar_without_a_known_progress_has_no_value(page, expect, compute, bar):
    page.goto("/")
    expect(bar).to_be_visible()
    expect(bar).not_to_have_attribute("aria-valuenow", re.compile(""))
    compute(forecasts.BATCHES)
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")


def test_another_delivery_waits_for_the_same_computation(page, expect, compute, begun, bar):
    page.goto("/")
    compute(10)
    for label in ("GraphQL", "Stream", "REST"):
        page.get_by_label(label, exact=True).check()
        expect(bar).to_have_attribute("aria-valuenow", "25")
    compute(30)
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    page.get_by_role("button", name="Reload").click()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    assert len(begun) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_while_a_part_is_computed(
    page, expect, compute, bar, violations, scheme
):
    page.emulate_media(color_scheme=scheme)
    page.goto("/")
    compute(10)
    expect(bar).to_have_attribute("aria-valuenow", "25")
    assert violations() == []
    compute(30)
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")


@pytest.mark.parametrize("width", [1280, 800, 390])
def test_the_card_has_the_same_height_before_and_after_its_part_comes(
    page, expect, compute, bar, width
):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto("/")
    expect(bar).to_be_visible()
    height = "(card) => card.offsetHeight"
    before = card(page, "Forecast").evaluate(height)
    assert dict(page.evaluate(EMPTINESS))["sales_forecast"] < 0.25
    compute(forecasts.BATCHES)
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    assert card(page, "Forecast").evaluate(height) == pytest.approx(before, abs=4)
