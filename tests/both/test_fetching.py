"""Related objects of the rows of a returned serializer: fetched together since Django 6.1."""

import graphene
import pytest
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.urls import path
from graphene_django.views import GraphQLView
from rest_framework import serializers

from django_partstream import ProgressiveView, lazy, safe_call
from example_schema.models import Order
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from tests.orders import create_orders

has_modes = hasattr(models, "FETCH_PEERS")
needs_modes = pytest.mark.skipif(not has_modes, reason="Django has fetch modes since 6.1.")
TOGETHER, ONE_BY_ONE = (2 if has_modes else 51), 51


class OrderSerializer(serializers.ModelSerializer):
    customer = serializers.CharField(source="customer.name")

    class Meta:
        model = Order
        fields = ("customer",)


class Row(graphene.ObjectType):
    customer = graphene.String()


@pytest.fixture(autouse=True)
def _orders(db):
    create_orders(50)


@pytest.fixture(params=["REST", "GraphQL"])
def count(request, serve):
    """``count(function, **class body)``: how many queries the page of a part makes."""

    def counted(function, **body):
        body = {"get_parts": lambda self: [("orders", lazy(function))], **body}
        if request.param == "REST":
            client, ask = serve(type("Orders", (ProgressiveView,), body)), ["/"]
        else:
            kind = type(
                "Orders", (ProgressiveConnection,), {"orders": Part(graphene.List(Row)), **body}
            )
            field = ProgressiveConnectionField(kind)
            query = type("Query", (graphene.ObjectType,), {"dashboard": field})
            view = GraphQLView.as_view(schema=graphene.Schema(query=query))
            client = serve(path("", view))
            ask = ["/", {"query": "{ dashboard { orders { customer } } }"}]
        with CaptureQueriesContext(connection) as queries:
            response = client.get(*ask)
        assert response.content.count(b'"customer":') == 50
        return sum(query["sql"].startswith("SELECT") for query in queries)

    return counted


@pytest.mark.parametrize("guard", [lambda function: function, safe_call])
def test_what_the_rows_of_a_serializer_refer_to_is_fetched_together(count, guard):
    def orders(request):
        return OrderSerializer(Order.objects.order_by("id"), many=True)

    assert count(guard(orders)) == TOGETHER


def test_a_manager_behind_a_serializer_is_fetched_together(count):
    assert count(lambda request: OrderSerializer(Order.objects, many=True)) == TOGETHER


def test_a_class_may_fetch_one_by_one(count):
    def orders(request):
        return OrderSerializer(Order.objects.order_by("id"), many=True)

    assert count(orders, fetch_peers=False) == ONE_BY_ONE


@needs_modes
def test_a_fetch_mode_that_was_chosen_is_kept(count):
    def orders(request):
        chosen = Order.objects.fetch_mode(models.FETCH_PEERS)
        return OrderSerializer(chosen, many=True)

    assert count(orders, fetch_peers=False) == TOGETHER
