"""
The ledger of a stream: the parts that were delivered, and the cursor behind each delivery.

The rules:

1. The front is the furthest part that was delivered. The parts of the page up to it that were not
   delivered are owed.
2. A part may begin once a cursor behind it could owe every undelivered part before it. From then on
   that stays so, for parts are only delivered. So a part that has begun may end at any moment.
3. The first undelivered part may always begin, so a stream never stands still.
4. A pending part is not delivered, so the parts behind it begin as far as a cursor can owe it. At
   the end of a stream the cursor owes it, so that the walk knows for how long it was waited for.

A ledger is used by the thread or task that iterates over the stream, and by no other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from itertools import takewhile

from django_partstream.cursors import Cursor, can_owe, length_of
from django_partstream.pages import Page


def _now(name: str) -> float:
    return time.time()


class Ledger:
    """
    The deliveries of a stream of *page*, with cursors of at most *limit* characters.

    *first_owed* tells since when the walk owes a part that a cursor is to owe, in seconds since the
    epoch; by default from then on.
    """

    def __init__(
        self, page: Page, *, limit: int, first_owed: Callable[[str], float] = _now
    ) -> None:
        self._limit, self._first_owed = limit, first_owed
        self._front, self._position = page.front
        self._left = dict(zip(page.names, page.positions, strict=True))
        self._kept = [name for name in page.debts if name not in self._left]
        self._since = {name: debt.since for name, debt in page.debts.items()}
        self._delivered = 0

    @property
    def delivered(self) -> int:
        """The number of parts that were delivered."""
        return self._delivered

    @property
    def left(self) -> list[str]:
        """The parts that were not delivered, in declared order."""
        return list(self._left)

    @property
    def is_complete(self) -> bool:
        """Whether every part was delivered."""
        return not self._left

    @property
    def cursor(self) -> Cursor:
        """The place where the walk stands now."""
        names = [*self._kept, *self._undelivered_until(self._position)]
        owed = {name: self._owed_since(name) for name in names}
        return Cursor(after=self._front, position=self._position, owed=owed)

    @property
    def longest(self) -> Cursor | None:
        """The longest of the cursors that a delivery in order makes; None if no part is left."""
        ahead = [name for name, position in self._left.items() if position > self._position]
        if not ahead:
            return None
        name = max(ahead, key=length_of)
        owed = {kept: self._since[kept] for kept in self._kept}
        return Cursor(after=name, position=self._left[name], owed=owed)

    def may_begin(self, name: str) -> bool:
        """
        Whether the part *name* may begin: once it has ended, a cursor can owe all parts before it.

        Ask for parts in declared order, and for no further part once the answer is no.

        Raises:
            KeyError: the part was delivered, or the page does not carry it.
        """
        position = self._left[name]
        if position <= self._position:
            return True
        before = self._undelivered_until(position - 1)
        return not before or self._can_owe(before, after=name)

    def deliver(self, name: str) -> Cursor:
        """
        Record the delivery of the part *name*, and return the cursor behind it.

        Raises:
            KeyError: the part was delivered before, or the page does not carry it.
        """
        position = self._left.pop(name)
        self._delivered += 1
        self._reach(name, position)
        return self.cursor

    def owe(self, name: str) -> bool:
        """
        Have the cursor owe the pending part *name*; whether it can.

        Raises:
            KeyError: the part was delivered, or the page does not carry it.
        """
        position = self._left[name]
        if position <= self._position:
            return True
        if not self._can_owe(self._undelivered_until(position), after=name):
            return False
        self._reach(name, position)
        return True

    def owe_all(self, pending: Container[str]) -> None:
        """
        Have the cursor owe the *pending* parts in declared order, as far as it can.

        It owes none behind a part that has not begun, for the walk comes to that part later.
        """
        for name in self.left:
            if name not in pending or not self.owe(name):
                return

    def _owed_since(self, name: str) -> int:
        if name not in self._since:
            self._since[name] = int(self._first_owed(name))
        return self._since[name]

    def _reach(self, name: str, position: int) -> None:
        if position > self._position:
            self._front, self._position = name, position

    def _undelivered_until(self, position: int) -> list[str]:
        """The undelivered parts up to *position*, which are the first in the order of parts."""
        return list(takewhile(lambda name: self._left[name] <= position, self._left))

    def _can_owe(self, names: list[str], *, after: str) -> bool:
        return can_owe([*self._kept, *names], after=after, limit=self._limit)
