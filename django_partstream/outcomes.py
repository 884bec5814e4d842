"""
The end of an attempt at a part: a status, and an error entry if the part failed.

A *pending* part has not ended. Its value is being computed elsewhere, and a later page carries it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django_partstream.costs import NOTHING, Cost, Spent


class Status(StrEnum):
    """The ways in which a part ends, and ``PENDING`` for a part that has not ended."""

    OK = "ok"
    FALLBACK = "fallback"
    ERROR = "error"
    TIMEOUT = "timeout"
    DENIED = "denied"
    PENDING = "pending"


@dataclass(frozen=True, kw_only=True, slots=True)
class PartError:
    """
    The error entry of a failed part, safe to send to a client.

    *reference* is also on the log record of the failure. *details* are further values of the
    exception that a front may add to the entry.
    """

    part: str
    code: str
    message: str
    retryable: bool
    reference: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The entry in the JSON format, without *details*."""
        return {
            "part": self.part,
            "code": self.code,
            "message": self.message,
            "retryable": self.retryable,
            "reference": self.reference,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """
    The wait for a pending part.

    *retry_after* is the number of seconds until another look. *progress* is a number from 0 to 1,
    or None where it is not known.
    """

    retry_after: float
    progress: float | None = None


@dataclass(kw_only=True, slots=True)
class Outcome:
    """
    The end of an attempt at a part, and the time and work that was *spent* on it.

    The outcome of a pending part has *pending*, and neither a value nor an error.
    """

    name: str
    status: Status
    value: Any = None
    error: PartError | None = None
    spent: Spent = NOTHING
    pending: Wait | None = None

    @property
    def cost(self) -> Cost:
        """The cost of the attempt."""
        return Cost.of(self.spent)

    @property
    def seconds(self) -> float:
        """How long the part took, wall clock."""
        _, started, ended, *_ = self.spent
        return ended - started

    @property
    def timing(self) -> dict[str, Any]:
        """The cost and the status as JSON, for a client that may see them."""
        return self.cost.timing(self.status)
