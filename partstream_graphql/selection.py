"""
Which parts a query selects, and with which arguments.

The one place that knows how graphql-core collects fields: aliases, fragments, ``@skip`` and
``@include`` are its business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    get_named_type,
)
from graphql.execution.collect_fields import collect_sub_fields
from graphql.execution.values import get_argument_values

from django_partstream.canonical import canonical

#: Where a field selects a part: on the "connection" or a "node", and its response key.
Place = tuple[str, str | int]


@dataclass(slots=True)
class Run:
    """
    One resolution of a part: its arguments, and where and how the query wants it.

    *invalid* is set where the arguments are not what the schema asks for.
    """

    arguments: dict[str, Any]
    places: list[Place]
    nodes: list[FieldNode]
    invalid: GraphQLError | None = None

    @property
    def response_key(self) -> str | int:
        """The key of the first field that wants it."""
        return self.places[0][1]


@dataclass(slots=True)
class Selection:
    """The parts that a query selects: on the connection, or on its nodes."""

    runs: dict[str, list[Run]] = field(default_factory=dict)
    errors_as_data: bool = False
    _known: dict[tuple[str, str], Run] = field(default_factory=dict)

    def add(self, name: str, wanted: Run) -> None:
        """
        Note that a field wants the part *name*; equal arguments are one run.

        Equal and of one kind: 1, 1.0 and true are three. Arguments that cannot be compared so
        are a run of their own each time.
        """
        try:
            key = (name, canonical(wanted.arguments))
        except TypeError:
            key = (name, "")
        run = self._known.get(key) if key[1] and not wanted.invalid else None
        if run is not None:
            run.places += wanted.places
            run.nodes += wanted.nodes
            return
        if key[1] and not wanted.invalid:
            self._known[key] = wanted
        self.runs.setdefault(name, []).append(wanted)


def selection_of(info: GraphQLResolveInfo, parts: Mapping[str, str]) -> Selection:
    """
    What the query that *info* stands in selects of a connection.

    *parts* maps the GraphQL names of its parts to their Python names.
    """
    selection = Selection()
    connection = _object_type(info.return_type)
    for field_name, key, nodes in _fields(info, connection, info.field_nodes):
        if field_name in parts:
            run = _run(info, connection, field_name, ("connection", key), nodes)
            selection.add(parts[field_name], run)
        elif field_name == "edges":
            edge = _object_type(connection.fields["edges"].type)
            node = _object_type(edge.fields["node"].type)
            for edge_field, _, edge_nodes in _fields(info, edge, nodes):
                if edge_field != "node":
                    continue
                for node_field, node_key, node_nodes in _fields(info, node, edge_nodes):
                    if node_field in parts:
                        run = _run(info, node, node_field, ("node", node_key), node_nodes)
                        selection.add(parts[node_field], run)
                    elif node_field == "error":
                        selection.errors_as_data = True
    return selection


def _run(
    info: GraphQLResolveInfo,
    parent: GraphQLObjectType,
    field_name: str,
    place: Place,
    nodes: list[FieldNode],
) -> Run:
    try:
        arguments = get_argument_values(parent.fields[field_name], nodes[0], info.variable_values)
    except GraphQLError as exc:
        return Run({}, [place], list(nodes), invalid=exc)
    return Run(arguments, [place], list(nodes))


def _fields(
    info: GraphQLResolveInfo, parent: GraphQLObjectType, nodes: list[FieldNode]
) -> Iterator[tuple[str, str, list[FieldNode]]]:
    """The fields selected on *parent*: name, response key and AST nodes."""
    collected = collect_sub_fields(info.schema, info.fragments, info.variable_values, parent, nodes)
    for key, field_nodes in collected.items():
        yield field_nodes[0].name.value, key, field_nodes


def _object_type(type_: Any) -> GraphQLObjectType:
    named: Any = get_named_type(type_)
    return named  # type: ignore[no-any-return]
