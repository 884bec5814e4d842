"""A query for all parts of a connection, with the scalar fields of their values."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_enum_type,
    is_leaf_type,
    is_object_type,
    is_required_argument,
)

from django_partstream.walking.walks import NotWalkable
from partstream_graphql._graphene import declared_as, spelled
from partstream_graphql.schemas import Spelling

#: Objects below the value of a part that are selected, one inside the other.
DEPTH = 2

#: Arguments of a connection that a walk gives itself.
_OWN = ("first", "after")


@dataclass(slots=True)
class Query:
    """The *text* of a query, its *variables*, and the parts that it does *not_select*."""

    text: str
    variables: dict[str, Any]
    not_selected: list[str]


@dataclass(slots=True)
class _Arguments:
    """The arguments that the command was *given*, and the variables that are made of them."""

    given: Mapping[str, str]
    variables: dict[str, Any] = field(default_factory=dict)
    declared: list[str] = field(default_factory=lambda: ["$after: String"])
    known: list[str] = field(default_factory=list)

    def of(self, prefix: str, field_: GraphQLField) -> Iterator[str]:
        """
        The arguments of a field, each as ``name: $variable``.

        Raises:
            NotWalkable: a required argument is not given; the text names it.
        """
        for name, argument in field_.args.items():
            key = f"{prefix}{name}"
            self.known.append(key)
            if key in self.given:
                variable = key.replace(".", "__")  # what GraphQL says of a value names it
                self.declared.append(f"${variable}: {argument.type}")
                self.variables[variable] = _value(argument, self.given[key])
                yield f"{name}: ${variable}"
            elif is_required_argument(argument):
                raise NotWalkable(f"needs --arg {key}=VALUE ({argument.type})")


def query_of(
    name: str, connection_field: GraphQLField, spelling: Spelling, given: Mapping[str, str]
) -> Query:
    """
    The query for all parts of the connection that the root field *name* has.

    *given* has arguments: ``store`` is of that field, ``orders.limit`` of the part ``orders``.

    Raises:
        NotWalkable: an argument is missing or not known, or no part can be selected.
    """
    arguments = _Arguments(given)
    try:
        own = [*arguments.of("", connection_field)]
    except NotWalkable as exc:
        raise NotWalkable(f"{name} {exc}.") from exc
    connection: Any = get_named_type(connection_field.type)
    node: Any = get_named_type(get_named_type(connection.fields["edges"].type).fields["node"].type)
    pending: Any = get_named_type(connection.fields["pending"].type)
    parts, not_selected = [], []
    for part in spelling.parts:
        try:
            parts.append(_selected(part, node.fields[part], arguments))
        except NotWalkable as exc:
            not_selected.append(f"{part} {exc}")
    _check_known(name, arguments)
    if not parts:
        raise NotWalkable(f"{name} has no part to select: {'; '.join(not_selected)}.")
    text = (
        f"query ({', '.join(arguments.declared)}) {{ "
        f"{name}({', '.join(['after: $after', *own])}) {{ "
        f"totalCount: {_spelled(connection, 'total_count')} pageInfo {{ hasNextPage endCursor }} "
        f"pending {{ name retryAfter: {_spelled(pending, 'retry_after')} progress }} "
        "edges { node { name status error { code message reference } "
        f"{' '.join(parts)} }} }} }} }}"
    )
    return Query(text, arguments.variables, not_selected)


def _spelled(type_: Any, name: str) -> str:
    """The field *name* of *type_*, as the schema spells it: by default in camel case."""
    return spelled(name) if spelled(name) in type_.fields else name


def _selected(name: str, field_: GraphQLField, arguments: _Arguments) -> str:
    given = ", ".join(arguments.of(f"{name}.", field_))
    fields = _fields(get_named_type(field_.type), DEPTH, ())
    return f"{name}({given}){fields}" if given else f"{name}{fields}"


def _fields(type_: Any, depth: int, above: tuple[str, ...]) -> str:
    """The selection of the fields of *type_*; empty for a scalar."""
    if is_leaf_type(type_):
        return ""
    chosen = [*_chosen(type_, depth, above)] if hasattr(type_, "fields") else []
    return f" {{ {' '.join(chosen or ['__typename'])} }}"


def _chosen(type_: GraphQLObjectType, depth: int, above: tuple[str, ...]) -> Iterator[str]:
    """
    Fields of *type_* that need no arguments: scalars, and objects down to *depth*.

    A type is not selected below itself. Lists below a row of a model are left out, since each may
    be a table.
    """
    above = *above, type_.name
    for name, field_ in type_.fields.items():
        inner: Any = get_named_type(field_.type)
        if any(map(is_required_argument, field_.args.values())) or inner.name in above:
            continue
        if is_leaf_type(inner):
            yield name
        elif _is_of_relay(type_, name):
            yield f"{name}{_fields(inner, depth, above)}"
        elif depth and is_object_type(inner) and not (_is_row(type_) and _is_many(field_.type)):
            yield f"{name}{_fields(inner, depth - 1, above)}"


def _is_of_relay(type_: GraphQLObjectType, name: str) -> bool:
    """Whether the field is that of a Relay connection or edge, below which the rows are."""
    return name == "edges" or (name == "node" and "cursor" in type_.fields)


def _is_row(type_: GraphQLObjectType) -> bool:
    """Whether the values of *type_* are rows of a model."""
    return hasattr(getattr(declared_as(type_), "_meta", None), "model")


def _is_many(type_: Any) -> bool:
    named: Any = get_named_type(type_)
    return _is_list(type_) or "edges" in named.fields


def _is_list(type_: Any) -> bool:
    while isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    return isinstance(type_, GraphQLList)


def _value(argument: GraphQLArgument, text: str) -> Any:
    """The variable for *text*: JSON, but for types whose values are texts."""
    named: Any = get_named_type(argument.type)
    is_text = is_enum_type(named) or named.name in ("String", "ID")
    if is_text and not _is_list(argument.type):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _check_known(name: str, arguments: _Arguments) -> None:
    for key in arguments.given:
        if key in _OWN:
            raise NotWalkable(f"A walk gives {key!r} itself. Leave out --arg {key}=….")
        if key not in arguments.known:
            known = ", ".join(each for each in arguments.known if each not in _OWN)
            raise NotWalkable(f"{name} has no argument {key!r}. It has: {known or 'none'}.")
