"""
The key of a cached value, and the marks that it is dropped by.

A key tells apart everything that could make the value another. It is a digest of:

- The *function*: its module and qualified name, or its ``key=``. On a method, the class of a view
  or connection with the arguments of its ``as_view()``; any other object that the method is bound
  to, and the root of a resolver, by its own value.
- The *form*: the value of a part is made whole by its front, and a guarded helper that the part
  calls returns its value as it is. So the two do not share.
- The *response*: on a page, the view or connection class, the host and everything that its front
  says the response varies on. By hand, and for a helper that a part calls with another request than
  its own, the route of the request with its arguments, its version, its host and its query string,
  without the parameters that fronts exclude (:data:`UNKEYED_PARAMS`).
- The *arguments* of the call, positional and by keyword, without the asker.
- The *environment*: language and time zone. A part may have changed them for what it calls.
- The *tenant*, if the project has a ``TENANCY``. The value of a part is for the tenant of its
  page. A helper is asked anew, since the part that calls it may have switched to another tenant.
  A helper without a tenant is still divided by the tenant of the page: in a task or thread that the
  part made itself, the thread-local that ``capture()`` reads may be empty.
- The *reader*, unless the value is shared among readers. An owner's ``cache_identity(request)``
  decides, else the user, the session or the credentials.

All are looked at for each call, since a part may have changed them. Each needs a canonical text
(:mod:`django_partstream.canonical`). If an object has no such text there is no key, and the value
is computed each time.

A *mark* is a text in the cache for all values of a function, or for all its values of a reader.
Changing the mark drops these values, so nothing has to know their keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict

from django_partstream import _current
from django_partstream.canonical import canonical, canonical_or_kind, digest
from django_partstream.delivery.reports import Scope
from django_partstream.guards import Call
from django_partstream.identity import (
    cache_identity,
    has_parts,
    inner_request,
    is_asker,
    reader_identity,
    reader_of,
    request_of,
)
from django_partstream.tenancy import capture

#: Query parameters that no value depends on: a front adds the words by which a client chooses a
#: page or its form.
UNKEYED_PARAMS: set[str] = set()

#: The beginning of each key in the cache. The rest is short, for caches check each character.
PREFIX = "partstream:"


@dataclass(slots=True)
class Key:
    """The key of a value: its *text*, and the *marks* that the value is kept under."""

    text: str
    marks: list[str]


class Keys:
    """The keys of the values of the function *name*; of each reader's own if *per_user*."""

    def __init__(self, name: str, per_user: bool) -> None:
        self.name, self.per_user, self._name = name, per_user, canonical(name)
        #: The mark for all values of the function.
        self._mark = f"{PREFIX}{digest(f'mark of {self._name}')}"

    def key_of(self, call: Call) -> Key:
        """
        The key of the value of *call*.

        Raises:
            TypeError: the value depends on an object that has no stable text, or it must not be
                shared and *per_user* is False. The message completes "... is not cached: ".
        """
        attempt, asked = call.attempt, call.asked
        if call.own and attempt and attempt.personal and not self.per_user:
            raise TypeError("its rows are filtered for each reader, so they cannot be shared")
        scope = _page_of(call)
        owners = asked.owners or _owners_of(call.func)
        reader = self._reader(owners, scope.reader if scope else reader_of(asked.asker))
        tenant, divided = _tenant_of(call, scope)
        kwargs = call.kwargs and _without(asked.asker, call.kwargs)
        text = " ".join(
            [
                self._name,
                "part" if call.own else "helper",
                scope.variation if scope else canonical(request_variation(asked.asker)),
                *map(_owner, owners),
                canonical(asked.rest) if asked.rest else "[]",
                canonical(kwargs) if kwargs else "{}",
                f"{_current.language()!r} {_current.time_zone_name()!r}",
                reader or "anybody",
                divided,
            ]
        )
        return Key(f"{PREFIX}{digest(text)}", self._marks(reader, tenant))

    def mark_of(self, reader: Any = None) -> str:
        """
        The mark for the values of *reader* (as in :func:`reader_identity`), or for all values.

        Raises:
            TypeError: nothing tells *reader* from others.
        """
        if reader is None:
            return self._mark
        if self.per_user:
            return self._marks(canonical(reader_identity(reader)), None)[-1]
        tenant = capture(request_of(reader)) if is_asker(reader) else None
        return self._marks(None, tenant)[-1]

    def _marks(self, reader: str | None, tenant: Any) -> list[str]:
        """
        The mark of the function, and the mark of a part of its values.

        That is the mark of the *reader* with this text, in all tenants. Where the value is
        shared, it is the mark of the *tenant*.
        """
        if reader is not None:
            return [self._mark, f"{PREFIX}{digest(f'{self._mark} of {reader}')}"]
        if tenant is not None:
            return [self._mark, f"{PREFIX}{digest(f'{self._mark} in {canonical(tenant)}')}"]
        return [self._mark]

    def _reader(self, owners: tuple[Any, ...], reader: Any) -> str | None:
        """The text of the reader that the value is for; None if it is shared."""
        if not self.per_user:
            return None
        for owner in owners:
            if hasattr(owner, "cache_identity"):
                return canonical(owner.cache_identity(reader))
        return canonical(cache_identity(reader))


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


def request_variation(asker: Any) -> list[Any]:
    """The route, version (of frameworks with versions), query string and host of a request."""
    request = request_of(asker)
    match = getattr(request, "resolver_match", None)
    try:
        host = _current.host_of(request)
    except KeyError:  # a bare HttpRequest() has no address
        host = None
    return [
        [match.route, match.kwargs] if match else None,
        getattr(request, "version", None),
        keyed_query(getattr(request, "GET", None)),
        host,
    ]


def keyed_query(query: QueryDict | None) -> dict[str, list[str]]:
    """The parameters in *query* that a value may depend on, each with its values."""
    if not query:
        return {}
    return {name: [*values] for name, values in query.lists() if name not in UNKEYED_PARAMS}


def _page_of(call: Call) -> Scope | None:
    """
    The page that *call* is made for; None for a call by hand.

    A part that makes another request, as another user for example, makes its calls by hand. A
    helper without a request depends on the request of the part that calls it.
    """
    scope = call.attempt.scope if call.attempt else None
    if scope is None or call.own or call.asked.asker is None:
        return scope
    request = request_of(call.asked.asker)
    is_of_page = request is scope.request or request is inner_request(scope.request)
    return scope if is_of_page else None


def _tenant_of(call: Call, scope: Scope | None) -> tuple[Any, str]:
    """The tenant that the value is for, and the text that divides the values by it."""
    page = call.attempt.scope.tenant if call.attempt else None
    asked = scope.request if scope else request_of(call.asked.asker)
    tenant = page if call.own else capture(asked)
    if tenant is not None:
        return tenant, f"tenant {canonical(tenant)}"
    return page, "" if page is None else f"tenant of the page {canonical(page)}"


def _owner(owner: Any) -> str:
    """The text of an owner: of the class and initial arguments, if it is a view or connection."""
    if isinstance(owner, type) or not has_parts(owner):
        return canonical(owner)
    given = getattr(owner, "_initkwargs", None)
    return f"{canonical(type(owner))}({canonical_or_kind(given) if given else ''})"


def _owners_of(func: Any) -> tuple[Any, ...]:
    """The object that the method *func* is bound to, under any guards; empty for a function."""
    while func is not None:
        if (owner := getattr(func, "__self__", None)) is not None:
            return (owner,)
        func = getattr(func, "__wrapped__", None)
    return ()


def _without(asker: Any, kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The keyword arguments except for *asker*; without an asker all of them, None too."""
    if asker is None:
        return kwargs
    return {name: value for name, value in kwargs.items() if value is not asker}
