"""
Errors below a connection, masked.

A field below a part is resolved after the part has ended. An exception there reaches the client
with its text, for graphql-core reports it. The view masks the errors of all fields that stand
below a progressive connection, and leaves the errors of other fields as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

from graphql import GraphQLError, GraphQLResolveInfo

from partstream_graphql._graphql_core import is_from_completion
from partstream_graphql.errors import masked

#: Masks the errors of an execution.
Mask: TypeAlias = Callable[[list[GraphQLError]], list[GraphQLError]]

#: The paths of the progressive connections in the response of the current execution.
_paths: ContextVar[list[list[Any]] | None] = ContextVar("partstream_graphql.paths")


@contextmanager
def mask_below_connections() -> Iterator[Mask]:
    """Note the connections of an execution in the body, and yield the mask for its errors."""
    paths: list[list[Any]] = []
    token = _paths.set(paths)

    def mask(errors: list[GraphQLError]) -> list[GraphQLError]:
        return [_public(error) if _is_below(error, paths) else error for error in errors]

    try:
        yield mask
    finally:
        _paths.reset(token)


def note_connection(info: GraphQLResolveInfo) -> None:
    """Note the path of a progressive connection in the response."""
    paths = _paths.get(None)
    if paths is not None:
        paths.append(info.path.as_list())


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
