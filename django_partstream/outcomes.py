"""
How a part ended: one status, and an error entry where it failed.

Exceptions become outcomes in one place, :func:`failure_of`. A front that knows more kinds
of exception (graphql-core's) registers a translation of its own, by type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import singledispatch
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404

from django_partstream.exceptions import PartTimeout


class Status(StrEnum):
    """In which way a part ended; ``PLANNED`` is one that nobody has asked to resolve."""

    OK = "ok"
    FALLBACK = "fallback"
    ERROR = "error"
    TIMEOUT = "timeout"
    DENIED = "denied"
    PLANNED = "planned"


@dataclass(frozen=True, kw_only=True, slots=True)
class PartError:
    """What a client is told of a part that failed; *reference* is also on the log record."""

    part: str
    code: str
    message: str
    retryable: bool
    reference: str
    extensions: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The error entry of the JSON format."""
        return {
            "part": self.part,
            "code": self.code,
            "message": self.message,
            "retryable": self.retryable,
            "reference": self.reference,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The one end of one part of one page; *seconds* is wall clock."""

    name: str
    status: Status
    value: Any = None
    error: PartError | None = None
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """What an exception means to a client; *message* is safe to show."""

    status: Status = Status.ERROR
    code: str = "part_failed"
    message: str = "This part could not be loaded."
    retryable: bool = False
    expected: bool = True
    extensions: Mapping[str, Any] = field(default_factory=dict)


@singledispatch
def failure_of(exc: Exception) -> Failure:
    """
    Translate an exception of a part; unknown kinds say nothing of themselves.

    DRF's ``APIException`` is known by its shape, not by its name: a part shared by both fronts
    raises it where REST is not even imported.
    """
    status, codes = getattr(exc, "status_code", None), getattr(exc, "get_codes", None)
    if not isinstance(status, int) or not callable(codes):
        return Failure(retryable=True, expected=False)
    code = codes()
    return Failure(
        status=Status.DENIED if status in (401, 403) else Status.ERROR,
        code=_code(code, getattr(exc, "default_code", None)),
        message=_sentence(getattr(exc, "detail", "")),
        retryable=status == 429 or status >= 500,
    )


def _code(*candidates: Any) -> str:
    """The first that is a code: text that can be sent."""
    codes = (one for one in candidates if isinstance(one, str) and one.isprintable() and one)
    return str.__str__(next(codes, "part_failed"))


def _sentence(detail: Any) -> str:
    """The detail of an ``APIException``, which may be nested, on one line."""
    if isinstance(detail, dict):
        return "; ".join(f"{name}: {_sentence(value)}" for name, value in detail.items())
    if isinstance(detail, (list, tuple)):
        return " ".join(_sentence(item) for item in detail)
    return str(detail)


@failure_of.register
def _(exc: PartTimeout) -> Failure:
    return Failure(
        status=Status.TIMEOUT,
        code="part_timed_out",
        message="This part took too long.",
        retryable=True,
    )


@failure_of.register
def _(exc: PermissionDenied) -> Failure:
    return Failure(
        status=Status.DENIED,
        code="permission_denied",
        message="You do not have permission to see this.",
    )


@failure_of.register
def _(exc: Http404) -> Failure:
    return Failure(code="not_found", message="Not found.")


def meaning_of(exc: Exception) -> Failure:
    """:func:`failure_of`, for exceptions that may themselves be broken: it never raises."""
    try:
        return failure_of(exc)
    except Exception:
        return Failure(retryable=True, expected=False)


def told(failure: Failure, exc: BaseException) -> str:
    """What a client is told of *exc*, as text that can be sent: its own only under ``DEBUG``."""
    message = failure.message
    if settings.DEBUG and not failure.expected:
        try:
            message = f"{type(exc).__name__}: {exc}"
        except Exception:
            message = type(exc).__name__
    return message.encode("utf-8", "replace").decode()
