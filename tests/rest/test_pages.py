import re

import pytest
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from rest_framework.exceptions import NotAuthenticated, Throttled, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import AdminRenderer, BrowsableAPIRenderer, JSONRenderer
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from django_partstream import ProgressiveView, cached_for, lazy
from django_partstream.outcomes import Outcome, Status
from django_partstream.testing import part_fails, walk
from example_schema.models import Customer
from partstream_rest.timings import MAX_TIMING, server_timing


class Six(ProgressiveView):
    ran: list[str] = []

    def get_parts(self):
        return [(name, lazy(self.part, name)) for name in "abcdef"]

    def part(self, request, name):
        self.ran.append(name)
        return {"name": name}


@pytest.fixture(autouse=True)
def _nothing_ran():
    Six.ran.clear()


def raising(exc):
    def part(request):
        raise exc

    return lazy(part)


def view_of(*parts, **attributes):
    """A view class with these *parts* and *attributes*."""
    return type("View", (ProgressiveView,), {"get_parts": lambda self: list(parts), **attributes})


def test_a_page_is_the_documented_json(serve):
    page = serve(Six).get("/").json()
    assert page == {
        "results": [{"a": {"name": "a"}}, {"b": {"name": "b"}}],
        "cursor": page["cursor"],
        "meta": {"total_parts": 6, "current_chunk_size": 2, "has_more": True},
    }
    assert page["cursor"].startswith("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.")


def test_a_walk_delivers_every_part_once_in_order(serve):
    walked = walk(serve(Six), "/")
    assert walked.names == Six.ran == list("abcdef")
    assert [len(page["results"]) for page in walked.pages] == [2, 2, 2]
    last = walked.pages[-1]
    assert last["cursor"] is None
    assert last["meta"] == {"total_parts": 6, "current_chunk_size": 2, "has_more": False}


def test_an_empty_response_is_a_single_empty_page(serve):
    assert serve(view_of()).get("/").json() == {
        "results": [],
        "cursor": None,
        "meta": {"total_parts": 0, "current_chunk_size": 0, "has_more": False},
    }


def test_an_empty_cursor_is_the_start(serve):
    assert serve(Six).get("/?cursor=").json()["results"] == [
        {"a": {"name": "a"}},
        {"b": {"name": "b"}},
    ]


def test_the_link_header_leads_to_the_next_page_and_is_absent_on_the_last_page(serve):
    client = serve(Six)
    response = client.get("/?x=1")
    target = response["Link"].removeprefix("<http://testserver").removesuffix('>; rel="next"')
    assert client.get(target).json()["results"][0] == {"c": {"name": "c"}}
    cursor = client.get(client.get(target).json() and target).json()["cursor"]
    assert "Link" not in client.get(f"/?cursor={cursor}")


def test_no_link_leads_to_a_host_that_is_not_allowed(serve, settings):
    settings.MIDDLEWARE = []  # the middleware of Django would refuse it before
    settings.ALLOWED_HOSTS = ["a.example"]
    client = serve(Six)
    assert client.get("/").status_code == 400
    assert client.get("/", headers={"Host": "a.example"}).status_code == 200


def test_a_failed_part_is_null_with_an_entry_in_errors(serve):
    class CannotPay(ValidationError):
        pass

    view = view_of(
        ("fine", lazy(lambda request: 1)),
        ("broken", raising(ValueError("secret"))),
        ("invalid", raising(CannotPay({"amount": ["Too much."]}))),
        ("busy", raising(Throttled(7))),
        ("login", raising(NotAuthenticated())),
        ("last", lazy(lambda request: 2)),
        chunk_size=10,
    )
    response = serve(view).get("/")
    page = response.json()
    assert response.status_code == 200
    assert page["results"] == [
        {"fine": 1}, {"broken": None}, {"invalid": None}, {"busy": None}, {"login": None},
        {"last": 2},
    ]  # fmt: skip
    told = [
        {key: value for key, value in error.items() if key != "reference"}
        for error in page["errors"]
    ]
    assert told == [
        {
            "part": "broken",
            "code": "part_failed",
            "message": "This part could not be loaded.",
            "retryable": True,
            "index": 1,
        },
        {
            "part": "invalid",
            "code": "invalid",
            "message": "amount: Too much.",
            "retryable": False,
            "index": 2,
        },
        {
            "part": "busy",
            "code": "throttled",
            "message": "Request was throttled. Expected available in 7 seconds.",
            "retryable": True,
            "index": 3,
        },
        {
            "part": "login",
            "code": "not_authenticated",
            "message": "Authentication credentials were not provided.",
            "retryable": False,
            "index": 4,
        },
    ]
    assert len({error["reference"] for error in page["errors"]}) == 4
    assert b"secret" not in response.content


def test_the_reference_of_an_error_is_on_the_log_record(serve, caplog):
    with part_fails("b"):
        (error,) = serve(Six).get("/").json()["errors"]
    (record,) = [one for one in caplog.records if one.name == "django_partstream"]
    assert record.reference == error["reference"]
    assert record.endpoint == "tests.rest.test_pages.Six"


@pytest.mark.parametrize(
    "value",
    [
        2**70,
        {(1, 2): "a"},
        b"bytes",
        "\ud800",
        object(),
        {"deep": [{"er": {3}, "x": object()}]},
    ],
)
def test_a_value_that_json_cannot_carry_fails_that_part_alone(serve, value):
    page = serve(view_of(("bad", lazy(lambda request: value)), ("good", 1))).get("/").json()
    assert page["results"] == [{"bad": None}, {"good": 1}]
    assert [(error["part"], error["retryable"]) for error in page["errors"]] == [("bad", False)]


@pytest.mark.parametrize("exc", [KeyboardInterrupt, SystemExit])
def test_an_exit_in_a_part_is_not_caught(serve, exc):
    with pytest.raises(exc):
        serve(view_of(("a", raising(exc())))).get("/")


def test_an_exception_of_get_parts_is_handled_as_in_any_drf_view(serve):
    class Broken(ProgressiveView):
        def get_parts(self):
            raise Throttled(3)

    response = serve(Broken).get("/")
    assert response.status_code == 429
    assert response["Retry-After"] == "3"


def test_the_error_for_a_view_without_get_parts_names_the_view(serve):
    with pytest.raises(NotImplementedError, match=r"Empty must define get_parts\(\)"):
        serve(type("Empty", (ProgressiveView,), {})).get("/")


def test_a_mixin_of_get_parts_after_the_base_is_refused():
    class Parts:
        def get_parts(self):
            return []

    with pytest.raises(TypeError, match=r"class View\(Parts, ProgressiveView\)"):
        type("View", (ProgressiveView, Parts), {})


def test_options_lists_the_parts_without_resolving_them(serve):
    description = serve(Six).options("/").json()
    assert description["parts"] == list("abcdef")
    assert description["name"] == "Six"
    assert Six.ran == []


def test_head_resolves_no_part(serve):
    response = serve(Six).head("/")
    assert response.status_code == 200
    assert 'rel="next"' in response["Link"]
    assert (response.content, Six.ran) == (b"", [])


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_post_put_patch_and_delete_are_not_allowed(serve, method):
    response = getattr(serve(Six), method)("/")
    assert response.status_code == 405
    assert response["Allow"] == "GET, HEAD, OPTIONS"


class TestParts:
    def test_only_chosen_parts_run_and_they_come_in_the_declared_order(self, serve):
        page = serve(Six).get("/?parts=e,b").json()
        assert page["results"] == [{"b": {"name": "b"}}, {"e": {"name": "e"}}]
        assert page["meta"] == {"total_parts": 2, "current_chunk_size": 2, "has_more": False}
        assert page["cursor"] is None
        assert Six.ran == ["b", "e"]

    def test_chosen_parts_are_paged_and_stay_chosen_by_the_cursor(self, serve):
        assert walk(serve(Six), "/?parts=f,a,c").names == ["a", "c", "f"]

    def test_a_failed_part_can_be_retried_alone(self, serve):
        client = serve(Six)
        with part_fails("c"):
            walked = walk(client, "/")
        assert walked.errors[0]["code"] == "part_failed"
        assert client.get("/?parts=c").json()["results"] == [{"c": {"name": "c"}}]

    @pytest.mark.parametrize("wanted", ["zz", "a,zz", "A"])
    def test_an_unknown_part_name_is_400_with_the_known_names(self, serve, wanted):
        response = serve(Six).get(f"/?parts={wanted}")
        assert response.status_code == 400
        assert response.json() == {
            "detail": "No such part. Choose from: a, b, c, d, e, f.",
            "code": "unknown_part",
        }

    @pytest.mark.parametrize("query", ["parts=", "parts=,", "parts=%20"])
    def test_an_empty_parts_parameter_chooses_all_parts(self, serve, query):
        assert serve(Six).get(f"/?{query}").json()["meta"]["total_parts"] == 6

    @pytest.mark.parametrize("query", ["parts=a&parts=b", "parts=a,%20b", "parts=b,a,b"])
    def test_chosen_part_names_may_be_spaced_and_repeated(self, serve, query):
        assert walk(serve(Six), f"/?{query}").names == ["a", "b"]


class TestFeaturesOfDrf:
    def test_permissions_are_asked_on_each_page(self, serve, django_user_model, db):
        allowed = []

        class Sometimes(IsAuthenticated):
            def has_permission(self, request, view):
                return bool(allowed)

        client = serve(type("View", (Six,), {"permission_classes": [Sometimes]}))
        assert client.get("/").status_code == 403
        allowed.append(1)
        cursor = client.get("/").json()["cursor"]
        allowed.clear()
        assert client.get(f"/?cursor={cursor}").status_code == 403
        assert Six.ran == ["a", "b"]

    def test_n_pages_are_n_requests_to_throttles_and_a_429_keeps_the_cursor(self, serve):
        class Two(SimpleRateThrottle):
            scope = "two"
            rate = "2/min"
            now = 0
            timer = staticmethod(lambda: Two.now)

            def get_cache_key(self, request, view):
                return "throttled"

        client = serve(type("View", (Six,), {"throttle_classes": [Two]}))
        first = client.get("/").json()
        second = client.get(f"/?cursor={first['cursor']}").json()
        refused = client.get(f"/?cursor={second['cursor']}")
        assert refused.status_code == 429
        Two.now = 61
        assert client.get(f"/?cursor={second['cursor']}").json()["results"][1] == {
            "f": {"name": "f"}
        }

    def test_the_view_and_its_lazy_parts_get_drfs_request(self, serve):
        seen = []

        class View(ProgressiveView):
            def get_parts(self):
                seen.append(self.request)
                return [("a", lazy(lambda request: seen.append(request)))]

        serve(View).get("/?q=1")
        assert seen[0] is seen[1]
        assert seen[0].query_params["q"] == "1"
        assert str(seen[0].user) == "AnonymousUser"

    def test_the_user_is_anonymous_without_authentication_classes(self, serve):
        class View(ProgressiveView):
            authentication_classes: list[type] = []

            def get_parts(self):
                return [("user", self.request.user.is_authenticated)]

        assert serve(View).get("/").json()["results"] == [{"user": False}]

    def test_the_browsable_api_links_page_after_page(self, serve):
        client = serve(
            type("View", (Six,), {"renderer_classes": [BrowsableAPIRenderer, JSONRenderer]})
        )
        address, seen = "/?x=1", ""
        for _ in range(3):
            html = client.get(address, HTTP_ACCEPT="text/html").content.decode()
            seen += html
            found = re.search(r'<li class="next">\s*<a href="([^"]+)"', html)
            address = found and found[1].replace("&amp;", "&")
        assert address is None
        assert Six.ran == list("abcdef")
        assert '<li class="previous">' in html

    def test_the_admin_of_the_browsable_api_shows_the_parts_as_rows(self, serve):
        renderers = [AdminRenderer, JSONRenderer]
        client = serve(view_of(("orders", 41), ("rest", 42), renderer_classes=renderers))
        html = client.get("/", HTTP_ACCEPT="text/html").content.decode()
        table = html.partition("<table")[2].partition("</table>")[0]
        assert re.findall(r"<th>(\w+)</th>", table) == ["Orders"]
        assert re.findall(r"\b4\d\b", table) == ["41"]

    def test_async_parts_work_in_a_plain_view(self, serve):
        async def part(request):
            return {"a": 1}

        assert walk(serve(view_of(("a", lazy(part)), ("b", 2), ("c", lazy(part)))), "/").parts == {
            "a": {"a": 1},
            "b": 2,
            "c": {"a": 1},
        }


class TestCaching:
    def test_pages_for_anonymous_readers_have_no_cache_control(self, serve):
        assert "Cache-Control" not in serve(Six).get("/")

    @pytest.mark.django_db
    def test_pages_of_a_user_are_private(self, serve, client, django_user_model):
        client.force_login(django_user_model.objects.create_user("ann"))
        assert serve(Six).get("/")["Cache-Control"] == "private, no-store"

    def test_pages_with_a_failure_are_private(self, serve):
        with part_fails("a"):
            assert serve(Six).get("/")["Cache-Control"] == "private, no-store"

    @pytest.mark.django_db
    def test_cache_control_set_by_the_view_wins(self, serve, client, django_user_model):
        client.force_login(django_user_model.objects.create_user("ann"))
        decorate = method_decorator(cache_control(max_age=60, private=True), name="dispatch")
        view = decorate(type("View", (Six,), {}))
        assert serve(view).get("/")["Cache-Control"] == "max-age=60, private"


class TestServerTiming:
    def test_server_timing_is_off_by_default(self, serve):
        assert "Server-Timing" not in serve(Six).get("/")

    @pytest.mark.parametrize(
        "on", [{"DEBUG": True}, {"PARTSTREAM": {"SERVER_TIMING": True}}], ids=str
    )
    def test_server_timing_has_the_duration_and_status_of_each_part(self, serve, settings, on):
        for name, value in on.items():
            setattr(settings, name, value)
        view = view_of(("a", 1), ('ünï "x"', raising(ValueError())))
        header = serve(view).get("/")["Server-Timing"]
        first, second = re.split(r"(?<=dur=[\d.]{3}), ", header)
        assert re.fullmatch(r'a;desc="a \(ok.*\)";dur=\d\.\d', first)
        assert re.fullmatch(r'part-2;desc="\?n\? \\"x\\" \(error.*\)";dur=\d\.\d', second)

    def test_a_header_that_would_be_too_long_has_the_slowest_parts_in_order(self):
        slow = {7, 40}
        outcomes = [
            Outcome(
                name=f"part_{number}",
                status=Status.OK,
                spent=(0.0, 0.0, 0.02 if number in slow else 0.001, [], None, "request"),
            )
            for number in range(60)
        ]
        header = server_timing(outcomes)
        numbers = [int(number) for number in re.findall(r"part_(\d+);desc", header)]
        assert 0.9 * MAX_TIMING < len(header) <= MAX_TIMING
        assert slow <= set(numbers)
        assert numbers == sorted(numbers)

    def test_the_setting_server_timing_wins_over_debug(self, serve, settings):
        settings.DEBUG = True
        settings.PARTSTREAM = {"SERVER_TIMING": False}
        assert "Server-Timing" not in serve(Six).get("/")


class TestSizes:
    def test_chunk_size_of_the_view_class_sets_the_parts_of_a_page(self, serve):
        assert len(walk(serve(type("V", (Six,), {"chunk_size": 4})), "/").pages) == 2

    def test_the_setting_chunk_size_is_used_where_the_class_has_none(self, serve, settings):
        settings.PARTSTREAM = {"CHUNK_SIZE": 6}
        assert len(walk(serve(Six), "/").pages) == 1

    @pytest.mark.parametrize("size", [0, -1, "2"])
    def test_a_bad_chunk_size_is_an_error_that_names_it(self, serve, size):
        from django.core.exceptions import ImproperlyConfigured

        with pytest.raises(ImproperlyConfigured, match="V.chunk_size is"):
            serve(type("V", (Six,), {"chunk_size": size})).get("/")


@pytest.mark.django_db
def test_a_lazy_query_set_runs_in_its_part_and_takes_a_single_query(
    serve, django_assert_num_queries
):
    Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")
    view = view_of(("customers", lazy(lambda r: Customer.objects.values("name", "city"))), ("n", 1))
    client = serve(view)
    with django_assert_num_queries(3):  # the query between a savepoint and its release
        page = client.get("/").json()
    assert page["results"][0] == {"customers": [{"name": "Ann", "city": "Oslo"}]}


def test_a_view_class_at_two_urls_has_cursors_for_each(serve):
    class Shop(Six):
        pass

    client = serve(path("shops/<int:pk>/", Shop.as_view()))
    cursor = client.get("/shops/1/").json()["cursor"]
    assert client.get(f"/shops/1/?cursor={cursor}").status_code == 200
    assert client.get(f"/shops/2/?cursor={cursor}").json()["code"] == "invalid_cursor"


def test_a_progressive_view_is_an_apiview():
    assert issubclass(ProgressiveView, APIView)
    assert ProgressiveView.as_view().cls is ProgressiveView
    assert ProgressiveView.as_view().csrf_exempt


def test_arguments_of_as_view_keep_cached_values_apart(serve):
    class Numbered(ProgressiveView):
        number = 0

        def get_parts(self):
            return [("number", lazy(self.get_number))]

        @cached_for(60)
        def get_number(self, request):
            return self.number

    client = serve(*(path(f"{n}/", Numbered.as_view(number=n)) for n in (1, 2)))
    assert [client.get(f"/{n}/").json()["results"][0]["number"] for n in (1, 2, 1)] == [1, 2, 1]
