"""The reader of a page: cache headers, and users that are no model instances."""

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.cache import SessionStore
from django.core.cache import caches
from django.http import JsonResponse
from django.urls import path
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated

from django_partstream import ProgressiveView, cached_for, lazy

PRIVATE = "private, no-store"


class Account:
    """A user of an API key: no model, no primary key."""

    is_authenticated = True

    def __init__(self, username):
        self.username = username


class Nameless:
    is_authenticated = True

    def __init__(self, username):
        self.kept_elsewhere = username


class Named(BaseAuthentication):
    """Authenticate a request with ``X-Name: ann`` as ann."""

    kind = Account

    def authenticate_header(self, request):
        return "X-Name"

    def authenticate(self, request):
        name = request.headers.get("X-Name")
        return (self.kind(username=name), None) if name else None


class Mine(ProgressiveView):
    authentication_classes = [Named]
    runs: list[str] = []

    def get_parts(self):
        return [("name", lazy(self.get_name)), ("b", 1), ("c", 1)]

    @cached_for(60)
    def get_name(self, request):
        self.runs.append("")
        return request.headers.get("X-Name")


@pytest.fixture(autouse=True)
def _nothing_ran():
    Mine.runs.clear()


def mine(kind):
    authentication = type("By", (Named,), {"kind": kind})
    return type("View", (Mine,), {"authentication_classes": [authentication]})


def names(client, *asked):
    pages = [client.get("/", headers={"X-Name": name}).json() for name in asked]
    return [page["results"][0]["name"] for page in pages]


@pytest.mark.parametrize("kind", [Account, User])
class TestUsersWithoutAPrimaryKey:
    def test_a_value_is_cached_for_each_user_without_a_primary_key(self, serve, kind):
        client = serve(mine(kind))
        assert names(client, "ann", "bob", "ann", "bob") == ["ann", "bob", "ann", "bob"]
        assert len(Mine.runs) == 2

    def test_a_cursor_of_a_user_without_a_primary_key_does_not_serve_another_user(
        self, serve, kind
    ):
        client = serve(mine(kind))
        cursor = client.get("/", headers={"X-Name": "ann"}).json()["cursor"]
        codes = [
            client.get(f"/?cursor={cursor}", headers=headers).status_code
            for headers in ({"X-Name": "ann"}, {"X-Name": "bob"}, {})
        ]
        assert codes == [200, 400, 400]


@pytest.mark.parametrize("kind", [Account, User, Nameless])
@pytest.mark.parametrize("method", ["get", "head"])
def test_pages_of_every_signed_in_user_are_private(serve, kind, method):
    client = serve(mine(kind))
    response = getattr(client, method)("/", headers={"X-Name": "ann"})
    assert response["Cache-Control"] == PRIVATE
    assert "Cache-Control" not in getattr(client, method)("/")


@pytest.mark.parametrize("method", ["get", "head"])
def test_pages_of_credentials_without_a_user_are_private(serve, method):
    class ByKey(BaseAuthentication):
        def authenticate(self, request):
            key = request.headers.get("X-Key")
            return (AnonymousUser(), key) if key else None

    client = serve(type("View", (Mine,), {"authentication_classes": [ByKey]}))
    assert getattr(client, method)("/", headers={"X-Key": "k"})["Cache-Control"] == PRIVATE
    assert "Cache-Control" not in getattr(client, method)("/")


def test_values_for_users_without_key_and_name_are_not_cached(serve, caplog):
    client = serve(mine(Nameless))
    assert names(client, "ann", "bob", "ann") == ["ann", "bob", "ann"]
    assert len(Mine.runs) == 3
    told = [one for one in caplog.records if "is not cached" in one.getMessage()]
    assert len(told) <= 1


def add_to_cart(request):
    request.session["cart"] = request.GET["item"]
    return JsonResponse({})


class Cart(ProgressiveView):
    authentication_classes: list[type] = []

    def get_parts(self):
        return [("cart", lazy(self.get_cart))]

    @cached_for(60)
    def get_cart(self, request):
        return request.session.get("cart")


class TestSessions:
    @pytest.fixture(autouse=True)
    def _in_the_cache(self, settings):
        settings.SESSION_ENGINE = SessionStore.__module__

    @pytest.mark.parametrize("method", ["get", "head"])
    def test_pages_that_read_an_anonymous_session_are_private(self, serve, method):
        client = serve(path("", Cart.as_view()), path("add/", add_to_cart))
        assert "Cache-Control" not in getattr(client, method)("/")
        client.get("/add/?item=tea")
        for _ in range(2):  # the second page comes from the part's cache, which reads no session
            assert getattr(client, method)("/")["Cache-Control"] == PRIVATE

    def test_a_page_cache_never_serves_the_page_of_a_session_to_another_session(
        self, serve, settings
    ):
        settings.CACHES = {
            "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
            "pages": {
                "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
                "LOCATION": "pages",
            },
        }
        settings.CACHE_MIDDLEWARE_ALIAS = "pages"
        settings.MIDDLEWARE = [
            "django.middleware.cache.UpdateCacheMiddleware",
            *settings.MIDDLEWARE,
            "django.middleware.cache.FetchFromCacheMiddleware",
        ]
        ann = serve(path("", Cart.as_view()), path("add/", add_to_cart))
        bob = type(ann)()
        ann.get("/add/?item=tea")
        bob.get("/add/?item=salt")
        carts = []
        for one in (ann, ann, bob):
            carts.append(one.get("/").json()["results"])
            if len(carts) == 1:
                caches["pages"].clear()  # ann's second page is made from her cached part
        assert carts == [[{"cart": "tea"}], [{"cart": "tea"}], [{"cart": "salt"}]]


class Impersonating(ProgressiveView):
    """Sets the user in DRF's own hook, and refuses a request that names nobody."""

    authentication_classes = [Named]

    def perform_authentication(self, request):
        super().perform_authentication(request)
        if "X-Name" not in request.headers:
            raise NotAuthenticated
        request.user = Account(request.headers.get("X-As", request.headers["X-Name"]))

    def get_parts(self):
        return [("a", 1), ("b", 1), ("c", 1)]


def test_a_cursor_is_for_the_user_that_perform_authentication_sets(serve):
    client, headers = serve(Impersonating), {"X-Name": "ann", "X-As": "bob"}
    cursor = client.get("/", headers=headers).json()["cursor"]
    assert client.get(f"/?cursor={cursor}", headers=headers).status_code == 200
    other = {"X-Name": "ann", "X-As": "eve"}
    assert client.get(f"/?cursor={cursor}", headers=other).status_code == 400


def test_a_request_that_perform_authentication_refuses_is_refused_before_its_cursor(serve):
    client = serve(Impersonating)
    cursor = client.get("/", headers={"X-Name": "ann"}).json()["cursor"]
    response = client.get(f"/?cursor={cursor}")
    assert response.status_code == 401


class Keyed(BaseAuthentication):
    """Authenticate the bearer of ``X-Key`` as nobody in particular."""

    def authenticate(self, request):
        return AnonymousUser(), request.headers.get("X-Key")


class OfKey(Mine):
    authentication_classes = [Keyed]


class TestCredentialsWithoutAUser:
    @pytest.mark.parametrize("method", ["get", "head"])
    def test_a_page_for_a_key_is_private(self, serve, method):
        client = serve(OfKey)
        assert getattr(client, method)("/", headers={"X-Key": "a"})["Cache-Control"] == PRIVATE
        assert "Cache-Control" not in getattr(client, method)("/")

    def test_a_cursor_for_a_key_does_not_open_with_another_key_or_none(self, serve):
        client = serve(OfKey)
        cursor = client.get("/", headers={"X-Key": "a"}).json()["cursor"]
        codes = [
            client.get(f"/?cursor={cursor}", headers=headers).status_code
            for headers in ({"X-Key": "a"}, {"X-Key": "b"}, {})
        ]
        assert codes == [200, 400, 400]

    def test_a_walk_survives_the_beginning_of_a_session(self, serve, settings):
        settings.SESSION_ENGINE = SessionStore.__module__
        client = serve(path("", OfKey.as_view()), path("add/", add_to_cart))
        cursor = client.get("/", headers={"X-Key": "a"}).json()["cursor"]
        client.get("/add/?item=tea")
        assert client.get(f"/?cursor={cursor}", headers={"X-Key": "a"}).status_code == 200
