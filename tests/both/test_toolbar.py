"""The panel for django-debug-toolbar: the parts of pages, streams and GraphQL, in its history."""

import json
import re
from importlib import import_module

import graphene
import pytest
from django.core.checks.registry import registry
from django.urls import include, path

pytest.importorskip("debug_toolbar", reason="the panel needs django-debug-toolbar")

from django_partstream import ProgressiveView, cached_for, lazy
from django_partstream.signals import part_resolved
from django_partstream.toolbar import PartsPanel
from example_schema.models import Customer
from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    ProgressiveGraphQLView,
)

EVENTS = {"HTTP_ACCEPT": "text/event-stream"}


@cached_for(60, key="toolbar")
def count(request):
    return Customer.objects.count()


def fail(request):
    raise ValueError("private")


async def awaited(request):
    return 1


class View(ProgressiveView):
    chunk_size = 10

    def get_parts(self):
        return [
            ("kept", lazy(count)),
            ("failing", lazy(fail)),
            ("awaited", lazy(awaited)),
            ("d", 1),
        ]


class Board(ProgressiveConnection):
    customers = Part(graphene.Int)

    def resolve_customers(self, info):
        return Customer.objects.count()


class Query(graphene.ObjectType):
    board = ProgressiveConnectionField(Board)


urlpatterns = [
    path("", View.as_view()),
    path("graphql/", ProgressiveGraphQLView.as_view(schema=graphene.Schema(query=Query))),
]

pytestmark = pytest.mark.django_db


@pytest.fixture
def site(settings, serve):
    """A client of a site with the toolbar; its address ``/__debug__/`` is that of the toolbar."""
    known = registry.registered_checks.copy()
    settings.DEBUG = True
    settings.INTERNAL_IPS = ["127.0.0.1"]
    settings.MIDDLEWARE = ["debug_toolbar.middleware.DebugToolbarMiddleware", *settings.MIDDLEWARE]
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "debug_toolbar"]
    store = import_module("debug_toolbar.store").get_store()
    store.clear()
    yield serve(*urlpatterns, path("__debug__/", include("debug_toolbar.urls")))
    store.clear()
    registry.registered_checks = known
    part_resolved.disconnect(dispatch_uid="django_partstream.toolbar")


@pytest.fixture
def shown(site):
    """The panel of a response as HTML: its button in the side bar, and its table."""

    def shown(response):
        asked = {"request_id": response["djdt-request-id"]}
        panel = site.get("/__debug__/history_sidebar/", asked).json()["PartsPanel"]
        table = site.get("/__debug__/render_panel/", {**asked, "panel_id": "PartsPanel"}).json()
        return panel["button"], table["content"]

    return shown


COLUMNS = [
    "part",
    "status",
    "time",
    "bar",
    "queries",
    "sql",
    "cache",
    "ran",
    "waited",
    "error",
    "endpoint",
]


def rows(html):
    """The rows of the table in *html*, each as a dict of texts."""
    body = html.partition("<tbody>")[2]
    lines = [
        re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL) for row in body.split("<tr")[1:]
    ]
    texts = ([re.sub(r"<.*?>", "", cell, flags=re.DOTALL).strip() for cell in row] for row in lines)
    return [dict(zip(COLUMNS, row, strict=True)) for row in texts]


def names(html):
    return [row["part"] for row in rows(html)]


@pytest.mark.parametrize("hits", [0, 1])
def test_the_panel_of_a_page_has_a_row_for_each_part(site, shown, hits):
    for _ in range(hits):
        site.get("/?parts=kept", HTTP_ACCEPT="application/json")
    button, html = shown(site.get("/", HTTP_ACCEPT="application/json"))
    assert "4 parts, 1 failed" in button
    assert names(html) == ["kept", "failing", "awaited", "d"]
    kept, failing = rows(html)[:2]
    assert (kept["status"], kept["error"]) == ("ok", "")
    assert (kept["cache"], kept["queries"]) == (("hit", "0") if hits else ("miss", "1"))
    assert (failing["status"], failing["cache"], failing["ran"]) == ("error", "", "transaction")
    assert re.fullmatch(r"part_failed \[\w{8}\]", failing["error"])
    for row in rows(html):
        assert row["endpoint"] == f"{__name__}.View"
        assert all(re.fullmatch(r"\d+\.\d ms", row[key]) for key in ("time", "waited"))


def test_the_parts_of_a_stream_are_there_once_they_have_ended(site, shown):
    response = site.get("/", **EVENTS)
    assert "No part has ended in this request." in shown(response)[1]
    response.getvalue()
    assert sorted(names(shown(response)[1])) == ["awaited", "d", "failing", "kept"]


def test_the_parts_of_a_graphql_page_are_in_the_panel(site, shown):
    response = site.post(
        "/graphql/", {"query": "{ board { customers } }"}, content_type="application/json"
    )
    button, html = shown(response)
    assert "1 part" in button
    assert names(html) == ["customers"]


def test_a_page_of_html_has_the_panel_itself(site):
    response = site.get("/", HTTP_ACCEPT="text/html")
    assert "4 parts, 1 failed" in response.content.decode()


def test_requests_do_not_see_the_parts_of_each_other(site, shown):
    first = site.get("/?parts=d", HTTP_ACCEPT="application/json")
    second = site.get("/?parts=kept", HTTP_ACCEPT="application/json")
    assert [names(shown(each)[1]) for each in (first, second)] == [["d"], ["kept"]]


def test_the_header_server_timing_has_the_parts_beside_the_toolbar(site):
    header = site.get("/", HTTP_ACCEPT="application/json")["Server-Timing"]
    assert 'kept;desc="kept (ok' in header
    assert "TimerPanel_total_time" in header


def test_a_request_to_which_the_toolbar_is_not_shown_is_left_alone(site):
    response = site.get("/", HTTP_ACCEPT="application/json", REMOTE_ADDR="192.0.2.1")
    assert "djdt-request-id" not in response
    assert json.loads(response.content)["meta"]["current_chunk_size"] == 4


@pytest.mark.parametrize("is_installed", [True, False])
def test_a_project_without_the_app_is_told_what_to_add(site, settings, is_installed):
    if not is_installed:
        without = [app for app in settings.INSTALLED_APPS if app != "django_partstream"]
        settings.INSTALLED_APPS = without
    told = [each.hint for each in PartsPanel.run_checks()]
    assert told == ([] if is_installed else ["Add 'django_partstream' to INSTALLED_APPS."])
