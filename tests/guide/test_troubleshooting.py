"""The guide, "Troubleshooting": each mistake has a clear error, and the remedy helps."""

# ruff: noqa: T201, F841 -- the guide prints, and does not use the result that it timed

import re

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_partstream import ProgressiveView, cached_for, lazy, safe_call, with_timeout
from django_partstream.testing import expired, walk
from example_schema.models import Order
from example_schema.serializers import OrderSerializer
from tests.guide.loader import names_of


# fmt: off
# 1. "get_parts() returned None"
class WrongParts(ProgressiveView):
    # ❌ Wrong
    def get_parts(self):
        pass  # Returns None


class CorrectParts(ProgressiveView):
    # ✅ Correct
    def get_parts(self):
        return []  # Returns empty list


# 2. "Lazy function not callable"
class WrongLazy(ProgressiveView):
    def get_parts(self):
        return [
            # ❌ Wrong
            ("data", lazy(self.get_data()))  # Called immediately
        ]

    def get_data(self, request=None):
        return {"users": 1}


class CorrectLazy(ProgressiveView):
    def get_parts(self):
        return [
            # ✅ Correct
            ("data", lazy(self.get_data))    # Function reference
        ]

    def get_data(self, request):
        return {"users": 1}


# 3. "Cursor expired"
class LongLived:
    # Increase cursor TTL
    class MyAPI(ProgressiveView):
        cursor_ttl = 7200  # 2 hours instead of 1 hour


# 4. "Memory issues with large datasets"
class SmallChunks:
    # Use smaller chunk sizes and better queries
    class MyAPI(ProgressiveView):
        chunk_size = 1  # Smaller chunks

        def get_orders(self, request):
            # Limit queryset size
            return Order.objects.all()[:100]  # Don't load everything


# Debug Mode
class DebugAPI(ProgressiveView):
    def get_parts(self):
        import time

        parts = [
            ("meta", {"timestamp": timezone.now()}),
            ("orders", lazy(self.get_orders))
        ]

        # Log timing in development
        if settings.DEBUG:
            start_time = time.time()
            result = self.get_orders(None)
            end_time = time.time()
            print(f"get_orders took {end_time - start_time:.2f} seconds")

        return parts
# fmt: on


class Three:
    def get_parts(self):
        return [(name, lazy(lambda request: None)) for name in "abc"]


class AnHour(Three, ProgressiveView):
    pass


class TwoHours(Three, LongLived.MyAPI):
    pass


class Bounded(SmallChunks.MyAPI):
    def get_parts(self):
        return [("orders", lazy(self.get_orders)), ("done", lazy(lambda request: True))]


class Debug(DebugAPI):
    def get_orders(self, request):
        return OrderSerializer(Order.objects.select_related("customer"), many=True).data


class DebugGuarded(DebugAPI):
    @cached_for(300)
    @safe_call(fallback=[])
    @with_timeout(30)
    def get_orders(self, request):
        return list(Order.objects.values_list("pk", flat=True))


class TestNoParts:
    def test_get_parts_that_returns_none_is_an_error_with_the_remedy(self, serve):
        with pytest.raises(
            ImproperlyConfigured, match=r"^get_parts\(\) returned None; return \[\]"
        ):
            serve(WrongParts).get("/")

    def test_get_parts_that_returns_an_empty_list_is_a_response_without_parts(self, serve):
        assert serve(CorrectParts).get("/").json() == {
            "results": [],
            "cursor": None,
            "meta": {"total_parts": 0, "current_chunk_size": 0, "has_more": False},
        }


class TestLazyTakesAFunction:
    def test_lazy_with_the_result_of_a_function_is_an_error_with_the_remedy(self, serve):
        with pytest.raises(TypeError) as caught:
            serve(WrongLazy).get("/")
        assert str(caught.value) == (
            "lazy() needs a callable, got dict. "
            "Pass the function itself: lazy(self.get_data), not lazy(self.get_data())."
        )

    def test_lazy_with_a_function_calls_it_on_its_page(self, serve):
        assert walk(serve(CorrectLazy), "/").parts == {"data": {"users": 1}}


class TestCursorExpired:
    def test_an_expired_cursor_is_a_410_that_says_to_start_again(self, serve):
        client = serve(AnHour)
        cursor = expired(client.get("/").json()["cursor"])
        response = client.get(f"/?cursor={cursor}")
        assert response.status_code == 410
        assert response.json() == {
            "detail": "This cursor has expired. Start again without a cursor.",
            "code": "cursor_expired",
        }
        assert walk(client, "/").names == ["a", "b", "c"]

    @pytest.mark.parametrize(
        ("view", "after_an_hour", "after_two"), [(AnHour, 410, 410), (TwoHours, 200, 410)]
    )
    def test_a_longer_cursor_ttl_keeps_a_cursor_valid_for_longer(
        self, serve, clock, view, after_an_hour, after_two
    ):
        client = serve(view)
        address = f"/?cursor={client.get('/').json()['cursor']}"
        clock.forward(3600)
        assert client.get(address).status_code == after_an_hour
        clock.forward(3600)
        assert client.get(address).status_code == after_two


@pytest.mark.django_db
class TestLargeData:
    def test_a_part_with_a_sliced_query_set_loads_no_more_rows_than_its_slice(
        self, serve, place_order
    ):
        customer = place_order().customer
        Order.objects.bulk_create(Order(customer=customer) for _ in range(100))
        with CaptureQueriesContext(connection) as queries:
            walked = walk(serve(Bounded), "/")
        assert len(walked.parts["orders"]) == 100
        [query] = [q["sql"] for q in queries if "example_schema_order" in q["sql"]]
        assert query.endswith("LIMIT 100")

    def test_a_page_with_a_chunk_size_of_one_carries_a_single_part(self, serve, place_order):
        place_order()
        walked = walk(serve(Bounded), "/")
        assert [names_of(page["results"]) for page in walked.pages] == [["orders"], ["done"]]

    def test_the_next_page_does_not_load_the_rows_again(self, serve, place_order):
        client = serve(Bounded)
        cursor = client.get("/").json()["cursor"]
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/?cursor={cursor}")
        assert not [q for q in queries if "example_schema_order" in q["sql"]]


@pytest.mark.django_db
@pytest.mark.parametrize("view", [Debug, DebugGuarded])
class TestDebugMode:
    def test_the_time_of_get_orders_is_printed_in_debug(
        self, serve, settings, capsys, place_order, view
    ):
        settings.DEBUG = True
        place_order()
        walked = walk(serve(view), "/")
        assert walked.names == ["meta", "orders"]
        assert len(walked.parts["orders"]) == 1
        assert walked.errors == []
        assert re.fullmatch(r"get_orders took \d+\.\d\d seconds\n", capsys.readouterr().out)

    def test_no_time_is_printed_and_orders_are_computed_once_without_debug(
        self, serve, capsys, place_order, view
    ):
        place_order()
        assert len(walk(serve(view), "/").parts["orders"]) == 1
        assert capsys.readouterr().out == ""

    def test_orders_are_computed_for_the_page_after_they_were_timed_by_hand(
        self, serve, settings, place_order, view
    ):
        settings.DEBUG = True
        client = serve(view)
        view.get_orders(view(), None)
        place_order()
        assert len(walk(client, "/").parts["orders"]) == 1
