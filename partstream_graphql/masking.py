"""
Errors below a connection, masked.

A field below a part is resolved after the part has ended. An exception there reaches the client
with its text, for graphql-core reports it. The view masks the errors of all fields that stand
below a progressive connection, and leaves the errors of other fields as they are.
"""

from __future__ import annotations

from typing import Any

from graphql import GraphQLError

from partstream_graphql._graphql_core import is_from_completion
from partstream_graphql.errors import masked


def mask_below(paths: list[list[Any]], errors: list[GraphQLError]) -> list[GraphQLError]:
    """*errors*, with each error below a path of *paths* masked."""
    return [_public(error) if _is_below(error, paths) else error for error in errors]


def _is_below(error: GraphQLError, paths: list[list[Any]]) -> bool:
    at = error.path or []
    return any(at[: len(path)] == path for path in paths)


def _public(error: GraphQLError) -> GraphQLError:
    """*error* itself if a resolver raised it as a ``GraphQLError``, else a masked error."""
    cause = error.original_error
    if cause is None:
        return error
    if isinstance(cause, GraphQLError):
        if not is_from_completion(cause):
            return error
        # graphql-core names the value that is not of its type: a failure like any other.
        cause = TypeError(cause.message)
    public = masked(cause, ".".join(str(step) for step in error.path or []))
    return GraphQLError(
        public.message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        original_error=cause,
        extensions=public.extensions,
    )
