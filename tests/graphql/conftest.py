"""A schema served at ``/graphql/``, and a client that sends queries to it."""

from types import SimpleNamespace

import graphene
import pytest
from django.urls import path
from graphene_django.views import GraphQLView

from partstream_graphql import ProgressiveConnectionField
from partstream_graphql.http.views import ProgressiveGraphQLView


@pytest.fixture(params=[GraphQLView, ProgressiveGraphQLView], ids=["stock view", "our view"])
def view_class(request):
    """The view under test: graphene-django's own, then that of this project."""
    return request.param


@pytest.fixture
def ask(serve, view_class):
    """
    Serve connections as ``Query { dashboard }`` and return a function that sends queries.

    ``ask(Dashboard)`` gives ``query(text, **variables) -> answer`` with ``.data``, ``.errors``.
    """

    def asking(connection=None, *, query=None, **field):
        if query is None:
            dashboard = ProgressiveConnectionField(connection, **field)
            query = type("Query", (graphene.ObjectType,), {"dashboard": dashboard})
        schema = graphene.Schema(query=query)
        client = serve(path("graphql/", view_class.as_view(schema=schema)))

        def sent(text, **variables):
            response = client.post(
                "/graphql/",
                {"query": text, "variables": variables},
                content_type="application/json",
            )
            body = response.json()
            return SimpleNamespace(
                data=body.get("data"), errors=body.get("errors"), response=response
            )

        sent.schema = schema
        sent.client = client
        return sent

    return asking
