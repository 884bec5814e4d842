"""Who asks: the request among the arguments of a call, and what tells one reader from another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db.models import Model

_PLAIN = (date, time, timedelta, Decimal, UUID)


def request_of(asker: Any) -> Any:
    """
    The request behind *asker*: itself, or what it brings along; None where there is none.

    A GraphQL ``info`` has a context, which is the request, or a mapping or object with one.
    """
    if hasattr(asker, "META"):
        return asker
    context = getattr(asker, "context", asker)
    if isinstance(context, Mapping):
        return context.get("request", context)
    return getattr(context, "request", context)


def reader_of(asker: Any) -> Any:
    """What says whose request *asker*'s is: a context with a user of its own, else the request."""
    context = getattr(asker, "context", asker)
    own = not hasattr(asker, "META") and user_of(context) is not None
    return context if own else request_of(asker)


def split_asker(
    args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], Any, tuple[Any, ...]]:
    """
    Split a call's arguments into owners, who asks, and the rest; None where nobody does.

    Who asks (Django's request, DRF's, a GraphQL ``info``) stands first, or behind the owners
    (``self`` of a method, the root of a resolver, both for a class method), or is ``request=``.
    """
    for position, argument in enumerate(args[:3]):
        if hasattr(argument, "META") or (hasattr(argument, "context") and not has_parts(argument)):
            return tuple(args[:position]), argument, tuple(args[position + 1 :])
    asker = kwargs.get("request")
    owners = 1 if args and has_parts(args[0]) else 0
    return tuple(args[:owners]), asker if hasattr(asker, "META") else None, tuple(args[owners:])


def has_parts(owner: Any) -> bool:
    """Whether *owner* is a view or a connection: its class says what it is."""
    return hasattr(owner, "get_parts")


def asked_by_nobody(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether None stands where the request would: ``get_orders(None)``, called by hand."""
    _, asker, rest = split_asker(args, kwargs)
    if asker is not None:
        return False
    return kwargs["request"] is None if "request" in kwargs else bool(rest) and rest[0] is None


def user_of(request: Any) -> Any:
    """The user of a request, or of a GraphQL context that is a mapping."""
    return request.get("user") if isinstance(request, Mapping) else getattr(request, "user", None)


def is_signed_in(request: Any) -> bool:
    """Whether somebody in particular asks."""
    return bool(getattr(user_of(request), "is_authenticated", False))


def user_identity(request: Any) -> list[str]:
    """Which user asks: kind and primary key, else name; empty for nobody in particular."""
    user = user_of(request)
    pk = getattr(user, "pk", None)
    if pk is None and not is_signed_in(request):
        return []
    meta = getattr(user, "_meta", None)
    kind = getattr(meta, "label_lower", type(user).__qualname__)
    if pk is not None:
        return [kind, str(pk)]
    name = getattr(user, "username", None)
    return [kind, "", str(name)] if name else [kind]


def cache_identity(request: Any) -> list[str]:
    """
    Whose value a cached part is: the user's, else the session's, else the credentials'.

    Raises:
        TypeError: somebody in particular asks, and nothing tells them from others.
    """
    user = user_identity(request)
    if len(user) > 1:
        return ["user", *user]
    session_key = getattr(getattr(request, "session", None), "session_key", None)
    if session_key:
        return ["session", session_key]
    auth = getattr(request, "auth", None)
    if auth is not None:
        return ["auth", sha256(stable(auth).encode()).hexdigest()]
    if user:
        raise TypeError(f"a {user[0]} has no primary key or name; define cache_identity(request)")
    return ["anyone"]


def reader_identity(reader: Any) -> Any:
    """
    Whose values are meant by *reader*: a request's, a user's, or those of an identity as it is.

    Raises:
        TypeError: as :func:`cache_identity`.
    """
    if hasattr(reader, "is_authenticated"):
        return cache_identity({"user": reader})
    if hasattr(reader, "META") or hasattr(reader, "context"):
        return cache_identity(reader_of(reader))
    return reader


def stable(value: Any) -> str:
    """
    A text that is the same for equal values in every process, and differs for others.

    Raises:
        TypeError: *value* is of a kind whose text would not be that.
    """
    if isinstance(value, Enum):
        return f"{stable(type(value))}.{value.name}"
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return f"{type(value).__name__}:{value!r}"
    if isinstance(value, _PLAIN):
        return f"{type(value).__name__}:{value}"
    if isinstance(value, Model):
        if value.pk is None:
            raise TypeError(f"an unsaved {type(value).__name__} has no identity")
        return f"{value._meta.label_lower}:{stable(value.pk)}"
    if isinstance(value, Mapping):
        return "{" + ",".join(sorted(f"{stable(k)}={stable(v)}" for k, v in value.items())) + "}"
    if isinstance(value, (set, frozenset)):
        return "<" + ",".join(sorted(stable(item) for item in value)) + ">"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(stable(item) for item in value) + "]"
    if isinstance(value, type):
        return f"{value.__module__}.{value.__qualname__}"
    if is_dataclass(value):
        return stable([type(value), {one.name: getattr(value, one.name) for one in fields(value)}])
    raise TypeError(f"{type(value).__name__} {value!r} has no stable text")


def telling(value: Any) -> str:
    """:func:`stable`, or the nearest to it: for a digest that must not differ by process."""
    try:
        return stable(value)
    except TypeError:
        if hasattr(value, "__qualname__"):
            return f"{getattr(value, '__module__', '')}.{value.__qualname__}"
        kind: Any = type(value)
        # The default text of an object is its address: that would differ.
        says = kind.__str__ is not object.__str__ or kind.__repr__ is not object.__repr__
        return f"{stable(kind)}:{value}" if says else stable(kind)
