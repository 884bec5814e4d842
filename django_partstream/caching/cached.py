"""
``cached_for``: remember the value of a part, for whom and as long as it holds.

A key tells apart all that could make the value another one: the function and the class it runs
on, the front and its arguments, the reader, host, language and time zone. Only a value that
was computed without a failure is kept. A cache that is down costs a computation, not the part.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from inspect import isawaitable
from math import inf
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar, overload

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.http import QueryDict
from django.utils import timezone, translation

from django_partstream.caching.entries import Entry, drop
from django_partstream.canonical import canonical, canonical_or_kind
from django_partstream.delivery.attempts import Recorder, recording
from django_partstream.guards import Call, guard, is_number
from django_partstream.identity import (
    cache_identity,
    has_parts,
    reader_identity,
    reader_of,
    request_of,
)
from django_partstream.timed import deadlines

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

logger = logging.getLogger("django_partstream")

#: Query parameters that choose a page or its form, not what a part holds.
UNKEYED_PARAMS = frozenset({"cursor", "parts", "format"})

_unkeyed: set[str] = set()


def cached_for(
    seconds: float,
    *,
    stale: float = 0,
    per_user: bool = True,
    cache: str = "default",
    key: str | None = None,
) -> Callable[[Callable[P, R]], Cached[P, R]]:
    """
    Keep what the decorated function returns for *seconds*, and *stale* seconds more.

    Concurrent callers that miss compute it once, across threads and processes. A stale value is
    served to everyone but the one caller who computes it anew. *per_user* False shares it among
    all users. *cache* is an alias of ``CACHES``. *key* names the value where the function has no
    name of its own. ``f.invalidate()`` drops what is kept.

    A query set is evaluated to be kept. What depends on an argument, or on the object that a
    resolver stands on, without a stable text to make a key of is computed each time, and a
    warning says so once.

    Raises:
        ValueError: *seconds* is not above zero, or *stale* is below.
        TypeError: a lambda or local function without *key*.
    """
    if not is_number(seconds) or not 0 < seconds < inf:
        raise ValueError(f"cached_for() needs a number of seconds above zero, got {seconds!r}.")
    if not is_number(stale) or not 0 <= stale < inf:
        raise ValueError(f"stale must be a number of seconds, zero or more, got {stale!r}.")

    def decorate(func: Callable[P, R]) -> Cached[P, R]:
        store = Store(_name(func, key), seconds, stale, per_user, cache)
        cached: Any = guard(func, partial(_cached, store=store))
        cached.invalidate = store.drop
        return cached  # type: ignore[no-any-return]

    return decorate


class Cached(Protocol[P, R_co]):
    """What ``cached_for`` makes of a function: the same, and a way to drop its values."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call it, or get what it returned before."""

    @overload
    def __get__(self, instance: None, owner: type, /) -> Self: ...
    @overload
    def __get__(
        self: Cached[Concatenate[T, Q], R_co], instance: T, owner: type | None = None, /
    ) -> Cached[Q, R_co]: ...

    def invalidate(self, reader: Any = None) -> None:
        """
        Drop the values of this function: all of them, or those of one *reader*.

        *reader* is a request or a user; with a ``cache_identity()`` of your own, what that
        returned, for it alone says whose a value is. A value that is shared among readers is
        dropped for all of them, and one that is being computed is not kept. Called on a method,
        it drops for every object and every class.

        Raises:
            TypeError: nothing tells *reader* from others.
            Exception: what the cache raises; then the values are still there.
        """


@dataclass(frozen=True, slots=True)
class Store:
    """Where and how long the values of one function are kept."""

    name: str
    seconds: float
    stale: float
    per_user: bool
    alias: str

    def entry(self, call: Call) -> Entry | None:
        """
        The place of *call*'s value; None where nobody asks for it, or where what it depends on
        has no stable text. The latter is logged, once.
        """
        owners, asker, args = call.asked.owners, call.asked.asker, call.asked.rest
        scope = call.attempt.scope if call.attempt else None
        if asker is None and scope is None:
            return None
        try:
            if call.attempt and call.own and call.attempt.personal and not self.per_user:
                raise TypeError("its rows are filtered for each reader, so they cannot be shared")
            owners = owners or _bound_to(call.func)
            whose = self._whose(owners, scope.reader if scope else reader_of(asker))
            what = canonical([*self._depends_on(call, owners, asker, args), whose])
        except TypeError as exc:
            if self.name not in _unkeyed:
                _unkeyed.add(self.name)
                logger.warning("%s is not cached: %s.", self.name, exc)
            return None
        return Entry(
            self.name, _key(what), self._marks(whose), self.alias, self.seconds, self.stale
        )

    def drop(self, reader: Any = None) -> None:
        """See :meth:`Cached.invalidate`."""
        whose = None if reader is None or not self.per_user else reader_identity(reader)
        drop(self.alias, self._marks(whose)[-1], self.seconds + self.stale)

    def _marks(self, whose: Any) -> list[str]:
        """What the values of one reader are dropped by: the function's mark, and the reader's."""
        marks = [_key(canonical(["mark", self.name]))]
        if whose is not None:
            marks.append(_key(canonical(["mark", self.name, whose])))
        return marks

    def _depends_on(
        self, call: Call, owners: tuple[Any, ...], asker: Any, args: tuple[Any, ...]
    ) -> list[Any]:
        scope = call.attempt.scope if call.attempt else None
        # A helper without a request of its own is asked by the part that calls it.
        request = scope.request if scope else request_of(asker)
        host = getattr(request, "get_host", None)
        return [
            self.name,
            call.own,  # the value of a part is whole, that of a helper what it returned
            [_owner(one) for one in owners],
            [scope.sender, scope.vary()] if scope else request_variation(request),
            args,
            {name: value for name, value in call.kwargs.items() if value is not asker},
            host() if host else None,
            translation.get_language(),
            timezone.get_current_timezone_name(),
        ]

    def _whose(self, owners: tuple[Any, ...], reader: Any) -> Any:
        """Who the value is for; None for everybody."""
        if not self.per_user:
            return None
        own = (one.cache_identity for one in owners if hasattr(one, "cache_identity"))
        return next(own, cache_identity)(reader)


def request_variation(request: Any) -> list[Any]:
    """What a value may depend on in a plain request: its URL, version and query string."""
    match = getattr(request, "resolver_match", None)
    return [
        [match.route, match.kwargs] if match else None,
        getattr(request, "version", None),
        keyed_query(request),
    ]


def keyed_query(request: Any) -> dict[str, list[str]]:
    """The parameters of the query string that a value may depend on."""
    query: Any = getattr(request, "GET", QueryDict())
    return {name: values for name, values in query.lists() if name not in UNKEYED_PARAMS}


def _key(what: str) -> str:
    return f"partstream:{sha256(what.encode()).hexdigest()}"


def _cached(call: Call, *, store: Store) -> Any:
    if iscoroutinefunction(call.func):
        return _cached_later(call, store)
    entry = store.entry(call)
    if entry is None:
        return call()
    while isinstance(found := entry.look(), float):
        deadlines.check_deadline()
        time.sleep(found)
    if found is not None:
        return _accept(call, found[0])
    recorder = _recorder_of(call)
    before = len(recorder.caught)
    try:
        with recording(recorder):
            value = call()
    except BaseException:
        entry.give_up()
        raise
    if isawaitable(value):
        return _keep_later(call, lambda: value, entry, recorder, before)
    _keep(entry, value, recorder, before)
    return value


async def _cached_later(call: Call, store: Store) -> Any:
    entry = await sync_to_async(store.entry)(call)
    if entry is None:
        return await call.awaited(call())
    # Looked at again and again, for who ends the wait may be another process.
    while isinstance(found := await sync_to_async(entry.look)(), float):  # noqa: ASYNC110
        await asyncio.sleep(found)
    if found is not None:
        return _accept(call, found[0])
    recorder = _recorder_of(call)
    with recording(recorder):
        return await _keep_later(call, call, entry, recorder, len(recorder.caught))


async def _keep_later(
    call: Call, begin: Callable[[], Awaitable[Any]], entry: Entry, recorder: Recorder, before: int
) -> Any:
    try:
        value = await call.awaited(begin())
    except BaseException:
        await sync_to_async(entry.give_up)()
        raise
    await sync_to_async(_keep)(entry, value, recorder, before)
    return value


def _keep(entry: Entry, value: Any, recorder: Recorder, before: int) -> None:
    """Keep *value* unless a failure was caught while it was computed."""
    if len(recorder.caught) == before:
        entry.put(value)
    else:
        entry.give_up()


def _recorder_of(call: Call) -> Recorder:
    """The recorder that nested guards report to; one of its own for a call by hand."""
    return call.recorder or Recorder()


def _accept(call: Call, value: Any) -> Any:
    if call.attempt is not None and call.own:
        return call.attempt.accept(value)
    return value


def _owner(owner: Any) -> Any:
    """A view's or connection's class; another owner is part of what the value depends on."""
    if isinstance(owner, type) or not has_parts(owner):
        return owner
    return [type(owner), canonical_or_kind(getattr(owner, "_initkwargs", None))]


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
