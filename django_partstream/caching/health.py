"""
The health of each cache, as this process sees it: every question to a cache is asked here.

A cache that does not answer costs a computation, and never a part:

- An exception of the cache is no answer. It is logged, once in :data:`QUIET` seconds.
- A cache that was slow to fail (a timeout) rests for a multiple of that time: it is not asked.
  So it costs a page a fraction of its time, and not all of it.
- A lease that could not be ended, or that may have been granted in an answer that was lost, is
  ended when the cache answers again. Otherwise other callers would wait for its end.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from pickle import PicklingError, UnpicklingError
from typing import TypeVar

from django.core.cache import BaseCache

from django_partstream._current import cache_of
from django_partstream.caching.leases import Lease

T = TypeVar("T")

logger = logging.getLogger("django_partstream")

#: A failure of a cache is logged once in this time, in seconds.
QUIET = 60.0

#: A failure after more than this time, in seconds, is slow.
SLOW = 0.05

#: A cache rests for this many times the time of its slow failure.
REST = 10

#: At most so many lost leases are remembered for a cache; the oldest end by themselves.
MAX_LOST = 100

#: Errors of unpickling: of a value of another release, for example. Pickle itself raises the first
#: four and IndexError. A class that has changed raises the others, or Django where a model is gone.
UNREADABLE = (
    UnpicklingError,
    AttributeError,
    EOFError,
    ImportError,
    TypeError,
    ValueError,
    LookupError,
)

#: Errors of pickling. They are the fault of a value, not of the cache, as unreadable values are.
UNWRITABLE = (PicklingError, TypeError, ValueError, RecursionError)


class CacheHealth:
    """The health of the cache *alias*."""

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._rests_until = 0.0
        self._logged_at: dict[str, float] = {}
        self._lost: deque[Lease] = deque(maxlen=MAX_LOST)

    def ask(
        self, question: Callable[[BaseCache], T], *, lease: Lease, name: str, problem: str
    ) -> T | None:
        """
        Put *question* to the cache. Return the answer, or None if there is no answer.

        *lease* is the lease that the caller may hold. A failure is logged as "The cache ...
        *problem* *name*.", with the name of the cached function.
        """
        started = time.monotonic()
        if started < self._rests_until:
            if lease.is_held:
                self._lost.append(lease)
            return None
        try:
            cache = cache_of(self._alias)
            answer = question(cache)
            if self._lost:
                self._end_lost_leases(cache)
        except Exception as exc:  # noqa: BLE001 - a backend raises its client library's errors
            seconds = time.monotonic() - started
            if lease.token:
                self._lost.append(lease)
            if seconds > SLOW and not isinstance(exc, (*UNREADABLE, *UNWRITABLE)):
                self.rest(REST * seconds)
            self._log(name, problem)
            return None
        return answer

    def rest(self, seconds: float) -> None:
        """Ask the cache nothing for *seconds*."""
        self._rests_until = time.monotonic() + seconds

    def _end_lost_leases(self, cache: BaseCache) -> None:
        while self._lost:
            try:
                lease = self._lost.popleft()
            except IndexError:  # another thread has taken the last
                return
            lease.end(cache)

    def _log(self, name: str, problem: str) -> None:
        now = time.monotonic()
        if now - self._logged_at.get(problem, -QUIET) >= QUIET:
            self._logged_at[problem] = now
            logger.warning("The cache %r %s %s.", self._alias, problem, name, exc_info=True)


_health: dict[str, CacheHealth] = {}


def health_of(alias: str) -> CacheHealth:
    """The health of the cache *alias*, good at first."""
    return _health.get(alias) or _health.setdefault(alias, CacheHealth(alias))


def reset() -> None:
    """Forget the health of every cache: for tests."""
    _health.clear()
