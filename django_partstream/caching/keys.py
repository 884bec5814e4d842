"""
The key of a cached value, and the marks that it is dropped by.

A key tells apart everything that could make the value another. It is a digest of:

- The *function*: its module and qualified name, or its ``key=``. On a method, the class of a view
  or connection with the arguments of its ``as_view()``; any other object that the method is bound
  to, and the root of a resolver, by its own value.
- The *form*: the value of a part is made whole by its front, and a guarded helper that the part
  calls returns its value as it is. So the two do not share.
- The *response*: on a page, the view or connection class and everything that its front says the
  response varies on. By hand, the route of the request with its arguments, its version and its
  query string, without the parameters that fronts exclude (:data:`UNKEYED_PARAMS`).
- The *arguments* of the call, positional and by keyword, without the asker.
- The *environment*: host, language and time zone.
- The *tenant*, if the project has a ``TENANCY``. The value of a part is for the tenant of its
  page. A helper is asked anew, since the part that calls it may have switched to another tenant.
  A helper without a tenant is still divided by the tenant of the page: in a task or thread that the
  part made itself, the thread-local that ``capture()`` reads may be empty.
- The *reader*, unless the value is shared among readers. An owner's ``cache_identity(request)``
  decides, else the user, the session or the credentials.

Each of these needs a canonical text (:mod:`django_partstream.canonical`). If an object has no such
text there is no key, and the value is computed each time.

A *mark* is a text in the cache for all values of a function, or for all its values of a reader.
Changing the mark drops these values, so nothing has to know their keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.utils import translation

from django_partstream.canonical import canonical, canonical_or_kind
from django_partstream.clocks import time_zone_name
from django_partstream.guards import Call
from django_partstream.identity import (
    cache_identity,
    has_parts,
    is_asker,
    reader_identity,
    reader_of,
    request_of,
)
from django_partstream.tenancy import capture

#: Query parameters that no value depends on: a front adds the words by which a client chooses a
#: page or its form.
UNKEYED_PARAMS: set[str] = set()


@dataclass(frozen=True, slots=True)
class Key:
    """The key of a value: its *text*, and the *marks* that the value is kept under."""

    text: str
    marks: list[str]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of the values of the function *name*; of each reader's own if *per_user*."""

    name: str
    per_user: bool

    def key_of(self, call: Call) -> Key:
        """
        The key of the value of *call*.

        Raises:
            TypeError: the value depends on an object that has no stable text, or it must not be
                shared and *per_user* is False. The message completes "... is not cached: ".
        """
        if call.own and call.attempt and call.attempt.personal and not self.per_user:
            raise TypeError("its rows are filtered for each reader, so they cannot be shared")
        owners = call.asked.owners or _owners_of(call.func)
        identity = self._identity(owners, _reader_of(call))
        page = call.attempt.scope.tenant if call.attempt else None
        tenant = page if call.attempt and call.own else capture(call.request)
        divided = [] if tenant is None else [["tenant", tenant]]
        if tenant is None and page is not None:
            tenant = page
            divided = [["tenant of the page", page]]
        text = canonical([*self._dependencies(call, owners), identity, *divided])
        return Key(_digest(text), self._marks(identity, tenant))

    def mark_of(self, reader: Any = None) -> str:
        """
        The mark for the values of *reader* (as in :func:`reader_identity`), or for all values.

        Raises:
            TypeError: nothing tells *reader* from others.
        """
        if reader is None:
            return self._marks(None, None)[-1]
        if self.per_user:
            return self._marks(reader_identity(reader), None)[-1]
        tenant = capture(request_of(reader)) if is_asker(reader) else None
        return self._marks(None, tenant)[-1]

    def _marks(self, identity: Any, tenant: Any) -> list[str]:
        """
        The mark of the function, and the mark of a part of its values.

        That is the mark of the reader with this *identity*, in all tenants. Where the value is
        shared, it is the mark of the *tenant*.
        """
        marks = [_digest(canonical(["mark", self.name]))]
        if identity is not None:
            marks.append(_digest(canonical(["mark", self.name, identity])))
        elif tenant is not None:
            marks.append(_digest(canonical(["mark", self.name, "tenant", tenant])))
        return marks

    def _dependencies(self, call: Call, owners: tuple[Any, ...]) -> list[Any]:
        """Everything that the value depends on, except for the reader."""
        scope = call.attempt.scope if call.attempt else None
        asker = call.asked.asker
        # A helper without a request of its own depends on the request of the part that calls it.
        request = scope.request if scope else request_of(asker)
        get_host = getattr(request, "get_host", None)
        return [
            self.name,
            call.own,
            [_owner(owner) for owner in owners],
            [scope.sender, scope.vary()] if scope else request_variation(request),
            call.asked.rest,
            _without(asker, call.kwargs),
            get_host() if get_host else None,
            translation.get_language(),
            time_zone_name(),
        ]

    def _identity(self, owners: tuple[Any, ...], reader: Any) -> Any:
        """The identity of the reader that the value is for; None if it is shared."""
        if not self.per_user:
            return None
        for owner in owners:
            if hasattr(owner, "cache_identity"):
                return owner.cache_identity(reader)
        return cache_identity(reader)


def name_of(func: Any, key: str | None) -> str:
    """
    The name that *func* has in keys: *key*, else its module and qualified name.

    Raises:
        TypeError: *func* is a lambda or local function, which shares its name, and has no *key*.
    """
    if key is not None:
        return f"key:{key}"
    name = getattr(func, "__qualname__", "<lambda>")
    is_local = "<locals>" in name and "." not in name.rpartition("<locals>.")[2]
    if is_local or name.endswith("<lambda>"):
        raise TypeError(
            f"cached_for() cannot tell {func!r} from others of its kind: it has no name of its "
            "own. Give it one: cached_for(300, key='...')."
        )
    return f"{func.__module__}.{name}"


def request_variation(request: Any) -> list[Any]:
    """The route, version (if the framework has versions) and query string of a plain request."""
    match = getattr(request, "resolver_match", None)
    return [
        [match.route, match.kwargs] if match else None,
        getattr(request, "version", None),
        keyed_query(request),
    ]


def keyed_query(request: Any) -> dict[str, list[str]]:
    """The parameters of the query string that a value may depend on, each with its values."""
    query = getattr(request, "GET", None)
    if not query:
        return {}
    return {name: values for name, values in query.lists() if name not in UNKEYED_PARAMS}


def _reader_of(call: Call) -> Any:
    return call.attempt.scope.reader if call.attempt else reader_of(call.asked.asker)


def _owner(owner: Any) -> Any:
    """The class and initial arguments of a view or connection; another owner as it is."""
    if isinstance(owner, type) or not has_parts(owner):
        return owner
    return [type(owner), canonical_or_kind(getattr(owner, "_initkwargs", None))]


def _owners_of(func: Any) -> tuple[Any, ...]:
    """The object that the method *func* is bound to, under any guards; empty for a function."""
    while func is not None:
        if (owner := getattr(func, "__self__", None)) is not None:
            return (owner,)
        func = getattr(func, "__wrapped__", None)
    return ()


def _without(asker: Any, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The keyword arguments except for *asker*; without an asker all of them, None too."""
    if asker is None:
        return dict(kwargs)
    return {name: value for name, value in kwargs.items() if value is not asker}


def _digest(text: str) -> str:
    return f"partstream:{sha256(text.encode()).hexdigest()}"
