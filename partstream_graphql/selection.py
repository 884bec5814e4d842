"""The parts that a query selects, and the arguments of each selection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLResolveInfo,
    get_named_type,
)

from django_partstream.canonical import canonical
from django_partstream.outcomes import Outcome
from partstream_graphql._graphql_core import arguments_of
from partstream_graphql._sub_fields import selected_fields

#: The place of a field that selects a part: on the "connection" or a "node", its response key.
Place = tuple[str, str | int]


@dataclass(slots=True)
class Run:
    """
    A resolution of a part: its arguments, and the places and nodes of the fields that share it.

    *invalid* is set if the arguments are not of their types in the schema. *outcome* is set when
    the part has ended; never, if the page does not carry the part. *timing* tells what a part cost
    that is delivered later, until a payload has told it.
    """

    arguments: dict[str, Any]
    places: list[Place]
    nodes: list[FieldNode]
    invalid: GraphQLError | None = None
    outcome: Outcome | None = None
    timing: tuple[str, dict[str, Any]] | None = None

    @property
    def response_key(self) -> str | int:
        """The response key of the first field that shares the run."""
        return self.places[0][1]


@dataclass(slots=True)
class Selection:
    """
    The runs of the parts that a query selects, on the connection or on its nodes.

    With *errors_as_data* the query selects the errors of nodes, too.
    """

    runs: dict[str, list[Run]] = field(default_factory=dict)
    errors_as_data: bool = False
    _known: dict[tuple[str, str], Run] = field(default_factory=dict)

    def add(self, name: str, wanted: Run) -> None:
        """
        Add a run of the part *name*. Fields with equal arguments share a run.

        Arguments are equal if their kinds are equal, too: 1, 1.0 and true are three values.
        Arguments without a canonical text are never shared.
        """
        key = None if wanted.invalid else _key_of(name, wanted.arguments)
        known = self._known.get(key) if key else None
        if known is not None:
            known.places += wanted.places
            known.nodes += wanted.nodes
            return
        if key:
            self._known[key] = wanted
        self.runs.setdefault(name, []).append(wanted)


def _key_of(name: str, arguments: dict[str, Any]) -> tuple[str, str] | None:
    try:
        return name, canonical(arguments) if arguments else ""
    except TypeError:
        return None


def selection_of(info: GraphQLResolveInfo, parts: Mapping[str, str]) -> Selection:
    """
    The parts of a connection that the field of *info* selects.

    *parts* gives the Python names of the parts by their GraphQL names.
    """
    selection = Selection()
    connection = _object_type(info.return_type)
    for field_name, key, nodes in selected_fields(info, connection, info.field_nodes):
        if field_name in parts:
            run = _run(info, connection, field_name, ("connection", key), nodes)
            selection.add(parts[field_name], run)
        elif field_name == "edges":
            _add_nodes(selection, info, connection, nodes, parts)
    return selection


def _add_nodes(
    selection: Selection,
    info: GraphQLResolveInfo,
    connection: GraphQLObjectType,
    edges: list[FieldNode],
    parts: Mapping[str, str],
) -> None:
    """Add the parts that the fields *edges* of *connection* select on nodes."""
    edge = _object_type(connection.fields["edges"].type)
    node = _object_type(edge.fields["node"].type)
    for edge_field, _, edge_nodes in selected_fields(info, edge, edges):
        if edge_field != "node":
            continue
        for field_name, key, nodes in selected_fields(info, node, edge_nodes):
            if field_name in parts:
                run = _run(info, node, field_name, ("node", key), nodes)
                selection.add(parts[field_name], run)
            elif field_name == "error":
                selection.errors_as_data = True


def _run(
    info: GraphQLResolveInfo,
    parent: GraphQLObjectType,
    field_name: str,
    place: Place,
    nodes: list[FieldNode],
) -> Run:
    try:
        arguments = arguments_of(parent.fields[field_name], nodes[0], info)
    except GraphQLError as exc:
        return Run({}, [place], list(nodes), invalid=exc)
    return Run(arguments, [place], list(nodes))


def _object_type(type_: Any) -> GraphQLObjectType:
    named: Any = get_named_type(type_)
    return named  # type: ignore[no-any-return]
