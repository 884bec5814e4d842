"""
How a part ended: one status, and an error entry where it failed.

Exceptions become outcomes in one place, :func:`failure_of`. A front that knows more kinds
of exception (DRF's, graphql-core's) registers a translation of its own, by type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import singledispatch
from typing import Any

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
    """Translate an exception of a part; unknown kinds say nothing of themselves."""
    return Failure(retryable=True, expected=False)


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
        message="You do not have permission to see this part.",
    )


@failure_of.register
def _(exc: Http404) -> Failure:
    return Failure(code="not_found", message="Not found.")
