"""The end of a part: a status, and an error entry if the part failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """The ways in which a part ends."""

    OK = "ok"
    FALLBACK = "fallback"
    ERROR = "error"
    TIMEOUT = "timeout"
    DENIED = "denied"


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


@dataclass(kw_only=True, slots=True)
class Outcome:
    """The end of a part; *seconds* is wall clock time."""

    name: str
    status: Status
    value: Any = None
    error: PartError | None = None
    seconds: float = 0.0
