"""The dashboard walked by keyboard alone: from the first Tab to a retried part and the timeline."""

import pytest

from django_partstream.testing import part_fails

#: The accessible name of the element with the focus, also inside of a shadow tree.
FOCUSED = """() => {
  let active = document.activeElement;
  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
  const named = active.ariaLabel ?? active.labels?.[0]?.textContent ?? active.textContent;
  return active === document.body ? null : named.trim().replaceAll(/\\s+/g, " ");
}"""
#: Whether the element with the focus has an outline that is in the window.
IS_SEEN = """() => {
  let active = document.activeElement;
  while (active?.shadowRoot?.activeElement) active = active.shadowRoot.activeElement;
  const outlined = active.matches("input") ? active.closest("label") : active;
  const { top, bottom } = outlined.getBoundingClientRect();
  const { outlineStyle } = getComputedStyle(outlined);
  return outlineStyle !== "none" && bottom > 0 && top < innerHeight;
}"""


@pytest.fixture
def press(page):
    """Press a key and return the name of the element that then has the focus."""

    def pressed(key):
        page.keyboard.press(key)
        return page.evaluate(FOCUSED)

    return pressed


def test_the_keyboard_alone_reaches_a_failed_part_and_the_timeline(page, expect, press, settings):
    settings.DEBUG = True
    status = page.get_by_role("status")
    with part_fails("inventory_alerts"):
        page.goto("/")
        expect(status).to_have_text("7 of 7 parts, 1 failed")
    reached = []
    while "Retry" not in reached:
        reached.append(press("Tab"))
        assert page.evaluate(IS_SEEN), reached
        assert len(reached) < 20
    assert reached == [
        "GraphiQL",
        "REST",
        "OpenAPI",
        "Timeline 7 parts",
        "REST",
        "Reload",
        "Orders",
        "Show all 20 orders",
        "Retry",
    ]
    press("Enter")
    expect(status).to_have_text("7 of 7 parts")
    expect(page.get_by_role("region", name="Inventory alerts")).to_be_focused()

    while not press("Shift+Tab").startswith("Timeline"):
        pass
    page.keyboard.press("Enter")
    panel = page.get_by_role("dialog", name="Timeline of parts")
    expect(panel).to_be_focused()
    assert press("Tab") == "Close"
    assert press("Tab") == "Walks, the latest first"
    assert press("Tab").endswith("only inventory_alerts")
    assert page.evaluate(IS_SEEN)
    assert press("Tab").endswith("1 failed")
    page.keyboard.press("Enter")  # the walk before the retry
    expect(panel.get_by_role("listitem").filter(has_text="failed")).to_have_count(1)
    assert press("Escape") == "Timeline 1 part"
    expect(panel).to_be_hidden()
