"""
``cached_for``: the guard that keeps the value of a function in a Django cache.

A call is answered in three steps. :mod:`.keys` gives the value its key. :mod:`.entries` says
whether to take the value, to wait for it or to compute it. A computed value is kept unless a
guard caught a failure meanwhile. The sync and the async path differ in how they wait.

A lease is held only by a computation that runs. A plain function may return an awaitable, which
runs when its caller awaits it, perhaps after the caller has called the function again. So the
lease is given up with the awaitable, and asked for again when that is awaited. And a thread that
runs an event loop never waits: the holder may need the loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from inspect import isawaitable, iscoroutine
from math import inf
from typing import Any, Concatenate, ParamSpec, Protocol, Self, TypeVar, overload
from weakref import WeakValueDictionary

from asgiref.sync import iscoroutinefunction

from django_partstream.caching.entries import Entry, Hit, Wait, change_mark
from django_partstream.caching.keys import Keys, name_of
from django_partstream.delivery.loops import in_request_thread
from django_partstream.delivery.running import in_event_loop
from django_partstream.guards import Call, guard, is_number
from django_partstream.recorders import Recorder, current_recorder, recording
from django_partstream.timed import deadlines

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")

logger = logging.getLogger("django_partstream")

#: Names of functions that were logged because a call of theirs had no key.
_logged: set[str] = set()


def cached_for(
    seconds: float,
    *,
    stale: float = 0,
    per_user: bool = True,
    cache: str = "default",
    key: str | None = None,
) -> Callable[[Callable[P, R]], Cached[P, R]]:
    """
    Keep the values of the decorated function for *seconds*, and for *stale* seconds more.

    Concurrent callers that miss a value compute it once, across threads and processes. The first
    caller that finds a stale value computes it anew; the others get the stale value meanwhile.
    *per_user* False shares a value among all users. *cache* is an alias of ``CACHES``. *key*
    names a function that has no name of its own. ``f.invalidate()`` drops values.

    A query set is evaluated before it is kept. A value that depends on an object without a stable
    text (an argument, the root of a resolver) is computed each time, which is logged once.

    Raises:
        ValueError: *seconds* is not above zero, or *stale* is below.
        TypeError: the function is a lambda or a local function, and has no *key*.
    """
    if not is_number(seconds) or not 0 < seconds < inf:
        raise ValueError(
            f"cached_for() needs a number of seconds above zero, got {seconds!r}. "
            "Write cached_for(300)(func), or @cached_for(300) above it."
        )
    if not is_number(stale) or not 0 <= stale < inf:
        raise ValueError(f"stale must be a number of seconds, zero or more, got {stale!r}.")

    def decorate(func: Callable[P, R]) -> Cached[P, R]:
        store = Store(Keys(name_of(func, key), per_user), cache, seconds, stale)
        _declared[store.keys.name, cache, per_user] = store
        answer = _cached_awaited if iscoroutinefunction(func) else _cached
        cached: Any = guard(func, partial(answer, store=store))
        cached.invalidate = store.invalidate
        return cached  # type: ignore[no-any-return]

    return decorate


class Cached(Protocol[P, R_co]):
    """A function decorated with ``cached_for``: called like the function itself."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Return the kept value, or call the function."""

    @overload
    def __get__(self, instance: None, owner: type, /) -> Self: ...
    @overload
    def __get__(
        self: Cached[Concatenate[T, Q], R_co], instance: T, owner: type | None = None, /
    ) -> Cached[Q, R_co]: ...

    def invalidate(self, reader: Any = None) -> None:
        """
        Drop the values of this function: all of them, or only the values of *reader*.

        *reader* is a request or a user. If the view or connection defines ``cache_identity()``,
        *reader* is the identity that this method returned. The values of a user are dropped in
        all tenants. A value that is shared among readers is dropped for all of them; for a
        request, in its own tenant. A value that is being computed will not be kept. Called on a
        method, it drops the values of every object and every class.

        Raises:
            TypeError: nothing tells *reader* from others.
            Exception: the cache raised it, and the values are still there.
        """


@dataclass(slots=True, weakref_slot=True)
class Store:
    """
    The values of a function: their *keys* in the cache *alias*, and their times in seconds.

    *awaits* is set once the function has returned an awaitable, though it is no ``async def``.
    """

    keys: Keys
    alias: str
    seconds: float
    stale: float
    awaits: bool = field(default=False, init=False)

    def entry(self, call: Call) -> Entry | None:
        """The place of the value of *call*; None, which is logged once, if it has no key."""
        if call.attempt is None and call.asked.asker is None:
            return None  # called by hand, without a request
        if call.attempt is not None and call.own:
            call.attempt.is_cached = False  # as far as is known
        try:
            key = self.keys.key_of(call)
        except (TypeError, RecursionError) as exc:
            if self.keys.name not in _logged:
                _logged.add(self.keys.name)
                logger.warning("%s is not cached: %s.", self.keys.name, exc)
            return None
        return Entry(
            self.keys.name, key.text, key.marks, self.alias, seconds=self.seconds, stale=self.stale
        )

    def invalidate(self, reader: Any = None) -> None:
        """See :meth:`Cached.invalidate`."""
        change_mark(self.keys.mark_of(reader), self.alias, longest=self.seconds + self.stale)


#: The values of the functions that were decorated in this process, and are still there.
_declared: WeakValueDictionary[tuple[str, str, bool], Store] = WeakValueDictionary()


def declared() -> list[Store]:
    """The values of each function that was decorated in this process, and is still there."""
    return list(_declared.values())


def _cached(call: Call, *, store: Store) -> Any:
    """Answer *call* of a plain function from its place in *store*."""
    entry = store.entry(call)
    if entry is None:
        return call()
    answer = entry.look()
    while isinstance(answer, Wait):
        if store.awaits:
            return _found_or_awaited(call, entry, answer, begin=partial(_begun, call))
        if in_event_loop():
            answer = entry.look(waits=False)
            break
        deadlines.check_deadline()
        time.sleep(answer.seconds)
        answer = entry.look()
    if isinstance(answer, Hit):
        return _accept(call, answer.value)
    value = _Computation(call, entry).run()
    if not isawaitable(value):
        return value
    store.awaits = True
    return _rest_of(call, entry, value)


async def _cached_awaited(call: Call, *, store: Store) -> Any:
    """Answer *call* of a coroutine function from its place in *store*."""
    entry, answer = await in_request_thread(_looked, call, store)  # a single hop
    if entry is None:
        return await call.awaited(call())
    return await _found_or_awaited(call, entry, answer, begin=call)


def _looked(call: Call, store: Store) -> tuple[Entry | None, Hit | Wait | None]:
    """The place of the value of *call*, and the answer of a first look."""
    entry = store.entry(call)
    return entry, None if entry is None else entry.look()


async def _found_or_awaited(
    call: Call, entry: Entry, answer: Hit | Wait | None, *, begin: Callable[[], Awaitable[Any]]
) -> Any:
    """The value of *entry*, where *answer* was found: kept, or computed by ``begin()``."""
    # The value may come from another process, so no event can tell when it is there.
    while isinstance(answer, Wait):
        await asyncio.sleep(answer.seconds)
        answer = await in_request_thread(entry.look)
    if isinstance(answer, Hit):
        return _accept(call, answer.value)
    return await _Computation(call, entry).run_awaited(begin)


async def _rest_of(call: Call, entry: Entry, awaitable: Awaitable[Any]) -> Any:
    """The value of *entry*, kept meanwhile or computed by *awaitable*, which *call* returned."""
    if not iscoroutine(awaitable):  # a task, for example: it runs already
        return await _Computation(call, entry).run_awaited(lambda: awaitable)
    try:
        answer = await in_request_thread(entry.look)
        return await _found_or_awaited(call, entry, answer, begin=lambda: awaitable)
    finally:
        awaitable.close()


async def _begun(call: Call) -> Any:
    """Make *call* in the thread of the request. Return its value, awaited where it must be."""
    value = await in_request_thread(call)
    return await value if isawaitable(value) else value


def _accept(call: Call, value: Any) -> Any:
    """Return a kept *value*. If the call is own it was made whole before it was kept."""
    if call.attempt is not None and call.own:
        return call.attempt.accept(value)
    return value


class _Computation:
    """
    The computation of a value that its *entry* asked for; run once.

    Guards inside it report their failures to the recorder of the call, so that a fallback is not
    kept. A call by hand has no recorder, so it gets a recorder here.
    """

    def __init__(self, call: Call, entry: Entry) -> None:
        self._call, self._entry = call, entry
        self._recorder = call.recorder or Recorder(current_recorder())
        self._caught_before = len(self._recorder.caught)

    def run(self) -> Any:
        """
        Compute and keep the value, and return it.

        Where the function returns an awaitable, nothing is kept yet, and the lease is given up.
        """
        try:
            with recording(self._recorder), self._entry.computing():
                value = self._call()
        except BaseException:
            self._entry.give_up()
            raise
        if isawaitable(value):
            self._entry.give_up()
        else:
            self._keep(value)
        return value

    async def run_awaited(self, begin: Callable[[], Awaitable[Any]]) -> Any:
        """Compute, keep and return the value of the awaitable that *begin* returns."""
        try:
            with recording(self._recorder), self._entry.computing():
                value = await self._call.awaited(begin())
        except BaseException:
            await in_request_thread(self._entry.give_up)
            raise
        await in_request_thread(self._keep, value)
        return value

    def _keep(self, value: Any) -> None:
        """Keep *value*, unless a guard caught a failure meanwhile, or the value is promised."""
        is_promised = self._call.attempt is not None and self._call.attempt.is_promised
        if len(self._recorder.caught) == self._caught_before and not is_promised:
            self._entry.put(value)
        else:
            self._entry.give_up()
