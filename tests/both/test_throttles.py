"""The throttles of a mixin give REST and GraphQL the same verdict, and count both."""

import graphene
import pytest
from django.contrib.auth.models import User
from django.urls import path
from graphene_django.views import GraphQLView
from rest_framework.exceptions import Throttled
from rest_framework.throttling import AnonRateThrottle, ScopedRateThrottle, UserRateThrottle

from django_partstream import ProgressiveView, lazy
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http.views import ProgressiveGraphQLView


class Anonymous(AnonRateThrottle):
    rate = "2/hour"


class PerUser(UserRateThrottle):
    rate = "2/hour"


class Scoped(ScopedRateThrottle):
    THROTTLE_RATES = {"dashboard": "2/hour"}


class Parts:
    chunk_size = 1
    throttle_scope = "dashboard"

    def get_parts(self):
        return [("a", lazy(lambda request: "A")), ("b", lazy(lambda request: "B"))]


@pytest.fixture(params=[GraphQLView, ProgressiveGraphQLView], ids=["stock view", "our view"])
def fronts(request, serve):
    """
    Serve a mixin in both fronts: ``fronts(mixin)`` returns ``(rest, graphql)``.

    ``rest()`` and ``graphql()`` ask for a first page, and say whether it was throttled.
    """

    def served(mixin):
        view = type("View", (mixin, ProgressiveView), {})
        declared = {name: Part(graphene.String) for name in ("a", "b")}
        connection = type("Dashboard", (mixin, ProgressiveConnection), declared)
        field = ProgressiveConnectionField(connection)
        schema = graphene.Schema(query=type("Query", (graphene.ObjectType,), {"dashboard": field}))
        client = serve(
            path("rest/", view.as_view()), path("graphql/", request.param.as_view(schema=schema))
        )

        def rest():
            response = client.get("/rest/")
            served.answer = response
            return response.status_code == 429

        def graphql():
            text = "{ dashboard { edges { node { name a b } } } }"
            response = client.post(
                "/graphql/", {"query": text}, content_type="application/json"
            ).json()
            served.answer = response
            codes = [error["extensions"]["code"] for error in response.get("errors", ())]
            assert codes in ([], ["THROTTLED"])
            return bool(codes)

        served.client = client
        return rest, graphql

    return served


def throttled_by(*throttles):
    return type("Throttled", (Parts,), {"throttle_classes": throttles})


@pytest.mark.parametrize("throttle", [Anonymous, PerUser, Scoped])
@pytest.mark.parametrize("order", ["rrr", "ggg", "rgr", "rgg", "grg"])
def test_pages_of_both_fronts_count_together(fronts, throttle, order):
    rest, graphql = fronts(throttled_by(throttle))
    ask = {"r": rest, "g": graphql}
    assert [ask[front]() for front in order] == [False, False, True]


@pytest.mark.django_db
@pytest.mark.parametrize("throttle", [PerUser, Scoped])
def test_users_count_apart_in_both_fronts(fronts, throttle):
    rest, graphql = fronts(throttled_by(throttle))
    for name in ("ann", "bob"):
        fronts.client.force_login(User.objects.create(username=name))
        assert [graphql(), rest(), graphql(), rest()] == [False, False, True, True]


@pytest.mark.django_db
def test_a_throttle_of_anonymous_clients_leaves_users_alone_in_both_fronts(fronts):
    rest, graphql = fronts(throttled_by(Anonymous))
    fronts.client.force_login(User.objects.create(username="ann"))
    assert [graphql(), rest()] * 3 == [False] * 6


def test_the_wait_of_a_refused_page_is_told_in_both_fronts(fronts):
    rest, graphql = fronts(throttled_by(Anonymous))
    for _ in range(2):
        rest()
    assert rest()
    wait = int(fronts.answer["Retry-After"])
    assert graphql()
    (error,) = fronts.answer["errors"]
    assert wait - 2 <= error["extensions"]["retryAfter"] <= wait


def test_a_mixin_may_check_throttles_itself_in_both_fronts(fronts):
    class Checking(Parts):
        def check_throttles(self, request):
            raise Throttled(wait=5)

    rest, graphql = fronts(Checking)
    assert (rest(), graphql()) == (True, True)
