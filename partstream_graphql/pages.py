"""One page of a connection, in the shape that Relay's connection types complete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django_partstream.outcomes import Outcome, PartError, Status
from django_partstream.parts import Page
from partstream_graphql.errors import part_error
from partstream_graphql.selection import Place, Run
from partstream_graphql.types import NodeStatus


@dataclass(frozen=True, slots=True)
class Resolved:
    """One run of a part, and how it ended."""

    run: Run
    outcome: Outcome


class ConnectionPage:
    """
    What one page carries: the outcomes of its parts, or only their names where none is selected.

    *sign* turns an index into the page into a cursor; it is called for cursors that are asked for.
    """

    def __init__(
        self,
        page: Page,
        resolved: dict[str, list[Resolved]],
        *,
        errors_as_data: bool,
        field_names: dict[str, str],
        sign: Callable[[int], str],
    ) -> None:
        self.page = page
        self.resolved = resolved
        self.errors_as_data = errors_as_data
        self.field_names = field_names
        self.sign = sign
        self._outcomes = {
            (name, place): one.outcome
            for name, runs in resolved.items()
            for one in runs
            for place in one.run.places
        }

    def value(self, name: str, place: Place) -> Any:
        """
        The value of a part, as the field at *place* selects it; null where this page has none.

        Raises:
            GraphQLError: it failed, and the query does not ask for failures as data.
        """
        outcome = self._outcomes.get((name, place))
        if outcome is None:
            return None
        if outcome.error is not None and not self.errors_as_data:
            raise part_error(outcome.error)
        return outcome.value

    def edges(self) -> list[Edge]:
        """The edges of this page, in order."""
        return [Edge(self, index, name) for index, name in enumerate(self.page.names)]

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
        return self.sign(0) if self.page.names else None

    @property
    def end_cursor(self) -> str | None:
        """Relay's ``endCursor``: what ``after`` takes for the next page."""
        return self.sign(-1) if self.page.names else None


class Edge:
    """A Relay edge: a node, and the cursor behind it."""

    __slots__ = ("_index", "_page", "node")

    def __init__(self, page: ConnectionPage, index: int, name: str) -> None:
        self._page, self._index = page, index
        self.node = Node(page, name)

    @property
    def cursor(self) -> str:
        """The cursor behind this part."""
        return self._page.sign(self._index)


class Node:
    """One part of a page; of several runs of it, the first that failed speaks for it."""

    __slots__ = ("_outcome", "_page", "_part", "name")

    def __init__(self, page: ConnectionPage, part: str) -> None:
        self._page, self._part = page, part
        self.name = page.field_names[part]
        outcomes = [one.outcome for one in page.resolved.get(part, ())]
        self._outcome = next(
            (one for one in outcomes if one.error),
            next((one for one in outcomes if one.status is Status.FALLBACK), None),
        ) or (outcomes[0] if outcomes else None)

    @property
    def status(self) -> Status | NodeStatus:
        """How the part ended."""
        return self._outcome.status if self._outcome else NodeStatus.PLANNED

    @property
    def error(self) -> PartError | None:
        """Why it failed."""
        return self._outcome.error if self._outcome else None

    def _deliver(self, name: str, key: str | int) -> Any:
        """The value of this node's own part; the fields of the others are null."""
        return self._page.value(name, ("node", key)) if name == self._part else None
