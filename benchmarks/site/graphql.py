"""GraphQL: a page on our view and on graphene-django's, and graphene-django's own fields."""

import json

import graphene
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from graphene import relay
from graphene_django.views import GraphQLView

from benchmarks.site.rest import figures, overview
from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    ProgressiveGraphQLView,
)


class Overview(graphene.ObjectType):
    store = graphene.String()
    orders = graphene.Int()


class Figures(graphene.ObjectType):
    revenue = graphene.Float()
    customers = graphene.Int()


class Dashboard(ProgressiveConnection):
    overview = Part(Overview)
    figures = Part(Figures)
    more = Part(Overview)

    def resolve_overview(self, info):
        return overview(None)

    def resolve_figures(self, info):
        return figures(None)

    def resolve_more(self, info):
        return overview(None)


class Item(graphene.ObjectType):
    """A node of a stock connection, with the same fields as a progressive page."""

    class Meta:
        interfaces = (relay.Node,)

    overview = graphene.Field(Overview)
    figures = graphene.Field(Figures)


class ItemConnection(relay.Connection):
    class Meta:
        node = Item


class Stock(graphene.ObjectType):
    overview = graphene.Field(Overview)
    figures = graphene.Field(Figures)

    def resolve_overview(self, info):
        return overview(None)

    def resolve_figures(self, info):
        return figures(None)


class Query(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Dashboard)
    stock = graphene.Field(Stock)
    items = relay.ConnectionField(ItemConnection)

    def resolve_stock(self, info):
        return Stock()

    def resolve_items(self, info, **arguments):
        item = Item(overview=overview(None), figures=figures(None))
        return [item, item]


SCHEMA = graphene.Schema(query=Query)

_PARTS = "overview { store orders } figures { revenue customers }"
QUERIES = {
    "dashboard": f"""query Dashboard($after: String) {{
      dashboard(after: $after) {{
        pageInfo {{ hasNextPage endCursor }}
        edges {{ node {{ name status error {{ code }} {_PARTS} more {{ store }} }} }}
      }}
    }}""",
    "stock": f"query Stock {{ stock {{ {_PARTS} }} }}",
    "items": f"""query Items {{
      items(first: 2) {{
        pageInfo {{ hasNextPage endCursor }}
        edges {{ node {{ {_PARTS} }} }}
      }}
    }}""",
}

#: The cookie and header of a browser that has met Django's CSRF protection before.
CSRF = {"HTTP_COOKIE": f"csrftoken={'k' * 32}", "HTTP_X_CSRFTOKEN": "k" * 32}


def body_of(query):
    """The body of a POST for a name in QUERIES."""
    return json.dumps({"query": QUERIES[query], "variables": {"after": None}}).encode()


urlpatterns = [
    path("stock/graphql/", csrf_exempt(GraphQLView.as_view(schema=SCHEMA))),
    path("ours/graphql/", csrf_exempt(ProgressiveGraphQLView.as_view(schema=SCHEMA))),
]
