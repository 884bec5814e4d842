"""
Rows of models as JSON objects, with every column that they were selected with.

A query set knows its columns: the fields of its model, annotations, ``extra()``. A lone instance
does not know its query, so its own attributes are the columns.
"""

from __future__ import annotations

from inspect import isfunction
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.db.models import Manager, Model, QuerySet


def rows_of(rows: Any) -> list[Any]:
    """The rows of a query set or manager, which is evaluated here."""
    rows = rows.all() if isinstance(rows, Manager) else rows
    fetched, query = list(rows), rows.query
    selected = [*query.extra_select, *query.annotation_select]
    return [_columns(row, selected) if isinstance(row, Model) else row for row in fetched]


def columns_of(instance: Model) -> dict[str, Any]:
    """
    The columns of an instance without its query, such as an item of ``list(rows)`` or ``raw()``.

    Annotations look like any attribute of the instance. So each attribute counts if its name is
    public, its class does not compute it, and it is no row of another query.
    """
    held, kind = vars(instance), type(instance)
    is_prefetched = "_prefetched_objects_cache" in held
    selected = [
        name
        for name, value in held.items()
        if not name.startswith("_")
        and not _is_computed(getattr(kind, name, None))
        and not _is_related(value, is_prefetched)
    ]
    return _columns(instance, selected)


def _is_computed(attribute: Any) -> bool:
    """Whether *attribute* of a class fills instances: a field, a ``cached_property``."""
    return hasattr(attribute, "__get__") and not isfunction(attribute)


def _is_related(value: Any, is_prefetched: bool) -> bool:
    """Whether *value* holds rows of another query, such as the ``to_attr`` of a ``Prefetch``."""
    if isinstance(value, list):
        return any(isinstance(item, Model) for item in value) or (is_prefetched and not value)
    return isinstance(value, (Model, QuerySet, Manager))


def _columns(instance: Model, selected: list[str]) -> dict[str, Any]:
    """
    The concrete fields of *instance* that are loaded, and the columns *selected* besides.

    Each is read as an attribute: the descriptor of a field may translate it, and a property of the
    class may hold an annotation.
    """
    if isinstance(instance, AbstractBaseUser):
        raise TypeError(
            f"{type(instance).__name__} is a user, password hash and all. "
            "Serialise it yourself, with the fields you want to show."
        )
    held = vars(instance)
    names = [field.attname for field in instance._meta.concrete_fields if field.attname in held]
    return {name: getattr(instance, name) for name in (*names, *selected)}
