"""Polling by the state behind the JavaScript client's hooks, in Chromium, while little changes."""

import json

import pytest

from example_schema.models import Product
from tests.tools import ROOT

CLIENT = ROOT / "clients/js"

#: The parts of the shop that have no time in them, in two pages.
NAMES = ["recent_orders", "inventory_alerts", "sales_analytics", "customer_insights"]

#: A page that polls, and draws each state of the parts. It keeps the states, and of each answer the
#: tags that were sent and the size of its body.
BOARD = """<!doctype html>
<title>Board</title>
<main></main>
<script type="module">
  import { walk } from "./walk.js";

  window.states = [];
  window.answers = [];

  async function measured(url, init) {
    const answer = { have: init.headers.get("Partstream-Have"), size: 0 };
    const response = await fetch(url, init);
    window.answers.push(answer);
    const measuring = new TransformStream({
      transform(chunk, controller) {
        answer.size += chunk.length;
        controller.enqueue(chunk);
      },
    });
    return new Response(response.body.pipeThrough(measuring), response);
  }

  walk("/api/dashboard/", { ...OPTIONS, fetch: measured }, (state) => {
    window.states.push(state);
    const paragraphs = state.parts.map(({ name, value }) => {
      const paragraph = document.createElement("p");
      paragraph.id = name;
      paragraph.textContent = JSON.stringify(value);
      return paragraph;
    });
    document.querySelector("main").replaceChildren(...paragraphs);
  });
</script>
"""

NULLS = "window.states.flatMap(({ parts }) => parts).filter(({ value }) => value === null).length"

#: The answers to requests that had the tags of all parts.
POLLED = f"window.answers.filter(({{ have }}) => have?.split('=').length === {len(NAMES) + 1})"


@pytest.fixture(params=["pages", "a stream"])
def board(page, request, complaints):
    """A page that polls ten times a second."""
    options = {"only": NAMES, "every": 0.1, "stream": request.param == "a stream"}
    html = BOARD.replace("OPTIONS", json.dumps(options))

    def serve(route):
        name = route.request.url.rpartition("/")[2]
        if name:
            route.fulfill(path=CLIENT / name, content_type="text/javascript")
        else:
            route.fulfill(body=html, content_type="text/html")

    page.route("**/board/*", serve)
    page.goto("/board/")
    yield page
    page.goto("about:blank")  # no request is under way when the database is flushed
    assert complaints == []


def polls(page, times):
    """Let the page poll so many more times; a poll has two requests at most."""
    more = page.evaluate(f"{POLLED}.length") + 2 * times + 1
    page.wait_for_function(f"{POLLED}.length >= {more}")


def sizes(page, answers):
    return page.evaluate(f"{answers}.map(({{ size }}) => size)")


def test_polls_move_only_the_values_that_have_changed_and_all_values_are_shown(board, expect):
    polls(board, 3)
    loaded = sizes(board, "window.answers.filter(({ have }) => have === null)")
    told = sizes(board, "window.answers.filter(({ have }) => have === '')")
    polled = sizes(board, POLLED)[:-1]  # the last may be under way
    assert (sum(loaded) > 4000, sum(told) > 4000, max(polled) < 2000) == (True, True, True)
    drawn = board.evaluate("window.states.length")
    polls(board, 3)
    assert board.evaluate("window.states.length") == drawn
    expect(board.locator("p")).to_have_count(len(NAMES))

    Product.objects.create(name="Rare tea", price="9.00", stock=0)
    expect(board.locator("#inventory_alerts")).to_contain_text("Rare tea")
    assert board.evaluate("window.states.length") == drawn + 1
    assert board.evaluate(NULLS) == 0
    expect(board.locator("p")).to_have_count(len(NAMES))
