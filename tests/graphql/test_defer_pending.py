"""Deferred parts that are pending: their fragments come when the parts are there, or fail."""

import asyncio
import json

import graphene
import graphql
import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from django.urls import path

if not hasattr(graphql, "ExecutionContext"):
    pytest.skip("Nothing is deferred with graphql-core 3.3.", allow_module_level=True)

from django_partstream.cursors import read
from django_partstream.delivery import streams
from django_partstream.exceptions import PartPending
from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    ProgressiveGraphQLView,
    defer_directives,
)
from tests.graphql.multipart import SHAPES, Merged, ask, payloads_of

#: How many more tries find each part pending, by the name of the part or run.
TRIES = {}


def value_of(name):
    left = TRIES.get(name, 0)
    if left:
        TRIES[name] = left - 1
        raise PartPending(name, limit=600, progress=0.5)
    return name.upper()


class Board(ProgressiveConnection):
    chunk_size = 3

    a = Part(graphene.String)
    b = Part(graphene.String)
    c = Part(graphene.String, run=graphene.String(default_value="c"))

    def resolve_a(self, info):
        return value_of("a")

    async def resolve_b(self, info):
        return value_of("b")

    def resolve_c(self, info, run):
        return value_of(run)


class Query(graphene.ObjectType):
    board = ProgressiveConnectionField(Board)


SCHEMA = graphene.Schema(query=Query, directives=defer_directives())

#: More tries than a test has time for.
NEVER = 1_000_000


@pytest.fixture(autouse=True)
def _tries(monkeypatch):
    """Parts are looked at again at once, and nothing is pending."""
    monkeypatch.setattr(PartPending, "retry_after", 0.0)
    TRIES.clear()


@pytest.fixture
def impatient(monkeypatch):
    """Give up at once when nothing but pending parts is left."""
    monkeypatch.setattr(streams, "PATIENCE", 0.0)


@pytest.fixture
def payloads(serve):
    """The payloads of a query, in one of the shapes: ``payloads(text)``."""
    client = serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA)))

    def asked(text, shape="both"):
        body = b"".join(ask(client, text, accept=SHAPES[shape])).decode()
        return payloads_of(body)

    return asked


def board_of(payloads):
    merged = Merged(payloads)
    assert merged.has_next is False
    return merged.data["board"], merged.errors


NODES = (
    "{ board { pageInfo { endCursor hasNextPage } edges { node { name ... @defer { a b c } } } } }"
)


@pytest.mark.usefixtures("transacted")
@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_a_fragment_comes_once_its_part_is_there(payloads, name):
    TRIES[name] = 3
    board, errors = board_of(payloads(NODES))
    assert errors == []
    assert [edge["node"][edge["node"]["name"]] for edge in board["edges"]] == ["A", "B", "C"]
    assert TRIES[name] == 0


@pytest.mark.usefixtures("transacted", "impatient")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["a", "b"])
def test_a_thread_of_the_server_is_given_back_and_the_fragment_fails(payloads, shape, name):
    TRIES[name] = NEVER
    board, errors = board_of(payloads(NODES, shape))
    assert errors == [
        {
            "message": "A part of this fragment is not there yet. Ask for the same page again.",
            "path": ["board", "edges", "abc".index(name), "node"],
            "extensions": {"code": "PART_PENDING", "retryable": True},
        }
    ]
    found = {edge["node"]["name"]: edge["node"] for edge in board["edges"]}
    assert found.pop(name) == {"name": name}
    assert [node[part] for part, node in found.items()] == [part.upper() for part in found]
    assert len(found) == 2


@pytest.mark.usefixtures("transacted", "impatient")
def test_the_end_cursor_owes_no_deferred_part_and_the_same_page_has_it_later(payloads):
    TRIES["a"] = NEVER
    text = NODES.replace("board", 'board(after: "%s")', 1)
    board, errors = board_of(payloads(text % ""))
    assert len(errors) == 1
    assert board["pageInfo"]["hasNextPage"] is False
    assert read(board["pageInfo"]["endCursor"]).owed == {}
    TRIES.clear()
    board, errors = board_of(payloads(text % ""))
    assert (errors, board["edges"][0]["node"]["a"]) == ([], "A")


@pytest.mark.usefixtures("transacted", "impatient")
def test_a_fragment_without_the_pending_part_is_sent_all_the_same(payloads):
    TRIES["a"] = NEVER
    board, errors = board_of(
        payloads("{ board { ... @defer { a } ... @defer { b x: a } ... @defer { c } } }")
    )
    assert board == {"c": "C"}
    assert [error["extensions"]["code"] for error in errors] == ["PART_PENDING"] * 2


@pytest.mark.usefixtures("transacted", "impatient")
def test_a_fragment_inside_a_fragment_that_fails_is_dropped(payloads):
    TRIES["a"] = NEVER
    board, errors = board_of(payloads("{ board { ... @defer { ... @defer { c } a } b } }"))
    assert board == {"b": "B"}
    assert [error["extensions"]["code"] for error in errors] == ["PART_PENDING"]


@pytest.mark.usefixtures("transacted")
@pytest.mark.parametrize(
    "fields",
    [
        "pending { name } edges { node { name ... @defer { a b c } } }",
        "edges { node { name ... @defer { a b c } } } pending { name }",
        "x: pending { name } pending { name } edges { node { name ... @defer { a b c } } }",
    ],
)
def test_pending_outside_of_defer_has_all_parts_tried_with_the_first_payload(payloads, fields):
    TRIES["b"] = NEVER
    board, errors = board_of(
        payloads(f"{{ board {{ pageInfo {{ endCursor hasNextPage }} {fields} }} }}")
    )
    assert errors == []
    assert board["pending"] == [{"name": "b"}]
    assert [edge["node"] for edge in board["edges"]] == [
        {"name": "a", "a": "A", "b": None, "c": None},
        {"name": "c", "a": None, "b": None, "c": "C"},
    ]
    assert board["pageInfo"]["hasNextPage"] is True
    assert [*read(board["pageInfo"]["endCursor"]).owed] == ["b"]


@pytest.mark.usefixtures("transacted")
def test_pending_inside_defer_comes_when_all_parts_have_ended(payloads):
    TRIES.update(a=2, b=2)
    first, *rest = payloads("{ board { ... @defer { pending { name } } ... @defer { a b c } } }")
    assert first["data"] == {"board": {}}
    assert board_of([first, *rest]) == ({"pending": [], "a": "A", "b": "B", "c": "C"}, [])


@pytest.mark.usefixtures("transacted")
def test_a_pending_part_outside_of_defer_is_no_edge_whatever_its_deferred_run(payloads):
    TRIES["now"] = NEVER
    board, errors = board_of(
        payloads(
            """{ board { pageInfo { endCursor } ... @defer { later: c(run: "later") }
            edges { node { name now: c(run: "now") ... @defer { a } } } } }"""
        )
    )
    assert errors == []
    assert board["later"] is None
    assert [edge["node"] for edge in board["edges"]] == [{"name": "a", "now": None, "a": "A"}]
    assert [*read(board["pageInfo"]["endCursor"]).owed] == ["c"]


@pytest.mark.usefixtures("transacted", "impatient")
def test_a_part_that_is_there_stays_an_edge_while_its_deferred_run_is_pending(payloads):
    TRIES["later"] = NEVER
    board, errors = board_of(
        payloads(
            """{ board { edges { node { name now: c(run: "now")
            ... @defer { later: c(run: "later") } } } } }"""
        )
    )
    assert board["edges"] == [{"node": {"name": "c", "now": "NOW"}}]
    assert [error["extensions"]["code"] for error in errors] == ["PART_PENDING"]


@pytest.mark.usefixtures("impatient")
@pytest.mark.django_db(transaction=True)
def test_an_event_loop_goes_on_until_the_part_is_there(serve):
    serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA)))
    TRIES.update(a=5, b=5)

    async def asked():
        response = await AsyncClient().post(
            "/graphql/",
            {"query": NODES},
            content_type="application/json",
            headers={"accept": SHAPES["both"]},
        )
        async with asyncio.timeout(30):
            return b"".join([chunk async for chunk in response]).decode()

    board, errors = board_of(payloads_of(async_to_sync(asked)()))
    assert errors == []
    assert [edge["node"][edge["node"]["name"]] for edge in board["edges"]] == ["A", "B", "C"]


def test_an_operation_that_is_delivered_inline_has_pending_parts_as_ever(serve, db):
    client = serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA)))
    TRIES["b"] = NEVER
    text = "{ board { pending { name } ... @defer { a b } edges { node { name } } } }"
    body = json.loads(ask(client, text, accept="application/json").content)
    assert body == {
        "data": {
            "board": {
                "pending": [{"name": "b"}],
                "a": "A",
                "b": None,
                "edges": [{"node": {"name": "a"}}],
            }
        }
    }
