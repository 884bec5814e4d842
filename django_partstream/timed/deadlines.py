"""The deadline of the current timed call, for code that runs inside it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import NamedTuple, TypeVar

from django_partstream.clocks import monotonic
from django_partstream.exceptions import PartTimeout

T = TypeVar("T")


class _Deadline(NamedTuple):
    """The time at which a call must end, by ``clocks.monotonic()``, and its limit in seconds."""

    at: float
    seconds: float


_NEVER = _Deadline(inf, inf)
_deadline: ContextVar[_Deadline] = ContextVar("django_partstream.deadline", default=_NEVER)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Set the deadline of the body in *seconds*, unless an outer deadline is earlier."""
    deadline = _Deadline(monotonic() + seconds, seconds)
    token = _deadline.set(min(_deadline.get(), deadline))
    try:
        yield
    finally:
        _deadline.reset(token)


def seconds_left() -> float:
    """Return the seconds until the deadline: negative after it, infinite without a limit."""
    return _deadline.get().at - monotonic()


def check_deadline() -> None:
    """
    Return if the current timed call still has time.

    Raises:
        PartTimeout: its deadline has passed.
    """
    deadline = _deadline.get()
    if monotonic() > deadline.at:
        raise PartTimeout(deadline.seconds)


def until_late(items: Iterable[T]) -> Iterator[T]:
    """
    Yield *items*, which may be endless, until the deadline of the current timed call.

    Raises:
        PartTimeout: the deadline has passed.
    """
    deadline = _deadline.get()
    try:
        for item in items:
            if monotonic() > deadline.at:
                raise PartTimeout(deadline.seconds)
            yield item
    finally:
        if isinstance(items, Generator):
            items.close()
