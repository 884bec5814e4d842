"""
Guards: functions around a function that may fail or hang.

A guard takes a function, method, lambda or resolver, sync or async, and returns one of the same
kind. Guards nest in any order, and each works as a decorator, too. Its sync and its async path
share the function that decides.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from copy import deepcopy
from functools import partial, wraps
from inspect import isawaitable
from typing import Any, Final, TypeVar, overload

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from django_partstream.clocks import monotonic
from django_partstream.databases import open_transactions, savepoints
from django_partstream.delivery.attempts import Attempt, current_attempt
from django_partstream.exceptions import PartTimeout, pending_in
from django_partstream.failures import failure_of
from django_partstream.identity import Asked, request_of
from django_partstream.outcomes import Status
from django_partstream.recorders import Recorder, current_recorder
from django_partstream.timed.calls import call_within
from django_partstream.timed.deadlines import time_limit

F = TypeVar("F", bound=Callable[..., Any])

logger = logging.getLogger("django_partstream")


class _Unset:
    """The default of *fallback*, which differs from None and stays itself when copied."""

    def __deepcopy__(self, memo: Any) -> _Unset:
        return self

    def __repr__(self) -> str:
        return "..."


_UNSET: Final = _Unset()


class Call:
    """
    A call of a guarded function.

    *recorder* takes the failures that the guard catches. *attempt* is set while a page resolves
    a part. The call is *own* if the guard is an own guard of that part. Without a request (None
    in its place) the call was made by hand, and none of them is set.
    """

    __slots__ = ("_asked", "_inner", "args", "attempt", "func", "kwargs", "own", "recorder")

    def __init__(
        self,
        guard: Callable[..., Any],
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> None:
        self.func, self.args, self.kwargs = func, args, kwargs
        self._asked: Asked | None = None
        self.recorder: Recorder | None = current_recorder()
        self.attempt = self.recorder if isinstance(self.recorder, Attempt) else None
        self._inner = self.attempt.enter(guard) if self.attempt is not None else None
        self.own = self._inner is not None
        if self.recorder is not None and not self.own and self.asked.by_hand:
            self.recorder = self.attempt = None

    @property
    def asked(self) -> Asked:
        """The arguments, split into owners, the asker and the rest."""
        if self._asked is None:
            self._asked = Asked.of(self.args, self.kwargs)
        return self._asked

    @property
    def request(self) -> Any:
        """The request of the part that this code runs for, else of the call; None without."""
        attempt = current_attempt()
        return attempt.scope.request if attempt else request_of(self.asked.asker)

    def __call__(self) -> Any:
        """Call the function. Return its value, whole if the call is own, or an awaitable."""
        if self.attempt is None or self._inner is None:
            return self.func(*self.args, **self.kwargs)
        call = partial(self.func, *self.args, **self.kwargs)
        value = self.attempt.call_under(self._inner, call)
        return value if isawaitable(value) else self.attempt.make_whole(value)

    async def awaited(self, awaitable: Awaitable[Any]) -> Any:
        """Await the result of the call. Return the value, whole if the call is own."""
        value = await awaitable
        if self.attempt is None or not self.own:
            return value
        return await self.attempt.amake_whole(value)


def guard(func: F, run: Callable[[Call], Any]) -> F:
    """
    *func* with each call of it handed to *run*.

    Raises:
        TypeError: *func* is not callable.
    """
    if not callable(func):
        raise TypeError(
            f"A guard needs a callable, got {type(func).__name__}. "
            "Pass the function itself, not its result."
        )

    @wraps(func)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        return run(Call(guarded, func, args, kwargs))

    guarded.partstream_guard = guarded  # type: ignore[attr-defined]
    if iscoroutinefunction(func):
        markcoroutinefunction(guarded)
    return guarded  # type: ignore[return-value]


@overload
def safe_call(func: F, *, fallback: Any = ...) -> F: ...
@overload
def safe_call(*, fallback: Any = ...) -> Callable[[F], F]: ...
def safe_call(func: Any = _UNSET, *unnamed: Any, fallback: Any = _UNSET) -> Any:
    """
    Keep an exception of *func* from costing more than its own part.

    On a page the part ends ``fallback`` with a copy of *fallback*. Without a *fallback* it ends
    ``error`` with null. ``PermissionDenied`` and its kind pass through and end it ``denied``.

    Called by hand it never raises an ``Exception``: it returns a copy of *fallback*, or None.
    Inside a transaction the work that a plain *func* did there before it failed is undone.

    Raises:
        TypeError: *func* is not callable, or *fallback* is not named or cannot be copied.
    """
    if unnamed:
        raise TypeError(
            "safe_call() takes its fallback by name. "
            f"Write safe_call(func, fallback={unnamed[0]!r})."
        )
    try:
        deepcopy(fallback)
    except Exception as exc:
        raise TypeError(
            f"The fallback {fallback!r} cannot be copied, and each use is a copy. Use plain data."
        ) from exc
    if func is _UNSET:
        return partial(safe_call, fallback=fallback)
    return guard(func, partial(_safely, fallback=fallback))


def _safely(call: Call, *, fallback: Any) -> Any:
    if iscoroutinefunction(call.func):
        return _safely_awaited(call, call, fallback)
    transactions = open_transactions()
    try:
        with savepoints(transactions) if transactions else nullcontext():
            value = call()
    except Exception as exc:  # noqa: BLE001 - safe_call catches every exception
        return _answer(call, exc, fallback)
    return _safely_awaited(call, lambda: value, fallback) if isawaitable(value) else value


async def _safely_awaited(call: Call, begin: Callable[[], Awaitable[Any]], fallback: Any) -> Any:
    # No savepoint: several coroutines may run at the same time, and theirs would not nest.
    try:
        return await call.awaited(begin())
    except Exception as exc:  # noqa: BLE001 - safe_call catches every exception
        return _answer(call, exc, fallback)


def _answer(call: Call, exc: Exception, fallback: Any) -> Any:
    """
    Return the fallback for *exc*.

    Raises:
        Exception: *exc*, if the part is pending; or if it is a denial and a page resolves the part.
    """
    if pending_in(exc) is not None:
        raise exc
    if call.attempt is None:
        name = getattr(call.func, "__qualname__", repr(call.func))
        logger.warning("safe_call caught a failure of %s.", name, exc_info=exc)
    elif failure_of(exc).status is Status.DENIED:
        raise exc
    if call.recorder is not None:
        call.recorder.catch(exc, answered=fallback is not _UNSET)
    return None if fallback is _UNSET else deepcopy(fallback)


@overload
def with_timeout(func: F, seconds: float) -> F: ...
@overload
def with_timeout(func: float) -> Callable[[F], F]: ...
@overload
def with_timeout(*, seconds: float) -> Callable[[F], F]: ...
def with_timeout(func: Any = _UNSET, seconds: Any = _UNSET) -> Any:
    """
    Give *func* at most *seconds* (a float) to return; its part ends ``timeout`` otherwise.

    A plain function runs in a thread, on a database connection of its own. Inside a transaction
    it is lent the transaction's connection, and sees its rows.

    A late call cannot be stopped, and goes on without its database: the running statement is
    cancelled if the database can, later statements are refused, and its work in a transaction
    is undone. While ``MAX_ABANDONED_CALLS`` late calls of a function are running, further calls
    of it end ``timeout`` at once. An ``async def`` is cancelled.

    Raises:
        ValueError: *seconds* is not a number above zero.
        PartTimeout: from the guarded function, when it is called by hand.
    """
    if seconds is _UNSET:
        return partial(with_timeout, seconds=_limit(func))
    if func is _UNSET:
        return partial(with_timeout, seconds=_limit(seconds))
    limit = _limit(seconds)
    guarded = guard(func, partial(_timed, seconds=limit))
    guarded.partstream_limit = limit
    return guarded


def is_number(value: Any) -> bool:
    """Whether *value* is a number, which True and False are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _limit(seconds: Any) -> float:
    if is_number(seconds) and 0 < seconds <= threading.TIMEOUT_MAX:
        return float(seconds)
    raise ValueError(
        f"with_timeout() needs a number of seconds above zero, got {seconds!r}. "
        "Write with_timeout(func, 5)."
    )


def _timed(call: Call, *, seconds: float) -> Any:
    if iscoroutinefunction(call.func):
        return _timed_awaited(call, call(), seconds, seconds)
    if call.attempt is not None and call.own:
        call.attempt.note_thread()
    started = monotonic()
    value = call_within(seconds, call, of=call.func, request=call.request)
    left = seconds - (monotonic() - started)
    if isawaitable(value):
        return _timed_awaited(call, value, left, seconds)
    return value


async def _timed_awaited(call: Call, awaitable: Awaitable[Any], left: float, seconds: float) -> Any:
    try:
        async with asyncio.timeout(left) as timeout:
            with time_limit(left):
                return await call.awaited(awaitable)
    except TimeoutError:
        if timeout.expired():
            raise PartTimeout(seconds) from None
        raise
