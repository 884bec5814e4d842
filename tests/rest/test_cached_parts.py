"""Cached parts of a view, or of views of the same name, served at several addresses."""

from types import SimpleNamespace

import pytest
from django.urls import path
from rest_framework.authentication import BaseAuthentication
from rest_framework.versioning import AcceptHeaderVersioning

from django_partstream import ProgressiveView, cached_for, lazy
from example_schema.models import Customer

REFUSED = "This cursor is not valid here. Start again without a cursor."


class Regional(ProgressiveView):
    region = "none"
    service = None

    def get_parts(self):
        return [("region", lazy(self.get_region)), ("b", 1), ("c", 1)]

    @cached_for(60)
    def get_region(self, request):
        return self.region


def made(name):
    """A view class; all made here have the same qualified name."""

    class Made(Regional):
        region = name

    return Made


def seen(client, *addresses):
    return [client.get(address).json()["results"][0]["region"] for address in addresses]


@pytest.mark.parametrize(
    "view",
    [lambda name: made(name).as_view(), lambda name: Regional.as_view(region=name)],
    ids=["classes of one name", "as_view(region=...)"],
)
class TestTwoRoutes:
    def test_two_routes_of_a_view_keep_their_cached_values_apart(self, serve, view):
        client = serve(path("eu/", view("eu")), path("us/", view("us")))
        assert seen(client, "/eu/", "/us/", "/eu/") == ["eu", "us", "eu"]

    def test_a_cursor_of_a_route_does_not_open_another_route(self, serve, view):
        client = serve(path("eu/", view("eu")), path("us/", view("us")))
        cursor = client.get("/eu/").json()["cursor"]
        refused = client.get(f"/us/?cursor={cursor}")
        assert (refused.status_code, refused.json()["detail"]) == (400, REFUSED)
        assert client.get(f"/eu/?cursor={cursor}").json()["results"] == [{"c": 1}]


@pytest.mark.parametrize("where", ["the request", "the request of Django"])
def test_a_session_counts_wherever_an_authentication_keeps_it(serve, where):
    class ByHeader(BaseAuthentication):
        def authenticate(self, request):
            session = SimpleNamespace(session_key=request.headers["X-Session"] or None)
            holder = request if where == "the request" else request._request
            holder.session = session

    class Cart(ProgressiveView):
        authentication_classes = [ByHeader]
        runs = []

        def get_parts(self):
            return [("runs", lazy(self.get_runs))]

        @cached_for(60)
        def get_runs(self, request):
            self.runs.append(1)
            return len(self.runs)

    client = serve(path("", Cart.as_view()))
    pages = [client.get("/", headers={"X-Session": key}).json() for key in ("a", "b", "", "a", "")]
    assert [page["results"][0]["runs"] for page in pages] == [1, 2, 3, 1, 3]


def test_as_view_accepts_an_argument_without_a_stable_text(serve):
    client = serve(path("", Regional.as_view(service=object())))
    assert seen(client, "/", "/") == ["none", "none"]
    cursor = client.get("/").json()["cursor"]
    assert client.get(f"/?cursor={cursor}").json()["results"] == [{"c": 1}]


def test_as_view_accepts_a_chunk_size(serve):
    client = serve(path("", Regional.as_view(chunk_size=1)))
    assert client.get("/").json()["meta"]["current_chunk_size"] == 1


def test_versions_in_a_header_have_cached_values_of_their_own(serve):
    class Versioned(Regional):
        versioning_class = AcceptHeaderVersioning

        @cached_for(60)
        def get_region(self, request):
            return request.version

    client = serve(Versioned)
    versions = [
        client.get("/", headers={"accept": f"application/json; version={version}"}).json()
        for version in ("1", "2", "1")
    ]
    assert [page["results"][0]["region"] for page in versions] == ["1", "2", "1"]


@pytest.mark.parametrize("decorators", [[classmethod], []], ids=["classmethod", "method"])
def test_an_inherited_method_is_cached_for_each_view(serve, decorators):
    cached = cached_for(60, key="region")(lambda owner, request: owner.region)
    for decorate in decorators:
        cached = decorate(cached)
    base = type("Base", (Regional,), {"get_region": cached})
    eu, us = (type(name, (base,), {"region": name.lower()}) for name in ("EU", "US"))
    client = serve(path("eu/", eu.as_view()), path("us/", us.as_view()))
    assert seen(client, "/eu/", "/us/", "/eu/") == ["eu", "us", "eu"]


def test_two_views_may_use_the_same_cache_key(serve):
    def view(name, region):
        part = lazy(cached_for(60, key="region")(lambda request: region))
        return type(name, (ProgressiveView,), {"get_parts": lambda self: [("region", part)]})

    client = serve(
        path("a/", view("A", "eu").as_view()),
        path("b/", view("B", "us").as_view()),
    )
    assert seen(client, "/a/", "/b/", "/a/") == ["eu", "us", "eu"]


def test_a_request_that_a_middleware_gave_a_context_is_cached(serve, settings):
    runs = []

    class Counted(Regional):
        @cached_for(60)
        def get_region(self, request):
            runs.append(request.context)
            return len(runs)

    settings.MIDDLEWARE = [f"{__name__}.with_context", *settings.MIDDLEWARE]
    assert seen(serve(Counted), "/", "/") == [1, 1]
    assert runs == [{"trace": 1}]


def with_context(get_response):
    def middleware(request):
        request.context = {"trace": 1}
        return get_response(request)

    return middleware


@pytest.mark.django_db
@pytest.mark.parametrize("order", [["total", "rows"], ["rows", "total"]])
def test_a_cached_part_is_made_plain_and_a_call_of_its_method_by_hand_gets_objects(serve, order):
    class Shared(ProgressiveView):
        def get_parts(self):
            return [(name, lazy(getattr(self, name))) for name in order]

        @cached_for(60)
        def rows(self, request):
            return Customer.objects.only("name")

        def total(self, request):
            return [customer.name for customer in self.rows(request)]

    ann = Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")
    client = serve(Shared)
    for _ in range(2):
        page = client.get("/").json()
        assert "errors" not in page
        results = {name: value for result in page["results"] for name, value in result.items()}
        assert results == {"total": ["Ann"], "rows": [{"id": ann.pk, "name": "Ann"}]}


@pytest.mark.django_db
def test_a_plain_decorator_above_a_guard_gets_model_rows(serve):
    def names_of(func):
        from functools import wraps

        @wraps(func)
        def inner(*args, **kwargs):
            return [row.name for row in func(*args, **kwargs)]

        return inner

    class Decorated(ProgressiveView):
        def get_parts(self):
            return [("names", lazy(self.names))]

        @names_of
        @cached_for(60)
        def names(self, request):
            return Customer.objects.all()

    Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")
    client = serve(Decorated)
    assert [client.get("/").json()["results"] for _ in range(2)] == [[{"names": ["Ann"]}]] * 2


def test_values_cached_in_get_parts_are_kept_apart_by_route_and_view_arguments(serve):
    class Dashboard(ProgressiveView):
        region = ""

        def get_parts(self):
            return [("region", self.get_region(self.request))]

        @cached_for(60)
        def get_region(self, request):
            return self.region

    client = serve(
        *(path(f"{name}/", Dashboard.as_view(region=name)) for name in ("eu", "us")),
        path("any/<slug:name>/", lambda request, name: Dashboard.as_view(region=name)(request)),
    )
    for name in ("eu", "us"):
        for address in (f"/{name}/", f"/any/{name}/"):
            assert client.get(address).json()["results"] == [{"region": name}]


def test_the_query_parameters_of_a_walk_are_not_part_of_the_cache_key(rf):
    runs = []
    get = cached_for(60, key="walk")(lambda request: runs.append(1) or len(runs))
    urls = ["/?a=1", "/?a=1&cursor=x", "/?cursor=y&a=1", "/?a=1&parts=b", "/?a=1&format=json"]
    assert [get(rf.get(url)) for url in urls] == [1] * 5
    assert get(rf.get("/?a=2")) == 2


@pytest.mark.parametrize("in_place", [True, False], ids=["in place", "another"])
def test_a_query_that_a_part_changes_counts_for_what_it_calls_next(serve, in_place):
    get = cached_for(60, key="changed query")(lambda request: request.GET.getlist("a"))

    class View(ProgressiveView):
        chunk_size = 3

        def get_parts(self):
            return [("one", lazy(get)), ("two", lazy(self.change)), ("three", lazy(get))]

        def change(self, request):
            query = request.GET if in_place else request.GET.copy()
            query._mutable = True
            query.appendlist("a", "2")
            request._request.GET = query
            return get(request)

    results = serve(View).get("/?a=1").json()["results"]
    assert results == [{"one": ["1"]}, {"two": ["1", "2"]}, {"three": ["1", "2"]}]
