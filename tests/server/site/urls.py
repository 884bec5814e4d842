"""
Addresses of the site: ``/walk/`` has the parts two a page, ``/page/`` and ``/together/`` all at once.

``/together/`` resolves them in threads. ``/graphql/`` has them as ``board`` and, in threads, as
``together``; its fields ``gated``, ``gated_async`` and ``failing`` are no parts. ``/executed/`` is
a view that asks Graphene to execute. ``/asking/`` asks the database before its parts do, in threads, two a page. ``/debug/``
and ``/tasks/`` answer the state of a process. ``/exits/`` is a plain view that calls ``sys.exit()``.
"""

import graphene
from django.http import JsonResponse
from django.urls import path
from graphene.types.generic import GenericScalar

from django_partstream import ProgressiveView
from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    defer_directives,
)
from partstream_graphql.http.views import ProgressiveGraphQLView
from tests.server.site import debug
from tests.server.site.parts import Parts, exits, failing, gated, gated_async, rows


class View(Parts, ProgressiveView):
    pass


class Asking(View):
    """A view that asks the database before its parts do."""

    def get_parts(self):
        rows(self.request)
        return super().get_parts()


class Board(Parts, ProgressiveConnection):
    fast = Part(GenericScalar)
    slow = Part(GenericScalar)
    paced = Part(GenericScalar)
    rows_async = Part(GenericScalar)
    rows_a = Part(GenericScalar)
    rows_b = Part(GenericScalar)
    rows_c = Part(GenericScalar)
    rows_d = Part(GenericScalar)
    timely = Part(GenericScalar)
    failing = Part(GenericScalar)
    failing_too = Part(GenericScalar)
    failing_async = Part(GenericScalar)
    denied = Part(GenericScalar)
    safe = Part(GenericScalar)
    gated = Part(GenericScalar)
    gated_too = Part(GenericScalar)
    gated_async = Part(GenericScalar)
    gated_timed = Part(GenericScalar)
    gated_timed_async = Part(GenericScalar)
    meets_a = Part(GenericScalar)
    meets_b = Part(GenericScalar)
    cached = Part(GenericScalar, run=graphene.String())
    cached_async = Part(GenericScalar, run=graphene.String())
    hangs_in_sql = Part(GenericScalar)
    hangs_at_gate = Part(GenericScalar)
    hangs_busy = Part(GenericScalar)
    exits = Part(GenericScalar)
    exits_async = Part(GenericScalar)
    exits_timed = Part(GenericScalar)
    recurses = Part(GenericScalar)
    recurses_timed = Part(GenericScalar)
    endless = Part(graphene.List(graphene.Int))
    rows_e = Part(GenericScalar)
    rows_f = Part(GenericScalar)
    timely_too = Part(GenericScalar)
    stays_in_sql = Part(GenericScalar)
    elsewhere = Part(GenericScalar)
    elsewhere_async = Part(GenericScalar)
    waits = Part(GenericScalar)
    last = Part(GenericScalar)


class Together(Board):
    concurrency = 4


class Query(graphene.ObjectType):
    board = ProgressiveConnectionField(Board)
    together = ProgressiveConnectionField(Together)
    gated = GenericScalar()
    gated_async = GenericScalar()
    failing = GenericScalar()

    def resolve_failing(self, info):
        return failing(info.context)

    def resolve_gated(self, info):
        return gated(info.context)

    def resolve_gated_async(self, info):
        return gated_async(info.context)


schema = graphene.Schema(query=Query, auto_camelcase=False, directives=defer_directives())


def executed(request):
    """A view of the project, with what Graphene documents."""
    result = schema.execute(request.GET["query"], context_value=request)
    return JsonResponse(result.formatted)


urlpatterns = [
    path("walk/", View.as_view(chunk_size=2)),
    path("page/", View.as_view(chunk_size=50)),
    path("together/", View.as_view(chunk_size=50, concurrency=4)),
    path("graphql/", ProgressiveGraphQLView.as_view(schema=schema)),
    path("executed/", executed),
    path("asking/", Asking.as_view(chunk_size=2, concurrency=4)),
    path("debug/", debug.view),
    path("tasks/", debug.tasks),
    path("exits/", exits),
]
