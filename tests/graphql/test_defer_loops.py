"""Whatever a query with ``@defer`` awaits, it awaits in one event loop, also what comes later."""

import asyncio
import threading
from functools import partial
from threading import Event

import graphene
import graphql
import pytest
from django.urls import path
from graphene.types.generic import GenericScalar

if not hasattr(graphql, "ExecutionContext"):
    pytest.skip("Nothing is deferred with graphql-core 3.3.", allow_module_level=True)

from django_partstream.delivery import streams
from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    ProgressiveGraphQLView,
    defer_directives,
)
from partstream_graphql.http import delivery
from tests.graphql.multipart import Frames, Merged, ask, payloads_of

FREED = Event()


class Client:
    """A stand-in for a client or data loader: it belongs to the loop of its first use."""

    def __init__(self):
        self.loop = None

    async def get(self, value):
        loop = asyncio.get_running_loop()
        self.loop = self.loop or loop
        if loop is not self.loop:
            raise RuntimeError("This client is attached to a different loop.")
        await asyncio.sleep(0)
        return value


def client_of(info):
    if not hasattr(info.context, "client"):
        info.context.client = Client()
    return info.context.client


class Item(graphene.ObjectType):
    n = graphene.Int(default_value=1)
    later = graphene.Int()

    async def resolve_later(self, info):
        return await client_of(info).get(3)


class Board(ProgressiveConnection):
    chunk_size = 9
    a = Part(Item)
    b = Part(graphene.List(Item))
    c = Part(Item)
    stuck = Part(graphene.Int)
    exits = Part(graphene.Int)

    async def resolve_a(self, info):
        return await client_of(info).get(Item())

    async def resolve_b(self, info):
        return await client_of(info).get([Item(), Item()])

    def resolve_c(self, info):
        return Item()

    async def resolve_stuck(self, info):
        FREED.wait(20)  # no await: the loop cannot cancel it

    async def resolve_exits(self, info):
        raise SystemExit(3)


class Query(graphene.ObjectType):
    board = ProgressiveConnectionField(Board)
    other = ProgressiveConnectionField(Board)
    no_json = GenericScalar()
    later = graphene.Int()

    def resolve_no_json(self, info):
        return object()

    async def resolve_later(self, info):
        return await client_of(info).get(2)


SCHEMA = graphene.Schema(query=Query, directives=defer_directives())

PARTS = "a { later } b { later } c { later }"


@pytest.fixture
def post(serve):
    client = serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA)))
    yield partial(ask, client)
    FREED.set()


@pytest.mark.parametrize(
    "text",
    [
        f"{{ board {{ edges {{ node {{ name ... @defer {{ {PARTS} }} }} }} }} }}",
        f"{{ later board {{ ... @defer {{ {PARTS} }} }} ... @defer {{ x: later }} }}",
        "{ board { totalCount ... @defer { a { later } } ... @defer { b { later } } } }",
        f"{{ ... @defer {{ later board {{ a {{ later }} ... @defer {{ {PARTS} }} }} }} }}",
        f"{{ board {{ ... @defer {{ {PARTS} }} }} other {{ ... @defer {{ {PARTS} }} }} }}",
    ],
)
def test_fields_and_parts_of_all_payloads_share_a_loop(post, transacted, text):
    merged = Merged(payloads_of(b"".join(post(text)).decode()))
    assert (merged.errors, merged.pending, merged.has_next) == ([], {}, False)


def test_a_coroutine_that_cannot_be_cancelled_holds_no_response_that_is_left(
    post, transactional_db, monkeypatch
):
    for module in (delivery, streams):
        monkeypatch.setattr(module, "GRACE", 0.01)
    FREED.clear()
    response = post("{ board { edges { node { name ... @defer { c { n } stuck } } } } }")
    chunks, frames = iter(response), Frames()
    assert frames.feed(next(chunks))
    assert frames.feed(next(chunks))  # the part c, while the other is stuck
    response.close()
    assert not FREED.is_set()


def test_an_exit_of_a_part_ends_the_response(post, transactional_db):
    with pytest.raises(SystemExit):
        b"".join(post("{ board { ... @defer { exits } } }"))


def test_a_first_payload_that_cannot_be_encoded_leaves_no_loop(post, transactional_db):
    with pytest.raises(TypeError, match="JSON"):
        post("{ later noJson ... @defer { x: later } }")
    assert not [one for one in threading.enumerate() if one.name.startswith("partstream-loop")]
