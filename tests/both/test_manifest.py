"""The manifest of a mixin for both fronts: REST describes its parts by it, GraphQL by its schema."""

import graphene
import pytest
from django.urls import path

from django_partstream import ProgressiveView, lazy
from django_partstream.testing import walk, walk_connection
from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    ProgressiveGraphQLView,
)
from partstream_rest import PartInfo

QUERY = "query ($after: String) { board(after: $after) { pageInfo { hasNextPage endCursor } edges { node { name total } } } }"


class Parts:
    permission_classes = []
    manifest = {"total": PartInfo(int, title="In REST", description="A number"), "*": None}

    def get_parts(self):
        return [("total", lazy(lambda request: 5))]


class BoardView(Parts, ProgressiveView):
    pass


class Board(Parts, ProgressiveConnection):
    total = Part(graphene.Int, description="In GraphQL")


class Query(graphene.ObjectType):
    board = ProgressiveConnectionField(Board)


SCHEMA = graphene.Schema(query=Query)


@pytest.fixture
def client(serve):
    graphql = ProgressiveGraphQLView.as_view(schema=SCHEMA)
    return serve(path("", BoardView.as_view()), path("graphql/", graphql))


def test_a_mixin_with_a_manifest_serves_both_fronts(client):
    assert walk(client, "/").parts == walk_connection(client, QUERY).parts == {"total": 5}


def test_each_front_describes_a_part_in_its_own_words(client):
    told = client.options("/").json()["manifest"]
    assert told == {"total": {"title": "In REST", "description": "A number"}}
    sdl = str(SCHEMA)
    assert "In GraphQL" in sdl
    assert "In REST" not in sdl
    assert "manifest" not in sdl


def test_the_entry_for_other_parts_is_no_part_of_a_connection(client):
    query = {"query": "{ board { totalCount edges { node { name } } } }"}
    data = client.post("/graphql/", query, content_type="application/json").json()["data"]
    assert data["board"] == {"totalCount": 1, "edges": [{"node": {"name": "total"}}]}
