"""
A validation rule for the limits of an operation, checked before any part runs.

It merges the fields of a response key and follows fragments, as execution does, so that neither
aliases nor fragments hide anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    OperationDefinitionNode,
    SelectionSetNode,
    ValidationRule,
    get_named_type,
    print_ast,
)

from partstream_graphql._graphene import declared_as
from partstream_graphql._graphql_core import abort_validation, argument_nodes
from partstream_graphql.connection import ProgressiveConnection
from partstream_graphql.http.limits import Limits, limits, too_much
from partstream_graphql.schemas import spelling_of

#: Pairs of fields with the same response key that an operation may have, for each token allowed.
PAIRS = 10


class ProgressiveLimitsRule(ValidationRule):
    """
    Refuses an operation that is too deep, or asks too much of progressive connections.

    ``extensions.code`` is ``QUERY_TOO_DEEP``, ``TOO_MANY_CONNECTIONS``, ``TOO_MANY_RUNS`` (of a
    part, with different arguments), ``TOO_MANY_PARTS``, or ``TOO_MANY_FIELDS``: fragments written
    out have more fields than there may be tokens, or a field is repeated too often. ``@skip`` and
    ``@include`` are not looked at, and a connection below a list counts once.

    On graphene-django's own view: ``validation_rules=[*specified_rules, ProgressiveLimitsRule]``.
    """

    def enter_document(self, node: DocumentNode, *_: Any) -> None:
        """Count before any other rule goes deeper. A limit that is passed ends the validation."""
        for definition in node.definitions:
            if isinstance(definition, OperationDefinitionNode):
                self._count(definition)

    def _count(self, operation: OperationDefinitionNode) -> None:
        counts = _Counts(limits(), partial(abort_validation, self))
        root = self.context.schema.get_root_type(operation.operation)
        levels = [_Level([(root, operation.selection_set)])]
        while levels:
            level = levels.pop()
            counts.enter_level(level.depth)
            for fields in self._merged(level.sets):
                counts.add_fields(len(fields))
                below = _below(level, fields)
                if below.connection is not None and below.connection is not level.connection:
                    counts.add_connection(below.connection)
                if below.sets:
                    levels.append(below)
        counts.check_parts()

    def _merged(self, sets: Sequence[_Set]) -> Iterator[list[_Field]]:
        """The fields of selection sets, grouped by response key; fragments are followed."""
        merged: dict[str, list[_Field]] = {}
        spread: set[str] = set()
        left = list(reversed(sets))
        while left:
            parent, selections = left.pop()
            for node in selections.selections:
                if isinstance(node, FieldNode):
                    key = (node.alias or node.name).value
                    merged.setdefault(key, []).append((parent, node))
                    continue
                fragment: Any = node
                if isinstance(node, FragmentSpreadNode):
                    name = node.name.value
                    if name in spread:
                        continue
                    spread.add(name)
                    fragment = self.context.get_fragment(name)
                if fragment is not None:
                    left.append((self._type_of_fragment(fragment, parent), fragment.selection_set))
        yield from merged.values()

    def _type_of_fragment(self, fragment: Any, parent: Any) -> Any:
        condition = fragment.type_condition
        return self.context.schema.get_type(condition.name.value) if condition else parent


#: A selection set and the type that it selects on; a field and the type that it is a field of.
_Set = tuple[Any, SelectionSetNode]
_Field = tuple[Any, FieldNode]

#: The paths from a connection to the places of its parts.
_CONNECTION, _EDGES, _NODE = (), ("edges",), ("edges", "node")


@dataclass(slots=True)
class _Connection:
    """A connection in an operation: the names of its parts, and the texts of their arguments."""

    names: frozenset[str]
    runs: dict[str, set[str]] = field(default_factory=dict)

    def add_run(self, node: FieldNode) -> None:
        arguments = sorted(print_ast(argument) for argument in argument_nodes(node))
        self.runs.setdefault(node.name.value, set()).add(", ".join(arguments))


@dataclass(slots=True)
class _Level:
    """
    The selection sets at a place of the response.

    In a *connection* the place is *inside* it: at the connection itself, its edges or its nodes.
    """

    sets: list[_Set]
    depth: int = 1
    connection: _Connection | None = None
    inside: tuple[str, ...] = _CONNECTION


class _Counts:
    """
    The counts of an operation. Each is compared with its limit as it grows.

    *refuse* ends the validation with an error.
    """

    def __init__(self, most: Limits, refuse: Callable[[GraphQLError], NoReturn]) -> None:
        self.most, self.refuse = most, refuse
        self.fields = self.pairs = 0
        self.connections: list[_Connection] = []

    def enter_level(self, depth: int) -> None:
        self._at_most(self.most.depth, depth, "QUERY_TOO_DEEP", "levels")

    def add_fields(self, count: int) -> None:
        """Add *count* fields of the same response key, which a standard rule compares in pairs."""
        self.fields += count
        self.pairs += count**2
        most = self.most.tokens
        self._at_most(most, self.fields, "TOO_MANY_FIELDS", "fields")
        self._at_most(PAIRS * most, self.pairs, "TOO_MANY_FIELDS", "pairs of equal fields")

    def add_connection(self, connection: _Connection) -> None:
        self.connections.append(connection)
        most, count = self.most.connections, len(self.connections)
        self._at_most(most, count, "TOO_MANY_CONNECTIONS", "progressive connections")

    def check_parts(self) -> None:
        """Compare the runs of each part, and the runs of all parts, with their limits."""
        total = 0
        for connection in self.connections:
            for name, runs in connection.runs.items():
                counted = f"runs of {name!r} with different arguments"
                self._at_most(self.most.runs, len(runs), "TOO_MANY_RUNS", counted)
                total += len(runs)
        self._at_most(self.most.parts, total, "TOO_MANY_PARTS", "parts of progressive connections")

    def _at_most(self, limit: int, count: int, code: str, counted: str) -> None:
        if count > limit:
            self.refuse(too_much(limit, counted, code))


def _below(level: _Level, fields: list[_Field]) -> _Level:
    """The level below *fields*, which have a response key in common."""
    below = _Level([], level.depth + 1)
    for parent, node in fields:
        type_ = _type_of(parent, node.name.value)
        if node.selection_set is not None and type_ is not None:
            below.sets.append((type_, node.selection_set))
        if level.connection is not None:
            _step_inside(level, below, level.connection, node)
        if below.connection is None and (names := _parts_of(type_)) is not None:
            below.connection = _Connection(names)
    return below


def _step_inside(level: _Level, below: _Level, connection: _Connection, node: FieldNode) -> None:
    """Count a part that *node* selects in *connection*, or note that it leads to its nodes."""
    name = node.name.value
    if name in connection.names and level.inside in (_CONNECTION, _NODE):
        connection.add_run(node)
    elif (*level.inside, name) in (_EDGES, _NODE):
        below.connection, below.inside = connection, (*level.inside, name)


def _type_of(parent: Any, name: str) -> GraphQLNamedType | None:
    known = getattr(parent, "fields", {}).get(name)
    return None if known is None else get_named_type(known.type)


def _parts_of(type_: Any) -> frozenset[str] | None:
    """The GraphQL names of the parts if *type_* is a progressive connection."""
    declared = declared_as(type_)
    if isinstance(declared, type) and issubclass(declared, ProgressiveConnection):
        return frozenset(spelling_of(declared, type_).parts)
    return None
