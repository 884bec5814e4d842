"""
The lease on a place in a cache: the right, and the duty, to compute its value.

A computation must not wait for a lease that it is under itself, for the lease would not end. So
the context of a computation has the lease. Whatever it calls or awaits has a copy of the context:
tasks, jobs of ``sync_to_async()`` and timed calls.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from math import ceil
from secrets import token_hex

from django.core.cache import BaseCache

#: The tokens of the leases that this code is under, by its context.
_above: ContextVar[frozenset[str]] = ContextVar("django_partstream.leases", default=frozenset())


@dataclass(slots=True, eq=False)
class Lease:
    """
    The lease under *key*, for a caller that may come to hold it.

    Under the key the cache has the *token* of the holder. The token of a caller is empty until
    the caller first asks for the lease. If that question got no answer, the caller may hold the
    lease with *is_held* False: :meth:`end` decides by the token.
    """

    key: str
    token: str = ""
    is_held: bool = False

    def take(self, cache: BaseCache, seconds: float) -> bool:
        """Take the lease for *seconds*, rounded up. Return False if another caller holds it."""
        self.token = self.token or token_hex(8)
        if cache.add(self.key, self.token, ceil(seconds)):
            self.is_held = True
            return True
        return False

    def holder(self, cache: BaseCache) -> str | None:
        """The token of the caller that holds the lease now."""
        token: str | None = cache.get(self.key)
        return token

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Compute in the body, under this lease."""
        before = _above.set(_above.get() | {self.token})
        try:
            yield
        finally:
            _above.reset(before)

    def end(self, cache: BaseCache) -> None:
        """End the lease. If it ended by itself, and another caller holds it, leave it."""
        self.is_held = False
        if self.holder(cache) == self.token:
            cache.delete(self.key)


#: The lease of a caller that has not asked for any.
NONE = Lease("")


def is_above(token: str | None) -> bool:
    """Whether this code computes under the lease of *token*, so that it must not wait for it."""
    return token in _above.get()
