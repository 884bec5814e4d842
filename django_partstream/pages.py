"""
Pages: the parts that a request carries, and the cursors behind them.

A walk has a *front*: the last part that a page took, or the furthest that a stream delivered. A
part up to the front that was not delivered is *owed*. A page from a cursor that owes parts carries
those first, in declared order, then its own chunk.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django_partstream.cursors import Cursor, can_owe

#: The front of a walk that has not begun.
START = "", -1


class Debt(NamedTuple):
    """A part that is owed: its position, and when it was first owed, in seconds since the epoch."""

    position: int
    since: int


@dataclass(kw_only=True, slots=True)
class Page:
    """
    The parts that a request carries, and their positions in the whole response.

    *front* is the front of the walk before the page: a name and its position.
    """

    names: tuple[str, ...]
    positions: Sequence[int]
    values: tuple[Any, ...]
    total: int
    has_more: bool
    has_previous: bool
    front: tuple[str, int] = START

    @property
    def debts(self) -> Mapping[str, Debt]:
        """The parts that are owed when the page begins, by name, and those that are pending."""
        return {}

    def cursor(self, index: int = -1, *, query: str = "") -> Cursor:
        """The cursor behind the part at *index* of this page, which carries *query*."""
        return Cursor(after=self.names[index], position=self.positions[index], query=query)

    def behind(
        self,
        carried: Sequence[str],
        values: Sequence[Any],
        *,
        owed: Mapping[str, Debt],
    ) -> OwingPage:
        """
        The page with the *carried* parts, of these *values*, before its own parts.

        They are among *owed*, the parts that the walk owes when the page begins.
        """
        return OwingPage(
            names=(*carried, *self.names),
            positions=(*[owed[name].position for name in carried], *self.positions),
            values=(*values, *self.values),
            total=self.total,
            has_more=self.has_more,
            has_previous=self.has_previous,
            front=self.front,
            owed=owed,
            end=(self.names[-1], self.positions[-1]) if self.names else self.front,
        )

    def without(self, pending: Collection[str], *, limit: int) -> OwingPage:
        """
        The page as it is sent while its parts *pending* have not ended: its cursors owe them.

        It ends before the first part at which a cursor of at most *limit* characters could not owe
        all the pending parts.
        """
        debts, owed = dict(self.debts), []
        end, count, now = self.front, 0, int(time.time())
        kept = [name for name in debts if name not in self.names]
        for name, position in zip(self.names, self.positions, strict=True):
            if name in pending:
                owed.append(name)
            if position > end[1]:
                if owed and not can_owe([*kept, *owed], after=name, limit=limit):
                    break
                if name in pending:
                    debts[name] = Debt(position, now)
                end = name, position
            count += 1
        sent = [index for index, name in enumerate(self.names[:count]) if name not in pending]
        return OwingPage(
            names=tuple([self.names[index] for index in sent]),
            positions=tuple([self.positions[index] for index in sent]),
            values=tuple([self.values[index] for index in sent]),
            total=self.total,
            has_more=self.has_more or len(sent) < len(self.names),
            has_previous=self.has_previous,
            front=self.front,
            owed=debts,
            end=end,
        )


@dataclass(kw_only=True, slots=True)
class OwingPage(Page):
    """
    A page of a walk that owes parts.

    *owed* are the parts that are owed when the page begins, carried by it or not, and the pending
    parts that it passes. *end* is the front behind the page.
    """

    owed: Mapping[str, Debt]
    end: tuple[str, int]

    @property
    def debts(self) -> Mapping[str, Debt]:
        """The parts that are owed when the page begins, by name, and those that are pending."""
        return self.owed

    def cursor(self, index: int = -1, *, query: str = "") -> Cursor:
        """
        The cursor of the walk as if the page had ended behind the part at *index*.

        The last cursor is that of the whole page, also of a page without parts.
        """
        if index == -1 or index == len(self.names) - 1:
            delivered, (front, position) = self.names, self.end
        else:
            delivered = self.names[: index + 1]
            front, position = self._front_behind(index)
        owed = {
            name: debt.since
            for name, debt in self.owed.items()
            if debt.position <= position and name not in delivered
        }
        return Cursor(after=front, position=position, owed=owed, query=query)

    def _front_behind(self, index: int) -> tuple[str, int]:
        """The front behind the part at *index*: a part that was owed does not move it."""
        name, position = self.names[index], self.positions[index]
        return max((self.front, (name, position)), key=lambda place: place[1])
