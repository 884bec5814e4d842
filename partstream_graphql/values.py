"""
What a part's value becomes in GraphQL: of the shape that its type completes, queries done.

A query set under a list type becomes a list of instances; a connection stays lazy, for its own
arguments still apply to it; nothing becomes a dict, which a ``DjangoObjectType`` would refuse.
A scalar is tried on its type here, where a bad one costs its own part only.
"""

from __future__ import annotations

from types import GeneratorType
from typing import Any

from django.db.models import Manager, QuerySet
from graphql import (
    GraphQLError,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)


def completable(type_: Any, value: Any) -> Any:
    """
    *value*, with nothing left in it that would query the database or fail as a *type_*.

    Raises:
        TypeError: a scalar is not one of *type_*.
        Exception: *value* is one, which is how resolvers of graphql-core may raise.
    """
    if isinstance(value, Exception):
        raise value
    if is_non_null_type(type_):
        type_ = type_.of_type
    if value is None:
        return None
    if is_list_type(type_):
        if isinstance(value, Manager):
            value = value.all()
        if isinstance(value, (QuerySet, GeneratorType)):
            value = list(value)
        if isinstance(value, (list, tuple)) and is_leaf_type(_item(type_)):
            for item in value:
                completable(type_.of_type, item)
    elif is_leaf_type(type_):
        try:
            type_.serialize(value)
        except GraphQLError as exc:
            raise TypeError(exc.message) from exc
    return value


def _item(type_: Any) -> Any:
    """What a list type is a list of."""
    return type_.of_type.of_type if is_non_null_type(type_.of_type) else type_.of_type
