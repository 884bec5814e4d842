"""Values of parts in both fronts: whatever a part is, its failure costs that part alone."""

import itertools
import threading
from unittest import mock

import graphene
import pytest
from django.core.paginator import Paginator
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import path
from django.utils.functional import SimpleLazyObject
from graphene.types.generic import GenericScalar
from graphene_django.views import GraphQLView
from rest_framework import serializers

from django_partstream import ProgressiveView, lazy, with_timeout
from django_partstream.exceptions import PartTimeout
from django_partstream.parts import is_inert
from django_partstream.timed.deadlines import time_limit
from example_schema.models import Customer
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http.views import ProgressiveGraphQLView
from partstream_rest import values


class Row(graphene.ObjectType):
    name = graphene.String()
    number = graphene.Int()


TYPES = {
    int: (graphene.Int, ""),
    list: (graphene.List(graphene.Int), ""),
    dict: (Row, "{ name number }"),
    "rows": (graphene.List(Row), "{ name number }"),
    "any": (GenericScalar, ""),
    "numbers": (graphene.List(GenericScalar), ""),
}


@pytest.fixture(params=["rest", GraphQLView, ProgressiveGraphQLView])
def pages(request, serve):
    """
    Serve parts in a front: ``pages({name: (kind, value)})`` returns a function that asks.

    The function returns the value and the error (None without) of each part.
    """
    front = request.param

    def served(parts, **attributes):
        names = {name: value for name, (_, value) in parts.items()}
        attributes |= {
            "chunk_size": len(parts),
            "get_parts": lambda self: list(names.items()),
        }
        if front == "rest":
            return lambda: rest(serve(type("View", (ProgressiveView,), attributes)))
        declared = {name: Part(TYPES[kind][0], name=name) for name, (kind, _) in parts.items()}
        board = type("Board", (ProgressiveConnection,), {**attributes, **declared})
        field = ProgressiveConnectionField(board)
        schema = graphene.Schema(query=type("Query", (graphene.ObjectType,), {"board": field}))
        client = serve(path("graphql/", front.as_view(schema=schema)))
        selected = " ".join(f"{name} {TYPES[kind][1]}" for name, (kind, _) in parts.items())
        return lambda: graphql(client, selected)

    def rest(client):
        page = client.get("/").json()
        errors = {error["part"]: error for error in page.get("errors", ())}
        return {
            name: (value, errors.get(name))
            for result in page["results"]
            for name, value in result.items()
        }

    def graphql(client, selected):
        query = (
            f"{{ board {{ edges {{ node {{ name error {{ code retryable }} {selected} }} }} }} }}"
        )
        answer = client.post("/graphql/", {"query": query}, content_type="application/json").json()
        assert "errors" not in answer, answer["errors"]
        nodes = [edge["node"] for edge in answer["data"]["board"]["edges"]]
        return {node["name"]: (node[node["name"]], node["error"]) for node in nodes}

    return served


def raising(exc):
    def function(*args):
        raise exc

    return function


class TestLazyObjects:
    @pytest.mark.parametrize("place", ["db", "settings"], ids=["in a transaction", "outside"])
    def test_a_lazy_object_that_fails_costs_its_part_only(self, pages, request, place):
        request.getfixturevalue(place)
        fails = SimpleLazyObject(raising(LookupError("secret")))
        ask = pages({"bad": (int, fails), "good": (int, 1), "late": (int, lazy(lambda _: fails))})
        page = ask()
        assert {name: value for name, (value, _) in page.items()} == {
            "bad": None, "good": 1, "late": None,
        }  # fmt: skip
        for name in ("bad", "late"):
            assert page[name][1]["code"] == "part_failed"
        assert page["good"][1] is None

    def test_a_lazy_object_is_what_it_stands_for(self, pages):
        ask = pages(
            {
                "number": (int, SimpleLazyObject(lambda: 5)),
                "numbers": (list, [1, SimpleLazyObject(lambda: 5)]),
                "row": (dict, SimpleLazyObject(lambda: {"name": "a", "number": 1})),
                "nothing": (int, SimpleLazyObject(lambda: None)),
                "late": (int, lazy(lambda request: SimpleLazyObject(lambda: 5))),
            }
        )
        assert ask() == {
            "number": (5, None),
            "numbers": ([1, 5], None),
            "row": ({"name": "a", "number": 1}, None),
            "nothing": (None, None),
            "late": (5, None),
        }

    def test_a_lazy_object_is_evaluated_in_the_thread_of_its_part(self, pages):
        threads = []
        here = SimpleLazyObject(lambda: threads.append(threading.current_thread()) or 1)
        barrier = threading.Barrier(2, timeout=10)

        def together(request):
            barrier.wait()
            return 1

        ask = pages(
            {"a": (int, here), "b": (int, lazy(together)), "c": (int, lazy(together))},
            concurrency=3,
        )
        assert {value for value, _ in ask().values()} == {1}
        assert len(threads) == 1


class Iterating:
    """An endless iterator, as a class."""

    def __iter__(self):
        return self

    def __next__(self):
        return 1


class Iterable:
    """An endless iterable that is no iterator."""

    def __iter__(self):
        return Iterating()


ENDLESS = {
    "count": itertools.count,
    "map": lambda: map(int, itertools.repeat("1")),
    "zip": lambda: zip(itertools.count(), itertools.count(), strict=False),
    "chain": lambda: itertools.chain([1], itertools.count()),
    "filter": lambda: filter(None, itertools.count()),
    "iterator": Iterating,
    "iterable": Iterable,
    "generator": lambda: (number for number in itertools.count()),
    "lazy": lambda: SimpleLazyObject(itertools.count),
}


@pytest.mark.parametrize("make", ENDLESS.values(), ids=ENDLESS)
def test_an_endless_iterable_ends_at_the_limit_of_its_part(pages, make):
    ask = pages(
        {"endless": ("numbers", lazy(with_timeout(lambda _: make(), 0.1))), "good": (int, 1)}
    )
    page = ask()
    assert (page["endless"][0], page["endless"][1]["code"]) == (None, "part_timed_out")
    assert page["good"] == (1, None)


@pytest.mark.parametrize(
    "inside", [lambda item: item, lambda item: {"a": item}, lambda item: [{1: 2}, item]]
)
@pytest.mark.parametrize("make", ENDLESS.values(), ids=ENDLESS)
def test_nothing_goes_on_with_an_endless_iterable_after_the_limit(make, inside):
    """In the thread that takes the items; without an end the test would hang."""
    for orjson in {values.orjson, None}:
        without = mock.patch.object(values, "orjson", orjson)
        with without, time_limit(0.02), pytest.raises(PartTimeout):
            values.Writer(list)(inside(make()))


@pytest.mark.django_db
class TestRows:
    @pytest.fixture(autouse=True)
    def _ann(self):
        Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Customer.objects.raw("SELECT *, 7 AS number FROM example_schema_customer"),
            lambda: Customer.objects.extra(select={"number": "7"}),
            lambda: list(Customer.objects.extra(select={"number": "7"})),
            lambda: Customer.objects.extra(select={"number": "7"}).iterator(),
            lambda: Paginator(
                Customer.objects.extra(select={"number": "7"}).order_by("pk"), 5
            ).page(1),
        ],
        ids=["raw", "extra", "list", "iterator", "page"],
    )
    def test_a_column_beside_the_fields_of_a_row_arrives(self, pages, make):
        page = pages({"rows": ("rows", lazy(lambda request: make()))})()
        ((value, error),) = page.values()
        assert error is None
        assert [(row["name"], row["number"]) for row in value] == [("Ann", 7)]

    class Named(serializers.Serializer):
        name = serializers.CharField()
        number = serializers.IntegerField(source="pk")

    @pytest.mark.parametrize("defer", [lambda value: value, lambda value: lazy(lambda _: value)])
    def test_a_serializer_is_its_data(self, pages, defer):
        ann = Customer.objects.get()
        row = {"name": "Ann", "number": ann.pk}
        ask = pages(
            {
                "one": (dict, defer(self.Named(ann))),
                "many": ("rows", defer(self.Named(Customer.objects.all(), many=True))),
            }
        )
        assert ask() == {"one": (row, None), "many": ([row], None)}


@pytest.mark.parametrize("value", [object(), b"x", {"a": object()}, {(1, 2): 3}], ids=repr)
def test_a_value_that_cannot_be_sent_is_not_worth_another_attempt(pages, value):
    page = pages({"bad": ("any", lazy(lambda request: value)), "good": (int, 1)})()
    assert page["bad"][0] is None
    assert (page["bad"][1]["code"], page["bad"][1]["retryable"]) == ("part_failed", False)
    assert page["good"] == (1, None)


@pytest.mark.django_db
def test_a_query_inside_of_a_value_that_is_there_already_has_a_savepoint(serve):
    """On PostgreSQL a failure of it would abort the transaction of the parts that follow."""

    class View(ProgressiveView):
        chunk_size = 3

        def get_parts(self):
            broken = Customer.objects.raw("SELECT nope FROM example_schema_customer")
            return [
                ("plain", {"a": [1]}),
                ("bad", {"rows": broken}),
                ("good", {"rows": Customer.objects.all()}),
            ]

    with CaptureQueriesContext(connection) as queries:
        page = serve(View).get("/").json()
    assert page["results"] == [{"plain": {"a": [1]}}, {"bad": None}, {"good": {"rows": []}}]
    begun = [query["sql"] for query in queries if query["sql"].startswith("SAVEPOINT")]
    undone = [query["sql"] for query in queries if query["sql"].startswith("ROLLBACK TO")]
    assert (len(begun), len(undone)) == (2, 1)


def ring():
    made = []
    made.append(made)
    made.append(made)
    return made


@pytest.mark.parametrize(
    ("value", "inert"),
    [
        (None, True), ("a", True), (1.5, True), ([], True), ({"a": [1, {"b": None}]}, True),
        (SimpleLazyObject(lambda: 1), False), ([SimpleLazyObject(lambda: 1)], False),
        ({"a": {"b": Customer.objects.all()}}, False), (iter([]), False), (object(), False),
        (ring(), False),
    ],
)  # fmt: skip
def test_a_value_is_inert_if_nothing_in_it_queries_computes_or_fails(value, inert):
    assert is_inert(value) is inert
