"""Generated queries of connections: what arrives later is what arrives at once, each part run once."""

import json
from collections import Counter
from unittest import mock

import graphene
import graphql
import pytest
from django.test import Client, override_settings
from django.urls import path
from hypothesis import given
from hypothesis import strategies as st

if not hasattr(graphql, "ExecutionContext"):
    pytest.skip("Nothing is deferred with graphql-core 3.3.", allow_module_level=True)

from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    ProgressiveGraphQLView,
    defer_directives,
)
from tests.graphql.multipart import SHAPES, Merged, ask, payloads_of
from tests.properties import examples

RAN = Counter()


class Item(graphene.ObjectType):
    n = graphene.Int()
    board = ProgressiveConnectionField(lambda: Board)

    def resolve_board(self, info):
        return self.n


class Board(ProgressiveConnection):
    chunk_size = 3
    a = Part(graphene.Int, by=graphene.Int())
    b = Part(Item)
    c = Part(graphene.List(Item))
    d = Part(graphene.Int)

    def resolve_a(self, info, by=1):
        RAN[self.root, tuple(info.path.as_list()[:1]), "a", by] += 1
        return by

    def resolve_b(self, info):
        RAN[self.root, tuple(info.path.as_list()[:1]), "b"] += 1
        return Item(n=2)

    async def resolve_c(self, info):
        RAN[self.root, tuple(info.path.as_list()[:1]), "c"] += 1
        return [Item(n=3), Item(n=4)]

    def resolve_d(self, info):
        RAN[self.root, tuple(info.path.as_list()[:1]), "d"] += 1
        raise ValueError("d")


class Query(graphene.ObjectType):
    board = ProgressiveConnectionField(Board)

    def resolve_board(self, info):
        return 0


SCHEMA = graphene.Schema(query=Query, directives=defer_directives())
urlpatterns = [path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA))]

PARTS = ["a", "x: a(by: 2)", "y: a(by: 2)", "b { n }", "c { n }", "d", "__typename"]


def selections(*fields):
    """Selections of *fields*, some of them in fragments that are deferred, to some depth."""
    level = st.lists(st.sampled_from(fields), min_size=1, max_size=3).map(" ".join)
    return st.recursive(
        level,
        lambda inside: st.builds("{} ... @defer {{ {} }}".format, level, inside),
        max_leaves=3,
    )


def nested(form, inside, *fields):
    """Selections of *fields*, and of the field that *form* makes of a selection *inside*."""
    whole = inside.map(lambda text: form.replace("()", f"{{ {text} }}"))
    return st.one_of(
        st.builds("{} {}".format, selections(*fields), whole),
        st.builds("... @defer {{ {} }} {}".format, whole, selections(*fields)),
        st.builds("{} ... @defer {{ {} {} }}".format, whole, whole, selections(*fields)),
    )


NODE = selections("name", "status", "error { code }", *PARTS)
EDGE = nested("node ()", NODE, "cursor", "__typename")
BOARD = nested("edges ()", EDGE, "totalCount", "pageInfo { endCursor }", "pending { name }", *PARTS)


def answered(text, accept):
    RAN.clear()
    response = ask(Client(), text, accept=accept)
    body = b"".join(response).decode()
    if response["Content-Type"].startswith("multipart"):
        merged = Merged(payloads_of(body))
        assert (merged.pending, merged.has_next) == ({}, False)
        return merged.data, told(merged.errors), Counter(RAN)
    body = json.loads(body)
    return body["data"], told(body.get("errors", ())), Counter(RAN)


def told(errors):
    return sorted((error["path"], error["extensions"]["code"]) for error in errors)


@examples(150)
@given(BOARD, st.sampled_from(["", "(first: 1)", "(first: 4)"]), st.sampled_from([1, 4, 50]))
def test_merged_increments_of_a_connection_equal_its_ordinary_response(fields, arguments, most):
    text = f"{{ board{arguments} {{ {fields} }} }}"
    limits = {"MAX_DEFERRED": most, "MAX_QUERY_RUNS": 100}
    with (
        override_settings(ROOT_URLCONF=__name__, PARTSTREAM=limits),
        mock.patch("django_partstream.cursors.time", return_value=1_800_000_000.0),
    ):
        plain = answered(text, "application/json")
        assert answered(text, SHAPES["both"]) == plain
    assert set(plain[2].values()) <= {1}
