"""The lease on a place in a cache: the right, and the duty, to compute its value."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from secrets import token_hex

from django.core.cache import BaseCache


@dataclass(slots=True)
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

    def end(self, cache: BaseCache) -> None:
        """End the lease. If it ended by itself, and another caller holds it, leave it."""
        self.is_held = False
        if self.holder(cache) == self.token:
            cache.delete(self.key)
