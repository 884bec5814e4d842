"""
The front-end code of the project's guide, run in a browser.

``guide/react.jsx``, ``guide/vue.js`` and ``guide/simple.js`` are that code, word for word. The
HTML pages beside them have the rest of a page.
"""

import re
from pathlib import Path

import pytest

from django_partstream.testing import part_fails
from example_schema.parts import DashboardParts
from tests.shop import PARTS

FOLDER = Path(__file__).parent / "guide"
KINDS = {".html": "text/html", ".js": "text/javascript", ".jsx": "text/javascript"}


@pytest.fixture
def guide(page, npm_file):
    """Serve the pages of the guide, and the libraries that they load, beside the shop."""

    def serve(route):
        path = route.request.url.partition("/guide/")[2]
        package = re.fullmatch(r"npm/((?:@[\w-]+/)?[\w-]+@[\d.]+)/(.+)", path)
        body = npm_file(*package.groups()) if package else (FOLDER / path).read_bytes()
        route.fulfill(body=body, content_type=f"{KINDS[Path(path).suffix]}; charset=utf-8")

    page.route("**/guide/**", serve)
    return lambda name: page.goto(f"/guide/{name}.html")


@pytest.mark.parametrize(
    ("name", "title"), [("react", "h2"), ("vue", "h2"), ("simple", ".dashboard-part h3")]
)
class TestSnippets:
    def test_the_guides_component_shows_every_part_once_in_order(
        self, page, guide, expect, complaints, name, title
    ):
        guide(name)
        expect(page.locator(title)).to_have_text(PARTS)
        expect(page.get_by_role("status")).to_have_count(0)  # no spinner any more
        expect(page.locator("pre").first).to_contain_text("Corner Shop")
        assert [text for text in complaints if "for production" not in text] == []

    def test_a_failed_part_does_not_stop_the_guides_component(
        self, page, guide, expect, name, title
    ):
        with part_fails("today_stats"):
            guide(name)
            expect(page.locator(title)).to_have_text(PARTS)
        assert page.locator("pre").nth(1).inner_text() in ("null", "")

    def test_the_guides_component_works_with_any_chunk_size(
        self, page, guide, expect, monkeypatch, name, title
    ):
        for size in (1, 7):
            monkeypatch.setattr(DashboardParts, "chunk_size", size)
            guide(name)
            expect(page.locator(title)).to_have_text(PARTS)


LOAD = """async (url) => {
  const reports = [];
  const loader = new ProgressiveLoader(url);
  const data = await loader.loadAll(({ results, totalLoaded, hasMore }) => {
    reports.push([results.length, totalLoaded, hasMore]);
  });
  return { names: data.flatMap(Object.keys), reports };
}"""


@pytest.mark.parametrize("query", ["", "?year=2024", "?year=2024&q=a%20b"])
def test_the_guides_loader_reports_each_page_for_addresses_with_and_without_query(
    page, guide, expect, query
):
    """The loader appends ``?cursor=`` also to an address that has a query."""
    guide("react")
    expect(page.locator("h2")).to_have_text(PARTS)
    loaded = page.evaluate(LOAD, f"/api/dashboard/{query}")
    assert loaded["names"] == PARTS
    assert loaded["reports"] == [[2, 2, True], [2, 4, True], [2, 6, True], [1, 7, False]]
