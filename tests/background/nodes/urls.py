"""The addresses of the nodes (``tests/background/nodes/__init__.py``)."""

import graphene
from django.urls import include, path

from django_partstream import ProgressiveView
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http.views import ProgressiveGraphQLView
from tests.background.nodes.parts import Brief, Guarded, OfTenant, Parts


class View(Parts, ProgressiveView):
    chunk_size = 2


class GuardedView(Guarded, ProgressiveView):
    chunk_size = 50


class TenantView(OfTenant, ProgressiveView):
    pass


class BriefView(Brief, ProgressiveView):
    pass


class Board(Parts, ProgressiveConnection):
    overview = Part(graphene.String)
    forecast = Part(graphene.String)
    orders = Part(graphene.String)
    news = Part(graphene.String)


class Query(graphene.ObjectType):
    board = ProgressiveConnectionField(Board)


urlpatterns = [
    path("", include("tests.background.site.urls")),
    path("walk/", View.as_view()),
    path("graphql/", ProgressiveGraphQLView.as_view(schema=graphene.Schema(query=Query))),
    path("guarded/", GuardedView.as_view()),
    path("tenants/", TenantView.as_view()),
    path("brief/", BriefView.as_view()),
]
