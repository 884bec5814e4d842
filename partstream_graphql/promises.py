"""
The parts of a page that a query selects inside ``@defer`` only, which are resolved later.

A page resolves the parts that stand outside of ``@defer``. ``status`` or ``error`` of a node, and
``pending`` of the connection, stand for all its parts. The other parts are promised. A group of
fields needs the parts that it selects, and is executed when they have ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from graphql import GraphQLObjectType, GraphQLResolveInfo, get_named_type

from django_partstream._fetching import rejoin
from django_partstream.costs import are_told
from django_partstream.delivery.attempts import Attempt
from django_partstream.outcomes import Outcome
from django_partstream.pages import Page
from partstream_graphql.deferral import Deferral, deferral_of
from partstream_graphql.executions import timing_of
from partstream_graphql.pages import ConnectionPage, Edge, Node
from partstream_graphql.selection import Place, Run, Selection
from partstream_graphql.split import Field, Fields, Splitter

#: Where a field of a connection stands. The first and the last are also words of a place.
_CONNECTION, _EDGE, _NODE = "connection", "edge", "node"

#: Fields with the ends of all parts.
_FOR_EVERY = frozenset({(_NODE, "status"), (_NODE, "error"), (_CONNECTION, "pending")})


class _Types(NamedTuple):
    """The types of a connection, and its parts: their Python names by their GraphQL names."""

    connection: GraphQLObjectType
    edge: GraphQLObjectType
    node: GraphQLObjectType
    parts: Mapping[str, str]


class _Reach:
    """The places of the parts that fields select, or *every* part of a node."""

    def __init__(self, splitter: Splitter, types: _Types) -> None:
        self._splitter, self._types = splitter, types
        self.places: set[Place] = set()
        self.every = False

    def add(self, level: str, fields: Fields) -> None:
        """Add *fields* at *level* of the connection, and the fields executed with them."""
        for key, field in fields.items():
            if level == _EDGE:
                if field.name == "node":
                    self.add(_NODE, self._splitter.split(self._types.node, field))
            elif field.name in self._types.parts:
                self.places.add((level, key))
            elif (level, field.name) in _FOR_EVERY:
                self.every = True
            elif level == _CONNECTION and field.name == "edges":
                self.add(_EDGE, self._splitter.split(self._types.edge, field))

    def has(self, run: Run) -> bool:
        """Whether the fields select *run*."""
        return self.every or any(place in self.places for place in run.places)


class Promise:
    """The runs of parts of *page* that its query, with *selection*, needs later."""

    def __init__(
        self,
        info: GraphQLResolveInfo,
        deferral: Deferral,
        field: Field,
        types: _Types,
        page: Page,
        selection: Selection,
    ) -> None:
        self._info = info
        self._deferral, self._splitter, self._types = deferral, field.splitter, types
        self._selection, self._page = selection, page
        self._answer: ConnectionPage | None = None
        #: The runs that are promised, by their attempts.
        self.runs: dict[Attempt, Run] = {}
        reach = self._reach(_CONNECTION, self._splitter.split(types.connection, field))
        runs = [run for name in page.names for run in selection.runs.get(name, ())]
        self._later = [run for run in runs if not reach.has(run)]
        self.count = self._count(field)

    @property
    def is_kept(self) -> bool:
        """Whether there is something to promise, and room for all fragments of the page."""
        return bool(self._later) and self.count <= self._deferral.room

    def is_later(self, run: Run) -> bool:
        """Whether *run* is promised."""
        return any(run is later for later in self._later)

    def begin(
        self, answer: ConnectionPage, runs: Sequence[tuple[Attempt, Run]], *, concurrency: int
    ) -> None:
        """
        Have the *runs* that are promised to *answer* attempted, *concurrency* at a time.

        *answer* lacks the parts that are pending, or behind which its page ends early.
        """
        self._answer, self.runs, self._page = answer, dict(runs), answer.page
        self._deferral.reserve(self.count)
        self._deferral.promises[id(answer)] = self
        self._deferral.attempt(self, list(self.runs), concurrency)

    def arrived(self, attempt: Attempt, outcome: Outcome) -> None:
        """Take the *outcome* of *attempt*."""
        run = self.runs[attempt]
        run.outcome = outcome
        rejoin(outcome.value)
        if self._answer is not None:
            self._answer.refresh(attempt.name)
            if are_told():
                run.timing = timing_of(self._info, self._answer.field_names[attempt.name], outcome)

    def needs(self, source: Any, fields: Fields) -> list[Run]:
        """The runs that *fields* of *source* need: of the connection, an edge, or a node."""
        names: Iterable[str] = self._page.names
        level = _CONNECTION
        if isinstance(source, (Edge, Node)):
            level = _NODE if isinstance(source, Node) else _EDGE
            names = [(source if isinstance(source, Node) else source.node)._part]
        reach = self._reach(level, fields)
        runs = [run for name in names for run in self._selection.runs.get(name, ())]
        return [run for run in runs if reach.has(run)]

    def _reach(self, level: str, fields: Fields) -> _Reach:
        reach = _Reach(self._splitter, self._types)
        reach.add(level, fields)
        return reach

    def _count(self, field: Field) -> int:
        """The number of fragments that may stand on the connection, its edges and its nodes."""
        split, types = self._splitter.split, self._types
        connection = split(types.connection, field)
        edges = [split(types.edge, one) for one in connection.every.values() if one.name == "edges"]
        nodes = [
            split(types.node, one)
            for edge in edges
            for one in edge.every.values()
            if one.name == "node"
        ]
        on_each = sum(len(one.usages) for one in (*edges, *nodes))
        return len(connection.usages) + len(self._page.names) * on_each


def promise_of(
    info: GraphQLResolveInfo,
    connection: GraphQLObjectType,
    parts: Mapping[str, str],
    page: Page,
    selection: Selection,
) -> Promise | None:
    """The promise of parts that *info* allows for a page of *connection*; None for no promise."""
    found = deferral_of(info.field_nodes)
    if found is None or not selection.runs:
        return None
    edge: Any = get_named_type(connection.fields["edges"].type)
    node: Any = get_named_type(edge.fields["node"].type)
    promise = Promise(info, *found, _Types(connection, edge, node, parts), page, selection)
    return promise if promise.is_kept else None
