"""
Canonical text of values: equal for equal values, in every process.

Cursors, cache keys and the selection of a query tell values apart by this text. The text of a
value begins with its type, or with a bracket of its kind: ``int:1`` and ``str:'1'`` differ.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model

from django_partstream.databases import home_of

#: Texts with fewer characters are short.
SHORT = 1000

_LITERALS = (bool, int, float, str, bytes)
_PLAIN = (date, time, timedelta, Decimal, UUID)


def canonical(value: Any) -> str:
    """
    The text of *value*, which is the same for equal values in every process and for no others.

    Raises:
        TypeError: a value of this kind has no such text, or a value inside it has none.
    """
    return (_writer_of(type(value)) or _writer_for(value))(value)


def digest(text: str) -> str:
    """The digest of *text*: 168 bits in 28 characters. Digests of short texts are remembered."""
    return _digest_of_short(text) if len(text) < SHORT else _digest(text)


def _digest(text: str) -> str:
    return b2a_base64(sha256(text.encode()).digest()[:21], newline=False).decode()


_digest_of_short = lru_cache(maxsize=2048)(_digest)


def canonical_or_kind(value: Any) -> str:
    """
    The text of :func:`canonical`, or else the kind of *value*, for a digest of descriptions.

    The kind is the name of a function or class, or the class of *value* with the ``str()`` that
    this class defines. Two values of a kind may share the text.
    """
    try:
        return canonical(value)
    except TypeError:
        return _kind(value)


def _text(value: str) -> str:
    return f"str:{value!r}"


def _literal(value: Any) -> str:
    return f"{type(value).__name__}:{value!r}"


def _plain(value: Any) -> str:
    return f"{type(value).__name__}:{value}"


def _member(value: Enum) -> str:
    return f"{_class(type(value))}.{value.name}"


def _row(value: Model) -> str:
    if value.pk is None:
        raise TypeError(f"an unsaved {type(value).__name__} has no identity")
    home = home_of(value)
    place = "" if home == DEFAULT_DB_ALIAS else f"@{home}"
    return f"{value._meta.label_lower}{place}:{canonical(value.pk)}"


def _mapping(value: Mapping[Any, Any]) -> str:
    if not value:
        return "{}"
    items = sorted([f"{canonical(key)}={canonical(item)}" for key, item in value.items()])
    return f"{{{','.join(items)}}}"


def _set(value: AbstractSet[Any]) -> str:
    return f"<{','.join(sorted(map(canonical, value)))}>"


def _list(value: Any) -> str:
    if not value:
        return "[]"
    texts = [  # without a call for each text
        f"str:{item!r}"
        if type(item) is str
        else (_writer_of(type(item)) or _writer_for(item))(item)
        for item in value
    ]
    return f"[{','.join(texts)}]"


def _class(value: type) -> str:
    return f"{value.__module__}.{value.__qualname__}"


def _record(value: Any) -> str:
    return _list([type(value), {each.name: getattr(value, each.name) for each in fields(value)}])


def _kind(value: Any) -> str:
    if hasattr(value, "__qualname__"):
        return f"{getattr(value, '__module__', '')}.{value.__qualname__}"
    kind: Any = type(value)
    # The text that object defines has the address of the value, which differs by process.
    has_text = kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__
    return f"{_class(kind)}:{value}" if has_text else _class(kind)


#: In this order: a member of an enumeration may be an int, a datetime is a date.
_BY_KIND: tuple[tuple[type | tuple[type, ...], Callable[[Any], str]], ...] = (
    (Enum, _member),
    ((*_LITERALS, type(None)), _literal),
    (_PLAIN, _plain),
    (Model, _row),
    (Mapping, _mapping),
    ((set, frozenset), _set),
    ((list, tuple), _list),
    (type, _class),
)

#: The same for the types that are common, found without asking each kind in turn.
_BY_TYPE: dict[type, Callable[[Any], str]] = {
    **dict.fromkeys((*_LITERALS, type(None)), _literal),
    **dict.fromkeys((*_PLAIN, datetime), _plain),
    **dict.fromkeys((set, frozenset), _set),
    **dict.fromkeys((list, tuple), _list),
    str: _text,
    dict: _mapping,
    type: _class,
}

_writer_of = _BY_TYPE.get


def _writer_for(value: Any) -> Callable[[Any], str]:
    """
    The function that writes a value of the kind of *value*.

    Raises:
        TypeError: there is none.
    """
    for kind, write in _BY_KIND:
        if isinstance(value, kind):
            return write
    if is_dataclass(value):
        return _record
    raise TypeError(f"{type(value).__name__} {value!r} has no stable text")
