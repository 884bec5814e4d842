"""``extensions.partstream``: what parts cost, told in DEBUG or by ``SERVER_TIMING``."""

import json

import graphene
import pytest
from django.test import Client
from django.urls import path

from django_partstream import cached_for
from example_schema.models import Customer, Order
from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    ProgressiveGraphQLView,
    defer_directives,
)
from partstream_graphql._graphql_core import CAN_DEFER
from tests.graphql.multipart import SHAPES, ask, payloads_of

KEYS = {"name", "ms", "status", "cached", "queries", "sql_ms", "ran", "waited_ms"}

needs_defer = pytest.mark.skipif(not CAN_DEFER, reason="@defer needs graphql-core 3.2")


class Buyer(graphene.ObjectType):
    orders = graphene.Int()

    def resolve_orders(self, info):
        return Order.objects.count()


class Board(ProgressiveConnection):
    chunk_size = 10
    customers = Part(graphene.Int)
    kept_value = Part(graphene.Int)
    broken = Part(graphene.Int)
    awaited = Part(graphene.Int, by=graphene.Int())
    buyer = Part(Buyer)

    def resolve_customers(self, info):
        return Customer.objects.count()

    @cached_for(60)
    def resolve_kept_value(self, info):
        return 2

    def resolve_broken(self, info):
        raise ValueError("private")

    def resolve_buyer(self, info):
        Customer.objects.count()
        return Buyer()

    async def resolve_awaited(self, info, by=1):
        return by


class Row(graphene.ObjectType):
    board = ProgressiveConnectionField(Board)


class Query(graphene.ObjectType):
    board = ProgressiveConnectionField(Board)
    rows = graphene.List(Row)

    def resolve_rows(self, info):
        return [Row(), Row()]


SCHEMA = graphene.Schema(query=Query, directives=defer_directives())
urlpatterns = [path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA))]
PAGE = "{ board { edges { node { name customers keptValue broken awaited } } } }"

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


def timing_in(body):
    """The timings in *body*, a JSON object, each without its times."""
    timing = body["extensions"]["partstream"]["timing"]
    return {
        place: [
            {key: value for key, value in part.items() if not key.endswith("ms")} for part in parts
        ]
        for place, parts in timing.items()
    }


def names_in(body):
    """The names of the parts of which *body* tells the timing, by place."""
    return {place: [part["name"] for part in parts] for place, parts in timing_in(body).items()}


@pytest.fixture
def timed(settings):
    settings.PARTSTREAM = {"SERVER_TIMING": True}


@pytest.fixture
def shown():
    """A function that asks for a query, and gives the JSON object of the response."""
    return lambda text, **asked: ask(Client(), text, accept="application/json", **asked).json()


def test_the_extensions_have_the_cost_of_each_part_in_the_order_of_the_page(shown, timed):
    inside = {"ran": "transaction", "queries": 0, "cached": None, "status": "ok"}
    for is_cached in (False, True):
        assert timing_in(shown(PAGE)) == {
            "board": [
                {"name": "customers", **inside, "queries": 1},
                {"name": "keptValue", **inside, "cached": is_cached},
                {"name": "broken", **inside, "status": "error"},
                {"name": "awaited", **inside},
            ]
        }


def test_each_entry_has_the_keys_of_a_timing(shown, timed):
    for entry in shown(PAGE)["extensions"]["partstream"]["timing"]["board"]:
        assert set(entry) == KEYS
        assert all(entry[key] >= 0 for key in ("ms", "sql_ms", "waited_ms"))


@pytest.mark.parametrize(
    ("debug", "setting", "is_told"),
    [(True, None, True), (False, True, True), (False, None, False), (True, False, False)],
)
def test_costs_are_told_in_debug_or_by_the_setting_alone(shown, settings, debug, setting, is_told):
    settings.DEBUG, settings.PARTSTREAM = debug, {"SERVER_TIMING": setting}
    body = shown("{ board { customers } }")
    assert set(body) == {"data", *(["extensions"] if is_told else [])}


def test_a_response_without_a_page_has_no_extensions(shown, timed):
    assert shown("{ __typename }") == {"data": {"__typename": "Query"}}
    assert set(shown("{ nothing }")) == {"errors"}


def test_connections_are_told_apart_by_their_place_in_the_response(shown, timed):
    body = shown("{ mine: board { customers } rows { board { edges { node { keptValue } } } } }")
    assert names_in(body) == {
        "mine": ["customers"],
        "rows.0.board": ["keptValue"],
        "rows.1.board": ["keptValue"],
    }


def test_a_part_with_two_runs_has_two_entries(shown, timed):
    body = shown("{ board { one: awaited two: awaited(by: 2) } }")
    assert names_in(body) == {"board": ["awaited", "awaited"]}


def test_a_field_below_a_part_is_not_of_its_cost(shown, timed, django_assert_num_queries):
    with django_assert_num_queries(4):  # two of them are the savepoint of the part
        body = shown("{ board { buyer { orders } } }")
    assert timing_in(body)["board"][0]["queries"] == 1


def test_a_page_with_a_failed_part_tells_its_costs_beside_the_errors(shown, timed):
    body = shown("{ board { broken } }")
    assert set(body) == {"data", "errors", "extensions"}
    assert timing_in(body)["board"][0]["status"] == "error"


def test_each_operation_of_a_batch_tells_its_own_costs(serve, timed):
    client = serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA, batch=True)))
    batch = [{"query": f"{{ {field} }}"} for field in ("board { customers }", "__typename")]
    batch.append({"query": "{ board { keptValue } }"})
    first, second, third = client.post("/graphql/", batch, content_type="application/json").json()
    assert names_in(first) == {"board": ["customers"]}
    assert "extensions" not in second
    assert names_in(third) == {"board": ["keptValue"]}


def test_a_json_encode_and_extensions_of_the_project_are_kept(serve, timed):
    class View(ProgressiveGraphQLView):
        def json_encode(self, request, d, pretty=False):
            return json.dumps({**d, "mine": sorted(d.get("extensions", ()))})

        def execute_graphql_request(self, *args, **kwargs):
            result = super().execute_graphql_request(*args, **kwargs)
            result.data = {"mine": True, **result.data}
            return result

    client = serve(path("graphql/", View.as_view(schema=SCHEMA)))
    body = ask(client, "{ board { customers } }", accept="application/json").json()
    assert body["mine"] == ["partstream"]
    assert names_in(body) == {"board": ["customers"]}


def test_graphiql_shows_the_costs(serve, timed):
    client = serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA, graphiql=True)))
    response = client.get("/graphql/", {"query": "{ board { customers } }", "raw": ""})
    assert names_in(response.json()) == {"board": ["customers"]}


@needs_defer
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
class TestDefer:
    def payloads(self, text, shape):
        response = ask(Client(), text, accept=shape)
        return payloads_of(response.getvalue().decode())

    def test_a_payload_tells_the_costs_of_the_parts_that_it_carries(self, timed, shape):
        first, *later = self.payloads(
            """{ board { edges { node { keptValue
                ... @defer { customers } ... @defer { awaited broken } } } } }""",
            shape,
        )
        assert names_in(first) == {"board": ["keptValue"]}
        told = [part for body in later if "extensions" in body for part in names_in(body)["board"]]
        assert sorted(told) == ["awaited", "broken", "customers"]
        for body in filter(lambda each: "extensions" in each, later):
            carried = [part for each in body["incremental"] for part in each["data"] or ()]
            assert set(names_in(body)["board"]) <= {*carried, "broken"}

    def test_a_part_in_two_fragments_is_told_once(self, timed, shape):
        payloads = self.payloads(
            """{ board { edges { node {
                ... @defer(label: "a") { status customers }
                ... @defer(label: "b") { customers keptValue } } } } }""",
            shape,
        )
        told = [
            part
            for body in payloads
            if "extensions" in body
            for part in names_in(body).get("board", ())
        ]
        assert sorted(told) == sorted(set(told))
        assert {"customers", "keptValue"} <= set(told)

    def test_a_connection_in_a_fragment_is_told_with_it(self, timed, shape):
        first, *later = self.payloads("{ rows { ... @defer { board { customers } } } }", shape)
        assert "extensions" not in first
        told = {}
        for body in later:
            if "extensions" in body:
                told.update(names_in(body))
        assert told == {"rows.0.board": ["customers"], "rows.1.board": ["customers"]}

    def test_without_the_setting_no_payload_tells_costs(self, shape):
        text = "{ board { edges { node { keptValue ... @defer { customers } } } } }"
        assert not any("extensions" in body for body in self.payloads(text, shape))
