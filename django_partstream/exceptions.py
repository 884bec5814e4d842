"""
The exceptions of this library.

All are a :class:`PartstreamError`, but for :class:`PartPending`, which is no error.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ImproperlyConfigured

__all__ = [
    "BackgroundFailed",
    "BackgroundTimeout",
    "CursorError",
    "CursorExpired",
    "CursorInvalid",
    "CursorStale",
    "PartPending",
    "PartTimeout",
    "PartstreamError",
    "PlanError",
    "QueryRequired",
    "UnknownParts",
]


class PartstreamError(Exception):
    """The base of every exception that this library raises for its users to catch."""


class PlanError(PartstreamError, ImproperlyConfigured):
    """``get_parts()`` did not return a list of parts."""


class UnknownParts(PartstreamError):
    """The client asked for a part that this response does not have; *choices* are its parts."""

    code = "unknown_part"

    def __init__(self, choices: Iterable[str]) -> None:
        self.choices = tuple(choices)
        super().__init__(self.choices)

    def __str__(self) -> str:
        if not self.choices:
            return "No such part. There are no parts to choose from."
        return f"No such part. Choose from: {', '.join(self.choices)}."


class CursorError(PartstreamError):
    """
    A cursor that cannot be followed; the client starts again without a cursor.

    The message never repeats the cursor. *code* is stable, for programs.
    """

    code = "invalid_cursor"
    message = "This cursor is not valid here. Start again without a cursor."

    def __str__(self) -> str:
        return self.message


class CursorInvalid(CursorError):
    """The cursor is malformed, forged, or made for another endpoint or another user."""


class CursorExpired(CursorError):
    """The cursor is past the ``cursor_ttl`` that it was signed with, or of another release."""

    code = "cursor_expired"
    message = "This cursor has expired. Start again without a cursor."


class CursorStale(CursorError):
    """The part that the cursor names is no longer in the response."""

    code = "cursor_stale"
    message = "The response has changed since this cursor. Start again without a cursor."


class QueryRequired(CursorError):
    """The query string was too long for the cursor to carry, and the request lacks it."""

    code = "query_required"
    message = "This cursor could not carry the query string. Send the same one beside the cursor."


class PartTimeout(PartstreamError, TimeoutError):
    """A call did not return within the *seconds* of its ``with_timeout``."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(seconds)

    def __str__(self) -> str:
        return f"No answer within {self.seconds:g} seconds."


class BackgroundTimeout(PartTimeout):
    """
    The value of a background *function* was not there within its limit, in *seconds*.

    *begun* tells whether a worker was at work on it.
    """

    def __init__(self, function: str, seconds: float, *, begun: bool) -> None:
        super().__init__(seconds)
        self.function, self.begun = function, begun

    def __str__(self) -> str:
        if self.begun:
            return f"{self.function} takes longer than its limit of {self.seconds:g} seconds."
        return (
            f"No worker is at work on {self.function} after {self.seconds:g} seconds. Start one, "
            "with the settings of this project, that listens to the queue of the function."
        )


class BackgroundFailed(PartstreamError):
    """
    A background *function* failed; its worker has logged the exception with the *reference*.

    *code* is that of the error entry. *failure* is the meaning of the exception.
    """

    def __init__(self, function: str, failure: Any) -> None:
        super().__init__(function)
        self.function, self.failure = function, failure
        self.code: str = failure.code
        self.reference: str = failure.reference

    def __str__(self) -> str:
        return f"{self.function} failed in the background [{self.reference}]."


class PartPending(BaseException):
    """
    The value of a background function is not there yet, so the part that asked is pending.

    It is no ``Exception``, so that ``except Exception`` in a part does not take it for a failure.
    *age* tells how long ago the work was asked for or begun, and *limit* how long a walk waits for
    the part, both in seconds. *progress* is a number from 0 to 1, or None. *begun* tells whether a
    worker is at work.
    """

    def __init__(
        self,
        name: str,
        *,
        age: float = 0.0,
        limit: float,
        progress: float | None = None,
        begun: bool = False,
    ) -> None:
        super().__init__(name)
        self.name, self.age, self.limit = name, age, limit
        self.progress, self.begun = progress, begun

    def __str__(self) -> str:
        return f"{self.name} is being computed."

    @property
    def retry_after(self) -> float:
        """
        The seconds until another look. They are a quarter of the age, from 0.5 to 10.

        It differs by up to 15 %, so that readers who came together do not come back together.
        """
        return round(min(max(self.age / 4, 0.5), 10.0) * random.uniform(0.85, 1.15), 2)  # noqa: S311


class PendingInTask(PartPending, Exception):
    """
    A :class:`PartPending` in a task that nothing waits for, such as the task of a data loader.

    A loader hands an ``Exception`` on to all parts that wait for its batch. Anything else would end
    its task, and leave the parts waiting for ever.
    """


def pending_in(exc: BaseException) -> PartPending | None:
    """The :class:`PartPending` that *exc* is, or that stands in a group of exceptions."""
    if isinstance(exc, PartPending):
        return exc
    if isinstance(exc, BaseExceptionGroup):
        found = map(pending_in, exc.exceptions)
        return next((each for each in found if each is not None), None)
    return None
