"""A connection, its field and the view. Graphene ships no types, so its classes are Any."""

from typing import Any, assert_type

import graphene
from django.urls import path

from partstream_graphql import (
    AutomaticPersistedQueries,
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    ProgressiveGraphQLView,
    TrustedDocuments,
)
from tests.typing.rest import DashboardParts


class Dashboard(DashboardParts, ProgressiveConnection):
    """The parts of the mixin, as fields."""

    overview = Part(graphene.JSONString)
    users = Part(graphene.List(graphene.NonNull(graphene.JSONString)), limit=graphene.Int())


class Board(ProgressiveConnection):
    """Parts with resolvers of their own."""

    chunk_size = 3

    title = Part(graphene.String, upper=graphene.Boolean())

    def resolve_title(self, info: Any, *, upper: bool = False) -> str:
        assert_type(self.args, dict[str, Any])
        return str(self.request.user)


class Query(graphene.ObjectType):
    """A query with both."""

    dashboard = ProgressiveConnectionField(Dashboard)
    board = ProgressiveConnectionField(Board, required=False, year=graphene.Int())


schema = graphene.Schema(query=Query)
urlpatterns = [
    path("graphql/", ProgressiveGraphQLView.as_view(schema=schema, graphiql=True)),
    path(
        "persisted/",
        ProgressiveGraphQLView.as_view(schema=schema, persisted=AutomaticPersistedQueries()),
    ),
    path(
        "trusted/",
        ProgressiveGraphQLView.as_view(
            schema=schema, persisted=TrustedDocuments.from_file("documents.json")
        ),
    ),
]
