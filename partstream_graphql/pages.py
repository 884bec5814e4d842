"""A page of a connection, in the shape that Relay's connection types complete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from django_partstream.outcomes import Outcome, PartError, Status
from django_partstream.pages import Page
from partstream_graphql.errors import part_error
from partstream_graphql.selection import Place, Selection
from partstream_graphql.types import NodeStatus


class Waiting(NamedTuple):
    """A pending part, as the type ``PendingPart`` completes it; *name* is that of its field."""

    name: str
    retry_after: float
    progress: float | None


class ConnectionPage:
    """
    The outcomes of the parts of a *page*; only the names of the parts that no query selects.

    It is the page as it is sent, without its pending parts.

    *selection* has the runs, ended or promised. *field_names* are the GraphQL names of the parts.
    *sign* makes a cursor of an index into the page. It is called when a cursor is asked for.
    """

    def __init__(
        self,
        page: Page,
        selection: Selection,
        *,
        field_names: Mapping[str, str],
        sign: Callable[[int], str],
    ) -> None:
        self.page = page
        self.field_names = field_names
        self._selection = selection
        self._sign = sign
        self._by_place = {
            (name, place): run
            for name in page.names
            for run in selection.runs.get(name, ())
            for place in run.places
        }

    def value(self, name: str, place: Place) -> Any:
        """
        The value of a part, for the field at *place*; null if this page does not carry the part.

        Raises:
            GraphQLError: the part failed, and the query does not select errors as data.
        """
        run = self._by_place.get((name, place))
        if run is None or run.outcome is None:
            return None
        outcome = run.outcome
        if outcome.error is not None and not self._selection.errors_as_data:
            raise part_error(outcome.error)
        return outcome.value

    def outcomes(self, name: str) -> list[Outcome]:
        """The outcomes of the part *name*: an outcome for each of its runs."""
        runs = self._selection.runs.get(name, ())
        return [run.outcome for run in runs if run.outcome is not None]

    def cursor(self, index: int) -> str:
        """The cursor behind the part at *index*."""
        return self._sign(index)

    def edges(self) -> list[Edge]:
        """The edges of this page, in order."""
        self._edges = [Edge(self, index, name) for index, name in enumerate(self.page.names)]
        return self._edges

    def refresh(self, name: str) -> None:
        """Look at the outcomes of the part *name* again: a run of it has ended later."""
        self._edges[self.page.names.index(name)].node.refresh()

    @property
    def has_next_page(self) -> bool:
        """Relay's ``hasNextPage``."""
        return self.page.has_more

    @property
    def has_previous_page(self) -> bool:
        """Relay's ``hasPreviousPage``."""
        return self.page.has_previous

    @property
    def start_cursor(self) -> str | None:
        """Relay's ``startCursor``."""
        return self.cursor(0) if self.page.names else None

    @property
    def end_cursor(self) -> str | None:
        """
        Relay's ``endCursor``: the value of ``after`` for the next page.

        A page without parts has it only if the walk owes a part, which it would lose.
        """
        return self.cursor(-1) if self.page.names or self.page.debts else None


class Edge:
    """A Relay edge: a node, and the cursor behind it."""

    __slots__ = ("_index", "_page", "node")

    def __init__(self, page: ConnectionPage, index: int, name: str) -> None:
        self._page, self._index = page, index
        self.node = Node(page, name)

    @property
    def cursor(self) -> str:
        """The cursor behind this part."""
        return self._page.cursor(self._index)


class Node:
    """A part of a page. If it has several runs, the first failure among them is its error."""

    __slots__ = ("_outcome", "_page", "_part", "name")

    def __init__(self, page: ConnectionPage, part: str) -> None:
        self._page, self._part = page, part
        self.name = page.field_names[part]
        self.refresh()

    def refresh(self) -> None:
        """Look at the outcomes of the part."""
        self._outcome = _worst(self._page.outcomes(self._part))

    @property
    def status(self) -> Status | NodeStatus:
        """The status of the part."""
        return self._outcome.status if self._outcome else NodeStatus.PLANNED

    @property
    def error(self) -> PartError | None:
        """The error entry of a failed part."""
        return self._outcome.error if self._outcome else None

    def _part_at(self, name: str, key: str | int) -> Any:
        """The value of this node's own part; the fields of other parts are null."""
        return self._page.value(name, ("node", key)) if name == self._part else None


def _worst(outcomes: list[Outcome]) -> Outcome | None:
    """The first failure, else the first fallback, else the first outcome."""
    for outcome in outcomes:
        if outcome.error:
            return outcome
    for outcome in outcomes:
        if outcome.status is Status.FALLBACK:
            return outcome
    return outcomes[0] if outcomes else None
