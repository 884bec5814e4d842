"""The how-to pages on the shop: their code runs, and what they warn of happens."""

import re
import sys
import threading
import unittest
from importlib import import_module

import graphene
import pytest
from django.contrib.auth.models import User
from django.urls import path
from graphene_django.views import GraphQLView

from django_partstream import ProgressiveView, cached_for, lazy
from django_partstream.testing import walk, walk_connection
from example_schema.models import Order
from partstream_graphql import ProgressiveConnectionField
from tests.commands import partstream
from tests.documentation import ROOT, blocks, shop_of
from tests.test_why_page import ROWS

PLACE = ROOT / "docs" / "how-to"
if not PLACE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

pytestmark = pytest.mark.django_db

#: The modules of each page.
PAGES = {
    "cache-without-leaks": ["sales", "tests"],
    "choose-chunk-size": ["sized"],
    "share-types": ["latest"],
    "async-parts": ["live"],
    "throttle-a-walk": ["limited_walks"],
    "from-n-endpoints": ["endpoints", "widgets"],
}


@pytest.fixture
def page_of(monkeypatch, settings):
    """Make the project of the shop with the modules of a page; the function returns the last."""

    def made(name, *modules):
        run = shop_of(PLACE / f"{name}.md", monkeypatch, settings)
        return [run(module) for module in modules or PAGES[name]][-1]

    return made


@pytest.mark.parametrize("name", PAGES)
def test_every_python_block_of_a_page_is_run_by_a_test(name):
    named = [code.partition("\n")[0] for code in blocks(PLACE / f"{name}.md", "python")]
    assert named == [f"# shop/{module}.py" for module in PAGES[name]]


def test_each_how_to_page_has_its_row_in_the_index():
    index = (ROOT / "docs" / "index.md").read_text()
    listed = re.findall(r"^- \[.*?\]\(how-to/(\S+)\.md\)", index, re.MULTILINE)
    assert sorted(listed) == sorted(path.stem for path in PLACE.glob("*.md"))


class TestCacheWithoutLeaks:
    @pytest.fixture
    def result_of(self, page_of, serve, monkeypatch):
        """Serve the page's view, and return the result of the page's test case."""

        def run(cache_of_mine):
            case = page_of("cache-without-leaks").SalesTest
            sales = import_module("shop.sales")
            plain = sales.SalesParts.get_mine.__wrapped__
            monkeypatch.setattr(sales.SalesParts, "get_mine", cache_of_mine(plain))
            serve(path("api/sales/", sales.SalesView.as_view()))
            Order.objects.filter(pk=1).update(customer=other_customer())
            result = unittest.TestResult()
            unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
            assert (result.testsRun, result.errors) == (1, [])
            return result

        return run

    def test_a_value_for_each_reader_leaks_nothing(self, result_of):
        assert result_of(cached_for(300)).failures == []

    def test_the_test_of_the_page_finds_a_leak(self, result_of):
        ((_, told),) = result_of(cached_for(300, per_user=False)).failures
        assert "'mine'" in told


def other_customer():
    from example_schema.models import Customer

    return Customer.objects.create(name="Eve", email="eve@example.com", city="Rome")


class TestChunkSize:
    @pytest.mark.django_db(transaction=True)  # in a transaction they run one after the other
    def test_the_parts_of_a_page_run_at_the_same_time(self, page_of, serve, monkeypatch):
        view = page_of("choose-chunk-size").SizedView
        both = threading.Barrier(2, timeout=20)

        def waiting(self, request):
            return both.wait() >= 0

        monkeypatch.setattr(view, "get_orders", waiting)
        monkeypatch.setattr(view, "get_customers", waiting)
        page = serve(view).get("/").json()
        assert page["results"][1:] == [{"orders": True}, {"customers": True}]

    def test_an_address_may_have_a_chunk_size_of_its_own(self, page_of, serve):
        client = serve(*page_of("choose-chunk-size").urlpatterns)
        addresses = ("/api/sized/", "/api/sized/one-by-one/")
        assert [len(walk(client, address).pages) for address in addresses] == [2, 4]

    def test_the_command_of_the_page_walks_it(self, page_of, serve):
        serve(*page_of("choose-chunk-size").urlpatterns)
        assert partstream("walk", "/api/sized/", "--times", "5").code == 0

    def test_the_figures_of_the_page_are_those_of_the_page_on_why(self):
        (sentence,) = re.findall(
            r"the first page takes ([\d.]+), a whole\s+walk ([\d.]+), .*? takes ([\d.]+)",
            (PLACE / "choose-chunk-size.md").read_text(),
        )
        parts = "/ one blocking view (parts of 0 20 50 100 200 400 ms)"
        rows = dict(ROWS)
        kinds = ("first page", "whole walk", "whole walk, concurrency = 2")
        assert sentence == tuple(rows[f"{kind} {parts}"] for kind in kinds)


class TestSharedTypes:
    def test_both_fronts_have_the_fields_of_the_list(self, page_of, serve):
        page = page_of("share-types")
        view = GraphQLView.as_view(schema=page.schema)
        client = serve(path("", page.LatestView.as_view()), path("graphql/", view))
        query = """query ($after: String) { latest(after: $after) {
            pageInfo { hasNextPage endCursor }
            edges { node { name orders { id status total } error { code } } }
        } }"""
        rest = walk(client, "/").parts["orders"]
        graphql = walk_connection(client, query).parts["orders"]
        assert [set(row) for row in rest] == [set(page.FIELDS)] * 2
        assert [row["id"] for row in graphql] == [str(row["id"]) for row in rest]
        assert set(graphql[0]) == set(page.FIELDS)

    def test_the_rows_without_a_serializer_are_sent_with_every_column(self, page_of, serve):
        page = page_of("share-types")
        plain = type("Plain", (page.LatestParts, ProgressiveView), {})
        (row, _) = walk(serve(plain), "/").parts["orders"]
        assert set(row) == {field.attname for field in Order._meta.concrete_fields}

    def test_the_data_of_a_serializer_is_refused_by_a_type_of_rows(self, page_of, serve, settings):
        settings.DEBUG = True
        page = page_of("share-types")

        def get_orders(self, request):
            return page.OrderSerializer(page.LatestParts.get_orders(self, request), many=True).data

        shared = type("Shared", (page.LatestParts,), {"get_orders": get_orders})
        orders = page.Part(graphene.List(graphene.NonNull(page.LatestOrder)))
        kind = type("SharedLatest", (shared, page.ProgressiveConnection), {"orders": orders})
        query = type("Query", (graphene.ObjectType,), {"latest": ProgressiveConnectionField(kind)})
        result = graphene.Schema(query=query).execute(
            "{ latest { edges { node { orders { id } } } } }", context_value=request_of_nobody()
        )
        assert any("Received incompatible instance" in str(error) for error in result.errors)


def request_of_nobody():
    from django.contrib.auth.models import AnonymousUser
    from django.test import RequestFactory

    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    return request


class TestAsyncParts:
    def test_the_parts_of_the_page_arrive(self, page_of, serve):
        page = serve(page_of("async-parts").LiveView).get("/").json()
        assert page["results"] == [
            {"rates": {"EUR": 1.0}}, {"orders": [1, 2]}, {"report": {"orders": 2}},
        ]  # fmt: skip

    def test_the_plain_orm_in_a_coroutine_fails_its_part(self, page_of, serve, settings):
        settings.DEBUG = True
        view = page_of("async-parts").LiveView

        async def get_report(self, request):
            return self.count()

        page = serve(type("Plain", (view,), {"get_report": get_report})).get("/").json()
        (error,) = page["errors"]
        assert error["part"] == "report"
        assert error["message"].startswith("SynchronousOnlyOperation")


class TestThrottles:
    @pytest.fixture
    def throttled(self, page_of, serve, monkeypatch):
        page = page_of("throttle-a-walk")
        assert (page.Walks.rate, page.Pages.rate) == ("60/hour", "600/hour")

        def made(walks, pages):
            monkeypatch.setattr(page.Walks, "rate", f"{walks}/hour")
            monkeypatch.setattr(page.Pages, "rate", f"{pages}/hour")
            return serve(page.LimitedWalksView)

        return made

    def test_a_walk_that_began_goes_on(self, throttled):
        client = throttled(walks=1, pages=9)
        cursor = client.get("/").json()["cursor"]
        assert client.get("/").status_code == 429
        assert client.get("/", {"cursor": cursor}).status_code == 200

    def test_a_kept_cursor_is_no_way_round_the_limit(self, throttled):
        client = throttled(walks=9, pages=2)
        cursor = client.get("/").json()["cursor"]
        answers = [client.get("/", {"cursor": cursor}) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 429]
        assert "Retry-After" in answers[1]


class TestEndpoints:
    @pytest.fixture
    def client_of_both(self, page_of, serve):
        page = page_of("from-n-endpoints")
        before = sys.modules["shop.endpoints"]
        return serve(
            path("widgets/", page.WidgetsView.as_view()),
            path("overview/", page.OverviewEndpoint.as_view()),
            path("before/overview/", before.OverviewEndpoint.as_view()),
            path("before/takings/", before.TakingsEndpoint.as_view()),
        )

    def test_each_part_has_the_value_of_its_endpoint(self, client_of_both):
        client = client_of_both
        client.force_login(User.objects.create(username="ann", is_staff=True))
        walked = walk(client, "/widgets/")
        assert walked.parts == {
            name: client.get(f"/before/{name}/").json() for name in ("overview", "takings")
        }
        assert client.get("/overview/").json() == walked.parts["overview"]

    def test_a_reader_without_permission_does_not_get_the_part(self, client_of_both):
        assert client_of_both.get("/before/takings/").status_code in (401, 403)
        assert walk(client_of_both, "/widgets/").names == ["overview"]
        refused = client_of_both.get("/widgets/", {"parts": "takings"})
        assert (refused.status_code, refused.json()["code"]) == (400, "unknown_part")

    def test_an_old_view_in_a_part_fails_it(self, page_of, serve):
        page_of("from-n-endpoints")
        old = sys.modules["shop.endpoints"].OverviewEndpoint.as_view()
        parts = [("overview", lazy(lambda request: old(request._request)))]
        view = type("Old", (ProgressiveView,), {"get_parts": lambda self: parts})
        (error,) = serve(view).get("/").json()["errors"]
        assert error["part"] == "overview"
