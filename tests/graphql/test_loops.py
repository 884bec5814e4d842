"""Whatever a query awaits, it awaits in one event loop: roots, parts, fields below them."""

import asyncio

import graphene
import pytest

from django_partstream import safe_call, with_timeout
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http.views import ProgressiveGraphQLView


class Client:
    """A stand-in for a client or data loader: it belongs to the loop of its first use."""

    def __init__(self):
        self.loop = None

    async def get(self, value=None):
        loop = asyncio.get_running_loop()
        self.loop = self.loop or loop
        if loop is not self.loop:
            raise RuntimeError("This client is attached to a different loop.")
        await asyncio.sleep(0)
        return value


@pytest.fixture
def query(ask, transacted):
    """A query type whose resolvers share a client: of roots, parts, and fields below them."""
    client = Client()

    class Item(graphene.ObjectType):
        plain = graphene.Int()
        later = graphene.Int()

        async def resolve_later(self, info):
            return await client.get(self.plain)

    class Dashboard(ProgressiveConnection):
        chunk_size = 9
        a = Part(Item)
        b = Part(graphene.List(Item))
        c = Part(graphene.Int)

        @safe_call
        async def resolve_a(self, info):
            return await client.get(Item(plain=1))

        @with_timeout(30)
        def resolve_b(self, info):
            return client.get([Item(plain=2), Item(plain=3)])

        def resolve_c(self, info):
            return self.root["pk"]

    class Query(graphene.ObjectType):
        dashboard = ProgressiveConnectionField(Dashboard, pk=graphene.Int())
        now = graphene.Int()

        async def resolve_dashboard(self, info, pk):
            return await client.get({"pk": pk})

        async def resolve_now(self, info):
            return await client.get(9)

    return ask(query=Query)


def test_an_async_root_and_async_parts_share_a_loop(query):
    answer = query("{ dashboard(pk: 7) { a { plain } b { plain } c } }")
    assert (answer.errors, answer.data["dashboard"]) == (
        None,
        {"a": {"plain": 1}, "b": [{"plain": 2}, {"plain": 3}], "c": 7},
    )


@pytest.mark.parametrize("view_class", [ProgressiveGraphQLView], indirect=True)
class TestOurView:
    def test_async_fields_below_parts_share_the_loop_of_the_parts(self, query):
        answer = query("{ dashboard(pk: 7) { a { later } b { later } c } }")
        assert (answer.errors, answer.data["dashboard"]) == (
            None,
            {"a": {"later": 1}, "b": [{"later": 2}, {"later": 3}], "c": 7},
        )

    def test_all_connections_and_fields_of_a_query_share_a_loop(self, query):
        answer = query(
            """{
                now
                one: dashboard(pk: 1) { edges { node { name a { later } c } } }
                two: dashboard(pk: 2) { edges { node { name b { later } c } } }
            }"""
        )
        assert answer.errors is None
        assert answer.data["now"] == 9
        nodes = [edge["node"] for edge in answer.data["one"]["edges"]]
        assert [node["a"] for node in nodes] == [{"later": 1}, None]

    def test_a_query_without_coroutines_starts_no_loop(self, ask, transacted, monkeypatch):
        class Plain(ProgressiveConnection):
            a = Part(graphene.Int)

            def resolve_a(self, info):
                return 1

        monkeypatch.setattr("django_partstream.delivery.loops._Loop", None)
        assert ask(Plain)("{ dashboard { a } }").data["dashboard"] == {"a": 1}
