"""The dashboard while its parts come as a stream: one by one, in a single response."""

import re
from threading import Event

import pytest

from django_partstream.testing import part_fails
from example_schema.parts import DashboardParts

PARTS = ["overview", "today_stats", "recent_orders", "inventory_alerts"]


@pytest.fixture
def gates(monkeypatch):
    """An event for each of the first parts, for which the part waits."""

    def gated(name, gate):
        known = getattr(DashboardParts, f"get_{name}")
        late = lambda view, request: gate.wait(15) and known(view, request)  # noqa: E731
        monkeypatch.setattr(DashboardParts, f"get_{name}", late)

    gates = {name: Event() for name in PARTS}
    for name, gate in gates.items():
        gated(name, gate)
    yield gates
    for gate in gates.values():
        gate.set()


@pytest.fixture
def requests(page):
    """The addresses that the page has asked for parts."""
    asked = []
    page.on("request", lambda request: "/api/" in request.url and asked.append(request.url))
    return asked


def test_parts_of_a_stream_arrive_one_at_a_time(page, expect, gates, requests, complaints):
    page.goto("/?over=stream")
    expect(page.get_by_role("status")).to_have_text("0 of 7 parts")
    for number, name in enumerate(PARTS[:3], 1):
        gates[name].set()
        expect(page.get_by_role("status")).to_have_text(f"{number} of 7 parts")
        expect(page.locator("section[aria-busy=true] .skeleton")).to_have_count(7 - number)
    gates[PARTS[3]].set()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    assert len(requests) == 1
    assert complaints == []


def test_a_failed_part_can_be_retried_while_the_stream_goes_on(page, expect, gates, complaints):
    with part_fails("overview"):
        gates["overview"].set()
        page.goto("/?over=stream")
        expect(page.get_by_role("status")).to_have_text("1 of 7 parts, 1 failed")
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("status")).to_have_text("1 of 7 parts")
    for gate in gates.values():
        gate.set()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    assert complaints == []


@pytest.mark.parametrize(
    ("first", "then"),
    [("Stream", "REST"), ("Stream", "GraphQL"), ("REST", "Stream"), ("GraphQL", "Stream")],
)
def test_the_switch_ends_one_delivery_and_begins_another(
    page, expect, gates, complaints, first, then
):
    gates["overview"].set()
    gates["today_stats"].set()
    page.goto(f"/?over={first.lower()}")
    expect(page.get_by_role("status")).to_have_text("2 of 7 parts")
    page.get_by_label(then, exact=True).check()
    expect(page.get_by_role("status")).to_have_text("2 of 7 parts")
    for gate in gates.values():
        gate.set()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    expect(page.locator("section.filled")).to_have_count(7)
    expect(page).to_have_url(re.compile(rf"/\?over={then.lower()}$"))
    assert complaints == []


def test_a_part_unknown_to_the_page_is_counted_in_a_stream(page, expect, monkeypatch):
    known = DashboardParts.get_parts
    monkeypatch.setattr(DashboardParts, "get_parts", lambda view: [("news", "!"), *known(view)])
    page.goto("/?over=stream")
    expect(page.get_by_role("status")).to_have_text("8 of 8 parts")


def test_where_the_server_has_no_streams_the_page_takes_pages(page, expect, monkeypatch, requests):
    from example_schema.views import DashboardView

    monkeypatch.setattr(DashboardView, "streams", False)
    page.goto("/?over=stream")
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
    assert len(requests) == 1 + 4


def test_every_delivery_can_be_chosen_with_the_keyboard(page, expect):
    page.goto("/")
    page.get_by_label("REST", exact=True).focus()
    for label in ("GraphQL", "Stream"):
        page.keyboard.press("ArrowRight")
        expect(page.get_by_label(label, exact=True)).to_be_focused()
        expect(page.get_by_role("status")).to_have_text("7 of 7 parts")
