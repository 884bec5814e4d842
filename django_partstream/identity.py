"""Who asks: the request among the arguments of a call, and what tells one reader from another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django_partstream.canonical import canonical


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


@dataclass(frozen=True, slots=True)
class Asked:
    """
    The arguments of a guarded call, split.

    *owners* stand before the asker: ``self`` of a method, the root of a resolver, both for a
    class method. *asker* is Django's request, DRF's, or a GraphQL ``info``; None without one.
    *rest* are the positional arguments behind it. A call is *by_hand* if None stands where the
    request would: ``get_orders(None)``.
    """

    owners: tuple[Any, ...]
    asker: Any
    rest: tuple[Any, ...]
    by_hand: bool

    @classmethod
    def of(cls, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Asked:
        """Split the arguments: the asker is among the first three, or is ``request=``."""
        for position, argument in enumerate(args[:3]):
            if is_asker(argument):
                return cls(tuple(args[:position]), argument, tuple(args[position + 1 :]), False)
        asker = kwargs.get("request")
        if not hasattr(asker, "META"):
            asker = None
        owners = 1 if args and has_parts(args[0]) else 0
        rest = tuple(args[owners:])
        named = "request" in kwargs
        nobody = kwargs["request"] is None if named else bool(rest) and rest[0] is None
        return cls(tuple(args[:owners]), asker, rest, asker is None and nobody)


def is_asker(argument: Any) -> bool:
    """Whether *argument* is a request, or brings one along in its ``context``."""
    return hasattr(argument, "META") or (hasattr(argument, "context") and not has_parts(argument))


def has_parts(owner: Any) -> bool:
    """Whether *owner* is a view or a connection: its class says what it is."""
    return hasattr(owner, "get_parts")


def user_of(request: Any) -> Any:
    """The user of a request, or of a GraphQL context that is a mapping."""
    return _attribute(request, "user")


def is_signed_in(request: Any) -> bool:
    """Whether somebody in particular asks."""
    return bool(getattr(user_of(request), "is_authenticated", False))


def is_personal(reader: Any) -> bool:
    """Whether *reader* has a session, a signed-in user or credentials, so that a page is theirs."""
    # The session first: its key is known without a query.
    session = _attribute(reader, "session")
    if getattr(session, "session_key", None) or is_signed_in(reader):
        return True
    return _attribute(reader, "auth") is not None


def _attribute(request: Any, name: str) -> Any:
    return request.get(name) if isinstance(request, Mapping) else getattr(request, name, None)


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
        return ["auth", sha256(canonical(auth).encode()).hexdigest()]
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
