"""
Canonical text of values: equal for equal values, in every process.

Cursors, cache keys and the selection of a query tell values apart by this text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from django.db.models import Model

_PLAIN = (date, time, timedelta, Decimal, UUID)


def canonical(value: Any) -> str:
    """
    A text that is the same for equal values in every process, and differs for others.

    Raises:
        TypeError: *value* is of a kind whose text would not be that.
    """
    if isinstance(value, Enum):
        return f"{canonical(type(value))}.{value.name}"
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return f"{type(value).__name__}:{value!r}"
    if isinstance(value, _PLAIN):
        return f"{type(value).__name__}:{value}"
    if isinstance(value, Model):
        if value.pk is None:
            raise TypeError(f"an unsaved {type(value).__name__} has no identity")
        return f"{value._meta.label_lower}:{canonical(value.pk)}"
    if isinstance(value, Mapping):
        return (
            "{" + ",".join(sorted(f"{canonical(k)}={canonical(v)}" for k, v in value.items())) + "}"
        )
    if isinstance(value, (set, frozenset)):
        return "<" + ",".join(sorted(canonical(item) for item in value)) + ">"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if is_dataclass(value):
        return canonical(
            [type(value), {one.name: getattr(value, one.name) for one in fields(value)}]
        )
    raise TypeError(f"{type(value).__name__} {value!r} has no stable text")


def canonical_or_kind(value: Any) -> str:
    """:func:`canonical`, or the nearest to it: for a digest that must not differ by process."""
    try:
        return canonical(value)
    except TypeError:
        if hasattr(value, "__qualname__"):
            return f"{getattr(value, '__module__', '')}.{value.__qualname__}"
        kind: Any = type(value)
        # The default text of an object is its address: that would differ.
        says = kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__
        return f"{canonical(kind)}:{value}" if says else canonical(kind)
