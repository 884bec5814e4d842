"""The view: graphene-django's own, with failures below a part masked."""

from __future__ import annotations

from inspect import isawaitable
from typing import Any

from asgiref.sync import async_to_sync
from graphene_django.views import GraphQLView

from partstream_graphql.errors import mask_below_connections
from partstream_graphql.fields import awaited, check_schema


class ProgressiveGraphQLView(GraphQLView):
    """
    A drop-in for graphene-django's ``GraphQLView``, with the same options.

    What fails in a field below a part, after its resolver has ended, is told by graphql-core
    with the text of the exception. Here that text is logged instead, unless ``DEBUG`` is on.
    Resolvers below a part may be ``async def``, as those of parts may on any view.

    Raises:
        TypeError: two types of the schema have one name, and one is this library's.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_schema(self.schema.graphql_schema)

    def execute_graphql_request(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Execute as ever, await what is async, then mask what failed below a connection."""
        with mask_below_connections() as mask:
            result: Any = super().execute_graphql_request(request, *args, **kwargs)
            if isawaitable(result):
                result = async_to_sync(awaited)(result)
            if result is not None and result.errors:
                result.errors = mask(result.errors)
            return result
