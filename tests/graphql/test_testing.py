"""The helpers of ``django_partstream.testing`` for projects' own tests, over GraphQL."""

import graphene
import pytest

from django_partstream import with_timeout
from django_partstream.testing import part_fails, part_hangs, walk_connection
from partstream_graphql import Part, ProgressiveConnection


class Two(ProgressiveConnection):
    chunk_size = 1
    a = Part(graphene.Int, resolver=lambda root, info: 1)
    b = Part(graphene.Int, resolver=lambda root, info: 2)


QUERY = """query ($after: String) { dashboard(after: $after) {
  pageInfo { hasNextPage endCursor } edges { node { %s } } } }"""


def test_walk_connection_merges_the_parts_and_errors_of_all_pages(ask):
    client = ask(Two).client
    with part_fails("b"):
        walked = walk_connection(client, QUERY % "name error { code } a b")
    assert walked.parts == {"a": 1, "b": None}
    assert walked.errors == [{"part": "b", "code": "part_failed"}]


def test_part_hangs_refuses_a_part_without_a_limit(ask):
    class Timed(ProgressiveConnection):
        a = Part(graphene.Int)
        b = Part(graphene.Int, resolver=with_timeout(lambda root, info: 2, 9))
        resolve_a = with_timeout(lambda self, info: 1, 9)

    query = QUERY % "name error { code } a b"
    for name in "ab":
        with part_hangs(name):
            walked = walk_connection(ask(Timed).client, query)
        assert walked.errors == [{"part": name, "code": "part_timed_out"}]
        with pytest.raises(AssertionError, match="has no with_timeout"), part_hangs(name):
            walk_connection(ask(Two).client, query)


@pytest.mark.parametrize("fields", ["a b", "name x: a b", "status a b"])
def test_walk_connection_refuses_a_query_that_hides_part_names(ask, fields):
    with pytest.raises(AssertionError, match="Select name"):
        walk_connection(ask(Two).client, QUERY % fields)


def test_walk_connection_refuses_a_query_without_page_info(ask):
    with pytest.raises(AssertionError, match="Select pageInfo"):
        walk_connection(
            ask(Two).client, "query ($after: String) { dashboard(after: $after) { a } }"
        )


def test_walk_connection_shows_the_errors_of_a_refused_query(ask):
    with pytest.raises(AssertionError, match="Cannot query field"):
        walk_connection(ask(Two).client, QUERY % "name nothing")


def test_the_user_is_anonymous_where_no_authentication_runs(ask, settings):
    settings.MIDDLEWARE = []

    class Mine(ProgressiveConnection):
        a = Part(graphene.Boolean)

        def resolve_a(self, info):
            return self.request.user.is_authenticated

    assert ask(Mine)("{ dashboard { a } }").data["dashboard"] == {"a": False}
