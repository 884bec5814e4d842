"""
The place of a job: what is known of it, in the cache of its function. :mod:`.states` has the times.

================ ============= =====================================================================
key              kept for      meaning
================ ============= =====================================================================
``KEY``          ``keep``      the value, or how the work failed, under the mark of the function
``KEY:asked``    ``ASKED``     the work was asked for, at this time
``KEY:lease``    ``LEASE``     a worker is at work: its token
``KEY:tries``    ``limit`` +   how often the work was begun and not ended
``KEY:progress`` ``LEASE``     the seconds that the work has taken, and a number from 0 to 1
================ ============= =====================================================================

The rules:

- A reader that finds neither a value nor a sign of work adds ``asked``, and asks an engine. Of
  several readers one gets to add it. When it has expired, the work is asked for again.
- A worker adds ``lease``, and touches it every ``BEAT`` seconds. Without the lease a worker goes. A
  lease that is not touched ends by itself, so the next reader asks again.
- A worker counts a try when it begins, and takes the count away when it ends. Work that has killed
  its worker ``DEATHS`` times has failed.
- A value or failure is good while the mark of the function is as it was when the work began.
  ``invalidate()`` changes the mark, and no mark expires. A lost mark costs a computation.
- A value is never replaced by a failure, for whoever has failed may have come late.
- The clock of a worker is not compared with the clock of a reader. A worker tells how long its work
  has taken.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from math import ceil
from secrets import token_hex
from typing import Any

from django.core.cache import BaseCache

from django_partstream.caching.health import UNREADABLE, UNWRITABLE
from django_partstream.caching.keys import PREFIX
from django_partstream.failures import Failure
from django_partstream.jobs import states
from django_partstream.jobs.states import Deadly, Failed, Kept, State, Underway

logger = logging.getLogger("django_partstream")


@dataclass(slots=True)
class Place:
    """
    The place of a job in the cache *alias*, at *key*, under the *mark* of its function.

    *keep* and *limit* are those of the function, in seconds. Any method may raise what the cache
    raises.
    """

    alias: str
    key: str
    mark: str
    keep: float
    limit: float
    #: The token of a worker that has the lease.
    lease: str = field(default="", init=False)

    @classmethod
    def of(cls, function: str, key: str, *, alias: str, keep: float, limit: float) -> Place:
        """The place of the job with the digest *key* of the function at the path *function*."""
        return cls(alias, f"{PREFIX}{key}", states.mark_of(function), keep, limit)

    @property
    def cache(self) -> BaseCache:
        """
        The cache, in this thread.

        Raises:
            ImproperlyConfigured: it keeps nothing.
        """
        return states.usable_cache(self.alias)

    # For readers.

    def look(self) -> State:
        """What is known of the job; None if nothing is, so that the work is to be asked for."""
        found = self._found()
        kept, mark = found.get(self.key), found.get(self.mark)
        if kept is not None and mark is not None and kept[1] == mark:
            ended: Kept | Failed = kept[0]
            return ended
        if f"{self.key}:lease" in found:
            age, progress = found.get(f"{self.key}:progress", (0.0, None))
            return Underway(age, progress, begun=True)
        if (asked := found.get(f"{self.key}:asked")) is not None:
            age = max(time.time() - asked, 0.0)
            return Underway(min(age, self.limit), None)  # what has not begun does not hang
        return Deadly() if found.get(f"{self.key}:tries", 0) >= states.DEATHS else None

    def claim(self) -> bool:
        """Record that the work is asked for. Return whether this reader is to ask for it."""
        return bool(self.cache.add(f"{self.key}:asked", time.time(), states.ASKED))

    def withdraw(self) -> None:
        """Record that nobody is asked for the work any more, so that the next reader asks."""
        self.cache.delete(f"{self.key}:asked")

    def refuse(self, failure: Failure, *, seconds: float = states.REFUSED) -> None:
        """Keep the *failure* of an engine or worker that has not taken the work."""
        self._fail(Failed(failure), self.current_mark(), seconds)
        self.withdraw()

    def bury(self, failure: Failure) -> None:
        """Keep the *failure* of a job that has killed its workers, and count anew after that."""
        buried = Failed(failure, is_buried=True)
        self._fail(buried, self.current_mark(), min(max(self.keep, states.SEEN), states.POISONED))
        self.cache.delete(f"{self.key}:tries")

    # For workers.

    def begin(self) -> str | None:
        """Take the lease. Return the mark to keep the value under; None if there is no work."""
        cache, self.lease = self.cache, token_hex(8)
        if not cache.add(f"{self.key}:lease", self.lease, states.LEASE):
            return None
        tries = cache.get(f"{self.key}:tries", 0)
        if tries >= states.DEATHS or self._has_ended():
            cache.delete_many([f"{self.key}:lease", f"{self.key}:asked"])
            return None
        cache.set(f"{self.key}:tries", tries + 1, ceil(self.limit) + states.POISONED)
        cache.delete_many([f"{self.key}:asked", f"{self.key}:progress"])
        return self.current_mark()

    def beat(self) -> None:
        """Keep the lease, also in a cache that has forgotten it."""
        lease = f"{self.key}:lease"
        if not self.cache.touch(lease, states.LEASE):
            self.cache.add(lease, self.lease, states.LEASE)

    def tell(self, seconds: float, progress: float | None) -> None:
        """Tell readers of the *seconds* that the work has taken, and of its *progress*."""
        self.cache.set(f"{self.key}:progress", (seconds, progress), states.LEASE)

    def keep_value(self, value: Any, mark: str) -> None:
        """
        Keep *value*, unless it was dropped since the work began under *mark*.

        Raises:
            TypeError: it cannot be pickled.
            ValueError: the cache has dropped it, and not all, or cannot give it back.
        """
        for _ in range(2):  # again, if the cache has forgotten it, or all, at this moment
            if not self._is_current(mark):
                return
            self._write(value, mark)
            if self._is_there(mark):
                return
        if not self._has_lease():
            return  # the cache was emptied again, and the next reader asks again
        if not any(self._is_there(mark, after=seconds) for seconds in states.LOOKS):
            raise ValueError(
                f"The cache {self.alias!r} did not keep the value, which may be too large for it."
            )

    def _write(self, value: Any, mark: str) -> None:
        try:
            self._keep(Kept(value), mark, max(self.keep, states.SEEN))
        except (*UNWRITABLE, AttributeError) as exc:  # the last of a lambda or a local class
            raise TypeError(
                f"The value cannot be kept in the cache {self.alias!r}: {exc}. Return text, "
                "numbers, dates, lists and dicts of those, or rows of models."
            ) from exc

    def keep_failure(self, failure: Failure, mark: str) -> None:
        """Keep the *failure* of work that began under *mark*, unless it was dropped meanwhile."""
        if self._is_current(mark):
            self._fail(Failed(failure), mark, states.FAILED)

    def end(self) -> None:
        """End the lease, if this worker holds it, the count of tries, and what was asked for."""
        signs = ("tries", "progress", "asked")  # asked by a reader that looked before the lease
        self.cache.delete_many([f"{self.key}:{sign}" for sign in signs])
        if self._has_lease():
            self.cache.delete(f"{self.key}:lease")

    def lose(self) -> None:
        """End the lease of a worker that has died, so that the next reader asks again."""
        signs = ("progress", "asked", "lease")
        self.cache.delete_many([f"{self.key}:{sign}" for sign in signs])

    def current_mark(self) -> str:
        """The mark of the function, made if there is none."""
        self._add_mark(made := token_hex(8))
        mark: str = self.cache.get(self.mark, made)
        return mark

    def _has_lease(self) -> bool:
        return bool(self.cache.get(f"{self.key}:lease") == self.lease)

    def _is_current(self, mark: str) -> bool:
        """Whether the mark is still *mark*; a cache that has forgotten it is given it again."""
        self._add_mark(mark)
        return bool(self.cache.get(self.mark) == mark)

    def _add_mark(self, mark: str) -> None:
        """Add *mark*, if there is none. It outlives each computation that has begun under it."""
        self.cache.add(self.mark, mark, None)

    def _has_ended(self) -> bool:
        """Whether the work is not to be begun: its value is there, or it would kill its worker."""
        state = self.look()
        return isinstance(state, Kept) or (isinstance(state, Failed) and state.is_buried)

    def _is_there(self, mark: str, *, after: float = 0) -> bool:
        """
        Whether the cache gives back the value under *mark*, *after* so many seconds.

        A cache may drop it and say nothing, as memcached and a database do. An older one may stay.

        Raises:
            ValueError: it cannot be read.
        """
        time.sleep(after)
        try:
            found = self.cache.get(self.key)
        except UNREADABLE as exc:
            raise ValueError("The value can be pickled, and cannot be unpickled.") from exc
        return found is not None and found[1] == mark

    def _fail(self, failed: Failed, mark: str, seconds: float) -> None:
        if not isinstance(self.look(), Kept):
            self._keep(failed, mark, seconds)

    def _keep(self, ended: Kept | Failed, mark: str, seconds: float) -> None:
        self.cache.set(self.key, (ended, mark), ceil(seconds))

    def _found(self) -> dict[str, Any]:
        signs = [f"{self.key}:{sign}" for sign in ("asked", "lease", "tries", "progress")]
        keys = [self.key, self.mark, *signs]
        try:
            return self.cache.get_many(keys)
        except UNREADABLE:  # of another release
            logger.warning(
                "A value of a background function cannot be read here, and is computed anew.",
                exc_info=True,
            )
            self.cache.delete(self.key)
            return self.cache.get_many(keys)
