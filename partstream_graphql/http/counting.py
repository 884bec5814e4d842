"""
The counts of documents, each compared with its limit as it grows.

A document is validated whole, so its :class:`Size` is counted over all its operations and
fragments. A request runs a single operation of it, so a :class:`Demand` is counted over that.
In a batch both are counted over all its documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from graphql import FieldNode, GraphQLNamedType, OperationDefinitionNode, get_named_type, print_ast

from partstream_graphql._graphene import declared_as
from partstream_graphql._graphql_core import argument_nodes
from partstream_graphql.connection import ProgressiveConnection
from partstream_graphql.http.limits import Limits, refuse_above
from partstream_graphql.http.merging import META_FIELDS, Field, Merging, Set
from partstream_graphql.schemas import spelling_of

#: Pairs of fields with the same response key that a document may have, for each token allowed.
PAIRS = 10

#: Fields, arguments and fragments that a document may have, for each token allowed.
NODES = 5

#: Fields and arguments that are compared in pairs, for each pair allowed.
NODES_OF_PAIRS = 4

#: Levels that a query may have below ``__schema`` or ``__type``, whatever the limit of others:
#: the introspection query that tools send has 15.
INTROSPECTION_DEPTH = 20

#: The paths from a connection to the places of its parts.
_CONNECTION, _EDGES, _NODE = (), ("edges",), ("edges", "node")


class Size:
    """
    The size of documents, with all fragments written out.

    Validation compares the fields of a response key in pairs, and some rules look at a fragment
    again for each operation. So the time that it takes grows with this size.
    """

    def __init__(self, most: Limits) -> None:
        self._most = most.tokens
        self._fields = self._pairs = self._nodes = self._nodes_of_pairs = 0

    def add_fields(self, count: int, nodes: int) -> None:
        """
        Add *count* fields of the same response key, which have *nodes* nodes in all.

        Raises:
            GraphQLError: ``TOO_MANY_FIELDS``.
        """
        self._fields += count
        self._pairs += count**2
        self._nodes_of_pairs += nodes * count
        most, pairs = self._most, PAIRS * self._most
        _refuse_fields(most, self._fields, "fields")
        _refuse_fields(pairs, self._pairs, "pairs of equal fields")
        _refuse_fields(NODES_OF_PAIRS * pairs, self._nodes_of_pairs, "arguments of equal fields")
        self.add_nodes(nodes)

    def add_nodes(self, count: int) -> None:
        """
        Add *count* fields, arguments or fragments that were written out.

        Raises:
            GraphQLError: ``TOO_MANY_FIELDS``.
        """
        self._nodes += count
        _refuse_fields(NODES * self._most, self._nodes, "fields, arguments and fragments")


def _refuse_fields(limit: int, count: int, counted: str) -> None:
    refuse_above(limit, count, counted, "TOO_MANY_FIELDS")


@dataclass(slots=True)
class Connection:
    """A connection in an operation: the names of its parts, and the texts of their arguments."""

    names: frozenset[str]
    runs: dict[str, set[str]] = field(default_factory=dict)

    def add_run(self, node: FieldNode) -> None:
        """Add the part that *node* selects."""
        arguments = sorted(print_ast(argument) for argument in argument_nodes(node))
        self.runs.setdefault(node.name.value, set()).add(", ".join(arguments))


class Demand:
    """The progressive connections that operations ask for, and the runs of their parts."""

    def __init__(self, most: Limits) -> None:
        self._most = most
        self._connections: list[Connection] = []

    def add_connection(self, connection: Connection) -> None:
        """
        Add a *connection*, whose parts are not known yet.

        Raises:
            GraphQLError: ``TOO_MANY_CONNECTIONS``.
        """
        self._connections.append(connection)
        most, count = self._most.connections, len(self._connections)
        refuse_above(most, count, "progressive connections", "TOO_MANY_CONNECTIONS")

    def check_parts(self) -> None:
        """
        Compare the runs of each part, and the runs of all parts, with their limits.

        Raises:
            GraphQLError: ``TOO_MANY_RUNS`` or ``TOO_MANY_PARTS``.
        """
        total = 0
        for connection in self._connections:
            for name, runs in connection.runs.items():
                counted = f"runs of {name!r} with different arguments"
                refuse_above(self._most.runs, len(runs), counted, "TOO_MANY_RUNS")
                total += len(runs)
        counted = "parts of progressive connections"
        refuse_above(self._most.parts, total, counted, "TOO_MANY_PARTS")


@dataclass(slots=True)
class _Level:
    """
    The selection sets at a place of the response.

    In a *connection* the place is *inside* it: at the connection itself, its edges or its nodes.
    *is_meta* below ``__schema`` and ``__type``.
    """

    sets: list[Set]
    depth: int = 1
    connection: Connection | None = None
    inside: tuple[str, ...] = _CONNECTION
    is_meta: bool = False


def count_document(merging: Merging, most: Limits) -> None:
    """
    Count a document that is to be validated, and what each of its operations asks for.

    Raises:
        GraphQLError: a limit is passed; its code says which.
    """
    size = Size(most)
    for operation in merging.operations:
        count_operation(merging, operation, most, size, Demand(most))
    while merging.unused:
        contents = merging.contents_of(merging.unused.popitem()[0])
        _count(merging, contents, most, size, Demand(most))


def count_operation(
    merging: Merging, operation: OperationDefinitionNode, most: Limits, size: Size, demand: Demand
) -> None:
    """
    Add an *operation* to *size* and to *demand*.

    Raises:
        GraphQLError: a limit is passed; its code says which.
    """
    _count(merging, merging.root_of(operation), most, size, demand)
    demand.check_parts()


def _count(merging: Merging, start: Set, most: Limits, size: Size, demand: Demand) -> None:
    levels = [_Level([start])]
    while levels:
        level = levels.pop()
        deepest = max(most.depth, INTROSPECTION_DEPTH) if level.is_meta else most.depth
        refuse_above(deepest, level.depth, "levels", "QUERY_TOO_DEEP")
        for fields in _counted_fields(merging, level, size):
            below = _below(merging, level, fields)
            if below.connection is not None and below.connection is not level.connection:
                demand.add_connection(below.connection)
            if below.sets:
                levels.append(below)


def _counted_fields(merging: Merging, level: _Level, size: Size) -> Iterator[list[Field]]:
    """The fields of a *level*, grouped by response key; they are added to *size*."""
    before = merging.followed
    groups = list(merging.fields(level.sets))
    size.add_nodes(merging.followed - before)
    for fields in groups:
        nodes = sum(merging.size_of(node) for _, node in fields)
        size.add_fields(len(fields), nodes)
        yield fields


def _below(merging: Merging, level: _Level, fields: list[Field]) -> _Level:
    """The level below *fields*, which have a response key in common."""
    below = _Level([], level.depth + 1, is_meta=level.is_meta)
    for parent, node in fields:
        name = node.name.value
        type_ = merging.field_type(parent, name)
        named: GraphQLNamedType | None = None if type_ is None else get_named_type(type_)
        if node.selection_set is not None and named is not None:
            below.sets.append((named, node.selection_set))
        if level.connection is not None:
            _step_inside(level, below, level.connection, node)
        if below.connection is None and (names := _parts_of(named)) is not None:
            below.connection = Connection(names)
        below.is_meta = below.is_meta or name in META_FIELDS
    return below


def _step_inside(level: _Level, below: _Level, connection: Connection, node: FieldNode) -> None:
    """Count a part that *node* selects in *connection*, or note that it leads to its nodes."""
    name = node.name.value
    if name in connection.names and level.inside in (_CONNECTION, _NODE):
        connection.add_run(node)
    elif (*level.inside, name) in (_EDGES, _NODE):
        below.connection, below.inside = connection, (*level.inside, name)


def _parts_of(type_: GraphQLNamedType | None) -> frozenset[str] | None:
    """The GraphQL names of the parts if *type_* is a progressive connection."""
    declared = declared_as(type_)
    if isinstance(declared, type) and issubclass(declared, ProgressiveConnection):
        return frozenset(spelling_of(declared, type_).parts)
    return None
