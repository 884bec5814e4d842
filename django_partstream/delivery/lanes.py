"""The order in which the parts of a stream begin; decided here, and acted on in :mod:`.streams`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from django_partstream.delivery.attempts import Attempt


class Lanes:
    """
    The attempts of one page that have not begun, and the lanes for its plain parts.

    An attempt is *admitted* in declared order, once ``may_begin(name)`` is true. Coroutines and
    values that are there already begin then. A plain part waits for one of the lanes, of which
    there are *concurrency*. So does a plain part that was pending, at the end of the line.
    """

    def __init__(
        self, attempts: Sequence[Attempt], *, concurrency: int, may_begin: Callable[[str], bool]
    ) -> None:
        self.attempts = attempts
        self._waiting, self._plain = deque(attempts), deque[Attempt]()
        self._free, self._may_begin = max(concurrency, 1), may_begin

    def admit(self) -> list[Attempt]:
        """Admit all attempts that may begin. Return the attempts without a lane."""
        return [attempt for attempt in iter(self.admit_one, None) if self.needs_none(attempt)]

    def needs_none(self, attempt: Attempt) -> bool:
        """Whether *attempt* needs no lane. Otherwise it is put at the end of the line for one."""
        if attempt.immediate or attempt.is_coroutine:
            return True
        self._plain.append(attempt)
        return False

    @property
    def line(self) -> Iterable[Attempt]:
        """The attempts that wait for a lane."""
        return self._plain

    def admit_one(self) -> Attempt | None:
        """Admit the next attempt, if it may begin; None if there is none."""
        if self._waiting and self._may_begin(self._waiting[0].name):
            return self._waiting.popleft()
        return None

    def take(self) -> list[Attempt]:
        """Take the next plain attempts, as many as there are free lanes."""
        taken = [self._plain.popleft() for _ in range(min(self._free, len(self._plain)))]
        self._free -= len(taken)
        return taken

    def give_back(self) -> None:
        """Free the lane of a plain attempt that has ended."""
        self._free += 1

    def close(self) -> None:
        """Admit nothing more."""
        self._waiting.clear()
        self._plain.clear()
