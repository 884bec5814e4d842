"""What a user's own tests get from ``django_partstream.testing``, over GraphQL."""

import graphene
import pytest

from django_partstream.testing import part_fails, walk_connection
from partstream_graphql import Part, ProgressiveConnection


class Two(ProgressiveConnection):
    chunk_size = 1
    a = Part(graphene.Int, resolver=lambda root, info: 1)
    b = Part(graphene.Int, resolver=lambda root, info: 2)


QUERY = """query ($after: String) { dashboard(after: $after) {
  pageInfo { hasNextPage endCursor } edges { node { %s } } } }"""


def test_a_walk_is_merged(ask):
    client = ask(Two).client
    with part_fails("b"):
        walked = walk_connection(client, QUERY % "name error { code } a b")
    assert walked.parts == {"a": 1, "b": None}
    assert walked.errors == [{"part": "b", "code": "part_failed"}]


@pytest.mark.parametrize("fields", ["a b", "name x: a b", "status a b"])
def test_a_query_that_hides_its_parts_is_no_walk(ask, fields):
    with pytest.raises(AssertionError, match="Select name"):
        walk_connection(ask(Two).client, QUERY % fields)


def test_a_query_without_pages_is_no_walk(ask):
    with pytest.raises(AssertionError, match="Select pageInfo"):
        walk_connection(
            ask(Two).client, "query ($after: String) { dashboard(after: $after) { a } }"
        )


def test_a_walk_that_is_refused_says_how(ask):
    with pytest.raises(AssertionError, match="Cannot query field"):
        walk_connection(ask(Two).client, QUERY % "name nothing")


def test_where_no_authentication_runs_the_user_is_anonymous(ask, settings):
    settings.MIDDLEWARE = []

    class Mine(ProgressiveConnection):
        a = Part(graphene.Boolean)

        def resolve_a(self, info):
            return self.request.user.is_authenticated

    assert ask(Mine)("{ dashboard { a } }").data["dashboard"] == {"a": False}
