"""The helpers of the JavaScript client that find the parts in view, in Chromium."""

MODULE = "/static/django_partstream/visible.js"

#: Three cards, of which the window shows one at a time, and what `whenVisible()` told of them.
CARDS = """async () => {
  const { visibleNow, whenVisible } = await import(location.href);
  const cards = ["a", "b", "c"].map((name) => {
    const card = document.createElement("section");
    card.dataset.part = name;
    card.style.blockSize = "300vh";
    return card;
  });
  document.body.replaceChildren(...cards);
  window.told = [];
  window.end = whenVisible(cards, (names) => window.told.push(names));
  return visibleNow(cards);
}"""


def scroll_to(page, place):
    card = page.locator("[data-part]").nth(place)
    card.evaluate("(card) => card.scrollIntoView({ block: 'center' })")


def test_the_parts_in_view_are_told_at_once_and_others_when_they_come_into_view(page):
    page.goto(MODULE)
    assert page.evaluate(CARDS) == ["a"]
    page.wait_for_function("window.told.length === 1")
    scroll_to(page, 2)
    page.wait_for_function("window.told.length === 2")
    scroll_to(page, 0)
    scroll_to(page, 1)
    page.wait_for_function("window.told.length === 3")
    assert page.evaluate("window.told") == [["a"], ["c"], ["b"]]


def test_no_part_is_told_after_the_end(page):
    page.goto(MODULE)
    page.evaluate(CARDS)
    page.wait_for_function("window.told.length === 1")
    page.evaluate("window.end()")
    scroll_to(page, 1)
    page.evaluate(
        "new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))"
    )
    assert page.evaluate("window.told") == [["a"]]
