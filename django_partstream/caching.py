"""
``cached_for``: remember the value of a part, for whom and as long as it holds.

A key tells apart all that could make the value another one: the function and the class it runs
on, the front and its arguments, the reader, host, language and time zone. Only a value that
was computed without a failure is kept. A cache that is down costs a computation, not the part.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from inspect import isawaitable
from typing import Any, TypeVar

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core.cache import caches
from django.http import QueryDict
from django.utils import timezone, translation

from django_partstream.attempts import Attempt, attempting
from django_partstream.guards import Call, guard
from django_partstream.identity import cache_identity, split_request, stable

F = TypeVar("F", bound=Callable[..., Any])

logger = logging.getLogger("django_partstream")

#: Query parameters that choose a page or its form, not what a part holds.
UNKEYED_PARAMS = frozenset({"cursor", "parts", "format"})

_unkeyed: set[str] = set()

#: How long one caller may take to renew a stale value before another one tries, in seconds.
RENEWAL_LEASE = 60


def cached_for(
    seconds: float,
    *,
    stale: float = 0,
    per_user: bool = True,
    cache: str = "default",
    key: str | None = None,
) -> Callable[[F], F]:
    """
    Keep what the decorated function returns for *seconds*, and *stale* seconds more.

    A stale value is served to everyone but the one caller who computes it anew. *per_user*
    False shares it among all users. *cache* is an alias of ``CACHES``. *key* names the value
    where the function has no name of its own.

    A query set is evaluated to be kept. What depends on an argument, or on the object that a
    resolver stands on, without a stable text to make a key of is computed each time, and a
    warning says so once.

    Raises:
        ValueError: *seconds* is not above zero, or *stale* is below.
        TypeError: a lambda or local function without *key*.
    """
    if not _is_number(seconds) or seconds <= 0:
        raise ValueError(f"cached_for() needs a number of seconds above zero, got {seconds!r}.")
    if not _is_number(stale) or stale < 0:
        raise ValueError(f"stale must be a number of seconds, zero or more, got {stale!r}.")

    def decorate(func: F) -> F:
        store = Store(_name(func, key), seconds, stale, per_user, cache)
        return guard(func, partial(_cached, store=store))

    return decorate


@dataclass(frozen=True, slots=True)
class Store:
    """Where and how long the values of one function are kept."""

    name: str
    seconds: float
    stale: float
    per_user: bool
    alias: str

    def key(self, call: Call) -> str | None:
        """
        The key of *call*'s value; None where nobody asks for it, or where what it depends on
        has no stable text. The latter is logged, once.
        """
        owners, request, args = split_request(call.args, call.kwargs)
        scope = call.attempt.scope if call.attempt else None
        if request is None and scope is not None:
            request = scope.request  # a helper without a request of its own, called by a part
        if request is None:
            return None
        try:
            what = stable(self._depends_on(call, owners or _bound_to(call.func), request, args))
        except TypeError as exc:
            if self.name not in _unkeyed:
                _unkeyed.add(self.name)
                logger.warning("%s is not cached: %s.", self.name, exc)
            return None
        return f"partstream:{sha256(what.encode()).hexdigest()}"

    def _depends_on(
        self, call: Call, owners: tuple[Any, ...], request: Any, args: tuple[Any, ...]
    ) -> list[Any]:
        scope = call.attempt.scope if call.attempt else None
        host = getattr(request, "get_host", None)
        identity = next(
            (one.cache_identity for one in owners if hasattr(one, "cache_identity")), cache_identity
        )
        return [
            self.name,
            call.direct,  # the value of a part is whole, that of a helper what it returned
            [_owner(one) for one in owners],
            [scope.sender, scope.vary()] if scope else request_variation(request),
            args,
            {name: value for name, value in call.kwargs.items() if name != "request"},
            host() if host else None,
            translation.get_language(),
            timezone.get_current_timezone_name(),
            identity(request) if self.per_user else None,
        ]

    def get(self, key: str | None) -> tuple[Any] | None:
        """The value to use, as a tuple of one, or None where it is to be computed."""
        if key is None:
            return None
        try:
            kept = caches[self.alias].get(key)
            if kept is None:
                return None
            value, fresh_until = kept
            if time.time() < fresh_until or not self._renew(key):
                return (value,)
        except Exception:
            logger.warning("The cache %r did not answer.", self.alias, exc_info=True)
        return None

    def put(self, key: str | None, value: Any) -> None:
        """Keep *value*; what cannot be kept is logged."""
        if key is None:
            return
        kept = (value, time.time() + self.seconds)
        try:
            caches[self.alias].set(key, kept, self.seconds + self.stale)
            if self.stale:
                caches[self.alias].delete(f"{key}:renewal")
        except Exception:
            logger.warning("%s could not be cached in %r.", self.name, self.alias, exc_info=True)

    def _renew(self, key: str) -> bool:
        """Whether this caller is the one who computes a stale value anew."""
        return bool(caches[self.alias].add(f"{key}:renewal", 1, RENEWAL_LEASE))


def request_variation(request: Any) -> list[Any]:
    """What a value may depend on in a plain request: its URL's kwargs and its query string."""
    match = getattr(request, "resolver_match", None)
    query: Any = getattr(request, "GET", QueryDict())
    return [
        match.kwargs if match else None,
        {name: values for name, values in query.lists() if name not in UNKEYED_PARAMS},
    ]


def _cached(call: Call, *, store: Store) -> Any:
    if iscoroutinefunction(call.func):
        return _cached_later(call, store)
    key = store.key(call)
    if (kept := store.get(key)) is not None:
        return _accept(call, kept[0])
    attempt = _recording(call)
    before = len(attempt.caught)
    with attempting(attempt):
        value = call()
    if isawaitable(value):
        return _keep_later(call, value, store, key, attempt, before)
    if len(attempt.caught) == before:
        store.put(key, value)
    return value


async def _cached_later(call: Call, store: Store) -> Any:
    key = await sync_to_async(store.key)(call)
    if (kept := await sync_to_async(store.get)(key)) is not None:
        return _accept(call, kept[0])
    attempt = _recording(call)
    with attempting(attempt):
        return await _keep_later(call, call(), store, key, attempt, len(attempt.caught))


async def _keep_later(
    call: Call, awaitable: Awaitable[Any], store: Store, key: str | None, attempt: Attempt, n: int
) -> Any:
    value = await call.later(awaitable)
    if len(attempt.caught) == n:
        await sync_to_async(store.put)(key, value)
    return value


def _recording(call: Call) -> Attempt:
    """The attempt that nested guards report to; one of its own for a call by hand."""
    if call.attempt is not None:
        return call.attempt
    return Attempt(scope=None, name="", call=lambda: None, whole=lambda value: value)


def _accept(call: Call, value: Any) -> Any:
    if call.attempt is not None and call.direct:
        return call.attempt.accept(value)
    return value


def _owner(owner: Any) -> Any:
    """The class of a view or connection; another owner is part of what the value depends on."""
    if isinstance(owner, type) or not hasattr(owner, "get_parts"):
        return owner
    return type(owner)


def _bound_to(func: Any) -> tuple[Any, ...]:
    """What a method is bound to, under whatever guards there are on it."""
    while func is not None:
        if (owner := getattr(func, "__self__", None)) is not None:
            return (owner,)
        func = getattr(func, "__wrapped__", None)
    return ()


def _name(func: Any, key: str | None) -> str:
    if key is not None:
        return f"key:{key}"
    name = getattr(func, "__qualname__", "<lambda>")
    local = "<locals>" in name and "." not in name.rpartition("<locals>.")[2]
    if local or name.endswith("<lambda>"):
        raise TypeError(
            f"cached_for() cannot tell {func!r} from others of its kind: it has no name of its "
            "own. Give it one: cached_for(300, key='...')."
        )
    return f"{func.__module__}.{name}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
