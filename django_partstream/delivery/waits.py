"""
The waits of a stream for its pending parts, each of which is tried again.

The rules:

- An attempt that was found pending waits from when the consumer has taken its outcome, so the
  consumer never gets outcomes faster than it takes them. After its ``retry_after`` it is due.
- A wait has no thread, no timer and no lane. The consumer, who waits for outcomes anyway, waits no
  longer than until the next attempt is due, and has it tried again.
- The consumer may have *patience*: how long it waits while nothing but pending parts is left. When
  that is over no attempt is due any more. A part that ends does not begin it anew.
- The consumer alone uses this, so it needs no lock.
"""

from __future__ import annotations

from math import inf

from django_partstream.clocks import monotonic
from django_partstream.delivery.attempts import Attempt
from django_partstream.outcomes import Outcome


class Waits:
    """The attempts that were found pending and have not ended, and when each is due again."""

    def __init__(self) -> None:
        #: Seconds for which the consumer waits while nothing but pending parts is left.
        self.patience = inf
        self._over_at = inf
        #: By ``clocks.monotonic()``; infinite for an attempt that is being tried.
        self._due: dict[Attempt, float] = {}

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, attempt: Attempt) -> bool:
        return attempt in self._due

    @property
    def attempts(self) -> list[Attempt]:
        """The attempts, in the order in which they were first found pending."""
        return list(self._due)

    @property
    def is_any_awaited(self) -> bool:
        """Whether an attempt waits that will be tried again."""
        return self._next_due < inf and not self._is_over

    @property
    def seconds_left(self) -> float:
        """The seconds until an attempt is due, or the patience is over; infinite if neither is."""
        if self._is_over:
            return inf
        return max(min(self._next_due, self._over_at) - monotonic(), 0.0)

    def note(self, attempt: Attempt, outcome: Outcome) -> None:
        """Note the *outcome* of *attempt*, as the consumer takes it."""
        if outcome.pending is None:
            self._due.pop(attempt, None)
        else:
            self._due[attempt] = monotonic() + outcome.pending.retry_after

    def look(self, *, is_all: bool) -> None:
        """Note whether nothing but pending parts is left now."""
        if not is_all:
            self._over_at = inf
        elif self._over_at == inf:
            self._over_at = monotonic() + self.patience

    def take_due(self) -> Attempt | None:
        """Take the attempt that is due first, to be tried again; None if none is due."""
        if self._is_over or self._next_due > monotonic():
            return None
        attempt = min(self._due, key=self._due.__getitem__)
        self._due[attempt] = inf
        return attempt

    @property
    def _next_due(self) -> float:
        return min(self._due.values(), default=inf)

    @property
    def _is_over(self) -> bool:
        return monotonic() >= self._over_at
