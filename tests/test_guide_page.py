"""The guide's code runs as written, and does what the guide says."""

import json
import re
import unittest
from importlib import import_module

import graphene
import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.urls import path

from django_partstream import ProgressiveView, lazy, safe_call
from django_partstream.exceptions import PartPending
from django_partstream.testing import expired, walk
from example_schema.models import Customer, Order
from partstream_graphql import ProgressiveConnectionField
from partstream_graphql.views import ProgressiveGraphQLView
from tests.documentation import ROOT, block, blocks, shop_of, shortened

PAGE = ROOT / "docs" / "guide.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(monkeypatch, settings):
    """The project of the shop, and ``shop(name)`` to run a block of the guide as ``shop.<name>``."""
    return shop_of(PAGE, monkeypatch, settings)


def order_again():
    Order.objects.create(customer=Customer.objects.get(), total="1.00")


def statuses(page):
    """The error code of each part of a REST page, by name; None for a part that is well."""
    errors = {error["part"]: error["code"] for error in page.get("errors", ())}
    return {name: errors.get(name) for result in page["results"] for name in result}


def test_every_python_block_of_the_guide_is_run_by_a_test():
    named = [code.partition("\n")[0] for code in blocks(PAGE, "python")]
    assert named == [
        "# shop/exceptions.py",
        "# shop/guarded.py",
        "# shop/cached.py",
        "# shop/regional.py",
        "CachedParts.get_mine.invalidate()  # the values of all readers",
        "# shop/staff.py",
        "# shop/limited.py",
        "# shop/nullable.py",
        "# shop/rows.py",
        "# shop/together.py",
        "# shop/long.py",
        "# shop/tests.py",
    ]


def test_a_failed_part_is_answered_as_shown(shop, client):
    shown, _ = map(json.loads, blocks(PAGE, "json"))
    first = client.get("/api/dashboard/").json()
    page = client.get(f"/api/dashboard/?cursor={first['cursor']}").json()
    assert len(page["errors"][0]["reference"]) == len(shown["errors"][0]["reference"])
    page["errors"][0]["reference"] = shown["errors"][0]["reference"]
    assert shortened(page) == shown


def test_a_pending_part_is_answered_as_shown(shop, client, monkeypatch):
    def get_forecast(self, request):
        raise PartPending("forecast", limit=600, progress=0.3)

    monkeypatch.setattr("random.uniform", lambda low, high: 1.0)
    monkeypatch.setattr(import_module("shop.parts").DashboardParts, "get_forecast", get_forecast)
    _, shown = map(json.loads, blocks(PAGE, "json"))
    first = client.get("/api/dashboard/").json()
    response = client.get(f"/api/dashboard/?cursor={first['cursor']}")
    assert shortened(response.json()) == shown
    assert response["Retry-After"] == "1"
    assert response["Cache-Control"] == "private, no-store"


def test_each_request_over_rest_is_answered_as_the_table_says(shop, client):
    url, names = "/api/dashboard/", ["overview", "orders", "forecast"]

    def delivered(**query):
        return [name for result in client.get(url, query).json()["results"] for name in result]

    first = client.get(url)
    cursor = first.json()["cursor"]
    assert delivered() == names[:2]
    assert delivered(cursor=cursor) == names[2:]
    assert delivered(parts="forecast,orders") == ["orders", "forecast"]
    head = client.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert 'rel="next"' in head["Link"]
    assert client.options(url).json()["parts"] == names


def test_a_name_that_no_part_has_is_refused_as_the_guide_says(shop, client):
    answer = client.get("/api/dashboard/", {"parts": "oders"})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_part")
    assert "overview, orders, forecast" in answer.json()["detail"]


def test_the_cursor_of_a_walk_of_chosen_parts_keeps_to_them(shop, client, monkeypatch):
    monkeypatch.setattr(import_module("shop.views").DashboardView, "chunk_size", 1)
    walked = walk(client, "/api/dashboard/?parts=overview,forecast")
    assert (walked.names, len(walked.pages)) == (["overview", "forecast"], 2)


CURSORS = re.findall(
    r"^\| (\w+).*? \| (\d+) `(\w+)` \| `(\w+)` \|$", PAGE.read_text(), re.MULTILINE
)


def test_every_refusal_of_a_cursor_is_in_the_table():
    assert [kind for kind, *_ in CURSORS] == ["altered", "expired", "of"]


@pytest.mark.parametrize(("kind", "status", "code", "graphql_code"), CURSORS)
def test_a_cursor_is_refused_as_the_table_says(
    shop, client, monkeypatch, kind, status, code, graphql_code
):
    def refused(cursor):
        return {"altered": f"{cursor}x", "expired": expired(cursor), "of": cursor}[kind]

    def ask(after=None):
        parts = "edges { node { overview { store } orders { id } forecast } }"
        page = f"pageInfo {{ endCursor }} {parts}"
        query = f"query ($after: String) {{ dashboard(after: $after) {{ {page} }} }}"
        body = {"query": query, "variables": {"after": after}}
        return client.post("/graphql/", body, content_type="application/json").json()

    rest = client.get("/api/dashboard/").json()["cursor"]
    graphql = ask()["data"]["dashboard"]["pageInfo"]["endCursor"]
    if kind == "of":
        parts = import_module("shop.parts").DashboardParts
        monkeypatch.setattr(parts, "get_parts", lambda self: [("overview", 1), ("forecast", 2)])
    answer = client.get("/api/dashboard/", {"cursor": refused(rest)})
    assert (answer.status_code, answer.json()["code"]) == (int(status), code)
    (error,) = ask(refused(graphql))["errors"]
    assert error["extensions"]["code"] == graphql_code


def test_registered_exceptions_end_their_parts_as_the_guide_says(shop, serve):
    exceptions = shop("exceptions")

    def raising(exc):
        def part(request):
            raise exc

        return safe_call(part, fallback=[])

    class View(ProgressiveView):
        chunk_size = 3

        def get_parts(self):
            return [
                ("stock", lazy(raising(exceptions.OutOfStock("secret")))),
                ("sold_out", lazy(raising(exceptions.OutOfStock("secret")).__wrapped__)),
                ("order", lazy(raising(exceptions.NotYours("secret")))),
            ]

    page = serve(View).get("/").json()
    assert page["results"] == [{"stock": []}, {"sold_out": None}, {"order": None}]
    assert [(error["code"], error["message"], error["retryable"]) for error in page["errors"]] == [
        ("out_of_stock", "Sold out.", True),
        ("not_yours", "This is not yours.", False),
    ]


def test_guarded_parts_end_as_the_guide_says(shop, serve):
    page = serve(shop("guarded").GuardedView).get("/").json()
    assert page["results"] == [{"news": []}, {"rates": {"EUR": 1.0, "USD": 1.1}}]
    assert statuses(page) == {"news": None, "rates": None}


def test_a_guarded_function_called_by_hand_does_not_raise(shop):
    parts = shop("guarded").GuardedParts()
    news = dict(parts.get_parts())["news"]
    assert news.func(None) == []


class TestCaching:
    def ask(self, client, **headers):
        return walk(client, "/", headers=headers).parts

    def test_each_reader_has_a_value_and_all_readers_share_another(self, shop, serve):
        client = serve(shop("cached").CachedView)
        client.force_login(User.objects.create(username="ann"))
        assert self.ask(client) == {"mine": 2, "everyone": 2}
        order_again()
        assert self.ask(client) == {"mine": 2, "everyone": 2}
        client.force_login(User.objects.create(username="bob"))
        assert self.ask(client) == {"mine": 3, "everyone": 2}

    def test_an_identity_of_its_own_tells_readers_apart(self, shop, serve):
        shop("cached")
        client = serve(shop("regional").RegionalView)
        assert self.ask(client, x_region="north")["mine"] == 2
        order_again()
        assert self.ask(client, x_region="north")["mine"] == 2
        assert self.ask(client, x_region="south")["mine"] == 3

    def test_values_are_dropped_for_all_readers_or_for_one(self, shop, serve, rf):
        parts = shop("cached")
        client = serve(parts.CachedView)
        ann = User.objects.create(username="ann")
        client.force_login(ann)
        request = rf.get("/")
        code = block(PAGE, "get_mine.invalidate(")
        for line, user in zip(code.splitlines(), (AnonymousUser(), ann), strict=True):
            before = self.ask(client)["mine"]
            order_again()
            assert self.ask(client)["mine"] == before
            request.user = user
            exec(line, {"CachedParts": parts.CachedParts, "request": request})
            assert self.ask(client)["mine"] == before + 1


class TestPermissions:
    @pytest.fixture
    def staff(self, shop, serve):
        """A client of ``StaffView`` and, at ``/graphql/``, of ``StaffDashboard``."""
        module = shop("staff")
        field = ProgressiveConnectionField(module.StaffDashboard)
        query = type("Query", (graphene.ObjectType,), {"dashboard": field})
        view = ProgressiveGraphQLView.as_view(schema=graphene.Schema(query=query))
        return serve(path("", module.StaffView.as_view()), path("graphql/", view))

    def nodes(self, client):
        query = "{ dashboard(first: 9) { edges { node { name status orders { id } forecast } } } }"
        return client.post("/graphql/", {"query": query}, content_type="application/json").json()

    def test_both_fronts_ask_the_mixins_permissions(self, staff):
        assert staff.get("/").status_code == 403
        (error,) = self.nodes(staff)["errors"]
        assert error["extensions"]["code"] == "FORBIDDEN"

    def test_a_user_gets_neither_the_part_left_out_nor_the_part_denied(self, staff):
        staff.force_login(User.objects.create(username="ann"))
        page = staff.get("/").json()
        assert statuses(page) == {"overview": None, "orders": "permission_denied"}
        assert page["cursor"] is None
        ends = [edge["node"] for edge in self.nodes(staff)["data"]["dashboard"]["edges"]]
        assert [(node["name"], node["status"]) for node in ends] == [("orders", "DENIED")]

    def test_a_member_of_staff_gets_every_part(self, staff):
        staff.force_login(User.objects.create(username="ann", is_staff=True))
        walked = walk(staff, "/")
        assert walked.names == ["overview", "orders", "forecast"]
        assert [error["part"] for error in walked.errors] == ["forecast"]
        ends = [edge["node"] for edge in self.nodes(staff)["data"]["dashboard"]["edges"]]
        assert [node["status"] for node in ends] == ["OK", "ERROR"]


def test_a_throttle_of_the_mixin_counts_pages_of_both_fronts(shop, serve, monkeypatch):
    module = shop("limited")
    assert module.Hourly.rate == "600/hour"
    monkeypatch.setattr(module.Hourly, "rate", "2/hour")
    field = ProgressiveConnectionField(module.LimitedDashboard)
    query = type("Query", (graphene.ObjectType,), {"dashboard": field})
    view = ProgressiveGraphQLView.as_view(schema=graphene.Schema(query=query))
    client = serve(path("", module.LimitedView.as_view()), path("graphql/", view))

    def ask():
        body = {"query": "{ dashboard { edges { node { overview { store } } } } }"}
        return client.post("/graphql/", body, content_type="application/json").json()

    cursor = client.get("/").json()["cursor"]
    assert ask()["data"]
    refused = client.get("/", {"cursor": cursor})
    assert (refused.status_code, "Retry-After" in refused) == (429, True)
    (error,) = ask()["errors"]
    assert error["extensions"]["code"] == "THROTTLED"
    assert 0 < error["extensions"]["retryAfter"] <= 3600
    monkeypatch.setattr(module.Hourly, "rate", "3/hour")
    assert client.get("/", {"cursor": cursor}).status_code == 200


def test_required_false_makes_the_connection_nullable(shop):
    def type_of(module):
        schema = graphene.Schema(query=module.Query).graphql_schema
        return str(schema.query_type.fields["dashboard"].type)

    assert type_of(import_module("shop.schema")) == "DashboardConnection!"
    assert type_of(shop("nullable")) == "DashboardConnection"


def test_a_connection_may_fetch_related_rows_one_by_one(shop):
    rows = shop("rows")
    assert (rows.PlainDashboard.fetch_peers, rows.Dashboard.fetch_peers) == (False, True)


def test_parts_that_run_together_arrive_in_order(shop, serve):
    page = serve(shop("together").TogetherView).get("/").json()
    news = ["Open late on Friday"]
    assert page["results"] == [{"rates": {"EUR": 1.0}}, {"news": news}, {"weather": "sunny"}]


def test_a_plan_of_thousands_of_parts_is_delivered(shop, serve):
    client = serve(shop("long").LongView)
    page = client.get("/?parts=row_4998,row_4999").json()
    assert page["results"] == [{"row_4998": {"row": 4998}}, {"row_4999": {"row": 4999}}]
    assert client.get("/").json()["meta"]["total_parts"] == 5_000


def test_the_guides_tests_pass(shop):
    suite = unittest.defaultTestLoader.loadTestsFromModule(shop("tests"))
    assert suite.countTestCases() == 2
    result = unittest.TestResult()
    suite.run(result)
    assert (result.failures, result.errors) == ([], [])
