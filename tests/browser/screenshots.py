"""
Pictures of the dashboard, in ``screenshots/``: ``make screenshots``.

The module is not collected among the tests, and runs on their live server.
"""

import shutil

import pytest

from django_partstream.testing import part_fails, part_hangs
from tests.browser.test_dashboard_in_background import compute  # noqa: F401 - a fixture
from tests.tools import ROOT

FOLDER = ROOT / "screenshots"
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}


@pytest.fixture(scope="session", autouse=True)
def _emptied():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()


# Each picture shows the same orders.
pytestmark = pytest.mark.django_db(transaction=True, reset_sequences=True)


@pytest.fixture(autouse=True)
def _as_in_the_demo(settings):
    settings.DEBUG = True  # which has the timeline, and the times on the server


@pytest.fixture
def trade():
    return {"customers": 1200, "products": 1000, "orders": 6000}


@pytest.fixture
def take(page, capsys):
    """Write a picture of the whole page, or of the window."""
    page.set_viewport_size(DESKTOP)

    def taken(name, *, full_page=True):
        page.wait_for_timeout(500)  # until the bars of the charts have grown
        file = FOLDER / f"{name}.png"
        page.screenshot(path=file, full_page=full_page)
        with capsys.disabled():
            print(file.relative_to(ROOT))  # noqa: T201

    return taken


def loaded(page, expect, failed=0):
    page.goto("/")
    words = "7 of 7 parts" + (f", {failed} failed" if failed else "")
    expect(page.get_by_role("status")).to_have_text(words)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_desktop(page, expect, take, scheme):
    page.emulate_media(color_scheme=scheme)
    loaded(page, expect)
    take(scheme)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_phone(page, expect, take, scheme):
    page.set_viewport_size(PHONE)
    page.emulate_media(color_scheme=scheme)
    loaded(page, expect)
    take("phone" if scheme == "light" else "phone-dark")


def test_mid_load(page, expect, take, gate):
    page.goto("/")
    expect(page.get_by_role("status")).to_have_text("2 of 7 parts")
    take("mid-load")
    gate.set()
    expect(page.get_by_role("status")).to_have_text("7 of 7 parts")


def test_failed_parts(page, expect, take):
    with part_fails("inventory_alerts"), part_hangs("sales_analytics", 5):
        loaded(page, expect, failed=2)
    take("failed-part")


def test_waiting(page, expect, take):
    page.route("**/api/dashboard/?cursor=*", lambda route: route.fulfill(status=503))
    page.goto("/")
    expect(page.get_by_role("status")).to_contain_text("the server is busy")
    take("waiting")


class TestBackground:
    @pytest.fixture
    def background(self):
        """Leave the engine in place."""

    @pytest.mark.parametrize("width", [1280, 800, 390])
    def test_computing(self, page, expect, take, compute, width):  # noqa: F811
        page.set_viewport_size({"width": width, "height": 900})
        page.goto("/")
        compute(10)
        expect(page.get_by_role("status")).to_contain_text("in the background")
        expect(page.get_by_role("progressbar", name="Forecast")).to_have_attribute(
            "aria-valuenow", "25"
        )
        take(f"computing-{width}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_timeline(page, expect, take, scheme, size):
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    with part_fails("inventory_alerts"):
        loaded(page, expect, failed=1)
    page.get_by_role("button", name="Timeline").click()
    take(f"timeline-{size['width']}-{scheme}", full_page=False)


def test_signed_out(page, expect, take):
    page.context.clear_cookies()
    page.goto("/")
    expect(page.get_by_role("alert")).to_be_visible()
    take("signed-out")
