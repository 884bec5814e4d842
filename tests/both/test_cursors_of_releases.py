"""
Cursors of a release are followed by the next: the digest of an endpoint and a reader is pinned.

A change here ends the walks that are under way when a release is deployed. See docs/upgrading.md.
"""

import graphene
import pytest
from django.contrib.auth.models import User
from django.urls import path
from graphene_django.views import GraphQLView

from django_partstream import ProgressiveView, cursors, lazy
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField

pytestmark = pytest.mark.django_db


class Parts:
    chunk_size = 1

    def get_parts(self):
        return [("first", lazy(lambda request: 1)), ("last", lazy(lambda request: 2))]


class PinnedView(Parts, ProgressiveView):
    pass


class Pinned(Parts, ProgressiveConnection):
    first = Part(graphene.Int)
    last = Part(graphene.Int)


class Query(graphene.ObjectType):
    pinned = ProgressiveConnectionField(Pinned)


QUERY = "{ pinned { pageInfo { endCursor } edges { node { first last } } } }"
GRAPHQL_VIEW = GraphQLView.as_view(schema=graphene.Schema(query=Query))
DIGESTS = {
    ("rest", "anonymous"): "lUjNRrR_nhs3g0t-",
    ("rest", "user"): "lQxyrF83G2w3WcqH",
    ("graphql", "anonymous"): "clh5gvQCCTvg6btI",
    ("graphql", "user"): "BAA3c0CIiVzsJVcI",
}


@pytest.mark.parametrize(("front", "reader"), DIGESTS)
def test_the_digest_of_an_endpoint_and_a_reader_is_that_of_other_releases(
    serve, settings, front, reader
):
    settings.SECRET_KEY = "k" * 50
    client = serve(path("pinned/", PinnedView.as_view()), path("graphql/", GRAPHQL_VIEW))
    if reader == "user":
        client.force_login(User.objects.create(pk=7, username="ann"))
    if front == "rest":
        cursor = client.get("/pinned/").json()["cursor"]
    else:
        page = client.post("/graphql/", {"query": QUERY}, content_type="application/json").json()
        cursor = page["data"]["pinned"]["pageInfo"]["endCursor"]
    assert cursors._claims(cursor)["k"] == DIGESTS[front, reader]
