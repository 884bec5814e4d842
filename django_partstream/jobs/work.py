"""
The side of the worker: a job is done, and its value kept.

The worker believes a message in nothing but the call that it names. It holds a lease while it
works, which a thread beside it keeps alive. Whatever happens to the work, no ``Exception`` reaches
the engine: the cache has the outcome.
"""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Callable
from contextvars import ContextVar
from inspect import isawaitable, isgenerator
from secrets import token_hex
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Manager, QuerySet
from django.db.models.query import RawQuerySet

from django_partstream.clocks import monotonic
from django_partstream.databases import close_if_obsolete, discard, open_transactions
from django_partstream.delivery import loops
from django_partstream.delivery.reports import level_of
from django_partstream.failures import Failure, failure_of, text_of
from django_partstream.guards import is_number
from django_partstream.jobs import states
from django_partstream.jobs.asking import place_of
from django_partstream.jobs.functions import Background, function_named, no_waiting
from django_partstream.jobs.heart import Heart
from django_partstream.jobs.messages import Message
from django_partstream.jobs.places import Place
from django_partstream.outcomes import Status
from django_partstream.recorders import current
from django_partstream.telemetry import JobSpan, job_span

logger = logging.getLogger("django_partstream")

#: A function that is called in the place of every background function, for tests.
stand_in: Callable[[], Any] | None = None


def run_message(raw: Any, *, may_exit: bool = False) -> None:
    """
    Do the work that the JSON object *raw* asks for, and keep its value.

    A message that names no background function is refused and logged. A ``SystemExit`` fails the
    work; with *may_exit* it ends this process, and leaves the work to another worker.

    Raises:
        SystemExit: with *may_exit*, by a signal to this process or by the function itself.
    """
    found = _read(raw)
    if found is None:
        return
    function, message = found
    work = Work(function, message, may_exit=may_exit)
    _tidy()
    try:
        work.run()
    except Exception:
        logger.exception("Background work %s could not be done.", message.function)
    finally:
        _tidy()


def _tidy() -> None:
    """Close connections as at the end of a request; the work may be done inside a transaction."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            close_if_obsolete(connection)


def lost(raw: Any) -> None:
    """Record that the worker of the message *raw* has died, so that the next reader asks again."""
    found = _read(raw)
    if found is not None:
        function, message = found
        logger.warning(
            "The worker of background work %s has died. The next reader asks for it again.",
            message.function,
            extra={"function": message.function},
        )
        with message.entered():
            place_of(function, message).lose()


def leave(raw: Any) -> None:
    """Record that this process will not do what the message *raw* asks for: it ends before."""
    found = _read(raw)
    if found is not None:
        function, message = found
        with message.entered():
            place_of(function, message).withdraw()


def _read(raw: Any) -> tuple[Background[..., Any], Message] | None:
    try:
        message = Message.read(raw)
        return function_named(message.function), message
    except Exception as exc:  # a module may raise any, when it is imported
        is_expected = isinstance(exc, (ValueError, LookupError))
        logger.error("A message for background work was refused: %s", exc, exc_info=not is_expected)
        return None


class Work:
    """
    The work of *message*, a call of *function*, in this thread.

    *may_exit* tells whether a ``SystemExit`` ends this process; otherwise it fails the work.
    """

    def __init__(
        self, function: Background[..., Any], message: Message, *, may_exit: bool = False
    ) -> None:
        self._function, self._message, self._may_exit = function, message, may_exit
        self._place: Place = place_of(function, message)
        self._progress: float | None = None
        self._span: JobSpan | None = None

    def run(self) -> None:
        """
        Do the work for its language, time zone and tenant.

        Raises:
            SystemExit, KeyboardInterrupt: they end this process.
            Exception: the cache raised it.
        """
        try:
            entered = self._message.entered()
        except Exception as exc:  # noqa: BLE001 - of another process, or of the project's tenancy
            self._place.refuse(self._failure_of(exc), seconds=states.FAILED)
            return
        with entered:
            mark = self._place.begin()
            if mark is None:  # another worker does it, or has done it
                return
            with job_span(self._message.function, self._message.trace) as self._span:
                self._run(mark)

    def _run(self, mark: str) -> None:
        self._started, end = monotonic(), self._place.end
        self._heart = Heart(self._beat)
        _running.add(self)
        try:
            self._place.keep_value(self._value(), mark)
        except KeyboardInterrupt:
            raise
        except BaseException as exc:
            if self._may_exit and isinstance(exc, SystemExit):
                end = self._place.lose  # a function that calls sys.exit() is tried three times
                raise
            self._place.keep_failure(self._failure_of(exc), mark)
        else:
            seconds = monotonic() - self._started
            logger.info(
                "Background work %s took %.2f s.",
                self._message.function,
                seconds,
                extra={"function": self._message.function, "seconds": seconds},
            )
        finally:
            _running.discard(self)
            self._heart.stop()
            end()

    def let_go(self) -> None:
        """Leave the work to another worker, for this process ends."""
        self._heart.stop(within=1)  # it would take the lease again
        with self._message.entered():
            self._place.end()

    def tell(self, progress: float) -> None:
        """
        Have the heart tell readers of the *progress*.

        The function must not wait for a cache, nor fail with it. And its own transaction would hold
        the row of a cache in the database, for which the heart would wait.
        """
        self._progress = progress
        self._heart.hurry()

    def _beat(self) -> None:
        self._place.beat()
        self._place.tell(monotonic() - self._started, self._progress)

    def _value(self) -> Any:
        """The value of the function, evaluated as far as a query would be needed for it."""
        tokens = [(each, each.set(value)) for each, value in self._variables()]
        around = open_transactions()
        try:
            return _settled(self._call())
        finally:
            _close_left_open(around)
            for variable, token in tokens:
                variable.reset(token)

    def _call(self) -> Any:
        if stand_in is not None:
            return stand_in()
        return self._function.func(*self._message.args, **self._message.kwargs)

    def _variables(self) -> list[tuple[ContextVar[Any], Any]]:
        """The context of the work, which may run in the thread of the part that has asked."""
        return [(_work, self), (current, None), (no_waiting, "")]

    def _failure_of(self, exc: BaseException) -> Failure:
        """The meaning of *exc*, which is logged."""
        known = failure_of(exc) if isinstance(exc, Exception) else Failure(expected=False)
        reference, is_meant = token_hex(4), known.expected and known.status is not Status.TIMEOUT
        level = level_of(known)
        if self._span is not None:
            self._span.note_failure(exc, known, level=level, reference=reference)
        logger.log(
            level,
            "Background work %s failed [%s].",
            self._message.function,
            reference,
            exc_info=exc,
            extra={
                "function": self._message.function,
                "error_code": known.code,
                "reference": reference,
            },
        )
        return states.plain(
            Failure(
                status=known.status,
                code=known.code,
                message=str(known.message),
                retryable=known.retryable,
                details=known.details,
                reference=reference,
                text=None if is_meant else text_of(exc),
            )
        )


_work: ContextVar[Work | None] = ContextVar("django_partstream.work", default=None)


#: The works of this process.
_running: set[Work] = set()

os.register_at_fork(after_in_child=_running.clear)  # they run in the parent


@atexit.register
def _let_go() -> None:
    """Leave the works to other workers at once. An orderly end of a process is no death."""
    for work in list(_running):
        try:
            work.let_go()
        except Exception:
            logger.info("Work was not left to another worker.", exc_info=True)


def progress(share: float) -> None:
    """
    Tell, from inside a background function, how much of the work is done: 0 to 1.

    Readers that wait see it. Elsewhere it does nothing.

    Raises:
        ValueError: *share* is no number from 0 to 1.
    """
    if not is_number(share) or not 0 <= share <= 1:
        raise ValueError(f"progress() needs a number from 0 to 1, got {share!r}.")
    work = _work.get()
    if work is not None:
        work.tell(float(share))


def _close_left_open(around: list[BaseDatabaseWrapper]) -> None:
    """Discard the connections of a function that left a transaction open; not those *around* it."""
    for connection in open_transactions():
        if connection not in around:
            logger.warning("Background work left a transaction open on %r.", connection.alias)
            discard(connection)


def _settled(value: Any) -> Any:
    """*value* as it can be pickled: awaited, and with its rows."""
    if isawaitable(value):
        return _settled(loops.run(_awaited, value))
    if isinstance(value, Manager):
        value = value.all()
    if isinstance(value, QuerySet):
        len(value)  # here, in the tenant of the work
    return list(value) if isgenerator(value) or isinstance(value, RawQuerySet) else value


async def _awaited(value: Any) -> Any:
    return await value
