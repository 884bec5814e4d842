"""The contenders: views that answer with the same two parts, each built in another way."""

import json
import time
from importlib.util import find_spec

import graphene
from django.http import JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from graphene import relay
from graphene_django.views import GraphQLView
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from django_partstream import ProgressiveView, lazy
from django_partstream.parts import Plan
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http.views import ProgressiveGraphQLView

#: Seconds that each part of the slow responses takes.
SLEEPS = (0, 0.02, 0.05, 0.1, 0.2, 0.4)
#: Seconds that each of the equal slow parts takes, and their number.
EQUAL, EQUALS = 0.05, 6

CURSOR = "x" * 170
META = {"total_parts": 4, "current_chunk_size": 2, "has_more": True}


class JSON(JSONRenderer):
    """DRF's renderer for both sides: a subclass is not replaced by orjson in a progressive view."""


def overview(request):
    return {"store": "Corner Shop", "orders": 1234, "open": True}


def figures(request):
    return {"revenue": [1.5, 2.25, 3.125], "currency": "EUR", "note": None}


def page():
    """The JSON of a page, equal for each REST contender except for the cursor."""
    results = [{"overview": overview(None)}, {"figures": figures(None)}]
    return {"results": results, "cursor": CURSOR, "meta": META}


def plain_django(request):
    return JsonResponse(page())


class PlainDRF(APIView):
    renderer_classes = [JSON]

    def get(self, request):
        return Response(page())


class Progressive(ProgressiveView):
    """Two pages of the same two parts; the second page has other names."""

    renderer_classes = [JSON]

    def get_parts(self):
        return [
            ("overview", lazy(overview)),
            ("figures", lazy(figures)),
            ("overview_2", lazy(overview)),
            ("figures_2", lazy(figures)),
            ("end", lazy(overview)),
        ]


def with_parts(count):
    """A view of *count* parts, which builds its list on each page."""

    class View(ProgressiveView):
        def get_parts(self):
            return [(f"part_{number}", lazy(overview)) for number in range(count)]

    return View


def with_plan(count):
    """A view of *count* parts, which builds its plan once."""
    plan = Plan([(f"part_{number}", lazy(overview)) for number in range(count)])

    class View(ProgressiveView):
        def get_parts(self):
            return plan

    return View


class Rows(ProgressiveView):
    """A hundred rows, rendered by DRF."""

    renderer_classes = [JSON]

    def get_parts(self):
        row = {"id": 1234567, "customer": "Ann Example", "total": "120.50", "lines": [1, 2, 3]}
        return [("rows", lazy(lambda request: [row] * 100))]


class RowsByORJSON(Rows):
    renderer_classes = [JSONRenderer]


COUNTS = (10, 100, 1_000, 10_000)


# Slow responses.


def sleeping(request, seconds):
    time.sleep(seconds)
    return seconds


class Slow(ProgressiveView):
    def get_parts(self):
        return [(f"part_{n}", lazy(sleeping, s)) for n, s in enumerate(SLEEPS)]


class SlowTogether(Slow):
    concurrency = 2


class SlowAtOnce(ProgressiveView):
    chunk_size = concurrency = EQUALS

    def get_parts(self):
        return [(f"part_{n}", lazy(sleeping, EQUAL)) for n in range(EQUALS)]


class SlowOne(ProgressiveView):
    def get_parts(self):
        return [("part", lazy(sleeping, EQUAL))]


def blocking(request):
    return JsonResponse({"results": [sleeping(request, seconds) for seconds in SLEEPS]})


def endpoint(request, number):
    return JsonResponse({"result": sleeping(request, SLEEPS[number])})


# GraphQL.


class Overview(graphene.ObjectType):
    store = graphene.String()
    orders = graphene.Int()
    open = graphene.Boolean()


class Figures(graphene.ObjectType):
    revenue = graphene.List(graphene.Float)
    currency = graphene.String()
    note = graphene.String()


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


def declaring(count):
    """A connection that declares *count* parts."""
    parts = {f"part_{number}": Part(Overview) for number in range(count)}
    resolvers = {f"resolve_{name}": lambda self, info: overview(None) for name in parts}
    return type(f"Wide{count}", (ProgressiveConnection,), {**parts, **resolvers})


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
    wide_10 = ProgressiveConnectionField(declaring(10))
    wide_100 = ProgressiveConnectionField(declaring(100))
    wide_1000 = ProgressiveConnectionField(declaring(1_000))

    def resolve_stock(self, info):
        return Stock()

    def resolve_items(self, info, **arguments):
        item = Item(overview=overview(None), figures=figures(None))
        return [item, item]


SCHEMA = graphene.Schema(query=Query)

_PARTS = "overview { store orders open } figures { revenue currency note }"
QUERIES = {
    "dashboard": f"""query Dashboard($first: Int, $after: String) {{
      dashboard(first: $first, after: $after) {{
        totalCount pageInfo {{ hasNextPage endCursor }}
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
    **{
        f"wide_{count}": f"""query Wide {{
          page: wide{count}(first: 2) {{
            totalCount
            edges {{ node {{ name part0 {{ store }} part5 {{ store }} part9 {{ store }} }} }}
          }}
        }}"""
        for count in (10, 100, 1_000)
    },
}


urlpatterns = [
    path("django/", plain_django),
    path("drf/", PlainDRF.as_view()),
    path("progressive/", Progressive.as_view()),
    *(path(f"parts/{count}/", with_parts(count).as_view()) for count in COUNTS),
    path("plan/", with_plan(COUNTS[-1]).as_view()),
    path("rows/", Rows.as_view()),
    path("rows-by-orjson/", RowsByORJSON.as_view()),
    path("slow/", Slow.as_view()),
    path("slow-together/", SlowTogether.as_view()),
    path("slow-at-once/", SlowAtOnce.as_view()),
    path("slow-one/", SlowOne.as_view()),
    path("blocking/", blocking),
    path("endpoint/<int:number>/", endpoint),
    path("graphql/stock/", csrf_exempt(GraphQLView.as_view(schema=SCHEMA))),
    path("graphql/ours/", csrf_exempt(ProgressiveGraphQLView.as_view(schema=SCHEMA))),
]

HAS_NINJA = find_spec("ninja") is not None
if HAS_NINJA:
    from ninja import NinjaAPI

    ninja = NinjaAPI()

    @ninja.get("page")
    def ninja_page(request):
        return page()

    urlpatterns.append(path("ninja/", ninja.urls))


def body_of(query):
    """The body of a POST for a name in QUERIES."""
    return json.dumps({"query": QUERIES[query], "variables": {"first": 2}}).encode()
