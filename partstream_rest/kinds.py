"""
The kinds of value that JSON lacks, each brought a step nearer to JSON.

DRF's encoder has the forms of single values: dates, Decimals, UUIDs, lazy texts. This module has
the forms of records and collections, and :mod:`.rows` the forms of rows. The project's encoder, the
``encoder_class`` of the view's first JSON renderer, is asked before all of them.
"""

from __future__ import annotations

import sys
from collections import UserString
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from inspect import iscoroutine
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from json import JSONEncoder as StandardEncoder
from math import isinf
from operator import attrgetter
from typing import Any, NoReturn
from uuid import UUID

from django.contrib.sessions.backends.base import SessionBase
from django.core.files import File
from django.db.models import Manager, Model, QuerySet
from django.db.models.fields.files import FieldFile
from django.db.models.query import RawQuerySet
from django.utils.functional import Promise
from rest_framework.serializers import BaseSerializer
from rest_framework.utils.encoders import JSONEncoder

from django_partstream.exceptions import PartPending
from django_partstream.parts import Lazy
from django_partstream.timed.deadlines import until_late
from partstream_rest.rows import columns_of, rows_of

#: Kinds that DRF's encoder makes a text or number of.
_SINGLE = (date, time, timedelta, UUID, Promise)


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
            for kinds, form in _FORMS:
                if isinstance(obj, kinds):
                    return form(obj)
            kind: Any = type(obj)
            by_shape = _form_by_shape(kind, callable(obj))
            if by_shape is not None:
                return by_shape(obj)
        try:
            return super().default(obj)
        except (TypeError, ValueError) as exc:
            error = TypeError if isinstance(exc, TypeError) else ValueError
            raise error(f"{type(obj).__name__} has no form in JSON: {exc}") from exc


def _number(value: Decimal) -> float:
    number = float(value)
    if isinf(number) and value.is_finite():
        raise ValueError(f"{value!r} is too large for a number in JSON; send it as a str.")
    return number


def _instant(value: datetime) -> str:
    text = value.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


#: The forms that DRF's encoder gives to the most common kinds, found by the exact type. A subclass
#: may have another form: NaT of pandas is a datetime.
COMMON_FORMS: dict[type, Callable[[Any], Any]] = {
    datetime: _instant,
    date: date.isoformat,
    Decimal: _number,
    UUID: str,
}


@lru_cache(maxsize=64)
def encoder_before_ours(encoder_class: type[Any]) -> StandardEncoder:
    """An *encoder_class* that leaves other kinds to :class:`PartEncoder`, through ``super()``."""
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


def _serialized(serializer: BaseSerializer[Any]) -> Any:
    """The data of a serializer. Its query set is evaluated here."""
    return serializer.data


def _object(mapping: Any) -> dict[Any, Any]:
    """A mapping as ``dict()`` would read it: by its ``keys()``."""
    return {name: mapping[name] for name in until_late(mapping.keys())}


def _wait(pending: PartPending) -> NoReturn:
    """Let the part wait, though ``gather(return_exceptions=True)`` took the wait for a value."""
    raise pending


def _refuse_lazy(value: Lazy) -> NoReturn:
    raise TypeError(f"{value!r} must be the whole value of a part, not inside a value.")


def _refuse_session(value: Any) -> NoReturn:
    raise TypeError("A session has the hash of its user's password; send the values that you mean.")


def _refuse_bytes(value: Any) -> NoReturn:
    raise TypeError("Bytes have no form in JSON; decode them, or send base64.")


def _refuse_file(value: Any) -> NoReturn:
    raise TypeError(f"{value!r} is an open file, which has no form in JSON; send its name or URL.")


def _refuse_callable(value: Any) -> NoReturn:
    raise TypeError(f"{value!r} has no form in JSON. To have it called, use lazy().")


def _refuse_awaitable(value: Any) -> NoReturn:
    if iscoroutine(value):
        value.close()  # or Python warns that nothing has awaited it
    raise TypeError(f"{value!r} has no form in JSON. Await it, in a part that is async def.")


#: In this order: a manager may be callable, a serializer and an open file can be iterated.
_FORMS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    ((QuerySet, Manager), rows_of),
    ((IPv4Address, IPv6Address, IPv4Network, IPv6Network), str),  # a network can be iterated
    (RawQuerySet, list),
    (Model, columns_of),
    (BaseSerializer, _serialized),
    (Decimal, _number),
    (FieldFile, attrgetter("name")),
    (Enum, attrgetter("value")),
    (UserString, str),
    (PartPending, _wait),
    (Lazy, _refuse_lazy),
    (SessionBase, _refuse_session),
    ((bytes, bytearray, memoryview), _refuse_bytes),
    (File, _refuse_file),
    (type, _refuse_callable),
    (Awaitable, _refuse_awaitable),
    (Mapping, _object),
)


@lru_cache(maxsize=256)
def _form_by_shape(kind: type, is_callable: bool) -> Callable[[Any], Any] | None:
    """
    The form of the objects of a *kind* that is known by its attributes; None without.

    The class is asked, for an object may answer to any name. To ask it takes longer than to make
    the form of a small set, so the answers are remembered.
    """

    def has(*names: str) -> bool:
        return all(getattr(kind, name, None) is not None for name in names)

    if is_dataclass(kind) or has("__attrs_attrs__") or has("__struct_fields__"):
        return _fields
    if has("model_dump", "model_fields"):
        return _pydantic_fields
    if has("dict", "__fields__", "__validators__"):
        return _old_pydantic_fields
    if is_callable:
        return _refuse_callable
    if has("tolist"):
        return _numbers
    if has("keys", "__getitem__"):
        return _object
    if has("__iter__") or has("__len__", "__getitem__"):
        return drained
    return None


def _fields(value: Any) -> dict[str, Any]:
    """The fields of a dataclass, or of an object of attrs or msgspec, by their documented names."""
    kind = type(value)
    if is_dataclass(kind):
        of_pydantic = getattr(kind, "__pydantic_fields__", {})
        excluded = {name for name, field in of_pydantic.items() if field.exclude}
        names = [field.name for field in fields(kind) if field.name not in excluded]
    elif hasattr(kind, "__attrs_attrs__"):
        names = [field.name for field in kind.__attrs_attrs__]
    else:
        names = kind.__struct_fields__
    return {name: getattr(value, name) for name in names}


def _pydantic_fields(value: Any) -> Any:
    """The fields of a pydantic model, without the fields that the model excludes."""
    return value.model_dump()


def _old_pydantic_fields(value: Any) -> Any:
    """The same for a model of pydantic 1; for a model of a root type, its root."""
    made = value.dict()
    return made.get("__root__", made)


#: Units of numpy that are finer than microseconds. Their times would be sent as numbers; those of
#: pandas with a time zone would not.
_FINER = ("[ns]", "[ps]", "[fs]", "[as]")


def _numbers(value: Any) -> Any:
    """An array or scalar of numpy, or a column of pandas, as values of Python."""
    kind: Any = getattr(value, "dtype", None)
    if str(getattr(kind, "str", "")).endswith(_FINER) and not hasattr(kind, "tz"):
        value = value.astype(f"{kind.kind}8[us]")
    return value.tolist()
