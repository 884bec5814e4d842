"""
One value's place in a cache, and who computes it where several want it at once.

A caller that misses takes a lease on the place, in the cache itself, so that it holds across
threads and processes. Others wait for the value, or for the lease to end: with a failure, or
with its time where its holder has died. Where there is an old value they get that instead. A
cache that does not answer costs a computation, never more.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, TypeVar

from django.core.cache import caches

T = TypeVar("T")

logger = logging.getLogger("django_partstream")

#: How long one caller may compute before another one tries, in seconds.
LEASE = 30.0

#: How often those who wait look again, in seconds: ever less often, up to the last of these.
LOOKS = (0.002, 0.005, 0.01, 0.02, 0.05)

#: How often it is said that a cache does not answer, in seconds.
QUIET = 60.0

_last_said: dict[str, float] = {}


@dataclass(slots=True)
class Entry:
    """
    The place of one value in the cache *alias*.

    Ask :meth:`look` what to do; who is told to compute ends with :meth:`put` or :meth:`give_up`.
    """

    name: str
    key: str
    alias: str
    seconds: float
    stale: float
    _token: str = field(default_factory=lambda: token_hex(8))
    _looks: int = 0
    _leased: bool = False

    def look(self) -> tuple[Any] | float | None:
        """The value, as a tuple of one; or seconds to wait and look again; or None: compute it."""
        return self._asked(self._look, None)

    def put(self, value: Any) -> None:
        """Keep *value*; what cannot be kept is logged."""
        kept = (value, time.time() + self.seconds)
        try:
            caches[self.alias].set(self.key, kept, self.seconds + self.stale)
        except Exception:
            self._say("could not keep a value of", self.name)
        self.give_up()

    def give_up(self) -> None:
        """End the lease: the value is there, or could not be computed."""
        if self._leased:
            self._asked(self._end_lease, None)

    def _look(self) -> tuple[Any] | float | None:
        kept = caches[self.alias].get(self.key)
        if kept is not None and time.time() < kept[1]:
            return (kept[0],)
        if caches[self.alias].add(self._lease, self._token, LEASE):
            self._leased = True
            return None
        if kept is not None:
            return (kept[0],)
        if self._looks and caches[self.alias].get(self._lease) is None:
            return None  # neither a value nor a lease: this cache keeps nothing
        self._looks += 1
        return LOOKS[min(self._looks, len(LOOKS)) - 1]

    def _end_lease(self) -> None:
        self._leased = False
        # One that took too long may have lost it to another, whose it is to end.
        if caches[self.alias].get(self._lease) == self._token:
            caches[self.alias].delete(self._lease)

    @property
    def _lease(self) -> str:
        return f"{self.key}:lease"

    def _asked(self, ask: Callable[[], T], otherwise: T) -> T:
        try:
            return ask()
        except Exception:
            self._say("did not answer for", self.name)
            return otherwise

    def _say(self, what: str, name: str) -> None:
        now = time.monotonic()
        if now - _last_said.get(f"{self.alias} {what}", -QUIET) >= QUIET:
            _last_said[f"{self.alias} {what}"] = now
            logger.warning("The cache %r %s %s.", self.alias, what, name, exc_info=True)
