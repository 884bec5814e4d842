"""
The asker of a call, and the reader behind it.

The *asker* of a guarded call is the argument that brings the request: a request itself, known by
its ``META``, or an argument with a *context*. A context is a request, or a mapping or object that
has the request as ``request`` and may have a ``user`` of its own. Which arguments have a context
is for a front to say: see :data:`CONTEXT_ATTRIBUTES`.

The *reader* is the object with the user: a context with a user of its own, else the request. An
*identity* is a list of texts that tells a reader from others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.db import DEFAULT_DB_ALIAS
from django.db.models import Model

from django_partstream.canonical import canonical
from django_partstream.databases import home_of

#: Attributes in which an argument may bring a context. A front adds its own when it is imported.
CONTEXT_ATTRIBUTES: set[str] = set()

#: Classes of requests, which need no look for ``META``, each with the attribute in which it keeps
#: the request of Django. A front adds its own when it is imported.
REQUEST_TYPES: dict[type, str | None] = {WSGIRequest: None, ASGIRequest: None}


def is_request(argument: Any) -> bool:
    """Whether *argument* is a request, of Django or of a framework on top of it."""
    return type(argument) in REQUEST_TYPES or hasattr(argument, "META")


def inner_request(request: Any) -> Any:
    """The request of Django in *request*, a request of a framework; else *request* itself."""
    name = REQUEST_TYPES.get(type(request))
    return request if name is None else vars(request)[name]


def has_context(argument: Any) -> bool:
    """Whether *argument* brings a context, which may be None."""
    for name in CONTEXT_ATTRIBUTES:  # noqa: SIM110 - each call of a guard asks: no generator
        if hasattr(argument, name):
            return True
    return False


def context_of(asker: Any) -> Any:
    """The context that *asker* brings; *asker* itself, if it brings none."""
    for name in CONTEXT_ATTRIBUTES:
        if hasattr(asker, name):
            return getattr(asker, name)
    return asker


def request_of(asker: Any) -> Any:
    """The request behind *asker*. Without a request, the context itself, which may be None."""
    if is_request(asker):
        return asker
    context = context_of(asker)
    if isinstance(context, Mapping):
        return context.get("request", context)
    return getattr(context, "request", context)


def reader_of(asker: Any) -> Any:
    """The object that has the user: a context with a user of its own, else the request."""
    if is_request(asker):
        return asker
    context = context_of(asker)
    return request_of(asker) if user_of(context) is None else context


@dataclass(slots=True)
class Asked:
    """
    The arguments of a guarded call, split at the asker.

    *owners* stand before the asker: ``self`` of a method, the root of a resolver, both for a
    class method. *asker* is None if there is none. *rest* are the positional arguments behind
    it. A call is *by_hand* if None stands in the place of the request: ``get_orders(None)``.
    """

    owners: tuple[Any, ...]
    asker: Any
    rest: tuple[Any, ...]
    by_hand: bool

    @classmethod
    def of(cls, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Asked:
        """Split the arguments. The asker is among the first three, or is ``request=``."""
        for position, argument in enumerate(args[:3]):
            if is_asker(argument):
                return cls(tuple(args[:position]), argument, tuple(args[position + 1 :]), False)
        request = kwargs.get("request")
        owners = 1 if args and has_parts(args[0]) else 0
        rest = tuple(args[owners:])
        is_named = "request" in kwargs
        is_none = request is None if is_named else bool(rest) and rest[0] is None
        asker = request if is_request(request) else None
        return cls(tuple(args[:owners]), asker, rest, by_hand=is_none)


def is_asker(argument: Any) -> bool:
    """Whether *argument* is a request or brings a context. A view or connection does neither."""
    return is_request(argument) or (has_context(argument) and not has_parts(argument))


def has_parts(owner: Any) -> bool:
    """Whether *owner* is a view or connection, so that its class identifies it."""
    return hasattr(owner, "get_parts")


def user_of(reader: Any) -> Any:
    """The user of a request or context; None if it has no user."""
    return _attribute(reader, "user")


def auth_of(reader: Any) -> Any:
    """The credentials that the reader was authenticated by, if the framework keeps them."""
    return _attribute(reader, "auth")


def session_key_of(reader: Any) -> str | None:
    """The key of the reader's session; None if none was begun."""
    inner = REQUEST_TYPES.get(type(reader))
    if inner is None:
        session = _attribute(reader, "session")
    else:  # a request of a framework takes long to say that it has no session
        own = vars(reader).get("session")
        session = getattr(vars(reader)[inner], "session", None) if own is None else own
    return getattr(session, "session_key", None) or None


def _attribute(reader: Any, name: str) -> Any:
    """The attribute or item *name* of a reader, else of the request behind it."""
    if type(reader) in REQUEST_TYPES:  # asked for several times a page
        return getattr(reader, name, None)
    own = reader.get(name) if isinstance(reader, Mapping) else getattr(reader, name, None)
    if own is not None or is_request(reader):
        return own
    request = request_of(reader)
    return own if request is reader else getattr(request, name, None)


def is_identified(reader: Any) -> bool:
    """Whether a user or credentials tell *reader* from others."""
    user = user_of(reader)
    return bool(getattr(user, "is_authenticated", False)) or auth_of(reader) is not None


def is_personal(reader: Any) -> bool:
    """Whether an answer may be for *reader* only, by its session, user or credentials."""
    # The session first: its key is known without a query.
    return session_key_of(reader) is not None or is_identified(reader)


def user_identity(reader: Any) -> list[str]:
    """
    The kind and primary key of the user, or the kind and name; empty if it is anonymous.

    A user of another database than the default belongs to that database, too.
    """
    user = user_of(reader)
    pk = getattr(user, "pk", None)
    if pk is None and not getattr(user, "is_authenticated", False):
        return []
    if isinstance(pk, memoryview):  # of a binary key in psycopg2; its text is an address
        pk = bytes(pk)
    meta = getattr(user, "_meta", None)
    kind = getattr(meta, "label_lower", type(user).__qualname__)
    if pk is not None:
        home = home_of(user) if isinstance(user, Model) else DEFAULT_DB_ALIAS
        return [kind, str(pk)] if home == DEFAULT_DB_ALIAS else [kind, str(pk), home]
    name = getattr(user, "username", None)
    return [kind, "", str(name)] if name else [kind]


def cache_identity(reader: Any) -> list[str]:
    """
    The identity that a cached value is kept for: of the user, the session or the credentials.

    A reader without any of these shares the values of all such readers.

    Raises:
        TypeError: the user is authenticated, and nothing tells it from other users.
    """
    user = user_identity(reader)
    if len(user) > 1:
        return ["user", *user]
    session_key = session_key_of(reader)
    if session_key:
        return ["session", session_key]
    auth = auth_of(reader)
    if auth is not None:
        return ["auth", _digest(auth)]
    if user:
        raise TypeError(f"a {user[0]} has no primary key or name; define cache_identity(request)")
    return ["anyone"]


def audience_identity(reader: Any, owner: Any = None) -> list[Any]:
    """
    The identity that a cursor is for: of the user, else of the credentials.

    The session does not count, since it may begin during a walk. The credentials of a user that
    is known do not count, since they may be refreshed. Where credentials have no stable text, the
    ``cache_identity()`` of *owner*, a view or connection, identifies their reader.

    Raises:
        TypeError: the credentials have no stable text, and *owner* has no ``cache_identity()``.
    """
    user = user_identity(reader)
    auth = None if len(user) > 1 else auth_of(reader)
    if auth is None:
        return user
    try:
        return [*user, "auth", _digest(auth)]
    except TypeError:
        if not hasattr(owner, "cache_identity"):
            raise
        return [*user, "identity", owner.cache_identity(reader)]


def _digest(auth: Any) -> str:
    try:
        return sha256(canonical(auth).encode()).hexdigest()
    except TypeError as exc:
        kind = type(auth).__name__  # no value: it is a secret
        raise TypeError(
            f"the credentials in request.auth, a {kind}, have no stable text; define "
            "cache_identity(request)"
        ) from exc


def reader_identity(reader: Any) -> Any:
    """
    The identity of *reader*: a user, an asker, or an identity, which is returned as it is.

    Raises:
        TypeError: as :func:`cache_identity`.
    """
    if hasattr(reader, "is_authenticated"):
        return cache_identity({"user": reader})
    if is_request(reader) or has_context(reader):
        return cache_identity(reader_of(reader))
    return reader
