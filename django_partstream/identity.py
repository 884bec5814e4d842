"""Who asks: the request among the arguments of a call, and what tells one reader from another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db.models import Model

_PLAIN = (date, time, timedelta, Decimal, UUID)


def split_request(args: Sequence[Any]) -> tuple[Any, Any, tuple[Any, ...]] | None:
    """
    Split a call's arguments into owner, request and the rest; None where nobody asks.

    The request (Django's, DRF's, or the context of a GraphQL ``info``) stands first, or second
    behind the owner: ``self`` of a method, the root of a resolver.
    """
    for position, argument in enumerate(args[:2]):
        asked = getattr(argument, "context", argument)
        if hasattr(asked, "META"):
            return (args[0] if position else None), asked, tuple(args[position + 1 :])
    return None


def user_identity(request: Any) -> list[str]:
    """Which user asks, as kind and primary key; empty for nobody in particular."""
    user = getattr(request, "user", None)
    pk = getattr(user, "pk", None)
    if pk is None:
        return []
    meta = getattr(user, "_meta", None)
    return [getattr(meta, "label_lower", type(user).__qualname__), str(pk)]


def cache_identity(request: Any) -> list[str]:
    """
    Whose value a cached part is: the user's, else the session's, else the credentials'.

    Raises:
        TypeError: the credentials (``request.auth``) are of a kind that cannot be told apart.
    """
    if user := user_identity(request):
        return ["user", *user]
    session_key = getattr(getattr(request, "session", None), "session_key", None)
    if session_key:
        return ["session", session_key]
    auth = getattr(request, "auth", None)
    if auth is not None:
        return ["auth", sha256(stable(auth).encode()).hexdigest()]
    return ["anyone"]


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
    raise TypeError(f"{type(value).__name__} {value!r} has no stable text")
