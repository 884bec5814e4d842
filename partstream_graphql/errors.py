"""Exceptions as GraphQL errors, and GraphQL's exceptions as failures of parts."""

from __future__ import annotations

import json
import logging
from math import ceil
from secrets import token_hex
from typing import Any

from graphql import GraphQLError

from django_partstream.exceptions import CursorError
from django_partstream.failures import (
    OWN_PACKAGES,
    Failure,
    failure_of,
    http_failure,
    public_message,
    translates,
    translates_shape,
)
from django_partstream.outcomes import PartError, Status

logger = logging.getLogger("django_partstream")

OWN_PACKAGES.add("partstream_graphql")

#: The values of ``extensions.code``, in any case of letters, that mean a denial.
_DENIALS = frozenset(
    {
        "FORBIDDEN",
        "UNAUTHENTICATED",
        "UNAUTHORIZED",
        "PERMISSION_DENIED",
        "NOT_AUTHENTICATED",
        "AUTHENTICATION_FAILED",
    }
)

#: The message for a denial that has none of its own.
_REFUSED = "You do not have permission to see this."

#: Denials of packages that are not imported here: the dotted path of a class, and our code.
_FOREIGN_DENIALS = {
    "graphql_jwt.exceptions.PermissionDenied": "permission_denied",
    "graphql_jwt.exceptions.JSONWebTokenError": "authentication_failed",
}


@translates(GraphQLError)
def _failure_of_graphql_error(exc: GraphQLError) -> Failure:
    """The failure of a part that raised a ``GraphQLError``: its message and extensions are kept."""
    if exc.original_error is not None and not isinstance(exc.original_error, GraphQLError):
        return failure_of(exc.original_error)
    extensions = sendable(exc.extensions)
    code = str(extensions.get("code", "part_failed"))
    return Failure(
        status=Status.DENIED if code.upper() in _DENIALS else Status.ERROR,
        code=code.lower(),
        message=exc.message,
        details=extensions,
    )


@translates_shape
def _failure_of_api_exception(exc: Exception) -> Failure | None:
    """
    The failure of a part that raised an exception of DRF, which is known by its attributes.

    A part that both fronts share raises it in a process that never imports the REST front.
    """
    status: Any = getattr(exc, "status_code", None)
    get_codes: Any = getattr(exc, "get_codes", None)
    if not isinstance(status, int) or not callable(get_codes):
        return None
    return http_failure(
        status,
        code=get_codes(),
        default_code=getattr(exc, "default_code", None),
        detail=getattr(exc, "detail", ""),
    )


@translates_shape
def _failure_of_foreign_denial(exc: Exception) -> Failure | None:
    """The denial of a part whose decorator, from another package, refused the reader."""
    for kind in type(exc).__mro__:
        code = _FOREIGN_DENIALS.get(f"{kind.__module__}.{kind.__qualname__}")
        if code is not None:
            message = str(exc) if any(exc.args) else _REFUSED
            return Failure(status=Status.DENIED, code=code, message=message)
    return None


def sendable(extensions: Any) -> dict[str, Any]:
    """*extensions* with values that JSON has no form for as text."""
    text = json.dumps(dict(extensions or {}), default=str)
    made: dict[str, Any] = json.loads(text, parse_constant=str)
    return made


def coded_error(message: str, code: str) -> GraphQLError:
    """An error with *code* as ``extensions.code``."""
    return GraphQLError(message, extensions={"code": code})


def bad_input(message: str) -> GraphQLError:
    """The error for a mistake of the client, with the code that GraphQL servers share for it."""
    return coded_error(message, "BAD_USER_INPUT")


def forbidden(message: str | None = None) -> GraphQLError:
    """The error for a client without permission; *message* is the permission's own."""
    return coded_error(message or _REFUSED, "FORBIDDEN")


def throttled(seconds: float | None) -> GraphQLError:
    """The error for too many requests; the client may ask again in *seconds*, if that is known."""
    error = coded_error("Too many requests. Try again later.", "THROTTLED")
    if seconds is not None:
        wait = ceil(seconds)
        error.message = f"Too many requests. Try again in {wait} seconds."
        error.extensions = {"code": "THROTTLED", "retryAfter": wait}
    return error


def cursor_error(exc: CursorError) -> GraphQLError:
    """The error for a cursor that cannot be followed."""
    return coded_error(
        str(exc), "BAD_USER_INPUT" if exc.code == "invalid_cursor" else exc.code.upper()
    )


def part_error(entry: PartError) -> GraphQLError:
    """The error of a failed part, for a query that does not select errors as data."""
    return GraphQLError(
        entry.message,
        extensions={
            "code": entry.code.upper(),
            "retryable": entry.retryable,
            **entry.details,
            "reference": entry.reference,
        },
    )


def part_pending(path: list[str | int]) -> GraphQLError:
    """The error of a deferred fragment, at *path*, whose part takes longer than its response."""
    return GraphQLError(
        "A part of this fragment is not there yet. Ask for the same page again.",
        path=path,
        extensions={"code": "PART_PENDING", "retryable": True},
    )


def masked(exc: Exception, where: str) -> GraphQLError:
    """
    The public error for *exc*, which *where* raised outside of the resolver of a part.

    An expected exception keeps its message. Any other is logged and masked; the reference is in
    the error and in the log record.
    """
    failure = failure_of(exc)
    if failure.expected:
        code = "FORBIDDEN" if failure.status is Status.DENIED else failure.code.upper()
        return GraphQLError(failure.message, extensions={"code": code, **failure.details})
    code = "INTERNAL_SERVER_ERROR"
    reference = token_hex(4)
    extra = {"error_code": code, "reference": reference}
    logger.error("%s failed [%s].", where, reference, exc_info=exc, extra=extra)
    return GraphQLError(
        public_message(Failure(message="Something went wrong.", expected=False), exc),
        extensions={"code": code, "reference": reference},
    )


def page_refusal(exc: Exception, where: str) -> GraphQLError:
    """The public error for *exc*, because of which the connection *where* has no page."""
    if isinstance(exc, GraphQLError):
        exc.extensions = sendable(exc.extensions)
        return exc
    return cursor_error(exc) if isinstance(exc, CursorError) else masked(exc, where)
