"""
One value's place in a cache, and who computes it where several want it at once.

A caller that misses takes a lease on the place, in the cache itself, so that it holds across
threads and processes. Others wait for the value, or for the lease to end: with a failure, or
with its time where its holder has died. Where there is an old value they get that instead.

A value is good while the marks it was computed under are there, unchanged: so a group of values
is dropped by changing their mark, those that are being computed right now included, and a mark
that the cache has lost costs a computation, never an old value.

A cache that does not answer costs a computation, never more. One that takes its time to fail is
left alone for a multiple of that time.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil
from pickle import PicklingError, UnpicklingError
from secrets import token_hex
from typing import Any, TypeVar

from django.core.cache import caches

from django_partstream.timed import deadlines

T = TypeVar("T")

logger = logging.getLogger("django_partstream")

#: How long one caller may compute before another one tries, in seconds.
LEASE = 30.0

#: For how many computations of others one caller waits, before it computes beside them.
WAITS = 2

#: How often those who wait look again, in seconds: ever less often, up to the last of these.
LOOKS = (0.002, 0.005, 0.01, 0.02, 0.05)

#: How often it is said that a cache does not answer, in seconds.
QUIET = 60.0

#: What is slow for a failure, in seconds, and for how many times what it took the cache may rest.
SLOW, REST = 0.05, 10

#: What unpickling raises, by the documentation of pickle: a value of another release, say.
UNREADABLE = (UnpicklingError, AttributeError, EOFError, ImportError, IndexError)

#: What pickling raises besides: the value's fault, not the cache's.
UNWRITABLE = (PicklingError, TypeError, ValueError, RecursionError)

_last_said: dict[str, float] = {}
_rests_until: dict[str, float] = {}

#: Entries whose lease may be there still, for the cache did not answer: ended when it does.
_lost: dict[str, deque[Entry]] = {}


@dataclass(slots=True)
class Entry:
    """
    The place of one value in the cache *alias*, under *marks*.

    Ask :meth:`look` what to do; who is told to compute ends with :meth:`put` or :meth:`give_up`.
    """

    name: str
    key: str
    marks: Sequence[str]
    alias: str
    seconds: float
    stale: float
    _token: str = field(default_factory=lambda: token_hex(8))
    _under: list[Any] = field(default_factory=list)
    _holder: str | None = None
    _waits: int = 0
    _gone: int = 0
    _looks: int = 0
    _leased: bool = False
    _begun: bool = False

    def look(self) -> tuple[Any] | float | None:
        """The value, as a tuple of one; or seconds to wait and look again; or None: compute it."""
        return self._ask(self._look, "did not answer for")

    def put(self, value: Any) -> None:
        """Keep *value*, unless it was dropped meanwhile; what cannot be kept is logged."""
        if self._begun:
            self._ask(lambda: self._keep(value), "could not keep a value of")
        self.give_up()

    def give_up(self) -> None:
        """End the lease: the value is there, or could not be computed."""
        if self._leased:
            self._ask(self._end_lease, "did not answer for")

    def _look(self) -> tuple[Any] | float | None:
        cache = caches[self.alias]
        value, fresh = self._found()
        if value and fresh:
            return value
        # What a timed call computes is nobody's when it is late, so it need not be waited for.
        seconds = max(min(LEASE, deadlines.seconds_left()), 0.001)
        if cache.add(self._lease, self._token, ceil(seconds)):
            self._leased = True
            value, fresh = self._found()
            if value and fresh:  # it came between the look and the lease
                self._end_lease()
                return value
            self._begin()
            return None
        if value:
            return value
        holder = cache.get(self._lease)
        self._gone = self._gone + 1 if holder is None else 0  # just now, or it keeps nothing
        if holder not in (None, self._holder):
            self._holder, self._waits = holder, self._waits + 1
        if self._waits > WAITS or self._gone > 1:
            # To queue up behind one that fails after another would be to wait for ever.
            self._begin()
            return None
        self._looks += 1
        return LOOKS[min(self._looks, len(LOOKS)) - 1]

    def _found(self) -> tuple[tuple[Any] | None, bool]:
        """The value that may still be served, as a tuple of one, and whether it is fresh."""
        cache = caches[self.alias]
        try:
            found = cache.get_many([self.key, *self.marks])
        except UNREADABLE:
            cache.delete(self.key)  # else it would be in the way to its end
            raise
        self._under = [found.get(mark) for mark in self.marks]
        value, fresh_until, under = found.get(self.key, (None, 0, None))
        now = time.time()
        if under != self._under or now >= fresh_until + self.stale:
            return None, False
        return (value,), now < fresh_until

    def _begin(self) -> None:
        """Compute, under marks that are there."""
        if None in self._under:
            cache = caches[self.alias]
            for mark in self.marks:
                cache.add(mark, self._token, _mark_time(self.seconds + self.stale))
            found = cache.get_many(self.marks)
            self._under = [found.get(mark) for mark in self.marks]
        self._begun = True

    def _keep(self, value: Any) -> None:
        cache = caches[self.alias]
        found = cache.get_many(self.marks)
        if [found.get(mark) for mark in self.marks] == self._under:
            longest = self.seconds + self.stale
            kept = (value, time.time() + self.seconds, self._under)
            cache.set(self.key, kept, ceil(longest))
            for mark in self.marks:
                cache.touch(mark, _mark_time(longest))

    def _end_lease(self) -> None:
        self._leased = False
        # One that took too long may have lost it to another, whose it is to end.
        if caches[self.alias].get(self._lease) == self._token:
            caches[self.alias].delete(self._lease)

    @property
    def _lease(self) -> str:
        return f"{self.key}:lease"

    def _ask(self, ask: Callable[[], T], failed: str) -> T | None:
        started = time.monotonic()
        lost = _lost.setdefault(self.alias, deque(maxlen=100))
        if started < _rests_until.get(self.alias, 0):
            if self._leased:
                lost.append(self)
            return None
        try:
            answer = ask()
            while lost:
                lost.popleft()._end_lease()
        except Exception as exc:
            now = time.monotonic()
            lost.append(self)
            if now - started > SLOW and not isinstance(exc, (*UNREADABLE, *UNWRITABLE)):
                _rests_until[self.alias] = now + REST * (now - started)
            if now - _last_said.get(f"{self.alias} {failed}", -QUIET) >= QUIET:
                _last_said[f"{self.alias} {failed}"] = now
                logger.warning("The cache %r %s %s.", self.alias, failed, self.name, exc_info=True)
            return None
        else:
            return answer


def drop(alias: str, mark: str, longest: float) -> None:
    """
    Drop the values under *mark*, none of which is kept for more than *longest* seconds.

    Raises:
        Exception: what the cache raises; then they are still there.
    """
    caches[alias].set(mark, token_hex(8), _mark_time(longest))


def _mark_time(longest: float) -> int:
    """How long a mark is kept, in seconds: no value under it outlives it."""
    return ceil(longest + LEASE)
