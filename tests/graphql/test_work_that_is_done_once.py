"""Work on a schema that no second request repeats, told by counting calls."""

from unittest import mock

import graphene

from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField, fields
from partstream_graphql.http.views import ProgressiveGraphQLView


class Dashboard(ProgressiveConnection):
    a = Part(graphene.Int, resolver=lambda root, info: 1)


class Query(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Dashboard)


def test_the_type_names_of_a_schema_are_checked_once_for_all_views():
    """Each view is made anew for each request, as Django has it."""
    first, second = graphene.Schema(query=Query), graphene.Schema(query=Query)
    with mock.patch.object(fields, "check_type_names", wraps=fields.check_type_names) as checked:
        for _ in range(3):
            ProgressiveGraphQLView(schema=first)
        assert checked.call_count == 1
        ProgressiveGraphQLView(schema=second)
        assert checked.call_count == 2
