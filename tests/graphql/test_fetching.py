"""Related objects of the rows of a part: fetched for all rows at once since Django 6.1."""

import graphene
import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from graphene import relay
from graphene_django import DjangoConnectionField, DjangoListField, DjangoObjectType
from graphene_django.registry import Registry

from django_partstream import cached_for, lazy, safe_call
from example_schema.models import Customer, Order
from partstream_graphql import Part, ProgressiveConnection
from tests.graphql.answers import nodes
from tests.orders import create_orders

has_modes = hasattr(models, "FETCH_PEERS")
needs_modes = pytest.mark.skipif(not has_modes, reason="Django has fetch modes since 6.1.")


REGISTRY = Registry()


class CustomerRow(DjangoObjectType):
    class Meta:
        model = Customer
        name = "FetchedCustomer"
        fields = ("name",)
        registry = REGISTRY


class OrderRow(DjangoObjectType):
    class Meta:
        model = Order
        name = "FetchedOrder"
        fields = ("id", "customer", "status")
        interfaces = (relay.Node,)
        registry = REGISTRY


LIST, CONNECTION = "{ customer { name } }", "{ edges { node { customer { name } } } }"
RAW = "SELECT * FROM example_schema_order ORDER BY id"


@pytest.fixture(autouse=True)
def _orders(db):
    create_orders(50)


@pytest.fixture
def count(ask):
    """``count(part, fields, **class body)``: how many queries the page of a part makes."""

    def counted(part, fields=LIST, *, times=1, **body):
        dashboard = type("Dashboard", (ProgressiveConnection,), {"orders": part, **body})
        query = ask(dashboard)
        for _ in range(times):
            with CaptureQueriesContext(connection) as queries:
                node = nodes(
                    query(f"{{ dashboard {{ edges {{ node {{ name orders {fields} }} }} }} }}")
                )
        rows = node["orders"]["orders"]
        rows = [edge["node"] for edge in rows["edges"]] if isinstance(rows, dict) else rows
        assert [row["customer"]["name"] for row in rows] == [f"c{n}" for n in range(50)]
        return len([entry for entry in queries if "example_schema" in entry["sql"]])

    return counted


def orders(*_):
    return Order.objects.order_by("id")


async def orders_later(*_):
    return orders()


def listed(**options):
    return Part(graphene.List(OrderRow), **options)


PARTS = {
    "a query set": lambda: listed(resolver=orders),
    "a manager": lambda: listed(resolver=lambda *_: Order.objects),
    "a raw query set": lambda: listed(resolver=lambda *_: Order.objects.raw(RAW)),
    "under a guard": lambda: listed(resolver=safe_call(orders)),
    "of a coroutine": lambda: listed(resolver=orders_later),
    "a wrapped list": lambda: Part(DjangoListField(OrderRow)),
    "a wrapped list with a value": lambda: Part(DjangoListField(OrderRow), resolver=orders),
}
PAGED = {
    "a wrapped connection": lambda: Part(DjangoConnectionField(OrderRow)),
    "a wrapped connection with a value": lambda: Part(
        DjangoConnectionField(OrderRow), resolver=orders
    ),
    "a wrapped connection with a manager": lambda: Part(
        DjangoConnectionField(OrderRow), resolver=lambda *_: Order.objects
    ),
}


@pytest.mark.parametrize("make", PARTS.values(), ids=PARTS)
def test_a_part_of_fifty_orders_with_their_customers_is_two_queries(count, make):
    assert count(make()) == (2 if has_modes else 51)


@pytest.mark.parametrize("make", PAGED.values(), ids=PAGED)
def test_a_wrapped_connection_counts_its_rows_besides(count, make):
    assert count(make(), CONNECTION) == (3 if has_modes else 52)


def test_the_rows_of_a_lazy_are_two_queries(count):
    def get_parts(self):
        return [("orders", lazy(orders))]

    assert count(listed(), get_parts=get_parts) == (2 if has_modes else 51)


@needs_modes
@pytest.mark.parametrize("make", PARTS.values(), ids=PARTS)
def test_the_class_may_turn_it_off(count, make):
    assert count(make(), fetch_peers=False) == 51


@needs_modes
@pytest.mark.parametrize("make", PAGED.values(), ids=PAGED)
def test_the_class_may_turn_it_off_for_wrapped_connections(count, make):
    assert count(make(), CONNECTION, fetch_peers=False) == 52


@needs_modes
def test_a_chosen_fetch_mode_is_left_as_it_is(ask):
    def blocked(root, info):
        return orders().fetch_mode(models.FETCH_RAISE)

    dashboard = type("Dashboard", (ProgressiveConnection,), {"orders": listed(resolver=blocked)})
    answer = ask(dashboard)("{ dashboard { orders { customer { name } } } }")
    assert len(answer.errors) == 50


def test_rows_that_were_fetched_by_the_resolver_are_not_fetched_again(count):
    def fetched(root, info):
        rows = orders()
        assert len(rows) == 50
        return rows

    assert count(listed(resolver=fetched)) == 51


def test_rows_that_parts_share_are_fetched_once(count):
    def get_parts(self):
        rows = orders()
        return [("orders", lazy(lambda request: rows)), ("total", lazy(lambda request: len(rows)))]

    body = {"total": Part(graphene.Int), "get_parts": get_parts}
    assert count(listed(), "{ customer { name } } total", **body) == (2 if has_modes else 51)


@needs_modes
def test_rows_from_a_cache_fetch_for_all_of_them_too(count):
    part = listed(resolver=cached_for(60, key="orders-of-the-fetching-test")(orders))
    assert count(part, times=2) == 1


def test_a_part_cannot_be_called_fetch_peers():
    with pytest.raises(TypeError, match="fetch_peers"):
        type("Dashboard", (ProgressiveConnection,), {"fetch_peers": listed(resolver=orders)})
