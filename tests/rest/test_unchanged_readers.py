"""Tags tell nothing across readers, and are good for the same answer only."""

from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client
from django.urls import path
from django.utils import translation
from rest_framework.authentication import BaseAuthentication
from rest_framework.versioning import AcceptHeaderVersioning, QueryParameterVersioning

from django_partstream import ProgressiveView
from partstream_rest import endpoints
from tests.rest.having import answer, page, tags_of
from tests.rest.streaming import view_of


class Equal(ProgressiveView):
    """The same value for every reader."""

    def get_parts(self):
        return [("orders", [1])]


def assert_unlike(one, other, url="/"):
    """Make sure that the clients *one* and *other* have tags of their own, and get their values."""
    ones, others = tags_of(one, url), tags_of(other, url)
    assert ones != others
    for client, own, foreign in ((one, ones, others), (other, others, ones)):
        assert page(client, url, own)["unchanged"] == ["orders"]
        got = page(client, url, foreign)
        assert (got["results"], got.get("unchanged")) == ([{"orders": [1]}], None)


@pytest.fixture
def visit(serve):
    """``visit()`` is a client of its own for ``Equal``."""
    serve(Equal)
    return Client


def signed_in(name):
    client = Client()
    client.force_login(User.objects.get_or_create(username=name)[0])
    return client


@pytest.mark.django_db
class TestUsers:
    def test_two_users_have_tags_of_their_own(self, visit):
        assert_unlike(signed_in("ann"), signed_in("bob"))

    def test_a_user_and_a_visitor_have_tags_of_their_own(self, visit):
        assert_unlike(signed_in("ann"), visit())

    def test_the_tags_of_a_user_hold_in_another_session(self, visit):
        assert tags_of(signed_in("ann")) == tags_of(signed_in("ann"))


@pytest.mark.django_db
class TestSessionsWithoutAUser:
    def begun(self, visit):
        client = visit()
        session = client.session
        session["cart"] = 1
        session.save()
        return client

    def test_two_sessions_have_tags_of_their_own(self, visit):
        assert_unlike(self.begun(visit), self.begun(visit))

    def test_a_visitor_whose_session_begins_gets_all_values_once_more(self, visit):
        assert_unlike(visit(), self.begun(visit))

    def test_visitors_without_a_session_share_what_is_for_everybody(self, visit):
        assert tags_of(visit()) == tags_of(visit())


class ByKey(BaseAuthentication):
    """The credentials are those of a header."""

    def authenticate(self, request):
        key = request.headers.get("X-Key")
        return (AnonymousUser(), self.credentials(key)) if key else None

    def credentials(self, key):
        return key


class Opaque(ByKey):
    """Credentials without a stable text."""

    def credentials(self, key):
        return object()


def by(authentication, **attributes):
    return type("By", (Equal,), {"authentication_classes": [authentication], **attributes})


class With:
    """*client*, with headers on each of its requests."""

    def __init__(self, client, **headers):
        self.client, self.headers = client, headers

    def get(self, url, **headers):
        return self.client.get(url, **self.headers, **headers)


def test_credentials_without_a_user_have_tags_of_their_own(serve):
    client = serve(by(ByKey))
    assert_unlike(With(client, HTTP_X_KEY="a"), With(client, HTTP_X_KEY="b"))


def test_a_view_whose_readers_nothing_tells_apart_has_no_tags_and_says_so_once(
    serve, caplog, monkeypatch
):
    monkeypatch.setattr(endpoints, "_logged", set())
    client = With(serve(by(Opaque)), HTTP_X_KEY="a")
    for _ in range(2):
        assert page(client, tags={"orders": "x"}) == client.get("/").json()
    (told,) = [one.getMessage() for one in caplog.records if "has no tags" in one.getMessage()]
    assert "define cache_identity(request)" in told


@pytest.mark.parametrize("authentication", [ByKey, Opaque])
def test_the_identity_that_a_view_gives_its_readers_counts(serve, authentication):
    def cache_identity(self, request):
        return [request.headers["X-Key"], request.headers.get("X-Region", "")]

    client = serve(by(authentication, cache_identity=cache_identity))
    north = With(client, HTTP_X_KEY="a", HTTP_X_REGION="north")
    south = With(client, HTTP_X_KEY="a", HTTP_X_REGION="south")
    assert_unlike(north, south)
    assert tags_of(north) == tags_of(north)


def test_two_tenants_have_tags_of_their_own(serve, settings):
    settings.PARTSTREAM = {
        "TENANCY": SimpleNamespace(capture=lambda request: request.headers.get("X-Tenant"))
    }
    client = serve(Equal)
    assert_unlike(With(client, HTTP_X_TENANT="a"), With(client, HTTP_X_TENANT="b"))
    assert_unlike(With(client, HTTP_X_TENANT="a"), client)


class TestTheSameValueElsewhere:
    def test_has_another_tag_in_another_view(self, serve):
        other = type("Other", (Equal,), {})
        client = serve(path("a/", Equal.as_view()), path("b/", other.as_view()))
        assert tags_of(client, "/a/") != tags_of(client, "/b/")

    def test_has_another_tag_at_another_address(self, serve):
        client = serve(path("<int:pk>/", Equal.as_view()), path("x/", Equal.as_view()))
        assert len({tags_of(client, url)["orders"] for url in ("/1/", "/2/", "/x/")}) == 3

    def test_has_another_tag_under_another_query(self, serve):
        client = serve(Equal)
        assert tags_of(client, "/?a=1") == tags_of(client, "/?a=1")
        assert tags_of(client, "/?a=1") != tags_of(client, "/?a=2") != tags_of(client, "/")

    def test_has_another_tag_in_another_version(self, serve):
        class View(Equal):
            versioning_class = QueryParameterVersioning

        client = serve(View)
        assert tags_of(client, "/?version=1") != tags_of(client, "/?version=2")

    def test_has_another_tag_in_another_version_of_the_media_type(self, serve):
        class View(Equal):
            versioning_class = AcceptHeaderVersioning

        client = serve(View)
        one, two = [
            tags_of(client, accept=f"application/json; version={number}") for number in (1, 2)
        ]
        assert one != two

    def test_has_another_tag_on_another_host(self, serve, settings):
        settings.ALLOWED_HOSTS = ["a.example", "b.example"]
        client = serve(Equal)
        assert tags_of(client, host="a.example") != tags_of(client, host="b.example")

    def test_has_another_tag_in_another_language(self, serve):
        client = serve(Equal)
        told = []
        for language in ("en", "de"):
            with translation.override(language):
                told.append(tags_of(client))
        assert told[0] != told[1]

    def test_has_the_same_tag_behind_a_cursor_that_carries_the_query(self, serve):
        view = view_of(("a", [1]), ("b", [2]), chunk_size=1)
        client = serve(view)
        first = page(client, "/?q=1")
        second = page(client, f"/?cursor={first['cursor']}")
        assert {**first["etags"], **second["etags"]} == tags_of(client, "/?q=1&parts=a") | tags_of(
            client, "/?q=1&parts=b"
        )


def test_a_tag_of_another_reader_is_told_by_no_status_or_header(serve):
    client = serve(by(ByKey))
    foreign = tags_of(With(client, HTTP_X_KEY="b"))
    own = With(client, HTTP_X_KEY="a")
    guesses = [answer(own, tags=tags) for tags in (foreign, {"orders": "A" * 16}, {})]
    assert len({guess.content for guess in guesses}) == 1
    assert len({str(sorted(guess.headers.items())) for guess in guesses}) == 1
