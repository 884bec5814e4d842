"""
The spans and the metrics of parts and jobs.

============================ ========= ===========================================================
name                         kind      attributes, beside those of the outcome
============================ ========= ===========================================================
``partstream.part``          span      ``partstream.endpoint``, ``partstream.part.name``
``partstream.part.duration`` histogram as above; of the parts that have ended
``partstream.parts``         counter   as above; also of the tries that were pending
``partstream.job``           span      ``partstream.job.function``
``partstream.job.duration``  histogram as above
``partstream.late_calls``    counter   ``code.function.name``
============================ ========= ===========================================================

An outcome has ``partstream.part.status`` or ``partstream.job.status`` and, if it is a failure, its
code as ``error.type``. Spans also have what would be too much for metrics: what the part cost, and
``partstream.reference`` of the log record of a failure. The rules:

- Nothing is made unless a provider is set: :func:`is_on` tells.
- No value, argument, cursor or reader is in an attribute. Names are those of code.
- A span has failed if the log has an error for it. A denial, or a 404, is none.
- An exception is noted on the span in which it was raised, as it is logged once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Any

from django_partstream._opentelemetry import Span, carried, count, is_on, measure
from django_partstream.exceptions import BackgroundFailed
from django_partstream.failures import Failure
from django_partstream.outcomes import Outcome, Status

__all__ = ["JobSpan", "PartSpan", "carried", "count_late_call", "is_on", "job_span"]

#: The status of a part that no client waits for.
ABANDONED = "abandoned"


class PartSpan(Span):
    """The span of a try at the part *name* of *endpoint*, and what is measured at its end."""

    __slots__ = ("_has_failed", "_part")

    def __init__(self, endpoint: str, name: str) -> None:
        plain = str.__str__(name)  # it may be a member of an Enum, which exporters write otherwise
        self._part = {"partstream.endpoint": endpoint, "partstream.part.name": plain}
        self._has_failed = False
        super().__init__("partstream.part", self._part)

    def note_failure(self, exc: Exception, *, level: int, reference: str) -> None:
        """Note *exc*, which the part raised or a guard caught, and which is logged at *level*."""
        if isinstance(exc, BackgroundFailed):  # noted on the span of the job
            self._has_failed = exc.failure.text is not None  # it was no expected failure
            return
        self._has_failed = level >= logging.ERROR
        if level >= logging.WARNING:
            self.note(exc, {"partstream.reference": reference})

    def end_with(self, outcome: Outcome) -> None:
        """End with *outcome*."""
        ended, told = {"partstream.part.status": str(outcome.status)}, _costs(outcome)
        if outcome.error is not None:
            ended["error.type"] = outcome.error.code
            told["partstream.reference"] = outcome.error.reference
        counted = self._part | ended
        self._count(counted)
        if outcome.pending is None:
            measure("partstream.part.duration", "Time of parts", outcome.seconds, counted)
        self.end(ended | told, failed=self._has_failed)

    def abandon(self) -> None:
        """End without an outcome, as no client waits for the part."""
        ended = {"partstream.part.status": ABANDONED}
        self._count(self._part | ended)
        self.end(ended, failed=False)

    def _count(self, attributes: Mapping[str, Any]) -> None:
        count("partstream.parts", "{part}", "Outcomes of parts", attributes)


def _costs(outcome: Outcome) -> dict[str, Any]:
    """What the part cost, as the attributes of its span."""
    cost = outcome.cost
    told = {
        "partstream.part.queries": cost.queries,
        "partstream.part.sql_seconds": cost.sql_seconds,
        "partstream.part.ran": cost.ran,
        "partstream.part.waited_seconds": cost.waited,
    }
    return told if cost.cached is None else {**told, "partstream.part.cached": cost.cached}


class JobSpan(Span):
    """
    The span of a job, a call of the background *function*, and what is measured at its end.

    *sent_by* is what :func:`carried` returned to the part that asked for the job.
    """

    __slots__ = ("_failure", "_has_failed", "_job", "_reference", "_started")

    def __init__(self, function: str, sent_by: Mapping[str, str]) -> None:
        self._job = {"partstream.job.function": function}
        self._failure: Failure | None = None
        self._reference, self._has_failed = "", False
        self._started = perf_counter()
        super().__init__("partstream.job", self._job, sent_by=sent_by)

    def note_failure(
        self, exc: BaseException, failure: Failure, *, level: int, reference: str
    ) -> None:
        """Note *exc*, which the function raised, which means *failure* and is logged at *level*."""
        self._failure, self._reference = failure, reference
        self._has_failed = level >= logging.ERROR
        if level >= logging.WARNING:
            self.note(exc, {"partstream.reference": reference})

    def finish(self) -> None:
        """End the span."""
        ended, told = {"partstream.job.status": str(Status.OK)}, {}
        if self._failure is not None:
            ended["partstream.job.status"] = str(self._failure.status)
            ended["error.type"] = self._failure.code
            told["partstream.reference"] = self._reference
        seconds = perf_counter() - self._started
        measure("partstream.job.duration", "Time of jobs", seconds, self._job | ended)
        self.end(ended | told, failed=self._has_failed)


@contextmanager
def job_span(function: str, sent_by: Mapping[str, str]) -> Iterator[JobSpan | None]:
    """The span of a job, which is the body; None where nothing is to be made."""
    if not is_on():
        yield None
        return
    with JobSpan(function, sent_by) as span:
        try:
            yield span
        except BaseException as exc:
            span.end_by_exit(exc)
            raise
        span.finish()


def count_late_call(func: Callable[..., Any]) -> None:
    """Count a call of *func* that goes on beyond its limit."""
    if is_on():
        name = {"code.function.name": _name_of(func)}
        count("partstream.late_calls", "{call}", "Calls that outlive their limit", name)


def _name_of(func: Any) -> str:
    while isinstance(func, partial):
        func = func.func
    named = func if hasattr(func, "__qualname__") else type(func)
    return f"{named.__module__}.{named.__qualname__}"
