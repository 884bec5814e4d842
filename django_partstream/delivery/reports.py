"""
Reports of parts: their span, a log record for a failure, and the signal at the end.

A signal at the end cannot be the parent of the SQL of a part. So :class:`observe` is entered in the
thread or task that runs the part, and left with its outcome.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol, Self

from django_partstream._django import has_receivers
from django_partstream.costs import Cost
from django_partstream.exceptions import BackgroundFailed
from django_partstream.failures import Failure
from django_partstream.outcomes import Outcome, Status
from django_partstream.signals import part_resolved
from django_partstream.telemetry import PartSpan

if TYPE_CHECKING:
    from django_partstream.delivery.attempts import Attempt

logger = logging.getLogger("django_partstream")


class Scope(Protocol):
    """
    The response that a part belongs to, as its attempt sees it.

    *sender* is the view or connection class and *name* its dotted path. *reader* is the object
    that has the user: the request, or a GraphQL context.
    """

    @property
    def request(self) -> Any:
        """The request that the part is resolved for."""

    @property
    def reader(self) -> Any:
        """The object that has the user."""

    @property
    def tenant(self) -> Any:
        """The tenant that the response is for; None without."""

    @property
    def sender(self) -> type:
        """The view or connection class."""

    @property
    def name(self) -> str:
        """The dotted path of *sender*, for logs and metrics."""

    @property
    def variation(self) -> str:
        """A digest of what a cached part depends on besides its own arguments and its reader."""

    def first_owed(self, name: str) -> float:
        """When the walk first owed the part *name*, in seconds since the epoch; now, if never."""


class observe:  # noqa: N801 - a context manager
    """
    Observe the body, in which *attempt* runs: ``with observe(attempt) as observed:``.

    Set :attr:`end` before it is left, to the outcome of the part or the exit that it raised. A part
    that has none goes on elsewhere, where it is observed again.
    """

    __slots__ = ("_attempt", "_span", "end")

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt
        self._span = attempt.span or PartSpan(attempt.scope.name, attempt.name)
        self.end: Outcome | BaseException | None = None

    def __enter__(self) -> Self:
        self._attempt.span = self._span
        self._span.__enter__()
        return self

    def __exit__(self, kind: Any, exc: BaseException | None, traceback: Any) -> None:
        end = exc or self.end
        if end is not None:
            end_span(self._attempt, end)
        self._span.__exit__(kind, exc, traceback)


def end_span(attempt: Attempt, end: Outcome | BaseException | None = None) -> None:
    """End the span of *attempt*, if it has any. Without an *end* the attempt was abandoned."""
    span, attempt.span = attempt.span, None  # another try has a span of its own
    if span is None:
        return
    if end is None or attempt.is_abandoned:
        span.abandon()
    elif isinstance(end, BaseException):
        span.end_by_exit(end)
    else:
        span.end_with(end)


def log_failure(
    scope: Scope,
    part: str,
    exc: Exception,
    *,
    status: Status,
    level: int,
    code: str,
    reference: str,
    cost: Cost,
) -> None:
    """
    Log *exc* in a single record, with its *code*, its *reference* and the *cost* so far.

    A denial is no fault to be traced: its record has no exception.
    """
    traceback = exc.__traceback__
    if isinstance(exc, BackgroundFailed):
        # The worker has logged it as an error, with its traceback. It is the same for each reader.
        traceback, level = None, min(level, logging.WARNING)
    logger.log(
        level,
        "Part %r of %s ended %s [%s].",
        part,
        scope.name,
        status,
        reference,
        exc_info=None if status is Status.DENIED else (type(exc), exc, traceback),
        extra={
            "part": part,
            "endpoint": scope.name,
            "error_code": code,  # "code" would clash with OpenTelemetry's code.file.path
            "reference": reference,
            **cost.timing(status),
        },
    )


def level_of(failure: Failure) -> int:
    """The log level of *failure*; an expected failure, such as a 404, is not an error."""
    if failure.status is Status.DENIED:
        return logging.INFO
    if failure.expected and failure.status is not Status.TIMEOUT:
        return logging.WARNING
    return logging.ERROR


def is_observed(scope: Scope) -> bool:
    """Whether the signal has a receiver for this response."""
    return has_receivers(part_resolved, scope.sender)


def announce(scope: Scope, outcome: Outcome) -> None:
    """Send ``signals.part_resolved``. An exception of a receiver does not reach the page."""
    part_resolved.send_robust(
        sender=scope.sender,
        name=outcome.name,
        status=outcome.status,
        seconds=outcome.seconds,
        cost=outcome.cost,
        error=outcome.error,
        request=scope.request,
    )
