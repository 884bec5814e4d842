"""
The limits below ``__schema`` and ``__type``, where a short query may have a huge answer.

A list of the schema in another list of the schema multiplies their lengths, and so do aliases of
a field in a list. The query of GraphiQL, and of the tools that download a schema, has no alias
and nests such lists no deeper than :data:`NESTED`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphql import GraphQLError, get_named_type, get_nullable_type, is_list_type

from partstream_graphql.errors import coded_error
from partstream_graphql.http.limits import refuse_above
from partstream_graphql.http.merging import Field, Merging, Set

#: How often operations may select each field, under any alias.
MOST = {"__schema": 1, "__type": 10}

#: How deep lists of a schema or of a type may be nested: the fields of its types, for example.
#: The lists of a field or directive do not count: its arguments, for example.
NESTED = 2

_LISTING_TYPES = ("__Schema", "__Type")


class Introspection:
    """The fields through which operations read the schema."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(MOST, 0)

    def add_operation(self, merging: Merging, root: Set) -> None:
        """
        Add an operation with the selection set *root*.

        Raises:
            GraphQLError: ``TOO_MANY_FIELDS``.
        """
        for fields in merging.fields([root]):
            for name in _names(fields) & MOST.keys():
                self._counts[name] += 1
                refuse_above(MOST[name], self._counts[name], name, "TOO_MANY_FIELDS")
                _refuse_multiplication(merging, _sets_below(merging, fields))


def _refuse_multiplication(merging: Merging, sets: list[Set]) -> None:
    levels = [(sets, 0)]
    while levels:
        sets, lists = levels.pop()
        groups = list(merging.fields(sets))
        _refuse_aliases(groups)
        for fields in groups:
            nested = lists + any(_is_list_of_schema(merging, field) for field in fields)
            refuse_above(NESTED, nested, "nested lists of the schema", "TOO_MANY_FIELDS")
            if below := _sets_below(merging, fields):
                levels.append((below, nested))


def _refuse_aliases(groups: Iterable[list[Field]]) -> None:
    """Refuse a field that is selected at the same place under two response keys."""
    seen: set[str] = set()
    for fields in groups:
        names = _names(fields)
        if names & seen:
            raise _repeated()
        seen |= names


def _repeated() -> GraphQLError:
    return coded_error(
        "Below __schema and __type a field can be selected under a single name.",
        "TOO_MANY_FIELDS",
    )


def _is_list_of_schema(merging: Merging, field: Field) -> bool:
    parent, node = field
    type_: Any = merging.field_type(parent, node.name.value)
    if type_ is None or getattr(parent, "name", None) not in _LISTING_TYPES:
        return False
    return is_list_type(get_nullable_type(type_))


def _names(fields: Iterable[Field]) -> set[str]:
    return {node.name.value for _, node in fields}


def _sets_below(merging: Merging, fields: Iterable[Field]) -> list[Set]:
    """The selection sets of *fields*, with the types that they select on."""
    return [
        (get_named_type(type_), node.selection_set)
        for parent, node in fields
        if node.selection_set and (type_ := merging.field_type(parent, node.name.value))
    ]
