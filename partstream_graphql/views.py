"""The view: graphene-django's own, with failures below a part masked."""

from __future__ import annotations

from typing import Any

from graphene_django.views import GraphQLView
from graphql import ExecutionResult

from partstream_graphql.errors import mask_below_connections


class ProgressiveGraphQLView(GraphQLView):
    """
    A drop-in for graphene-django's ``GraphQLView``, with the same options.

    What fails in a field below a part, after its resolver has ended, is told by graphql-core
    with the text of the exception. Here that text is logged instead, unless ``DEBUG`` is on.
    """

    def execute_graphql_request(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Execute as ever, then mask what went wrong below a progressive connection."""
        with mask_below_connections(request) as mask:
            result: ExecutionResult | None = super().execute_graphql_request(
                request, *args, **kwargs
            )
            if result is not None and result.errors:
                result.errors = mask(result.errors)
            return result
