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


@dataclass(slots=True)
class Run:
    """One resolution of a part: its arguments, and the fields of the query that want it."""

    arguments: dict[str, Any]
    response_key: str
    nodes: list[FieldNode]


@dataclass(slots=True)
class Selection:
    """The parts that a query selects: on the connection, or on its nodes."""

    runs: dict[str, list[Run]] = field(default_factory=dict)
    errors_as_data: bool = False

    def add(self, name: str, arguments: dict[str, Any], key: str, nodes: list[FieldNode]) -> None:
        """Note that *nodes* want the part *name*; equal arguments are one run."""
        runs = self.runs.setdefault(name, [])
        for run in runs:
            if run.arguments == arguments:
                run.nodes = run.nodes + nodes
                return
        runs.append(Run(arguments, key, nodes))


def selection_of(info: GraphQLResolveInfo, parts: Mapping[str, str]) -> Selection:
    """
    What the query that *info* stands in selects of a connection.

    *parts* maps the GraphQL names of its parts to their Python names.
    """
    selection = Selection()
    connection = _object_type(info.return_type)
    for field_name, key, nodes in _fields(info, connection, info.field_nodes):
        if field_name in parts:
            _add(selection, info, connection, parts[field_name], field_name, key, nodes)
        elif field_name == "edges":
            edge = _object_type(connection.fields["edges"].type)
            node = _object_type(edge.fields["node"].type)
            for edge_field, _, edge_nodes in _fields(info, edge, nodes):
                if edge_field != "node":
                    continue
                for node_field, node_key, node_nodes in _fields(info, node, edge_nodes):
                    if node_field in parts:
                        name = parts[node_field]
                        _add(selection, info, node, name, node_field, node_key, node_nodes)
                    elif node_field == "error":
                        selection.errors_as_data = True
    return selection


def _add(
    selection: Selection,
    info: GraphQLResolveInfo,
    parent: GraphQLObjectType,
    name: str,
    field_name: str,
    key: str,
    nodes: list[FieldNode],
) -> None:
    definition = parent.fields[field_name]
    try:
        arguments = get_argument_values(definition, nodes[0], info.variable_values)
    except GraphQLError:
        return  # the executor meets the same error at the field itself, and reports it there
    selection.add(name, arguments, key, nodes)


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
