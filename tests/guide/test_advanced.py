"""The guide, "Advanced Features": errors, caching, timeouts, conditional and dynamic parts."""

import threading
from itertools import count
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.test import RequestFactory
from django.urls import path
from django.utils import timezone

from django_partstream import ProgressiveView, cached_for, lazy, safe_call, with_timeout
from django_partstream.testing import part_hangs, walk
from tests.guide.loader import ProgressiveLoader, fetch_json, names_of


def _refuse(*args):
    raise ConnectionError("service.internal:5432 refused the connection")


# Names that the guide uses and does not define.
external_service = SimpleNamespace(get_data=_refuse)
requests = SimpleNamespace(get=_refuse)
computations = count()


def complex_analytics_calculation():
    return {"computation": next(computations)}


def very_slow_computation():
    return {"thread": threading.current_thread().name}


# fmt: off
# 1. Error Handling
class RobustAPI(ProgressiveView):
    def get_parts(self):
        return [
            ("meta", {"timestamp": timezone.now()}),
            ("safe_data", lazy(safe_call(self.risky_operation))),
            ("fallback", lazy(safe_call(self.external_api, fallback={"error": "Service unavailable"})))
        ]

    def risky_operation(self, request):
        # This might fail
        return external_service.get_data()

    def external_api(self, request):
        # This might timeout
        return requests.get("https://api.example.com/data").json()


# 2. Caching
class CachedAPI(ProgressiveView):
    def get_parts(self):
        return [
            ("analytics", lazy(self.get_cached_analytics))
        ]

    @cached_for(300)  # Cache for 5 minutes
    def get_cached_analytics(self, request):
        # Expensive computation
        return complex_analytics_calculation()


# 3. Timeouts
class TimeoutAPI(ProgressiveView):
    def get_parts(self):
        return [
            ("slow_data", lazy(with_timeout(self.slow_operation, 30)))
        ]

    def slow_operation(self, request):
        # This might take a long time
        return very_slow_computation()


# 4. Conditional Parts
class ConditionalAPI(ProgressiveView):
    def get_parts(self):
        parts = [
            ("meta", {"timestamp": timezone.now()}),
            ("public_data", lazy(self.get_public_data))
        ]

        if self.request.user.is_authenticated:
            parts.append(("user_data", lazy(self.get_user_data)))

        if self.request.user.is_staff:
            parts.append(("admin_data", lazy(self.get_admin_data)))

        return parts


# 5. Dynamic Parts
class DynamicAPI(ProgressiveView):
    def get_parts(self):
        parts = [("meta", {"timestamp": timezone.now()})]

        # Add parts based on request parameters
        if self.request.GET.get('include_analytics'):
            parts.append(("analytics", lazy(self.get_analytics)))

        if self.request.GET.get('include_reports'):
            parts.append(("reports", lazy(self.get_reports)))

        return parts
# fmt: on


class Conditional(ConditionalAPI):
    def get_public_data(self, request):
        return "for everyone"

    def get_user_data(self, request):
        return f"for {request.user.username}"

    def get_admin_data(self, request):
        return "for staff"


class Dynamic(DynamicAPI):
    def get_analytics(self, request):
        return {"include_reports": request.GET.get("include_reports")}

    def get_reports(self, request):
        return ["report"]


class DynamicOneByOne(Dynamic):
    chunk_size = 1


class TestErrorHandling:
    def test_a_safe_part_that_fails_is_null_and_has_an_error_entry(self, serve):
        walked = walk(serve(RobustAPI), "/")
        assert walked.names == ["meta", "safe_data", "fallback"]
        assert walked.parts["safe_data"] is None
        [error] = walked.errors
        assert error.pop("reference")
        assert error == {
            "part": "safe_data",
            "code": "part_failed",
            "message": "This part could not be loaded.",
            "retryable": True,
            "index": 1,
        }

    def test_a_part_that_falls_back_arrives_as_its_fallback_without_an_error(self, serve):
        walked = walk(serve(RobustAPI), "/")
        assert walked.parts["fallback"] == {"error": "Service unavailable"}
        assert "errors" not in walked.pages[1]

    def test_no_page_has_the_message_of_the_failed_service(self, serve):
        assert "service.internal" not in str(walk(serve(RobustAPI), "/").pages)

    def test_safe_call_passes_on_the_value_of_a_working_service(self, serve, monkeypatch):
        monkeypatch.setattr(external_service, "get_data", lambda: {"risk": "none"})
        answer = SimpleNamespace(json=lambda: {"temperature": 21})
        monkeypatch.setattr(requests, "get", lambda url: answer)
        walked = walk(serve(RobustAPI), "/")
        assert walked.parts["safe_data"] == {"risk": "none"}
        assert walked.parts["fallback"] == {"temperature": 21}
        assert walked.errors == []

    def test_a_service_that_recovers_is_used_on_the_next_request(self, serve, monkeypatch):
        client = serve(RobustAPI)
        assert walk(client, "/").parts["safe_data"] is None
        monkeypatch.setattr(external_service, "get_data", lambda: "back")
        assert walk(client, "/").parts["safe_data"] == "back"

    @pytest.mark.parametrize("request_", [None, RequestFactory().get("/")])
    def test_safe_call_called_by_hand_never_raises(self, request_):
        view = RobustAPI()
        assert safe_call(view.risky_operation)(request_) is None
        assert safe_call(view.external_api, fallback={"error": "Service unavailable"})(
            request_
        ) == {"error": "Service unavailable"}

    def test_safe_call_called_by_hand_returns_a_copy_of_its_fallback(self):
        guarded = safe_call(RobustAPI().external_api, fallback={"error": "Service unavailable"})
        guarded(None).clear()
        assert guarded(None) == {"error": "Service unavailable"}


class TestCaching:
    def test_a_part_cached_for_five_minutes_is_computed_once_in_that_time(self, serve, clock):
        client = serve(CachedAPI)
        first = walk(client, "/").parts
        clock.forward(299)
        assert walk(client, "/").parts == first
        clock.forward(1)
        assert walk(client, "/").parts != first

    @pytest.mark.django_db
    def test_a_users_cached_part_is_not_given_to_another_user(self, serve, ann, bob):
        client = serve(CachedAPI)
        seen = []
        for user in (ann, bob, ann):
            client.force_login(user)
            seen.append(walk(client, "/").parts["analytics"])
        assert seen[0] != seen[1]
        assert seen[0] == seen[2]

    def test_a_failed_computation_of_a_cached_part_is_not_kept(self, serve, monkeypatch):
        client = serve(CachedAPI)
        with monkeypatch.context() as failing:
            failing.setattr(f"{__name__}.complex_analytics_calculation", _refuse)
            assert walk(client, "/").parts["analytics"] is None
        assert walk(client, "/").parts["analytics"] is not None

    def test_a_cached_method_called_by_hand_without_a_request_computes_each_time(self):
        view = CachedAPI()
        assert view.get_cached_analytics(None) != view.get_cached_analytics(None)


class TestTimeouts:
    def test_a_part_within_its_time_limit_arrives(self, serve):
        walked = walk(serve(TimeoutAPI), "/")
        assert list(walked.parts["slow_data"]) == ["thread"]
        assert walked.errors == []

    def test_a_timed_part_runs_in_another_thread_than_its_request(self, serve):
        walked = walk(serve(TimeoutAPI), "/")
        assert walked.parts["slow_data"] != {"thread": threading.current_thread().name}

    def test_a_part_past_its_time_limit_is_null_and_has_an_error_entry(self, serve):
        with part_hangs("slow_data", 30):
            walked = walk(serve(TimeoutAPI), "/")
        assert walked.parts == {"slow_data": None}
        [error] = walked.errors
        assert error.pop("reference")
        assert error == {
            "part": "slow_data",
            "code": "part_timed_out",
            "message": "This part took too long.",
            "retryable": True,
            "index": 0,
        }

    def test_a_computation_that_does_not_return_is_left_behind(self, serve, monkeypatch):
        started, gate, late = threading.Event(), threading.Event(), []

        class Impatient(TimeoutAPI):
            def get_parts(self):
                return [("slow_data", lazy(with_timeout(self.slow_operation, 0.02)))]

        def stuck():
            late.append(threading.current_thread())
            started.set()
            gate.wait(30)

        monkeypatch.setattr(f"{__name__}.very_slow_computation", stuck)
        try:
            [error] = walk(serve(Impatient), "/").errors
            assert error["code"] == "part_timed_out"
            assert started.wait(30)
            assert late[0].is_alive()
        finally:
            gate.set()
            for thread in late:
                thread.join(30)

    @pytest.mark.django_db
    def test_a_timed_part_sees_the_rows_of_its_transaction(self, serve, monkeypatch, ann):
        monkeypatch.setattr(f"{__name__}.very_slow_computation", User.objects.count)
        assert walk(serve(TimeoutAPI), "/").parts == {"slow_data": 1}


class TestConditionalParts:
    def test_an_anonymous_user_gets_the_public_parts(self, serve):
        assert walk(serve(Conditional), "/").names == ["meta", "public_data"]

    @pytest.mark.django_db
    def test_a_signed_in_user_gets_the_user_part(self, serve, ann):
        client = serve(Conditional)
        client.force_login(ann)
        walked = walk(client, "/")
        assert walked.names == ["meta", "public_data", "user_data"]
        assert walked.parts["user_data"] == "for ann"
        assert {page["meta"]["total_parts"] for page in walked.pages} == {3}

    @pytest.mark.django_db
    def test_staff_gets_all_conditional_parts(self, serve, admin):
        client = serve(Conditional)
        client.force_login(admin)
        walked = walk(client, "/")
        assert walked.names == ["meta", "public_data", "user_data", "admin_data"]
        assert len(walked.pages) == 2

    @pytest.mark.django_db
    def test_a_cursor_of_staff_is_refused_for_other_users(self, serve, admin, ann):
        client = serve(Conditional)
        client.force_login(admin)
        cursor = client.get("/").json()["cursor"]
        client.force_login(ann)
        response = client.get(f"/?cursor={cursor}")
        assert response.status_code == 400
        assert response.json()["code"] == "invalid_cursor"
        client.logout()
        assert client.get(f"/?cursor={cursor}").status_code == 400

    @pytest.mark.django_db
    def test_a_user_who_stops_being_staff_halfway_gets_no_admin_data(self, serve, admin):
        client = serve(Conditional)
        client.force_login(admin)
        cursor = client.get("/").json()["cursor"]
        User.objects.update(is_staff=False)
        page = client.get(f"/?cursor={cursor}").json()
        assert names_of(page["results"]) == ["user_data"]
        assert page["cursor"] is None


class TestDynamicParts:
    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("", ["meta"]),
            ("?include_analytics=", ["meta"]),
            ("?include_analytics=1", ["meta", "analytics"]),
            ("?include_reports=1", ["meta", "reports"]),
            ("?include_analytics=1&include_reports=1", ["meta", "analytics", "reports"]),
        ],
    )
    @pytest.mark.parametrize("view", [Dynamic, DynamicOneByOne])
    def test_the_query_string_adds_dynamic_parts_on_every_page(self, serve, view, query, names):
        # walk() sends only ?cursor= after the first page.
        walked = walk(serve(view), f"/{query}")
        assert walked.names == names
        assert {page["meta"]["total_parts"] for page in walked.pages} == {len(names)}

    def test_a_part_on_a_later_page_sees_the_query_string_of_the_first_page(self, serve):
        walked = walk(serve(DynamicOneByOne), "/?include_analytics=1&include_reports=%C3%A9%26")
        assert walked.parts["analytics"] == {"include_reports": "é&"}

    @pytest.mark.parametrize("view", [Dynamic, DynamicOneByOne])
    def test_a_cursor_that_the_guides_loader_appends_to_a_query_is_read(self, serve, view):
        client = serve(view)
        asked = []

        def fetch(url):
            asked.append(url)
            return client.get(url).json()

        address = "/?include_analytics=1&include_reports=yes"
        loaded = ProgressiveLoader(address, fetch).load_all()
        assert names_of(loaded) == ["meta", "analytics", "reports"]
        assert loaded[1] == {"analytics": {"include_reports": "yes"}}
        assert asked[1].startswith("/?include_analytics=1&include_reports=yes?cursor=ey")

    def test_a_cursor_that_the_guides_loader_appends_to_a_single_parameter_is_read(self, serve):
        client = serve(DynamicOneByOne)
        loader = ProgressiveLoader("/?include_analytics=1", lambda url: client.get(url).json())
        assert names_of(loader.load_all()) == ["meta", "analytics"]

    def test_a_client_may_repeat_its_query_beside_the_cursor(self, serve):
        client = serve(DynamicOneByOne)
        address = "/?include_analytics=1&include_reports=1"
        cursor = client.get(address).json()["cursor"]
        page = client.get(f"{address}&cursor={cursor}").json()
        assert names_of(page["results"]) == ["analytics"]

    def test_the_link_header_leads_to_the_next_page_of_dynamic_parts(self, serve):
        client = serve(DynamicOneByOne)
        response = client.get("/?include_analytics=1")
        link, _, rel = response["Link"].partition(">; ")
        assert rel == 'rel="next"'
        assert names_of(client.get(link.lstrip("<")).json()["results"]) == ["analytics"]

    @pytest.mark.parametrize("view", [Dynamic, DynamicOneByOne])
    def test_the_guides_loader_gets_the_dynamic_parts_over_http(self, serve, live_server, view):
        serve(path("api/", view.as_view()))
        address = f"{live_server.url}/api/?include_analytics=1&include_reports=1"
        loaded = ProgressiveLoader(address, fetch_json).load_all()
        assert names_of(loaded) == ["meta", "analytics", "reports"]
        assert loaded[1] == {"analytics": {"include_reports": "1"}}

    def test_a_client_that_sends_only_the_cursor_gets_its_dynamic_parts_over_http(
        self, serve, live_server
    ):
        serve(path("api/", DynamicOneByOne.as_view()))
        address = f"{live_server.url}/api/"
        first = fetch_json(f"{address}?include_reports=1")
        second = fetch_json(f"{address}?cursor={first['cursor']}")
        assert names_of(first["results"]) == ["meta"]
        assert names_of(second["results"]) == ["reports"]
        assert second["cursor"] is None
