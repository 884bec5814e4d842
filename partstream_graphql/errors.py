"""Exceptions, between the core's vocabulary and that of GraphQL."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from django_partstream.delivery import told
from django_partstream.exceptions import CursorError
from django_partstream.outcomes import Failure, PartError, Status, failure_of

logger = logging.getLogger("django_partstream")

_DENIED = ("FORBIDDEN", "UNAUTHENTICATED", "PERMISSION_DENIED")


@failure_of.register
def _(exc: GraphQLError) -> Failure:
    """A part that raised a ``GraphQLError`` keeps its message and extensions."""
    if exc.original_error is not None and not isinstance(exc.original_error, GraphQLError):
        return failure_of(exc.original_error)
    extensions = dict(exc.extensions or {})
    code = str(extensions.get("code", "part_failed"))
    return Failure(
        status=Status.DENIED if code.upper() in _DENIED else Status.ERROR,
        code=code.lower(),
        message=exc.message,
        extensions=extensions,
    )


def bad_input(message: str) -> GraphQLError:
    """The client's mistake, in the code that GraphQL servers share for it."""
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})


def part_error(error: PartError) -> GraphQLError:
    """The error entry of a part, for a query that does not select it as data."""
    return GraphQLError(
        error.message,
        extensions={
            **error.extensions,
            "code": error.code.upper(),
            "retryable": error.retryable,
            "reference": error.reference,
        },
    )


def cursor_error(exc: CursorError) -> GraphQLError:
    """A cursor that cannot be followed."""
    code = "BAD_USER_INPUT" if exc.code == "invalid_cursor" else exc.code.upper()
    return GraphQLError(str(exc), extensions={"code": code})


def masked(exc: Exception, where: str) -> GraphQLError:
    """
    What a client is told of *exc*, raised by *where* outside of any part's resolver.

    What was raised to be told is told; the rest is logged, and found there by its reference.
    """
    failure = failure_of(exc)
    if failure.status is Status.DENIED:
        return GraphQLError(failure.message, extensions={**failure.extensions, "code": "FORBIDDEN"})
    if failure.expected:
        code = str(failure.extensions.get("code", failure.code.upper()))
        return GraphQLError(failure.message, extensions={**failure.extensions, "code": code})
    reference = token_hex(4)
    logger.error("%s failed [%s].", where, reference, exc_info=exc, extra={"reference": reference})
    extensions: dict[str, Any] = {"code": "INTERNAL_SERVER_ERROR", "reference": reference}
    message = told(Failure(message="Something went wrong.", expected=False), exc)
    return GraphQLError(message, extensions=extensions)


_CONNECTIONS = "partstream_connections"


@contextmanager
def mask_below_connections(
    request: Any,
) -> Iterator[Callable[[list[GraphQLError]], list[GraphQLError]]]:
    """
    Yield what masks the errors of an execution that happens in the body, with this *request*.

    An error is masked where it stands below a progressive connection; what other fields of the
    schema tell of themselves is not this library's to change.
    """
    connections: list[list[Any]] = []
    setattr(request, _CONNECTIONS, connections)

    def mask(errors: list[GraphQLError]) -> list[GraphQLError]:
        return [
            _told(error)
            if any((error.path or [])[: len(path)] == path for path in connections)
            else error
            for error in errors
        ]

    yield mask


def note_connection(info: GraphQLResolveInfo) -> None:
    """Remember on the request where in the response a progressive connection stands."""
    connections = getattr(info.context, _CONNECTIONS, None)
    if connections is not None:
        connections.append(info.path.as_list())


def _told(error: GraphQLError) -> GraphQLError:
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        return error  # raised to be told
    told = masked(cause, ".".join(str(step) for step in error.path or []))
    return GraphQLError(
        told.message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        original_error=cause,
        extensions=told.extensions,
    )
