"""The guide, "Performance Tips": queries, chunk sizes, caching and lazy parts."""

from itertools import count

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_partstream import ProgressiveView, cached_for, lazy
from django_partstream.testing import walk
from example_schema.models import Order
from example_schema.serializers import OrderSerializer
from tests.guide.loader import names_of

# Names that the guide uses and does not define.
computations = count()


def expensive_computation():
    return {"computation": next(computations)}


compute_analytics = expensive_computation


# fmt: off
# 1. Database Optimization
class OptimizedAPI(ProgressiveView):
    def get_parts(self):
        return [("orders", lazy(self.get_orders))]

    def get_orders(self, request):
        # ❌ Bad: N+1 queries
        orders = Order.objects.all()

        # ✅ Good: Optimized queryset
        orders = Order.objects.select_related('customer', 'payment') \
                              .prefetch_related('items__product') \
                              .order_by('-created_at')[:100]

        return OrderSerializer(orders, many=True).data


class BadAPI(OptimizedAPI):
    def get_orders(self, request):
        # ❌ Bad: N+1 queries
        orders = Order.objects.all()

        return OrderSerializer(orders, many=True).data


# 2. Appropriate Chunk Sizes
class Sixfold:
    def get_parts(self):
        return [(name, lazy(lambda request: None)) for name in "abcdef"]


class Mobile(Sixfold, ProgressiveView):
    # For mobile APIs
    chunk_size = 1


class Desktop(Sixfold, ProgressiveView):
    # For desktop dashboards
    chunk_size = 3


class Admin(Sixfold, ProgressiveView):
    # For admin interfaces
    chunk_size = 5


# 3. Caching Strategy
@cached_for(300)  # 5 minutes
def get_analytics(self, request):
    return expensive_computation()

# Manual caching
def get_custom_analytics(self, request):
    cache_key = f"analytics_{request.user.id}"
    result = cache.get(cache_key)

    if result is None:
        result = compute_analytics()
        cache.set(cache_key, result, 300)

    return result


# 4. Lazy Loading Best Practices
class BestPractices(ProgressiveView):
    def get_parts(self):
        return [
            # Immediate for critical data
            ("meta", {"timestamp": timezone.now()}),

            # Lazy for expensive operations
            ("analytics", lazy(self.expensive_computation)),

            # Lazy for external APIs
            ("external", lazy(self.external_api_call))
        ]
# fmt: on


class Caching(ProgressiveView):
    get_analytics = get_analytics
    get_custom_analytics = get_custom_analytics

    def get_parts(self):
        return [
            ("analytics", lazy(self.get_analytics)),
            ("custom", lazy(self.get_custom_analytics)),
        ]


@cached_for(300)
def get_plain_analytics(request, days):
    return {"days": days, **expensive_computation()}


class CachedFunctions(ProgressiveView):
    def get_parts(self):
        return [
            ("week", lazy(get_plain_analytics, 7)),
            ("month", lazy(get_plain_analytics, days=30)),
        ]


class Practised(BestPractices):
    calls = []

    def expensive_computation(self, request):
        self.calls.append("analytics")
        return 1

    def external_api_call(self, request):
        self.calls.append("external")
        return 2


@pytest.mark.django_db
class TestDatabaseOptimization:
    def queries_of(self, client):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert walk(client, "/").errors == []
        return len(queries)

    def test_the_optimized_query_set_takes_three_queries(
        self, place_order, django_assert_num_queries
    ):
        for _ in range(5):
            place_order()
        with django_assert_num_queries(3):
            assert len(OptimizedAPI().get_orders(None)) == 5

    @pytest.mark.parametrize(("view", "more"), [(OptimizedAPI, 0), (BadAPI, 4)])
    def test_more_orders_take_no_more_queries_optimized_and_a_query_each_otherwise(
        self, serve, place_order, view, more
    ):
        client = serve(view)
        place_order()
        one = self.queries_of(client)
        for _ in range(4):
            place_order()
        assert self.queries_of(client) == one + more

    def test_the_newest_orders_come_first_in_the_optimized_query_set(
        self, serve, clock, place_order
    ):
        place_order()
        clock.forward(60)
        newest = place_order()
        [first, _] = walk(serve(OptimizedAPI), "/").parts["orders"]
        assert first["id"] == newest.pk


@pytest.mark.parametrize(("view", "pages"), [(Mobile, 6), (Desktop, 2), (Admin, 2)])
def test_a_page_carries_as_many_parts_as_its_chunk_size(serve, view, pages):
    walked = walk(serve(view), "/")
    assert walked.names == list("abcdef")
    assert len(walked.pages) == pages
    assert walked.pages[0]["meta"]["current_chunk_size"] == view.chunk_size


class TestCachingStrategy:
    def test_cached_for_and_manual_caching_compute_once_in_five_minutes(self, serve, clock):
        client = serve(Caching)
        first = walk(client, "/").parts
        clock.forward(299)
        assert walk(client, "/").parts == first
        clock.forward(2)
        later = walk(client, "/").parts
        assert later["analytics"] != first["analytics"]
        assert later["custom"] != first["custom"]

    @pytest.mark.django_db
    def test_cached_for_and_manual_caching_compute_for_each_user(self, serve, ann, bob):
        client = serve(Caching)
        client.force_login(ann)
        anns = walk(client, "/").parts
        client.force_login(bob)
        bobs = walk(client, "/").parts
        assert anns["analytics"] != bobs["analytics"]
        assert anns["custom"] != bobs["custom"]

    def test_a_cached_plain_function_is_computed_once_for_each_argument(self, serve):
        client = serve(CachedFunctions)
        first = walk(client, "/").parts
        assert walk(client, "/").parts == first
        assert first["week"]["days"] == 7
        assert first["month"]["days"] == 30
        assert first["week"]["computation"] != first["month"]["computation"]


def test_a_lazy_part_is_not_computed_before_its_own_page(serve):
    Practised.calls.clear()
    client = serve(Practised)
    first = client.get("/").json()
    assert names_of(first["results"]) == ["meta", "analytics"]
    assert Practised.calls == ["analytics"]
    second = client.get(f"/?cursor={first['cursor']}").json()
    assert names_of(second["results"]) == ["external"]
    assert Practised.calls == ["analytics", "external"]
