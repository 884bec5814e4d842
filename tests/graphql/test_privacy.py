"""The ``Cache-Control`` of a GET: a page for a single reader, or with a failure, is not kept."""

import json

import graphene
import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.cache import SessionStore
from django.http import JsonResponse
from django.test import Client
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from graphql import GraphQLError

from django_partstream.exceptions import PartPending
from django_partstream.testing import expired
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http.persisted import AutomaticPersistedQueries
from partstream_graphql.http.views import ProgressiveGraphQLView

PRIVATE = "private, no-store"
PAGE = "query ($after: String) { dashboard(first: 1, after: $after) { pageInfo { endCursor } a } }"


class Dashboard(ProgressiveConnection):
    a = Part(graphene.String)
    fails = Part(graphene.String)
    waits = Part(graphene.String)

    def resolve_a(self, info):
        return "A"

    def resolve_fails(self, info):
        raise ValueError("no")

    def resolve_waits(self, info):
        raise PartPending("work", limit=600)


class Refusing(ProgressiveConnection):
    a = Part(graphene.String)

    def resolve_a(self, info):
        return "A"

    def has_permission(self, info):
        return False


class Query(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Dashboard)
    refusing = ProgressiveConnectionField(Refusing)
    me = graphene.String()

    def resolve_me(self, info):
        return "me"


SCHEMA = graphene.Schema(query=Query)


class Account:
    is_authenticated = True

    def __init__(self, username):
        self.username = username


@pytest.fixture
def get(serve):
    """``get(text, view=…, **headers)`` gives the ``Cache-Control`` of the response, or None."""

    def got(text, *, view=None, variables=None, extensions=None, **headers):
        view = view or ProgressiveGraphQLView.as_view(schema=SCHEMA)
        client = serve(path("graphql/", view))
        query = {"query": text, "variables": json.dumps(variables or {})}
        if extensions:
            query = {"extensions": json.dumps(extensions)}
        response = client.get("/graphql/", query, headers=headers)
        got.body = response.json()
        return response.get("Cache-Control")

    return got


def with_attributes(**attributes):
    """Middleware that sets *attributes* on each request."""

    class View(ProgressiveGraphQLView):
        def dispatch(self, request, *args, **kwargs):
            vars(request).update(attributes)
            return super().dispatch(request, *args, **kwargs)

    return View.as_view(schema=SCHEMA)


def test_the_page_of_an_anonymous_reader_may_be_kept(get):
    assert get(PAGE) is None
    assert get.body["data"]["dashboard"]["a"] == "A"


@pytest.mark.parametrize("text", [PAGE, "{ me }", "{ __typename }"])
@pytest.mark.parametrize(
    "attributes", [{"user": Account("ann")}, {"user": User(pk=1)}, {"auth": "key"}]
)
def test_the_response_for_a_single_reader_is_private(get, text, attributes):
    assert get(text, view=with_attributes(**attributes)) == PRIVATE
    assert "errors" not in get.body


def test_the_user_of_a_context_makes_its_pages_private(get):
    class View(ProgressiveGraphQLView):
        def get_context(self, request):
            return {"request": request, "user": Account("ann")}

    assert get(PAGE, view=View.as_view(schema=SCHEMA)) == PRIVATE


@pytest.mark.django_db
def test_the_page_of_a_signed_in_user_is_private(serve, django_user_model):
    client = serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA)))
    assert "Cache-Control" not in client.get("/graphql/", {"query": PAGE})
    client.force_login(django_user_model.objects.create(username="ann"))
    assert client.get("/graphql/", {"query": PAGE})["Cache-Control"] == PRIVATE


def test_the_page_of_an_anonymous_session_is_private(serve, settings):
    settings.SESSION_ENGINE = SessionStore.__module__

    def add(request):
        request.session["cart"] = "tea"
        return JsonResponse({})

    view = ProgressiveGraphQLView.as_view(schema=SCHEMA)
    client = serve(path("graphql/", view), path("add/", add))
    client.get("/add/")
    assert client.get("/graphql/", {"query": PAGE})["Cache-Control"] == PRIVATE


@pytest.mark.parametrize(
    "text",
    [
        "{ dashboard { fails } }",
        "{ dashboard { edges { node { error { code } fails } } } }",
        "{ refusing { a } }",
        "{ nothing }",
        "{",
    ],
)
def test_a_response_with_a_failure_is_private(get, text):
    assert get(text) == PRIVATE


@pytest.mark.parametrize("text", ["{ dashboard { waits } }", "{ dashboard { a waits } }"])
def test_a_page_with_a_pending_part_is_private_whatever_the_project_sets(get, text):
    @method_decorator(cache_control(max_age=60), name="dispatch")
    class View(ProgressiveGraphQLView):
        pass

    assert get(text) == PRIVATE
    assert get(text, view=View.as_view(schema=SCHEMA)) == PRIVATE
    assert "errors" not in get.body


def test_an_expired_cursor_is_answered_privately(get):
    get(PAGE)
    after = expired(get.body["data"]["dashboard"]["pageInfo"]["endCursor"])
    assert get(PAGE, variables={"after": after}) == PRIVATE
    assert get.body["errors"][0]["extensions"]["code"] == "CURSOR_EXPIRED"


def test_an_unknown_hash_is_answered_privately(get):
    """It is answered with 200, and the next client may find the text."""
    view = ProgressiveGraphQLView.as_view(schema=SCHEMA, persisted=AutomaticPersistedQueries())
    assert get("", view=view, extensions={"persistedQuery": {"sha256Hash": "a"}}) == PRIVATE


def test_a_post_says_nothing_about_caches(serve):
    client = serve(path("graphql/", with_attributes(user=Account("ann"))))
    response = client.post("/graphql/", {"query": PAGE}, content_type="application/json")
    assert "Cache-Control" not in response


@pytest.mark.parametrize("text", [PAGE, "{ dashboard { fails } }"])
def test_a_cache_control_of_the_project_stays(get, text):
    @method_decorator(cache_control(max_age=60), name="dispatch")
    class View(ProgressiveGraphQLView):
        pass

    assert get(text, view=View.as_view(schema=SCHEMA)) == "max-age=60"


def test_a_page_cache_never_serves_the_page_of_one_user_to_another(serve, settings):
    settings.CACHE_MIDDLEWARE_SECONDS = 60
    settings.MIDDLEWARE = [
        "django.middleware.cache.UpdateCacheMiddleware",
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]

    class View(ProgressiveGraphQLView):
        def dispatch(self, request, *args, **kwargs):
            request.user = Account(request.headers["X-Name"])
            return super().dispatch(request, *args, **kwargs)

    class Mine(graphene.ObjectType):
        me = graphene.String()

        def resolve_me(self, info):
            return info.context.user.username

    serve(path("graphql/", View.as_view(schema=graphene.Schema(query=Mine))))
    names = []
    for name in ("ann", "bob"):
        response = Client().get("/graphql/", {"query": "{ me }"}, headers={"X-Name": name})
        names.append(response.json()["data"]["me"])
    assert names == ["ann", "bob"]


def test_a_failure_of_one_execution_does_not_make_the_next_private(get):
    assert get("{ dashboard { fails } }") == PRIVATE
    assert get(PAGE) is None


def test_an_error_of_the_project_makes_the_response_private(serve):
    class Failing(graphene.ObjectType):
        a = graphene.String()

        def resolve_a(self, info):
            raise GraphQLError("no")

    client = serve(
        path("graphql/", ProgressiveGraphQLView.as_view(schema=graphene.Schema(query=Failing)))
    )
    assert client.get("/graphql/", {"query": "{ a }"})["Cache-Control"] == PRIVATE


@pytest.mark.parametrize(
    "query", [{}, {"query": "{ me }", "variables": "["}, {"query": "mutation { me }"}]
)
def test_a_refusal_of_a_malformed_get_is_private(serve, query):
    mutation = type("Mutation", (graphene.ObjectType,), {"me": graphene.String()})
    schema = graphene.Schema(query=Query, mutation=mutation)
    client = serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=schema)))
    response = client.get("/graphql/", query)
    assert response.status_code in (400, 405)
    assert response["Cache-Control"] == PRIVATE
