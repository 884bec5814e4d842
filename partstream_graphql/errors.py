"""Exceptions, between the core's vocabulary and that of GraphQL."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from secrets import token_hex
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from django_partstream.exceptions import CursorError
from django_partstream.failures import (
    Failure,
    failure_of,
    http_failure,
    public_message,
    translates,
    translates_shape,
)
from django_partstream.outcomes import PartError, Status

logger = logging.getLogger("django_partstream")

_DENIED = ("FORBIDDEN", "UNAUTHENTICATED", "PERMISSION_DENIED")


@translates(GraphQLError)
def _failure_of(exc: GraphQLError) -> Failure:
    """A part that raised a ``GraphQLError`` keeps its message and extensions."""
    if exc.original_error is not None and not isinstance(exc.original_error, GraphQLError):
        return failure_of(exc.original_error)
    extensions = sendable(exc.extensions)
    code = str(extensions.get("code", "part_failed"))
    return Failure(
        status=Status.DENIED if code.upper() in _DENIED else Status.ERROR,
        code=code.lower(),
        message=exc.message,
        details=extensions,
    )


@translates_shape
def _failure_of_api_exception(exc: Exception) -> Failure | None:
    """
    The failure of a part that raised one of DRF's exceptions, known by its attributes.

    A part of both fronts raises them where DRF cannot be imported here.
    """
    status: Any = getattr(exc, "status_code", None)
    codes: Any = getattr(exc, "get_codes", None)
    if not (isinstance(status, int) and callable(codes)):
        return None
    return http_failure(
        status,
        code=codes(),
        default_code=getattr(exc, "default_code", None),
        detail=getattr(exc, "detail", ""),
    )


def sendable(extensions: Any) -> dict[str, Any]:
    """*extensions* with whatever JSON has no form for as text."""
    text = json.dumps(dict(extensions or {}), default=str)
    made: dict[str, Any] = json.loads(text, parse_constant=str)
    return made


def bad_input(message: str) -> GraphQLError:
    """The client's mistake, in the code that GraphQL servers share for it."""
    return GraphQLError(message, extensions={"code": "BAD_USER_INPUT"})


def part_error(error: PartError) -> GraphQLError:
    """The error entry of a part, for a query that does not select it as data."""
    return GraphQLError(
        error.message,
        extensions={
            "code": error.code.upper(),
            "retryable": error.retryable,
            **error.details,
            "reference": error.reference,
        },
    )


def forbidden(message: str | None = None) -> GraphQLError:
    """What who may not have a connection is told."""
    return GraphQLError(
        message or "You do not have permission to see this.", extensions={"code": "FORBIDDEN"}
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
    if failure.expected:
        denied = failure.status is Status.DENIED
        code = "FORBIDDEN" if denied else failure.code.upper()
        return GraphQLError(failure.message, extensions={"code": code, **failure.details})
    reference = token_hex(4)
    logger.error("%s failed [%s].", where, reference, exc_info=exc, extra={"reference": reference})
    extensions: dict[str, Any] = {"code": "INTERNAL_SERVER_ERROR", "reference": reference}
    message = public_message(Failure(message="Something went wrong.", expected=False), exc)
    return GraphQLError(message, extensions=extensions)


_connections: ContextVar[list[list[Any]] | None] = ContextVar("partstream_graphql.connections")


@contextmanager
def mask_below_connections() -> Iterator[Callable[[list[GraphQLError]], list[GraphQLError]]]:
    """
    Yield what masks the errors of an execution that happens in the body.

    An error is masked where it stands below a progressive connection; what other fields of the
    schema tell of themselves is not this library's to change.
    """
    connections: list[list[Any]] = []
    token = _connections.set(connections)

    def mask(errors: list[GraphQLError]) -> list[GraphQLError]:
        return [
            _told(error)
            if any((error.path or [])[: len(path)] == path for path in connections)
            else error
            for error in errors
        ]

    try:
        yield mask
    finally:
        _connections.reset(token)


def note_connection(info: GraphQLResolveInfo) -> None:
    """Remember where in the response a progressive connection stands."""
    connections = _connections.get(None)
    if connections is not None:
        connections.append(info.path.as_list())


def _told(error: GraphQLError) -> GraphQLError:
    cause = error.original_error
    if cause is None or (isinstance(cause, GraphQLError) and not _is_internal(cause)):
        return error  # raised to be told
    if isinstance(cause, GraphQLError):
        # A value that its type refuses, told with the value: a failure like any other.
        cause = TypeError(cause.message)
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


def _is_internal(error: GraphQLError) -> bool:
    """Whether graphql-core or graphene raised it while completing a value, not a resolver."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None or traceback.tb_frame.f_code.co_name == "complete_value":
        return False  # a resolver returned it, which is a way to raise it
    module = traceback.tb_frame.f_globals.get("__name__", "")
    return module.partition(".")[0] in ("graphql", "graphene")
