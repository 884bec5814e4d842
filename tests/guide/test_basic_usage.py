"""The guide, "Basic Usage": the dashboard, the options, immediate and lazy parts."""

from itertools import count

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Sum
from django.utils import timezone

from django_partstream import ProgressiveView, cached_for, lazy
from django_partstream.testing import expired, walk
from example_schema.models import Order
from example_schema.serializers import OrderSerializer
from tests.guide.loader import names_of


# fmt: off
# 1. Define Your Progressive API
class DashboardAPI(ProgressiveView):
    chunk_size = 2  # Load 2 parts per request

    def get_parts(self):
        return [
            ("overview", self.get_overview()),      # Immediate
            ("orders", lazy(self.get_orders)),      # Lazy
            ("analytics", lazy(self.get_analytics)) # Lazy
        ]

    def get_overview(self):
        return {
            "total_users": User.objects.count(),
            "timestamp": timezone.now().isoformat()
        }

    def get_orders(self, request):
        orders = Order.objects.all()[:100]
        return OrderSerializer(orders, many=True).data

    def get_analytics(self, request):
        return {
            "revenue": Order.objects.aggregate(Sum('total'))['total__sum'],
            "conversion_rate": self.calculate_conversion()
        }


# 2. Configuration Options
class MyAPI(ProgressiveView):
    chunk_size = 3          # Parts per request (default: 2)
    cursor_ttl = 1800       # Cursor expiration in seconds (default: 3600)

    def get_parts(self):
        # Your parts here
        pass


# 3. Lazy Loading
class LazyLoading(ProgressiveView):
    def get_parts(self):
        return [
            ("immediate", {"fast": "data"}),           # Loads immediately
            ("lazy", lazy(self.expensive_operation)),  # Loads when requested
            ("cached", lazy(self.cached_operation))    # Cached lazy loading
        ]
# fmt: on


class Dashboard(DashboardAPI):
    """The guide's dashboard with the method that the guide leaves to the reader."""

    def calculate_conversion(self):
        return 0.25


class Five:
    def get_parts(self):
        return [(name, lazy(lambda request: None)) for name in "abcde"]


class Configured(Five, MyAPI):
    pass


class Unconfigured(Five, ProgressiveView):
    pass


class Expensive(LazyLoading):
    calls = []
    numbers = count()

    def expensive_operation(self, request):
        self.calls.append("lazy")
        return "expensive"

    @cached_for(300)
    def cached_operation(self, request):
        return next(self.numbers)


@pytest.fixture
def calls():
    Expensive.calls.clear()
    return Expensive.calls


@pytest.mark.django_db
def test_the_dashboard_arrives_two_parts_at_a_time(serve, clock, ann, place_order):
    first, second = place_order("10.00"), place_order("20.50")
    walked = walk(serve(Dashboard), "/")
    assert [names_of(page["results"]) for page in walked.pages] == [
        ["overview", "orders"],
        ["analytics"],
    ]
    assert walked.parts["overview"] == {"total_users": 1, "timestamp": "2024-01-01T10:00:00+00:00"}
    shown = {order["id"]: order for order in walked.parts["orders"]}
    assert shown[second.pk] == {
        "id": second.pk,
        "customer": "Customer 2",
        "created_at": "2024-01-01T10:00:00Z",
        "status": "pending",
        "total": "20.50",
    }
    assert set(shown) == {first.pk, second.pk}
    assert walked.parts["analytics"] == {"revenue": 30.5, "conversion_rate": 0.25}
    assert walked.errors == []


@pytest.mark.django_db
def test_the_dashboard_of_an_empty_shop_arrives(serve):
    walked = walk(serve(Dashboard), "/")
    assert walked.parts["orders"] == []
    assert walked.parts["analytics"] == {"revenue": None, "conversion_rate": 0.25}


@pytest.mark.django_db
def test_the_dashboard_shows_at_most_a_hundred_orders(serve, place_order):
    customer = place_order().customer
    Order.objects.bulk_create(Order(customer=customer) for _ in range(100))
    assert len(walk(serve(Dashboard), "/").parts["orders"]) == 100


@pytest.mark.django_db
def test_a_part_that_calls_an_unwritten_method_of_the_guide_fails_alone(serve):
    walked = walk(serve(DashboardAPI), "/")
    assert walked.names == ["overview", "orders", "analytics"]
    assert walked.parts["analytics"] is None
    assert [error["part"] for error in walked.errors] == ["analytics"]


def test_get_parts_with_only_pass_is_an_error_with_the_remedy(serve):
    with pytest.raises(ImproperlyConfigured) as caught:
        serve(MyAPI).get("/")
    assert str(caught.value) == "get_parts() returned None; return [] when there are no parts."


def test_get_parts_with_only_pass_is_a_500_for_clients(serve):
    client = serve(MyAPI)
    client.raise_request_exception = False
    response = client.get("/")
    assert response.status_code == 500
    assert b"get_parts" not in response.content


@pytest.mark.parametrize(("view", "sizes"), [(Configured, [3, 2]), (Unconfigured, [2, 2, 1])])
def test_chunk_size_sets_the_parts_of_a_page_and_is_two_by_default(serve, view, sizes):
    pages = walk(serve(view), "/").pages
    assert [page["meta"]["current_chunk_size"] for page in pages] == sizes
    assert {page["meta"]["total_parts"] for page in pages} == {5}
    assert [page["meta"]["has_more"] for page in pages] == [True] * (len(sizes) - 1) + [False]


@pytest.mark.parametrize(("view", "ttl"), [(Configured, 1800), (Unconfigured, 3600)])
def test_cursor_ttl_sets_the_lifetime_of_a_cursor_and_is_an_hour_by_default(
    serve, clock, view, ttl
):
    client = serve(view)
    cursor = client.get("/").json()["cursor"]
    clock.forward(ttl - 1)
    assert client.get(f"/?cursor={cursor}").status_code == 200
    clock.forward(1)
    response = client.get(f"/?cursor={cursor}")
    assert response.status_code == 410
    assert response.json()["code"] == "cursor_expired"


def test_each_page_starts_the_lifetime_of_its_cursor_anew(serve, clock):
    client = serve(Unconfigured)
    first = client.get("/").json()["cursor"]
    clock.forward(3000)
    second = client.get(f"/?cursor={first}").json()["cursor"]
    clock.forward(3000)
    assert client.get(f"/?cursor={first}").status_code == 410
    assert names_of(client.get(f"/?cursor={second}").json()["results"]) == ["e"]


def test_an_expired_cursor_says_to_start_again(serve):
    client = serve(Configured)
    cursor = expired(client.get("/").json()["cursor"])
    assert client.get(f"/?cursor={cursor}").json() == {
        "detail": "This cursor has expired. Start again without a cursor.",
        "code": "cursor_expired",
    }


def test_a_lazy_part_is_computed_only_on_its_own_page(serve, calls):
    client = serve(Expensive)
    first = client.get("/").json()
    assert first["results"] == [{"immediate": {"fast": "data"}}, {"lazy": "expensive"}]
    assert calls == ["lazy"]
    client.get(f"/?cursor={first['cursor']}")
    assert calls == ["lazy"]


def test_a_cached_lazy_part_is_computed_once(serve, calls):
    client = serve(Expensive)
    first, second = walk(client, "/"), walk(client, "/")
    assert calls == ["lazy", "lazy"]
    assert first.parts["cached"] == second.parts["cached"]
