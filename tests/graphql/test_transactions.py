"""Parts inside a transaction run in turn, and a part that fails is undone alone."""

import asyncio

import graphene
import pytest
from django.db import IntegrityError, transaction

from django_partstream import safe_call
from example_schema.models import Customer
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from tests.graphql.answers import ends


class Parts(ProgressiveConnection):
    chunk_size = 5
    fine = Part(graphene.Int, resolver=lambda root, info: 1)
    failed = Part(graphene.Int)
    counted = Part(graphene.Int)
    later = Part(graphene.Int)
    free = Part(graphene.String, resolver=lambda root, info: "free")

    def resolve_failed(self, info):
        Customer.objects.create(name="undone", email="same")
        Customer.objects.create(name="undone", email="same")

    def resolve_counted(self, info):
        return Customer.objects.count()

    async def resolve_later(self, info):
        return await Customer.objects.acount()


TEXT = (
    "{ dashboard { edges { node { name status error { code } fine failed counted later free } } } }"
)


def test_a_failed_statement_in_a_transaction_fails_its_own_part_only(ask, db):
    query = ask(Parts)
    with transaction.atomic():
        Customer.objects.create(name="before", email="before")
        answer = query(TEXT)
        assert Customer.objects.count() == 1
    assert ends(answer) == {
        "fine": ("OK", None),
        "failed": ("ERROR", "part_failed"),
        "counted": ("OK", None),
        "later": ("OK", None),
        "free": ("OK", None),
    }


def test_parts_without_queries_arrive_in_a_transaction_marked_for_rollback(ask, db):
    query = ask(Parts)
    with transaction.atomic():
        transaction.set_rollback(True)
        answer = query(TEXT)
    failed = ("ERROR", "part_failed")
    assert ends(answer) == {
        "fine": ("OK", None),
        "failed": failed,
        "counted": failed,
        "later": failed,
        "free": ("OK", None),
    }


def test_safe_call_falls_back_in_a_transaction_marked_for_rollback(ask, db):
    class Safe(ProgressiveConnection):
        a = Part(graphene.Int)
        b = Part(graphene.Int)

        @safe_call(fallback=0)
        def resolve_a(self, info):
            return Customer.objects.count()

        @safe_call(fallback=0)
        async def resolve_b(self, info):
            return 2

    query = ask(Safe)
    with transaction.atomic():
        transaction.set_rollback(True)
        answer = query("{ dashboard { edges { node { name status error { code } a b } } } }")
    assert ends(answer) == {"a": ("FALLBACK", None), "b": ("OK", None)}


def test_rows_of_a_part_that_falls_back_are_undone(ask, db):
    class Safe(ProgressiveConnection):
        a = Part(graphene.Int)
        b = Part(graphene.Int)

        @safe_call(fallback=7)
        def resolve_a(self, info):
            Customer.objects.create(name="undone", email="same")
            raise IntegrityError

        def resolve_b(self, info):
            return Customer.objects.count()

    answer = ask(Safe)("{ dashboard { a b } }")
    assert answer.data["dashboard"] == {"a": 7, "b": 0}


class TestAnAsyncResolverOfTheField:
    """The resolver of a connection field may be async, on a sync view and in a running loop."""

    @pytest.fixture
    def query(self):
        class Dashboard(ProgressiveConnection):
            a = Part(graphene.String)
            b = Part(graphene.String)

            def resolve_a(self, info):
                return f"of {self.root['pk']}"

            async def resolve_b(self, info):
                return f"later of {self.root['pk']}"

        class Query(graphene.ObjectType):
            dashboard = ProgressiveConnectionField(Dashboard, pk=graphene.Int())

            async def resolve_dashboard(self, info, pk):
                await asyncio.sleep(0)
                if pk < 0:
                    raise ValueError("secret")
                return {"pk": pk}

        return Query

    expected = {"dashboard": {"a": "of 7", "b": "later of 7"}}

    def test_an_async_field_resolver_is_awaited_on_a_sync_view(self, ask, query):
        answer = ask(query=query)("{ dashboard(pk: 7) { a b } }")
        assert (answer.errors, answer.data) == (None, self.expected)

    def test_an_async_field_resolver_is_awaited_on_a_sync_view_in_a_transaction(
        self, ask, query, db
    ):
        assert ask(query=query)("{ dashboard(pk: 7) { a b } }").data == self.expected

    def test_an_async_field_resolver_is_awaited_in_a_running_event_loop(self, query):
        schema = graphene.Schema(query=query)
        result = asyncio.run(schema.execute_async("{ dashboard(pk: 7) { a b } }"))
        assert (result.errors, result.data) == (None, self.expected)

    def test_an_exception_of_an_async_field_resolver_is_masked(self, ask, query):
        answer = ask(query=query)("{ dashboard(pk: -1) { a } }")
        assert answer.errors[0]["message"] == "Something went wrong."
        schema = graphene.Schema(query=query)
        result = asyncio.run(schema.execute_async("{ dashboard(pk: -1) { a } }"))
        assert result.errors[0].message == "Something went wrong."
