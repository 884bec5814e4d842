"""A connection in a schema: the GraphQL names of its parts, and types with one name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphql import get_named_type

from partstream_graphql._graphene import declared_as, name_of, node_of, spelled
from partstream_graphql.types import PartError, PartStatus, PendingPart, ProgressivePart

#: Keys of the extensions of a connection's GraphQL type.
_SPELLING, _CHECKED = "partstream", "partstream_checked"


@dataclass(frozen=True, slots=True)
class Spelling:
    """The GraphQL *fields* of a connection's parts by Python name, and the reverse in *parts*."""

    fields: dict[str, str]
    parts: dict[str, str]


def spelling_of(connection: Any, graphql_type: Any) -> Spelling:
    """The spelling of *connection* in the schema of *graphql_type*; worked out once."""
    known: Spelling | None = graphql_type.extensions.get(_SPELLING)
    if known is None:
        fields = {}
        for name, part in connection._parts.items():
            camel_case = part.name or spelled(name)
            fields[name] = camel_case if camel_case in graphql_type.fields else name
        known = Spelling(fields, {field: name for name, field in fields.items()})
        graphql_type.extensions[_SPELLING] = known
    return known


def check_type_names(connection: Any, graphql_type: Any) -> None:
    """
    Refuse a schema in which another type took the name of a type that *connection* needs.

    Graphene lets the first of two types with one name silently stand for both. A schema that is
    in order is looked at once.

    Raises:
        TypeError: the message names both types.
    """
    if graphql_type.extensions.get(_CHECKED) is connection:
        return
    _check_same(connection, graphql_type)
    edge = get_named_type(graphql_type.fields["edges"].type)
    _check_same(connection.Edge, edge)
    node = get_named_type(edge.fields["node"].type)
    _check_same(node_of(connection), node)
    _check_same(ProgressivePart, node.interfaces[0])
    _check_same(PartStatus, get_named_type(node.fields["status"].type))
    _check_same(PartError, get_named_type(node.fields["error"].type))
    _check_same(PendingPart, get_named_type(graphql_type.fields["pending"].type))
    graphql_type.extensions[_CHECKED] = connection


def _check_same(wanted: Any, graphql_type: Any) -> None:
    found = declared_as(graphql_type)
    if found is not wanted:
        raise TypeError(
            f"Two types are called {name_of(wanted)!r}: {_path(wanted)} and "
            f"{_path(found or type(graphql_type))}. Give one of them another Meta.name."
        )


def _path(cls: Any) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
