"""
Values of parts in REST: plain JSON, the same for every renderer.

Query sets are evaluated and generators drained here, within the guards of the part. A value
that some renderer could not carry is refused here, so that it fails its own part alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from types import GeneratorType
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.files import File
from django.db.models import Manager, Model, QuerySet
from django.db.models.fields.files import FieldFile
from django.db.models.query import RawQuerySet
from rest_framework.utils.encoders import JSONEncoder

from django_partstream.parts import Lazy
from django_partstream.timed.deadlines import until_late

_default = JSONEncoder().default

_INT64 = range(-(2**63), 2**63)


def plain(value: Any) -> Any:
    """
    *value* as str-keyed dict, list, str, bool, None, 64-bit int and finite float.

    Models become dicts of their concrete fields, as ``values()`` shows them. DRF's JSON encoder
    converts other kinds.

    Raises:
        TypeError: it, or a value in it, is of a kind that JSON does not have.
        ValueError: a number or text that JSON or a JSON parser cannot hold (RFC 8259,
            sections 6 and 8.1).
    """
    kind = type(value)
    if kind is str:
        if not value.isascii():
            value.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
        return value
    if value is None or kind is bool:
        return value
    if kind is int:
        if value not in _INT64:
            raise ValueError("An integer beyond 64 bits is not safe in JSON; send it as a str.")
        return value
    if kind is float:
        if not isfinite(value):
            raise ValueError(f"{value!r} has no form in JSON; send None or a str.")
        return value
    if kind is dict:
        return {_key(name): plain(item) for name, item in value.items()}
    if kind is list or kind is tuple:
        return [plain(item) for item in value]
    return plain(_reduced(value))


def _key(name: Any) -> str:
    if type(name) is str:
        return plain(name)  # type: ignore[no-any-return]
    if isinstance(name, str):
        return _key(str.__str__(name))
    raise TypeError(f"The keys of a JSON object are strings, got {name!r}; use str().")


def _reduced(value: Any) -> Any:
    """*value*, a step nearer to plain JSON."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Manager):
        value = value.all()
    if isinstance(value, QuerySet):
        return _rows(value)
    if isinstance(value, (list, tuple, RawQuerySet, GeneratorType)):
        return list(until_late(value))
    if isinstance(value, FieldFile):
        return value.name
    if isinstance(value, Lazy):
        raise TypeError(f"{value!r} is a part's value, or nothing: it cannot be inside of one.")
    if callable(value) or isinstance(value, File):
        raise TypeError(f"{value!r} has no form in JSON. To have it called, use lazy().")
    if isinstance(value, Model):
        return _fields(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError("Bytes have no form in JSON; decode them, or send base64.")
    try:
        reduced = _default(value)
    except TypeError as exc:
        raise TypeError(f"{type(value).__name__} has no form in JSON.") from exc
    if type(reduced) is type(value):
        raise TypeError(f"{type(value).__name__} has no form in JSON.")
    return reduced


def _fields(instance: Model) -> dict[str, Any]:
    """The concrete fields of a model instance, without deferred fields."""
    if isinstance(instance, AbstractBaseUser):
        raise TypeError(
            f"{type(instance).__name__} is a user, password hash and all. "
            "Serialise it yourself, with the fields you want to show."
        )
    deferred = instance.get_deferred_fields()
    return {
        field.attname: field.value_from_object(instance)
        for field in instance._meta.concrete_fields
        if field.attname not in deferred
    }


def _rows(rows: QuerySet[Any]) -> list[Any]:
    """The rows of a query set; models with their annotations."""
    names = list(rows.query.annotation_select)
    return [
        {**_fields(row), **{name: getattr(row, name) for name in names}}
        if isinstance(row, Model)
        else row
        for row in rows
    ]
