"""
Our view sends the cookie against forgeries where graphene-django's view does, and makes no token.

Also the facts about Django and graphene-django on which ``partstream_graphql._csrf`` relies.
"""

import re
from functools import wraps
from unittest import mock

import graphene
import pytest
from django.http import HttpResponse, HttpResponseForbidden
from django.middleware.csrf import CsrfViewMiddleware
from django.test import Client, RequestFactory
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators import csrf
from graphene_django.views import GraphQLView

from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql import _csrf as adapter
from partstream_graphql.http.views import ProgressiveGraphQLView
from tests.graphql.upstream import Facts

check = Facts("Django", adapter, "5.2 and 6.1").check
check_graphene = Facts("graphene-django", adapter, "3.2.3").check

SECRET = "c" * 32
URL = "/graphql/"
TEXT = "{ dashboard { a } }"


class Dashboard(ProgressiveConnection):
    a = Part(graphene.Int, resolver=lambda root, info: 1)


class Query(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Dashboard)


SCHEMA = graphene.Schema(query=Query)


@pytest.fixture
def browser(serve, db):
    """``browser(view, cookie=..., exempt=...)``: a client of the view that Django protects."""

    def made(kind, *, cookie=None, exempt=False, **options):
        view = kind.as_view(schema=SCHEMA, **options)
        serve(path("graphql/", csrf.csrf_exempt(view) if exempt else view))
        client = Client(enforce_csrf_checks=True)
        if cookie:
            client.cookies["csrftoken"] = cookie
        return client

    return made


def get(client, **headers):
    return client.get(URL, {"query": TEXT}, headers=headers)


def post(client, **headers):
    return client.post(URL, {"query": TEXT}, content_type="application/json", headers=headers)


def sent(response):
    """The secret and the age of the cookie of *response*, and whether ``Vary`` names the cookie."""
    cookie = response.cookies.get("csrftoken")
    varies = "cookie" in response.get("Vary", "").lower()
    return (cookie.value, cookie["max-age"], varies) if cookie else (None, None, varies)


def alike(response, other):
    """Whether both responses send an equal cookie. Two new secrets count as equal."""
    (secret, *one), (other_secret, *two) = sent(response), sent(other)
    new = {SECRET, None}.isdisjoint({secret, other_secret})
    return one == two and (secret == other_secret or new)


COOKIES = {
    "none": None,
    "a secret": SECRET,
    "a masked secret of an older Django": "a" * 32 + "c" * 32,
    "a malformed secret": "?",
}


@pytest.mark.parametrize("exempt", [False, True], ids=["protected", "exempt"])
@pytest.mark.parametrize("cookie", COOKIES.values(), ids=COOKIES)
@pytest.mark.parametrize("in_session", [False, True], ids=["cookie", "session"])
@pytest.mark.parametrize("installed", [True, False], ids=["middleware", "no middleware"])
class TestBesideTheViewOfGrapheneDjango:
    @pytest.fixture(autouse=True)
    def _protection(self, settings, in_session, installed):
        settings.CSRF_USE_SESSIONS = in_session
        if not installed:
            settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]

    @pytest.mark.parametrize("ask", [get, Client.options, Client.head])
    def test_a_request_that_only_reads_brings_the_same_cookie(self, browser, ask, cookie, exempt):
        if ask is not get:
            ask = lambda client, method=ask: method(client, URL)  # noqa: E731
        found = [
            ask(browser(kind, cookie=cookie, exempt=exempt))
            for kind in (GraphQLView, ProgressiveGraphQLView)
        ]
        assert found[0].status_code == found[1].status_code
        assert alike(*found)

    def test_a_post_brings_the_same_cookie_if_the_browser_has_one(self, browser, cookie, exempt):
        found = []
        for kind in (GraphQLView, ProgressiveGraphQLView):
            client = browser(kind, cookie=cookie, exempt=exempt)
            found.append(post(client, **{"X-CSRFToken": SECRET}))
        assert found[0].status_code == found[1].status_code
        if cookie and found[0].status_code == 200:
            assert alike(*found)


def test_a_post_with_the_cookie_renews_it(browser):
    response = post(browser(ProgressiveGraphQLView, cookie=SECRET), **{"X-CSRFToken": SECRET})
    assert response.json() == {"data": {"dashboard": {"a": 1}}}
    assert sent(response) == (SECRET, 31449600, True)


def test_a_post_without_a_token_is_refused(browser):
    assert post(browser(ProgressiveGraphQLView, cookie=SECRET)).status_code == 403
    assert post(browser(ProgressiveGraphQLView)).status_code == 403


def test_a_post_without_the_cookie_gets_none(browser):
    response = post(browser(ProgressiveGraphQLView, exempt=True))
    assert response.status_code == 200
    assert sent(response) == (None, None, False)


def test_a_post_without_the_cookie_makes_no_session(browser, settings):
    settings.CSRF_USE_SESSIONS = True
    client = browser(ProgressiveGraphQLView, exempt=True)
    assert post(client).status_code == 200
    assert "sessionid" not in client.cookies


def test_a_secret_that_a_post_makes_itself_is_sent(browser):
    """As by ``login()`` in a mutation."""

    class View(ProgressiveGraphQLView):
        def get_context(self, request):
            csrf.get_token(request)
            return request

    assert len(post(browser(View, exempt=True)).cookies["csrftoken"].value) == 32


def test_the_page_of_graphiql_has_a_token_that_its_posts_may_send(browser):
    client = browser(ProgressiveGraphQLView, graphiql=True)
    page = client.get(URL, headers={"Accept": "text/html"}).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w{64})"', page)[1]
    assert post(client, **{"X-CSRFToken": token}).status_code == 200


@pytest.mark.parametrize("ask", [get, post])
@pytest.mark.parametrize("cookie", [None, SECRET])
def test_a_request_for_data_makes_no_token(browser, ask, cookie):
    client = browser(ProgressiveGraphQLView, cookie=cookie, exempt=True)
    with mock.patch("django.middleware.csrf._mask_cipher_secret") as made:
        assert ask(client).status_code == 200
    assert not made.called


class Closed(GraphQLView):
    """A view of a project that refuses every request."""

    def dispatch(self, request, *args, **kwargs):
        return HttpResponseForbidden()


class ClosedOurs(ProgressiveGraphQLView, Closed):
    """The ``dispatch()`` of Closed stands between ours and that of graphene-django."""


def test_a_dispatch_between_ours_and_that_of_graphene_django_is_called(browser):
    assert get(browser(ClosedOurs)).status_code == 403


@pytest.mark.parametrize("ask", [get, post])
def test_a_decorator_that_a_project_puts_on_graphene_djangos_dispatch_is_called(
    browser, monkeypatch, ask
):
    def closed(view):
        return wraps(view)(lambda request, *args, **kwargs: HttpResponseForbidden())

    monkeypatch.setattr(GraphQLView, "dispatch", method_decorator(closed)(GraphQLView.dispatch))
    assert ask(browser(ProgressiveGraphQLView, exempt=True)).status_code == 403


def test_graphene_django_decorates_dispatch_with_ensure_csrf_cookie():
    fact = "GraphQLView.dispatch is decorated, and has the function below as __wrapped__"
    check_graphene("dispatched", fact, hasattr(GraphQLView.dispatch, "__wrapped__"))
    made = []
    with mock.patch.object(csrf, "get_token", side_effect=made.append):
        GraphQLView.as_view(schema=SCHEMA)(RequestFactory().get(URL, {"query": TEXT}))
    check_graphene("dispatched", "its decorator is ensure_csrf_cookie", len(made) == 1)


def test_the_middleware_of_django_keeps_the_secret_among_the_headers():
    request = RequestFactory(headers={"Cookie": f"csrftoken={SECRET}"}).get(URL)
    middleware = CsrfViewMiddleware(lambda request: HttpResponse())
    assert not adapter._has_secret(request)
    middleware.process_request(request)
    fact = "process_request() puts the secret into META['CSRF_COOKIE']"
    check("_has_secret", fact, request.META.get("CSRF_COOKIE") == SECRET)
    fact = "process_response() sends the secret if META['CSRF_COOKIE_NEEDS_UPDATE'] is true"
    check("_send_cookie", fact, not middleware.process_response(request, HttpResponse()).cookies)
    adapter._send_cookie(request)
    response = middleware.process_response(request, HttpResponse())
    check("_send_cookie", fact, response.cookies["csrftoken"].value == SECRET)
    adapter._send_cookie(bare := RequestFactory().get(URL))
    fact = "rotate_token() makes a secret, to be sent"
    response = middleware.process_response(bare, HttpResponse())
    check("_send_cookie", fact, len(response.cookies["csrftoken"].value) == 32)
