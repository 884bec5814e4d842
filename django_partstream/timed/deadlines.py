"""The deadline of the current timed call, for code that runs inside one."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import TypeVar

from django_partstream.exceptions import PartTimeout

T = TypeVar("T")

#: When the timed call that this is in must end, by ``time.monotonic()``, and its limit in seconds.
_deadline: ContextVar[tuple[float, float] | None] = ContextVar(
    "django_partstream.deadline", default=None
)


@contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Give the body *seconds*, or what is left of the limit that it is in already."""
    ends = time.monotonic() + seconds
    outer = _deadline.get()
    token = _deadline.set(outer if outer and outer[0] < ends else (ends, seconds))
    try:
        yield
    finally:
        _deadline.reset(token)


def left() -> float:
    """How many seconds the innermost timed call has; infinitely many outside of one."""
    ends, _ = _deadline.get() or (inf, inf)
    return ends - time.monotonic()


def check_deadline() -> None:
    """
    Look at the clock.

    Raises:
        PartTimeout: the time of the timed call that asks is up.
    """
    ends, seconds = _deadline.get() or (inf, inf)
    if time.monotonic() > ends:
        raise PartTimeout(seconds)


def until_late(items: Iterable[T]) -> Iterator[T]:
    """
    *items*, of which there may be no end, for as long as the timed call that drains them has.

    Raises:
        PartTimeout: its time is up.
    """
    try:
        for item in items:
            check_deadline()
            yield item
    finally:
        if isinstance(items, Generator):
            items.close()
