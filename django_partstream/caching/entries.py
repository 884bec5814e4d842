"""
The place of a value in a cache, and the order among callers that want it at once.

Each caller has an :class:`Entry` of its own. The rules:

1. *The lease.* A caller that finds no fresh value asks for the lease, a key beside the value that
   is added only if it is absent. It is in the cache itself, so it holds across threads and
   processes. The holder computes, then ends the lease with :meth:`Entry.put` or
   :meth:`Entry.give_up`. So that a dead holder blocks no caller, the lease also ends by itself:
   after :data:`LEASE` seconds, or at the deadline of the timed call that took it. By then another
   caller may hold it, so a holder ends a lease only if its own token is in it.
2. *Look twice.* A value may arrive between the look and the lease. So a new holder looks once
   more, and gives the lease back if the value is there.
3. *Waiting.* A caller that does not get the lease takes the stale value, if there is any.
   Otherwise it looks again, less and less often. After :data:`WAITS` other holders without a
   value it computes beside the next holder: to queue behind callers that all fail would take as
   long as there are callers. It also computes if it gets no lease and sees no holder, twice in a
   row, for such a cache keeps nothing. And it computes at once if it is itself part of what the
   holder computes, for that would wait for the caller: see :mod:`~.leases`.
4. *Marks.* Value and marks are read together. A value is good while its marks are the same as
   when its computation began. A computation begins by adding the missing marks and reading all
   of them. Before the value is written the marks are read again: if any has changed, the value
   is not kept. If a mark changes after that, the value is written with the old marks, and is
   never served. So a lost mark costs a computation, and never brings back an old value. A mark
   outlives every value under it.
5. *Failures.* Each question to the cache goes through :class:`~.health.CacheHealth`. Without an
   answer the caller computes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from math import ceil
from secrets import token_hex
from typing import Any, TypeVar

from django.core.cache import BaseCache, caches

from django_partstream.caching.health import UNREADABLE, health_of
from django_partstream.caching.leases import NONE, Lease, is_above
from django_partstream.timed import deadlines

T = TypeVar("T")

#: A lease ends by itself after this time, in seconds.
LEASE = 30.0

#: A caller waits for this many other holders of the lease, and then computes.
WAITS = 2

#: The times between the looks of a waiting caller, in seconds; the last time is repeated.
LOOKS = (0.002, 0.005, 0.01, 0.02, 0.05)


@dataclass(slots=True)
class Hit:
    """The cache has the *value*: take it."""

    value: Any


@dataclass(slots=True)
class Wait:
    """Another caller computes the value: look again in *seconds*."""

    seconds: float


@dataclass(slots=True)
class Entry:
    """
    The place of a value in the cache *alias*, at *key* under *marks*, for a single caller.

    Call :meth:`look`. If it returns None, compute the value and finish with :meth:`put` or
    :meth:`give_up`. *name* is the name of the function, for logs. The value is fresh for
    *seconds*, and stale for *stale* seconds more.
    """

    name: str
    key: str
    marks: Sequence[str]
    alias: str
    seconds: float
    stale: float
    _lease: Lease = field(default=NONE, init=False)
    #: None until the caller waits.
    _patience: _Patience | None = field(default=None, init=False)
    #: The marks when the computation began; None before that.
    _under: list[Any] | None = field(default=None, init=False)

    def look(self, *, waits: bool = True) -> Hit | Wait | None:
        """
        Look for the value. None means: compute it, and finish the entry.

        With *waits* False the caller computes beside another holder rather than wait.
        """
        found = self._ask(self._read, "did not answer for")
        if found is None or isinstance(found, Hit):
            return found
        if self._lease is NONE:
            self._lease = Lease(f"{self.key}:lease")
        return self._ask(partial(self._compete, found, waits), "did not answer for")

    def computing(self) -> AbstractContextManager[None]:
        """Compute the value in the body: code in it does not wait for the lease."""
        return self._lease.computing()

    def put(self, value: Any) -> None:
        """Keep *value*, unless it was dropped meanwhile, and end the lease."""
        if self._under is not None:
            self._ask(partial(self._keep, value), "could not keep a value of")
        self.give_up()

    def give_up(self) -> None:
        """End the lease without a value."""
        if self._lease.is_held:
            self._ask(self._lease.end, "did not answer for")

    def _ask(self, question: Callable[[BaseCache], T], problem: str) -> T | None:
        return health_of(self.alias).ask(
            question, lease=self._lease, name=self.name, problem=problem
        )

    def _compete(self, found: _Absence, waits: bool, cache: BaseCache) -> Hit | Wait | None:
        """Ask for the lease, since no fresh value was *found*, and answer the caller."""
        # The value of a timed call that is late is discarded, so nothing should wait for it.
        if self._lease.take(cache, max(min(LEASE, deadlines.seconds_left()), 0.001)):
            again = self._read(cache)
            if isinstance(again, Hit):
                self._lease.end(cache)
                return again
            self._begin(cache, again.marks)
            return None
        if found.stale:
            return found.stale
        holder = self._lease.holder(cache)
        self._patience = self._patience or _Patience()
        wait = self._patience.wait_for(holder) if waits and not is_above(holder) else None
        if wait is None:
            self._begin(cache, found.marks)
        return wait

    def _read(self, cache: BaseCache) -> Hit | _Absence:
        """Read the value and its marks, together. A hit is fresh."""
        try:
            found = cache.get_many([self.key, *self.marks])
        except UNREADABLE:
            cache.delete(self.key)  # it would stay until it expires, for no caller can replace it
            raise
        marks = list(map(found.get, self.marks))
        value, fresh_until, under = found.get(self.key, (None, 0, None))
        if under != marks:
            return _Absence(marks, None)
        now = time.time()
        if now < fresh_until:
            return Hit(value)
        return _Absence(marks, Hit(value) if now < fresh_until + self.stale else None)

    def _begin(self, cache: BaseCache, marks: list[Any]) -> None:
        """Let the caller compute, under *marks* as they were read, the missing ones added."""
        if None in marks:
            for mark in self.marks:
                cache.add(mark, token_hex(8), _mark_time(self.seconds + self.stale))
            marks = self._read_marks(cache)
        self._under = marks

    def _keep(self, value: Any, cache: BaseCache) -> None:
        """Write *value* with its marks, unless a mark has changed since the computation began."""
        if self._read_marks(cache) != self._under:
            return
        longest = self.seconds + self.stale
        cache.set(self.key, (value, time.time() + self.seconds, self._under), ceil(longest))
        for mark in self.marks:
            cache.touch(mark, _mark_time(longest))

    def _read_marks(self, cache: BaseCache) -> list[Any]:
        return list(map(cache.get_many(self.marks).get, self.marks))


@dataclass(slots=True)
class _Absence:
    """The cache has no fresh value: its *marks*, and the *stale* value that may be served."""

    marks: list[Any]
    stale: Hit | None


@dataclass(slots=True)
class _Patience:
    """The waiting of a caller that does not get the lease."""

    holders: set[str] = field(default_factory=set)
    absences: int = 0  # looks in a row that found no holder
    looks: int = 0

    def wait_for(self, holder: str | None) -> Wait | None:
        """The wait for *holder* (None if nothing holds the lease); None after enough waits."""
        if holder is None:
            self.absences += 1
        else:
            self.absences = 0
            self.holders.add(holder)
        if len(self.holders) > WAITS or self.absences > 1:
            return None
        self.looks += 1
        return Wait(LOOKS[min(self.looks, len(LOOKS)) - 1])


def change_mark(mark: str, alias: str, *, longest: float) -> None:
    """
    Drop the values under *mark*, none of which is kept for more than *longest* seconds.

    Raises:
        Exception: the cache raised it, and the values are still there.
    """
    caches[alias].set(mark, token_hex(8), _mark_time(longest))


def _mark_time(longest: float) -> int:
    """The time to keep a mark, in seconds: it outlives a value that is being computed, too."""
    return ceil(longest + LEASE)
