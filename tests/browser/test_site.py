"""The site of the documentation, as ``make docs`` builds it, served from its folder."""

import re
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec

import pytest

from tests import tools
from tests.browser.conftest import PATIENCE

INDEX = tools.ROOT / "docs" / "index.md"
if not INDEX.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

#: The address of each page that the list of pages names, and of that list itself, without a suffix.
PAGES = ["docs/index"] + [
    f"docs/{page}".replace("docs/../", "")
    for page in re.findall(r"^- \[.*?\]\((\S+?)\.md\)", INDEX.read_text(), re.MULTILINE)
]
#: Pages with a long table, with signatures, with code of several languages, and the search.
FEW = ["docs/index", "docs/reference/errors", "docs/reference/api", "docs/streams", "search"]

PHONE = {"width": 390, "height": 844}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Print nothing for a request."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of the site, built anew."""
    if find_spec("sphinx") is None:
        tools.lack("No Sphinx: pip install -e .[docs]")
    place = tmp_path_factory.mktemp("docs")
    options = ["-b", "html", "-W", "--keep-going", "-n", "-q", "-c", "docs", "-d"]
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, place / "doctrees", ".", place / "site"],
        cwd=tools.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return place / "site"


def test_no_markdown_page_of_the_site_has_a_broken_link(folder):
    relative = re.compile(r"\]\((?!\w+:)([^)#\s]+)[^)]*\)")
    pages = sorted(folder.rglob("*.md"))
    links = [
        (page, link) for page in pages for link in relative.findall(prose_of(page.read_text()))
    ]
    assert len(links) > len(pages)
    assert [
        f"{page.relative_to(folder)}: {link}"
        for page, link in links
        if not page.parent.joinpath(link).exists()
    ] == []


def prose_of(text):
    """*text* without its code."""
    return re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def site(folder):
    """The address of the site on a server of its own."""
    handler = partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def looks():
    """Options of the browser: a theme, the size of a window."""
    return {}


@pytest.fixture
def page(browser, site, looks):
    """A page of a browser, in place of that of the shop."""
    with browser.new_context(base_url=site, **looks) as context:
        context.set_default_timeout(PATIENCE)
        yield context.new_page()


@pytest.fixture
def foreign(page, site):
    """The addresses on other hosts that the page asked for; each request is refused."""
    asked = []

    def refuse(route):
        asked.append(route.request.url)
        route.abort()

    page.route(lambda url: not url.startswith((site, "data:")), refuse)
    return asked


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_by_itself_is_accessible_and_fits_a_phone(
    page, foreign, complaints, violations, name
):
    response = page.goto(f"/{name}.html")
    assert response.ok
    assert violations() == []
    page.set_viewport_size(PHONE)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width == PHONE["width"]
    assert (foreign, complaints) == ([], [])


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize(
    "looks",
    [{"color_scheme": "dark"}, {"viewport": PHONE}],
    ids=["dark", "phone"],
)
def test_a_page_is_accessible_in_the_dark_or_on_a_phone(page, foreign, violations, name):
    page.goto(f"/{name}.html")
    assert (violations(), foreign) == ([], [])


def test_the_search_finds_a_word_without_a_network(page, expect, foreign, complaints):
    page.goto("/docs/index.html")
    page.get_by_role("searchbox").or_(page.get_by_placeholder("Search")).first.fill("heartbeats")
    page.keyboard.press("Enter")
    expect(page.locator("#search-results a").first).to_be_visible()
    found = page.locator("#search-results ul.search li > a").all_inner_texts()
    assert "In production" in found
    assert (foreign, complaints) == ([], [])


def test_the_entrance_leads_to_the_list_of_pages(page, site):
    page.goto("/")
    page.wait_for_url(f"{site}/docs/index.html")


def test_each_page_is_markdown_too_and_its_html_names_that(folder):
    html = {path.relative_to(folder).with_suffix("") for path in folder.rglob("*.html")}
    markdown = {path.relative_to(folder).with_suffix("") for path in folder.rglob("*.md")}
    assert sorted(map(str, markdown)) == sorted(PAGES)
    assert {str(path) for path in html - markdown} == {"genindex", "index", "search"}
    for name in PAGES:
        link = f'type="text/markdown" href="{name.rpartition("/")[2]}.md"'
        assert link in (folder / f"{name}.html").read_text()


def test_the_markdown_of_the_api_has_signatures_and_texts(folder):
    text = (folder / "docs/reference/api.md").read_text()
    assert "### `progress(share: float) -> None`" in text
    assert "Tell, from inside a background function, how much of the work is done" in text
    assert "{eval-rst}" not in text
    assert "Type:" not in text  # a colon in the first line of an attribute's text


def test_llms_txt_has_a_title_a_summary_and_a_line_for_each_page(folder):
    text = (folder / "llms.txt").read_text()
    assert text.startswith("# django-partstream\n\n> ")
    links = re.findall(r"^- \[.+?\]\((\S+)\.md\): \S", text, re.MULTILINE)
    assert links == PAGES[1:]
    assert all((folder / f"{link}.md").exists() for link in links)
