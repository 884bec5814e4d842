"""Walks of pages and streams that are cut anywhere, over a response that changes: a simulation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from django_partstream import cursors
from django_partstream.exceptions import CursorStale
from django_partstream.ledgers import Ledger
from django_partstream.pages import Page
from django_partstream.parts import Plan

AUDIENCE = ["simulation"]

#: Bounds of a simulated walk.
MAX_REQUESTS, MAX_CUTS, MAX_WAITS = 100, 4, 4

#: Names in which base64 and JSON are longer than the text, and of lengths around the budgets.
names = st.lists(
    st.builds(
        lambda start, letter, length: start + letter * length,
        st.text(st.sampled_from("abcdefgh"), min_size=1, max_size=3),
        st.sampled_from('x"é注'),
        st.sampled_from([0, 0, 0, 0, 5, 20, 40]),
    ),
    unique=True,
    max_size=8,
)


@dataclass
class Simulation:
    """
    A walk of a client through the response *present*, with the cursors of *limit* characters.

    *only* are the parts that the client wants, None for all. Each request and each event of it is
    drawn from *data*.
    """

    data: Any
    present: list[str]
    limit: int = 2048
    only: set[str] | None = None
    query: str = ""
    token: str | None = None
    had: list[str] = field(default_factory=list)
    ended: bool = False
    cuts: int = 0
    waits: int = 0

    def draw(self, strategy: Any, label: str) -> Any:
        return self.data.draw(strategy, label=label)

    def run(self, change: Any = lambda simulation: None) -> Simulation:
        """Go to the end of the walk; *change* is called between requests."""
        for _ in range(MAX_REQUESTS):
            kind = self.draw(st.sampled_from([self.page, self.stream]), "request")
            kind()
            if self.ended:
                return self
            change(self)
        raise AssertionError("the walk did not end")

    def page(self) -> None:
        """A page, which may be lost, and of which the client may follow any edge."""
        size = self.draw(st.integers(1, 4), "size")
        page = self.taken(size)
        pending = self.drawn_pending(page.names)
        if pending:
            page = page.without(pending, limit=self.limit)
        if self.drawn_cut():
            if not page.names:
                return
            index = self.draw(st.integers(-1, len(page.names) - 1), "edge")
            if index == -1:
                return  # the response was lost
            self.take(*page.names[: index + 1])
            self.token = self.sign(page.cursor(index))
            return
        self.take(*page.names)
        if page.has_more:
            self.token = self.sign(page.cursor())
        else:
            self.ended = True

    def stream(self) -> None:
        """A stream, in which parts end in any order, and which is cut anywhere."""
        page = self.taken(None)
        ledger = Ledger(page, limit=self.limit)
        concurrency = self.draw(st.sampled_from([1, 2, 3, 100]), "concurrency")
        pending = self.drawn_pending(page.names)
        order = self.draw(st.permutations(range(len(page.names))), "order of ends")
        cut = self.draw(st.integers(0, len(page.names)), "cut") if self.drawn_cut() else None
        waiting, running = list(page.names), []
        while not ledger.is_complete:
            while waiting and len(running) < concurrency and ledger.may_begin(waiting[0]):
                running.append(waiting.pop(0))
            free = [name for name in running if name not in pending]
            if not free:
                if pending & set(running):
                    break  # nothing but pending parts is left: the server ends the stream
                raise AssertionError(f"no part may begin: {waiting}")
            name = min(free, key=lambda name: order[page.names.index(name)])
            running.remove(name)
            token = self.sign(ledger.deliver(name))
            if cut is None or ledger.delivered <= cut:  # beyond it nothing arrives
                self.take(name)
                self.token = token
        if cut is not None:
            return
        ledger.owe_all(pending & set(running))
        self.token = self.sign(ledger.cursor)
        self.ended = ledger.is_complete

    def taken(self, size: int | None) -> Page:
        page = self.plan.page(after=self.place, size=size, only=self.only)
        assert len(page.names) == len(set(page.names))
        return page

    @property
    def plan(self) -> Plan:
        return Plan([(name, None) for name in self.present])

    @property
    def place(self) -> cursors.Cursor | None:
        return None if self.token is None else cursors.read(self.token)

    def sign(self, cursor: cursors.Cursor) -> str:
        cursor.query = self.query
        token = cursors.write(cursor, audience=AUDIENCE, ttl=60)
        assert len(token) <= self.limit
        return token

    def take(self, *delivered: str) -> None:
        self.had += delivered

    def drawn_cut(self) -> bool:
        if self.cuts >= MAX_CUTS or not self.draw(st.booleans(), "cut"):
            return False
        self.cuts += 1
        return True

    def drawn_pending(self, taken: tuple[str, ...]) -> set[str]:
        """Parts of a request that do not end in it; in the long run every part ends."""
        if self.waits >= MAX_WAITS or not taken or not self.draw(st.booleans(), "waits"):
            return set()
        self.waits += 1
        return self.draw(st.sets(st.sampled_from(taken), min_size=1), "pending")


def changes(steady: set[str]) -> Any:
    """Between two requests any part that is not *steady* may go or move, and new parts may come."""
    fresh = iter(range(6))

    def change(simulation: Simulation) -> None:
        draw, present, place = simulation.draw, simulation.present, simulation.place
        front = place.after if place else ""
        loose = [name for name in present if name not in steady]
        for name in draw(st.sets(st.sampled_from(loose), max_size=2), "go") if loose else ():
            present.remove(name)
            # A part behind a front that has moved may come twice: their order has changed.
            if name != front and draw(st.booleans(), "moves"):
                present.insert(draw(st.integers(0, len(present)), "to"), name)
        number = next(fresh, None) if draw(st.booleans(), "comes") else None
        if number is not None:
            present.insert(draw(st.integers(0, len(present)), "at"), f"new-{number}")

    return change


def walked(simulation: Simulation, steady: set[str]) -> list[str] | None:
    """The *steady* parts in the order of arrival; None if the walk was told to start again."""
    try:
        simulation.run(changes(steady))
    except CursorStale:
        place = simulation.place
        assert place is not None
        assert place.after not in simulation.present
        return None
    return [name for name in simulation.had if name in steady]
