"""Responses of ever more parts: built on each page, planned once, or declared."""

import json

import graphene
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from benchmarks.site.graphql import Overview
from benchmarks.site.rest import overview
from django_partstream import Plan, ProgressiveView, lazy
from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    ProgressiveGraphQLView,
)

BUILT = (10, 100, 1_000, 10_000)
DECLARED = (10, 100, 1_000)


def pairs(count):
    return [(f"part_{number}", lazy(overview)) for number in range(count)]


class Built(ProgressiveView):
    """The list is built on each page."""

    count = None

    def get_parts(self):
        return pairs(self.count)


class Planned(ProgressiveView):
    """The plan is built once."""

    plan = None

    def get_parts(self):
        return self.plan


def declaring(count):
    """A connection that declares *count* parts."""
    parts = {f"part_{number}": Part(Overview) for number in range(count)}
    resolvers = {f"resolve_{name}": lambda self, info: overview(None) for name in parts}
    return type(f"Wide{count}", (ProgressiveConnection,), {**parts, **resolvers})


Query = type(
    "Query",
    (graphene.ObjectType,),
    {f"wide_{count}": ProgressiveConnectionField(declaring(count)) for count in DECLARED},
)


def body_of(count):
    """The body of a POST for two of *count* declared parts."""
    query = f"""query Wide {{
      page: wide{count}(first: 2) {{
        totalCount
        edges {{ node {{ name part0 {{ store }} part5 {{ store }} part9 {{ store }} }} }}
      }}
    }}"""
    return json.dumps({"query": query}).encode()


urlpatterns = [
    *(path(f"ours/parts/{count}/", Built.as_view(count=count)) for count in BUILT),
    path("ours/plan/", Planned.as_view(plan=Plan(pairs(BUILT[-1])))),
    path(
        "ours/wide/",
        csrf_exempt(ProgressiveGraphQLView.as_view(schema=graphene.Schema(query=Query))),
    ),
]
