"""
The value of a part, made whole for GraphQL: in the shape that its type completes, queries done.

Under a list type every iterable becomes a list, and a query set a list of instances. A
connection stays lazy, for its own arguments still apply to it. No row becomes a dict, which a
``DjangoObjectType`` would refuse. A lazy object counts as its object, a serializer as its data.

Each item is tried on its type here, so that a bad item costs its own part only. The fields *below*
a part are resolved by graphql-core, as ever.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from inspect import isawaitable
from typing import Any

from django.db.models import Manager
from django.utils.functional import LazyObject
from graphql import (
    GraphQLError,
    GraphQLResolveInfo,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_specified_scalar_type,
)

from django_partstream._django import wrapped_by
from django_partstream._fetching import with_peers
from django_partstream.timed.deadlines import until_late
from partstream_graphql._graphql_core import output_of
from partstream_graphql.futures import is_future, then

Rows = Callable[[Any], Any]


def completable(
    type_: Any, info: GraphQLResolveInfo, value: Any, *, rows: Rows = with_peers
) -> Any:
    """
    *value*, with nothing left in it that would query the database or fail as a *type_*.

    *rows* takes each query set and returns the query set to fetch.

    Raises:
        TypeError, ValueError: it, or an item of it, is not a *type_*, or JSON cannot carry it.
        Exception: *value* itself, for graphql-core lets resolvers return an exception.
    """
    value = _unwrapped(value, rows)
    if isinstance(value, Exception):
        raise value
    if isawaitable(value):
        return value
    if is_future(value):
        return then(value, partial(completable, type_, info, rows=rows))
    if is_non_null_type(type_):
        if value is None:
            raise TypeError(f"None in the place of a {type_}.")
        type_ = type_.of_type
    if value is None:
        return None
    if is_list_type(type_):
        items = until_late(_items_of(type_, value, rows=rows))
        return [completable(type_.of_type, info, item, rows=rows) for item in items]
    if is_leaf_type(type_):
        _check_leaf(type_, value)
    elif is_abstract_type(type_):
        if type_.resolve_type is not None:
            type_.resolve_type(value, info, type_)
    elif type_.is_type_of is not None and not type_.is_type_of(value, info):
        raise TypeError(f"{type(value).__name__} is no {type_.name}.")
    return value


def _unwrapped(value: Any, rows: Rows) -> Any:
    """The object of a lazy object, the data of a serializer; any other *value* as it is."""
    if issubclass(type(value), LazyObject):
        return _unwrapped(wrapped_by(value), rows)
    serializers = sys.modules.get("rest_framework.serializers")
    kind = getattr(serializers, "BaseSerializer", None)
    if kind is not None and isinstance(value, kind):
        value.instance = rows(value.instance)
        return value.data
    return value


def _items_of(list_type: Any, value: Any, *, rows: Rows) -> Iterable[Any]:
    if isinstance(value, Manager):
        value = value.all()
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise TypeError(f"{type(value).__name__} is no list of {list_type.of_type}.")
    items: Iterable[Any] = rows(value)
    return items


def _check_leaf(type_: Any, value: Any) -> None:
    """Refuse a *value* that the scalar or enum *type_*, or JSON, has no form for."""
    try:
        output = output_of(type_, value)
        if not isinstance(output, (str, int)) and not is_specified_scalar_type(type_):
            json.dumps(output, allow_nan=False)
    except GraphQLError as exc:
        raise TypeError(exc.message) from exc
    except (TypeError, ValueError, RecursionError) as exc:
        raise TypeError(f"{type(value).__name__} has no form as {type_}: {exc}") from exc
