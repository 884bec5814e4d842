"""A background function waits in the resolver of a part only; elsewhere in a query it is refused."""

import asyncio
import logging
import re

import graphene
import graphql
import pytest
from django.urls import path

from django_partstream import background, cached_for, with_timeout
from django_partstream.testing import background_never, background_now
from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    ProgressiveGraphQLView,
    defer_directives,
)
from tests.graphql.multipart import Merged, payloads_of
from tests.graphql.multipart import ask as ask_increments

RAN = []


@background(keep=60)
def forecast(store):
    RAN.append(store)
    return f"forecast {store}"


@background(keep=60)
def summary(store):
    return forecast(store).upper()  # a plain call, in the process that does the work


@background(keep=60)
async def later(store):
    RAN.append(store)
    return f"later {store}"


guarded = cached_for(60, key="guarded forecast")(with_timeout(lambda request: forecast(4), 30))

REFUSED = re.escape(
    f"{__name__}.forecast() was called in a GraphQL field that is no part, where nothing can wait "
    "for it. Call it in the function or resolver of a part"
)


@pytest.fixture(autouse=True)
def _nothing_ran():
    RAN.clear()


class Store(graphene.ObjectType):
    name = graphene.String()
    forecast = graphene.String()

    def resolve_name(self, info):
        return "Tea"

    def resolve_forecast(self, info):
        return forecast(1)


class Dashboard(ProgressiveConnection):
    chunk_size = 5

    store = Part(Store)
    forecast = Part(graphene.String)
    summary = Part(graphene.String)
    later = Part(graphene.String)

    def resolve_store(self, info):
        return Store()

    def resolve_forecast(self, info):
        return forecast(2)

    def resolve_summary(self, info):
        return summary(3)

    async def resolve_later(self, info):
        return await later(4)


class Eager(ProgressiveConnection):
    forecast = Part(graphene.String)

    def get_parts(self):
        return [("forecast", forecast(5))]


class Refusing(ProgressiveConnection):
    forecast = Part(graphene.String)

    def has_permission(self, info):
        return bool(forecast(6))

    def resolve_forecast(self, info):
        return "nothing"


class Query(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Dashboard)
    eager = ProgressiveConnectionField(Eager)
    refusing = ProgressiveConnectionField(Refusing)
    forecast = graphene.String()

    def resolve_forecast(self, info):
        return forecast(7)


SCHEMA = graphene.Schema(query=Query, directives=defer_directives())


def messages_of(answer, caplog):
    """The failures of *answer*: as the stock view tells them, or as they are logged."""
    logged = [str(record.exc_info[1]) for record in caplog.records if record.exc_info]
    return [error["message"] for error in answer.errors] + logged


@pytest.mark.parametrize(
    "text",
    [
        "{ dashboard { store { forecast } } }",
        "{ dashboard { edges { node { store { forecast } } } } }",
        "{ refusing { forecast } }",
        "{ forecast }",
    ],
)
def test_a_call_outside_of_the_resolver_of_a_part_is_refused(ask, caplog, text):
    with background_now():
        answer = ask(query=Query)(text)
    assert any(re.match(REFUSED, message) for message in messages_of(answer, caplog))
    assert RAN == []


def test_a_call_in_get_parts_is_refused(ask, caplog):
    ask(query=Query)("{ eager { forecast } }")
    (record,) = [record for record in caplog.records if record.exc_info]
    assert f"{__name__}.forecast() was called in get_parts(), where nothing" in record.exc_text
    assert RAN == []


def test_a_call_below_a_part_leaves_the_other_fields_alone(ask):
    answer = ask(query=Query)("{ dashboard { store { name forecast } } }")
    assert answer.data["dashboard"]["store"] == {"name": "Tea", "forecast": None}
    (error,) = answer.errors
    assert error["path"] == ["dashboard", "store", "forecast"]


@pytest.mark.usefixtures("transacted")
def test_a_call_in_the_resolver_of_a_part_waits(ask):
    text = "{ dashboard { pending { name } forecast summary later store { name } } }"
    with background_never():
        first = ask(query=Query)(text)
    assert first.errors is None
    assert first.data["dashboard"] == {
        "pending": [{"name": "forecast"}, {"name": "summary"}, {"name": "later"}],
        "forecast": None,
        "summary": None,
        "later": None,
        "store": {"name": "Tea"},
    }
    with background_now():
        then = ask(query=Query)(text)
    assert then.errors is None
    assert then.data["dashboard"] == {
        "pending": [],
        "forecast": "forecast 2",
        "summary": "FORECAST 3",
        "later": "later 4",
        "store": {"name": "Tea"},
    }


@pytest.mark.parametrize("text", ["{ forecast }", "{ dashboard { store { forecast } } }"])
def test_the_refusal_ends_with_the_execution(text):
    """It must not reach later code of the same thread."""
    found = graphene.Schema(query=Query).execute(text)
    assert re.match(REFUSED, found.errors[0].message)
    assert forecast(1) == "forecast 1"


class Slow(graphene.ObjectType):
    soon = graphene.String()
    parts = graphene.List(lambda: Slow)
    called = graphene.String()

    async def resolve_soon(self, info):
        await asyncio.sleep(0)
        return forecast(8)

    async def resolve_parts(self, info):
        return [Slow(), Slow()]

    async def resolve_called(self, info):
        async def inner():
            return next(forecast(9) for _ in [1])

        return await inner()


@pytest.mark.parametrize("text", ["{ soon }", "{ called }", "{ parts { soon } }"])
def test_a_call_in_a_coroutine_of_a_field_is_refused(text):
    schema = graphene.Schema(query=Slow)

    async def execute():
        found = await schema.execute_async(text)
        return found.errors, forecast(1)

    errors, value = asyncio.run(execute())
    assert all(re.match(REFUSED, error.message) for error in errors)
    assert errors
    assert (value, RAN) == ("forecast 1", [1])


def test_a_call_in_a_thread_or_task_that_a_field_began_is_refused_on_our_view(serve, caplog):
    class Threads(graphene.ObjectType):
        thread = graphene.String()
        task = graphene.String()
        guarded = graphene.String()

        async def resolve_thread(self, info):
            return await asyncio.to_thread(forecast, 10)

        async def resolve_task(self, info):
            async def called():
                return forecast(11)

            return await asyncio.create_task(called())

        def resolve_guarded(self, info):
            return guarded(info)

    view = ProgressiveGraphQLView.as_view(schema=graphene.Schema(query=Threads))
    client = serve(path("graphql/", view))
    body = client.post("/graphql/", {"query": "{ thread task guarded }"}, "application/json").json()
    assert len(body["errors"]) == 3
    assert all(re.match(REFUSED, error["message"]) for error in body["errors"])
    assert RAN == []


@pytest.mark.skipif(not hasattr(graphql, "ExecutionContext"), reason="3.3 defers nothing.")
@pytest.mark.django_db(transaction=True)
def test_a_call_in_a_deferred_field_below_a_part_is_refused(serve, caplog):
    client = serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA)))
    text = "{ dashboard { edges { node { name ... @defer { store { name forecast } } } } } }"
    with caplog.at_level(logging.ERROR):
        body = b"".join(ask_increments(client, text)).decode()
    merged = Merged(payloads_of(body))
    assert merged.data["dashboard"]["edges"][0]["node"]["store"] == {
        "name": "Tea",
        "forecast": None,
    }
    (record,) = [record for record in caplog.records if record.exc_info]
    assert re.match(REFUSED, str(record.exc_info[1]))
    assert RAN == []


def test_a_worker_in_the_thread_of_a_query_may_call_other_background_functions(ask):
    with background_now():
        answer = ask(query=Query)("{ dashboard { summary } }")
    assert (answer.errors, answer.data["dashboard"]) == (None, {"summary": "FORECAST 3"})
