"""
The deadline of the current timed call, for code that runs inside it.

A part of a stream has a *departure*, too: nothing that the part waits for outlives the stream.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import Any, NamedTuple, TypeVar

from django_partstream.clocks import monotonic
from django_partstream.exceptions import PartTimeout

T = TypeVar("T")


class Departure:
    """The end of a stream, at which timed calls of its parts are late, whatever their limit."""

    def __init__(self) -> None:
        self._past: Future[None] = Future()

    @property
    def is_past(self) -> bool:
        """Whether the stream has ended."""
        return self._past.done()

    def take(self) -> None:
        """End each wait now. A second departure changes nothing; call both in one thread."""
        if not self._past.done():
            self._past.set_result(None)

    def wait(self, future: Future[Any], timeout: float) -> None:
        """Wait until *future* is done, the stream has ended, or *timeout* seconds have passed."""
        either: list[Future[Any]] = [future, self._past]
        wait(either, timeout=timeout, return_when=FIRST_COMPLETED)


class _Deadline(NamedTuple):
    """The time at which a call must end, by ``clocks.monotonic()``, and its limit in seconds."""

    at: float
    seconds: float
    departure: Departure | None = None

    @property
    def is_past(self) -> bool:
        """Whether the time, or the departure, has come."""
        departed = self.departure is not None and self.departure.is_past
        return departed or monotonic() > self.at


_NEVER = _Deadline(inf, inf)
_deadline: ContextVar[_Deadline] = ContextVar("django_partstream.deadline", default=_NEVER)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Set the deadline of the body in *seconds*, unless an outer deadline is earlier."""
    outer = _deadline.get()
    deadline = _Deadline(monotonic() + seconds, seconds, outer.departure)
    token = _deadline.set(deadline if deadline.at < outer.at else outer)
    try:
        yield
    finally:
        _deadline.reset(token)


@contextmanager
def ending_with(departure: Departure) -> Iterator[None]:
    """Have the body, a part of a stream, end with the *departure* of the stream."""
    token = _deadline.set(_deadline.get()._replace(departure=departure))
    try:
        yield
    finally:
        _deadline.reset(token)


def current_departure() -> Departure | None:
    """The departure of the stream that this code runs for, if it runs for any."""
    return _deadline.get().departure


def seconds_left() -> float:
    """Return the seconds until the deadline: negative after it, infinite without a limit."""
    deadline = _deadline.get()
    if deadline.departure is not None and deadline.departure.is_past:
        return -1.0
    return deadline.at - monotonic()


def check_deadline() -> None:
    """
    Return if the current timed call still has time.

    Raises:
        PartTimeout: its deadline has passed, or the stream has ended that it runs for.
    """
    deadline = _deadline.get()
    if deadline.is_past:
        raise PartTimeout(deadline.seconds)


def until_late(items: Iterable[T]) -> Iterator[T]:
    """
    Yield *items*, which may be endless, until the deadline of the current timed call.

    Raises:
        PartTimeout: the deadline has passed, or the stream has ended that the call runs for.
    """
    deadline = _deadline.get()
    departure = deadline.departure
    try:
        for item in items:
            if monotonic() > deadline.at or (departure is not None and departure.is_past):
                raise PartTimeout(deadline.seconds)
            yield item
    finally:
        if isinstance(items, Generator):
            items.close()
