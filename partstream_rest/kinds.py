"""
The kinds of value that JSON lacks, each brought a step nearer to JSON.

DRF's encoder has the forms of single values: dates, Decimals, UUIDs, lazy texts. Here are the forms
of rows, records and collections. The encoder of the project, which is the ``encoder_class`` of the
view's first JSON renderer, is asked before both.
"""

from __future__ import annotations

import sys
from collections import UserString
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from inspect import isfunction
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from json import JSONEncoder as StandardEncoder
from operator import attrgetter
from typing import Any, NoReturn
from uuid import UUID

from django.contrib.auth.base_user import AbstractBaseUser
from django.core.files import File
from django.db.models import Manager, Model, QuerySet
from django.db.models.fields.files import FieldFile
from django.db.models.query import RawQuerySet
from django.utils.functional import Promise
from rest_framework.serializers import BaseSerializer
from rest_framework.utils.encoders import JSONEncoder

from django_partstream.parts import Lazy
from django_partstream.timed.deadlines import until_late

#: Of these DRF's encoder makes a text or a number.
_SINGLE = (
    date, time, timedelta, Decimal, UUID, Promise,
    IPv4Address, IPv6Address, IPv4Network, IPv6Network,
)  # fmt: skip


class PartEncoder(JSONEncoder):
    """DRF's encoder, and beyond it the kinds that parts return: a single step for each."""

    def default(self, obj: Any) -> Any:
        """
        *obj*, a step nearer to JSON.

        Raises:
            TypeError: *obj* is of a kind that JSON does not have.
            ValueError: *obj* itself cannot be sent, as a time with a time zone.
        """
        if not isinstance(obj, _SINGLE):
            for kind, form in _FORMS:
                if isinstance(obj, kind):
                    return form(obj)
            by_shape = _form_by_shape(obj)
            if by_shape is not None:
                return by_shape(obj)
        try:
            return super().default(obj)
        except (TypeError, ValueError) as exc:
            kind = TypeError if isinstance(exc, TypeError) else ValueError
            raise kind(f"{type(obj).__name__} has no form in JSON: {exc}") from exc


def _instant(value: datetime) -> str:
    text = value.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


#: The forms that DRF's encoder gives to the most common kinds, without its questions before.
#: No subclass is meant: NaT of pandas is a datetime.
COMMON_FORMS: dict[type, Callable[[Any], Any]] = {
    datetime: _instant,
    date: date.isoformat,
    Decimal: float,
    UUID: str,
}


@lru_cache(maxsize=64)
def encoder_before_ours(encoder_class: type[Any]) -> StandardEncoder:
    """An encoder that asks *encoder_class*, whose ``super()`` then asks :class:`PartEncoder`."""
    if issubclass(PartEncoder, encoder_class):
        return PartEncoder()
    kind: type[StandardEncoder] = type(encoder_class.__name__, (encoder_class, PartEncoder), {})
    return kind()


def is_missing(value: Any) -> bool:
    """Whether *value* is the ``NaT`` or the ``NA`` of pandas, which stand for no value."""
    pandas = sys.modules.get("pandas")  # perhaps half imported, by another thread
    return pandas is not None and any(
        value is getattr(pandas, name, pandas) for name in ("NaT", "NA")
    )


def drained(items: Iterable[Any]) -> list[Any]:
    """
    The *items*, which may be endless, up to the deadline of the part.

    Raises:
        PartTimeout: the deadline has passed.
    """
    return list(until_late(items))


def _rows(rows: Any) -> list[Any]:
    """The rows of a query set or manager, which is evaluated here."""
    rows = rows.all() if isinstance(rows, Manager) else rows
    fetched, query = list(rows), rows.query
    selected = [*query.extra_select, *query.annotation_select]
    return [_columns(row, selected) if isinstance(row, Model) else row for row in fetched]


def _row(instance: Model) -> dict[str, Any]:
    """
    The columns of an instance whose query is not at hand, as of ``list(rows)`` or ``raw()``.

    Only the instance can tell what its query selected besides fields. So an attribute of its own
    counts if its name is public, its class does not compute it, and it is no row of another query.
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
    """The concrete fields of *instance* that are loaded, and the columns *selected* besides."""
    if isinstance(instance, AbstractBaseUser):
        raise TypeError(
            f"{type(instance).__name__} is a user, password hash and all. "
            "Serialise it yourself, with the fields you want to show."
        )
    held = vars(instance)
    names = [field.attname for field in instance._meta.concrete_fields]
    return {name: held[name] for name in (*names, *selected) if name in held}


def _serialized(serializer: BaseSerializer[Any]) -> Any:
    """The data of a serializer, whose query set is evaluated here."""
    return serializer.data


def _object(mapping: Any) -> dict[Any, Any]:
    """A mapping as ``dict()`` would read it: by its ``keys()``."""
    return {name: mapping[name] for name in until_late(mapping.keys())}


def _refuse_lazy(value: Lazy) -> NoReturn:
    raise TypeError(f"{value!r} is a part's value, or nothing: it cannot be inside of one.")


def _refuse_bytes(value: Any) -> NoReturn:
    raise TypeError("Bytes have no form in JSON; decode them, or send base64.")


def _refuse_callable(value: Any) -> NoReturn:
    raise TypeError(f"{value!r} has no form in JSON. To have it called, use lazy().")


#: In this order: a manager may be callable, a serializer and an open file can be iterated.
_FORMS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    ((QuerySet, Manager), _rows),
    (RawQuerySet, list),
    (Model, _row),
    (BaseSerializer, _serialized),
    (FieldFile, attrgetter("name")),
    (Enum, attrgetter("value")),
    (UserString, str),
    (Lazy, _refuse_lazy),
    ((bytes, bytearray, memoryview), _refuse_bytes),
    ((type, File), _refuse_callable),
    (Mapping, _object),
)


def _form_by_shape(value: Any) -> Callable[[Any], Any] | None:
    """
    The form of a *value* that is known by the attributes of its class; None without.

    The class is asked, for an object may answer to any name.
    """
    kind = type(value)

    def has(*names: str) -> bool:
        return all(getattr(kind, name, None) is not None for name in names)

    if is_dataclass(kind):
        return _dataclass_fields
    if has("__attrs_attrs__"):
        return _attrs_fields
    if has("__struct_fields__"):
        return _msgspec_fields
    if has("model_dump", "model_fields"):
        return _pydantic_fields
    if callable(value):
        return _refuse_callable
    if has("tolist"):
        return _numbers
    if has("keys", "__getitem__"):
        return _object
    if has("__iter__") or has("__len__", "__getitem__"):
        return drained
    return None


def _dataclass_fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def _attrs_fields(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in type(value).__attrs_attrs__}


def _msgspec_fields(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in type(value).__struct_fields__}


def _pydantic_fields(value: Any) -> Any:
    """The fields of a model; by its own method, which leaves out what the model excludes."""
    return value.model_dump()


#: Units of numpy whose times are not converted to those of Python, which has microseconds.
_FINER = ("[ns]", "[ps]", "[fs]", "[as]")


def _numbers(value: Any) -> Any:
    """An array or scalar of numpy, or a column of pandas, as values of Python."""
    kind: Any = getattr(value, "dtype", None)
    if str(getattr(kind, "str", "")).endswith(_FINER):
        value = value.astype(f"{kind.kind}8[us]")
    return value.tolist()
