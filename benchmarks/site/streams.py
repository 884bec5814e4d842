"""Parts that sleep, together: as a stream over REST, and put off by ``@defer`` over GraphQL."""

import graphene
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from benchmarks.site.slow import SLEEPS, sleeping
from django_partstream import ProgressiveView, lazy
from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    ProgressiveGraphQLView,
    defer_directives,
)

NAMES = [f"part{number}" for number in range(len(SLEEPS))]


class Sleeping:
    concurrency = len(SLEEPS)

    def get_parts(self):
        return [(name, lazy(sleeping, one)) for name, one in zip(NAMES, SLEEPS, strict=True)]


class Streamed(Sleeping, ProgressiveView):
    pass


class Deferred(Sleeping, ProgressiveConnection):
    part0 = Part(graphene.Float)
    part1 = Part(graphene.Float)
    part2 = Part(graphene.Float)
    part3 = Part(graphene.Float)
    part4 = Part(graphene.Float)
    part5 = Part(graphene.Float)


class Query(graphene.ObjectType):
    deferred = ProgressiveConnectionField(Deferred)


SCHEMA = graphene.Schema(query=Query, directives=defer_directives())

QUERY = f"""{{
  deferred(first: {len(SLEEPS)}) {{
    edges {{ node {{ name ... @defer {{ status {" ".join(NAMES)} }} }} }}
  }}
}}"""

urlpatterns = [
    path("ours/stream/", Streamed.as_view()),
    path("ours/defer/", csrf_exempt(ProgressiveGraphQLView.as_view(schema=SCHEMA))),
]
