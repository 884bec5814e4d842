"""Reports of each part that ended: a log record for a failure, and the signal."""

from __future__ import annotations

import logging
from typing import Any, Protocol

from django_partstream._django import has_receivers
from django_partstream.costs import Cost
from django_partstream.exceptions import BackgroundFailed
from django_partstream.failures import Failure
from django_partstream.outcomes import Outcome, Status
from django_partstream.signals import part_resolved

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


def log_failure(
    scope: Scope,
    part: str,
    exc: Exception,
    *,
    status: Status,
    level: int,
    reference: str,
    cost: Cost,
) -> None:
    """Log *exc* in a single record, with the *cost* so far, and the *reference* of the client."""
    # The worker has logged what has failed, and where; here it is the same for each reader.
    traceback = None if isinstance(exc, BackgroundFailed) else exc.__traceback__
    logger.log(
        level,
        "Part %r of %s ended %s [%s].",
        part,
        scope.name,
        status,
        reference,
        exc_info=(type(exc), exc, traceback),
        extra={
            "part": part,
            "endpoint": scope.name,
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
        request=scope.request,
    )
