"""The shop's dashboard, declared once and delivered by both fronts to the same users."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from unittest import mock
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import User
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import RequestFactory
from django.utils import timezone
from graphene_django.views import GraphQLView

from django_partstream.testing import (
    background_never,
    background_now,
    part_fails,
    walk,
    walk_connection,
    walk_stream,
)
from example_schema import forecasts, parts
from example_schema.models import Order
from example_schema.schema import schema
from example_schema.views import DashboardView
from partstream_rest.testing import check_manifest

QUERY = Path("example_schema/dashboard.graphql").read_text()
NAMES = [
    "overview", "today_stats", "recent_orders", "inventory_alerts", "sales_analytics",
    "sales_forecast", "customer_insights",
]  # fmt: skip

CDN = "https://cdn.jsdelivr.net/npm/"
VENDORED = "/static/example_schema/vendor/graphiql/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop():
    call_command("seed", customers=20, products=30, orders=60, verbosity=0)


@pytest.fixture
def staff(client, shop):
    client.force_login(User.objects.get(username="demo"))
    with background_now():
        yield client


def test_both_fronts_deliver_the_same_parts_in_the_same_order(staff):
    rest = walk(staff, "/api/dashboard/")
    graphql = walk_connection(staff, QUERY, variables={"first": 2})
    assert rest.names == NAMES
    assert graphql.names == [re.sub("_(.)", lambda m: m[1].upper(), name) for name in NAMES]
    assert rest.errors == graphql.errors == []
    assert len(rest.pages) == len(graphql.pages) == 4


def test_both_fronts_deliver_the_same_values(staff):
    rest = walk(staff, "/api/dashboard/").parts
    graphql = walk_connection(staff, QUERY).parts
    assert graphql["todayStats"]["ordersToday"] == rest["today_stats"]["orders_today"]
    assert (
        float(graphql["salesAnalytics"]["totalRevenue"]) == rest["sales_analytics"]["total_revenue"]
    )
    assert graphql["salesForecast"]["expected"] == rest["sales_forecast"]["expected"]
    assert graphql["customerInsights"]["churnRate"] == rest["customer_insights"]["churn_rate"]
    assert [order["id"] for order in graphql["recentOrders"]] == [
        str(order["id"]) for order in rest["recent_orders"][:5]
    ]
    assert [product["sku"] for product in graphql["inventoryAlerts"]] == [
        product["sku"] for product in rest["inventory_alerts"]
    ]


@pytest.mark.parametrize("visitor", ["anonymous", "customer"])
def test_both_fronts_refuse_the_same_visitors(client, shop, visitor):
    if visitor == "customer":
        client.force_login(User.objects.create_user("customer"))
    assert client.get("/api/dashboard/").status_code == 403
    answer = client.post("/graphql/", {"query": QUERY}, content_type="application/json").json()
    assert answer["data"] is None
    assert answer["errors"][0]["extensions"] == {"code": "FORBIDDEN"}


def test_a_rest_cursor_is_refused_over_graphql(staff):
    rest = staff.get("/api/dashboard/").json()["cursor"]
    answer = staff.post(
        "/graphql/", {"query": QUERY, "variables": {"after": rest}}, content_type="application/json"
    ).json()
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


def test_a_failure_has_the_same_code_and_message_in_both_fronts(staff):
    with part_fails("inventory_alerts"):
        (rest,) = walk(staff, "/api/dashboard/").errors
        (graphql,) = walk_connection(staff, QUERY).errors
    for error in (rest, graphql):
        assert len(error.pop("reference")) == 8
    assert rest == {
        "part": "inventory_alerts",
        "code": "part_failed",
        "message": "This part could not be loaded.",
        "retryable": True,
        "index": 1,
    }
    assert graphql == {
        "part": "inventoryAlerts",
        "code": "part_failed",
        "message": "This part could not be loaded.",
    }


def test_guards_in_the_mixin_hold_in_both_fronts(staff):
    with mock.patch.object(parts.DashboardParts, "get_sales_analytics", side_effect=OSError):
        assert [error["code"] for error in walk(staff, "/api/dashboard/").errors] == ["part_failed"]
        assert [error["code"] for error in walk_connection(staff, QUERY).errors] == ["part_failed"]


def test_a_page_makes_only_the_queries_of_its_own_parts(staff, django_assert_max_num_queries):
    cursor = staff.get("/api/dashboard/").json()["cursor"]
    with django_assert_max_num_queries(2 + 2 * 3):  # session and user; query and savepoint each
        staff.get(f"/api/dashboard/?cursor={cursor}")


def test_the_manifest_of_the_shop_is_true_of_its_pages_and_streams(staff):
    check_manifest(DashboardView, walk(staff, "/api/dashboard/"))
    check_manifest(DashboardView, walk_stream(staff, "/api/dashboard/"))


def test_the_page_of_the_shop_is_served(client):
    assert client.get("/").status_code == 200


def test_the_page_knows_a_visitor_that_the_demo_has_signed_in(client, shop, settings):
    settings.EXAMPLE_SIGN_IN = True
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "example_schema.middleware.DemoSignInMiddleware"]
    assert b"data-demo" in client.get("/").content
    client.force_login(User.objects.get(username="demo"))
    assert b"data-demo" not in client.get("/").content


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("text/html", "text/html"),
        ("*/*", "application/vnd.oai.openapi"),
        ("application/yaml", "application/yaml"),
        ("application/json", "application/json"),
        ("application/vnd.oai.openapi+json", "application/vnd.oai.openapi+json"),
    ],
)
def test_the_openapi_description_is_a_page_for_browsers_and_data_for_tools(client, accept, kind):
    answer = client.get("/api/schema/", headers={"Accept": accept})
    assert answer.status_code == 200
    assert answer["Content-Type"].partition(";")[0] == kind
    assert answer["Content-Disposition"].startswith("inline")
    assert "/api/dashboard/" in answer.content.decode()


def test_the_openapi_description_is_json_on_demand(client):
    paths = json.loads(client.get("/api/schema/?format=json").content)["paths"]
    assert "/api/dashboard/" in paths


def test_graphiql_opens_with_the_query_of_the_dashboard(client):
    html = client.get("/graphql/", HTTP_ACCEPT="text/html").content.decode()
    assert "graphiql" in html
    assert "The shop&#x27;s dashboard, two parts at a time." in html


def test_graphiql_loads_the_files_that_graphene_django_names_from_the_shop_itself(client):
    request = RequestFactory().get("/graphql/", headers={"Accept": "text/html"})
    theirs = loaded(GraphQLView.as_view(schema=schema, graphiql=True)(request))
    ours = loaded(client.get("/graphql/", headers={"Accept": "text/html"}))
    names = [re.sub(r"(\w)@[\d.]+/", r"\1/", url.removeprefix(CDN)) for url, _ in theirs]
    assert [url.removeprefix(VENDORED) for url, _ in ours] == names
    for (url, digest), (_, expected) in zip(ours, theirs, strict=True):
        content = Path(finders.find(url.removeprefix("/static/"))).read_bytes()
        assert digest == expected == f"sha256-{b64encode(sha256(content).digest()).decode()}"


def loaded(page):
    """The address and hash of each style sheet and script of *page* that has a hash."""
    named = re.findall(r'(?:href|src)="([^"]+)"\s+integrity="([^"]+)"', page.content.decode())
    return [(unquote(url), digest) for url, digest in named]


def test_the_shop_is_seeded_to_the_last_day(shop):
    assert Order.objects.count() == 60


class TestForecast:
    def test_the_forecast_lies_between_its_deciles_in_each_of_twelve_weeks(self, shop):
        forecast = forecasts.sales_forecast(12)
        assert 0 <= forecast["low"] < forecast["expected"] < forecast["high"]
        weeks = forecast["by_week"]
        assert [one["week"].weekday() for one in weeks] == [0] * 12
        assert weeks[0]["week"] <= timezone.localdate() < weeks[1]["week"]
        assert all(one["low"] <= one["expected"] <= one["high"] for one in weeks)
        total = sum(one["expected"] for one in weeks)
        assert total == pytest.approx(forecast["expected"], abs=12)

    def test_the_forecast_of_a_shop_without_orders_is_nothing(self):
        forecast = forecasts.sales_forecast(2)
        assert (forecast["expected"], forecast["high"]) == (0, 0)

    def test_the_dashboard_waits_for_the_forecast_alone(self, client, shop):
        client.force_login(User.objects.get(username="demo"))
        names, url = [], "/api/dashboard/"
        with background_never():
            for _ in range(4):
                page = client.get(url).json()
                names += [name for result in page["results"] for name in result]
                url = f"/api/dashboard/?cursor={page['cursor']}"
        assert [entry["part"] for entry in page["pending"]] == ["sales_forecast"]
        assert names == [name for name in NAMES if name != "sales_forecast"]
