"""
Guards: what surrounds a function that may fail or hang.

Each takes a function, method, lambda or resolver, sync or async, and returns one of the same
kind; they nest in any order, and each also works as a decorator. What a guard decides is one
function that its sync and its async path share.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from copy import deepcopy
from functools import partial, wraps
from inspect import isawaitable
from typing import Any, Final, TypeVar, overload

from asgiref.sync import iscoroutinefunction, markcoroutinefunction

from django_partstream.databases import open_transactions, savepoints
from django_partstream.delivery.attempts import Attempt, Caught, current_attempt
from django_partstream.exceptions import PartTimeout
from django_partstream.identity import asked_by_nobody
from django_partstream.outcomes import Status, meaning_of
from django_partstream.timed import calls, deadlines

F = TypeVar("F", bound=Callable[..., Any])

logger = logging.getLogger("django_partstream")


class _Unset:
    """No fallback was given, which is not the same as None; copying keeps it what it is."""

    def __deepcopy__(self, memo: Any) -> _Unset:
        return self


_UNSET: Final = _Unset()


class Call:
    """One call of a guarded function, and the attempt it is made for; None by hand."""

    __slots__ = ("args", "attempt", "direct", "func", "kwargs")

    def __init__(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.func, self.args, self.kwargs = func, args, kwargs
        attempt = current_attempt()
        self.direct = attempt is not None and attempt.direct
        if not self.direct and asked_by_nobody(args, kwargs):
            attempt = None
        self.attempt: Attempt | None = attempt

    def __call__(self) -> Any:
        """Call the function: its value, whole, or what must be awaited for it."""
        if self.attempt is None:
            return self.func(*self.args, **self.kwargs)
        self.attempt.direct = self.direct and is_guard(self.func)
        call = partial(self.func, *self.args, **self.kwargs)
        innermost = self.direct and not self.attempt.direct
        value = self.attempt.invoke(call) if innermost else call()
        return value if isawaitable(value) or not self.direct else self.attempt.make_whole(value)

    async def later(self, awaitable: Awaitable[Any]) -> Any:
        """Await what the call returned; the value, whole."""
        value = await awaitable
        if self.attempt is None or not self.direct:
            return value
        return await self.attempt.amake_whole(value)


def is_guard(func: object) -> bool:
    """Whether *func* is a guarded function, a method or a ``partial`` of one."""
    while isinstance(func, partial):
        func = func.func
    guarded = getattr(func, "partstream_guard", None)
    # Not just that it has the attribute: a decorator with @wraps copies that to itself.
    return guarded is not None and guarded is getattr(func, "__func__", func)


def guard(func: F, run: Callable[[Call], Any]) -> F:
    """*func*, each call of it handed to *run*."""
    if not callable(func):
        raise TypeError(
            f"A guard needs a callable, got {type(func).__name__}. "
            "Pass the function itself, not its result."
        )

    @wraps(func)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        return run(Call(func, args, kwargs))

    guarded.partstream_guard = guarded  # type: ignore[attr-defined]
    if iscoroutinefunction(func):
        markcoroutinefunction(guarded)
    return guarded  # type: ignore[return-value]


@overload
def safe_call(func: F, *, fallback: Any = ...) -> F: ...
@overload
def safe_call(*, fallback: Any = ...) -> Callable[[F], F]: ...
def safe_call(func: Any = _UNSET, *, fallback: Any = _UNSET) -> Any:
    """
    Keep an exception of *func* from costing more than its own part.

    On a page the part ends ``fallback`` with a copy of *fallback*, or ``error`` with null where
    none is given; ``PermissionDenied`` kinds pass through and end it ``denied``. Called by hand
    it never raises an ``Exception``: it returns a copy of *fallback*, or None. Inside a
    transaction what a plain *func* did there before it failed is undone.

    Raises:
        TypeError: *func* is not callable, or *fallback* cannot be copied.
    """
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
        return _safely_later(call, call, fallback)
    transactions = open_transactions()
    try:
        with savepoints(transactions) if transactions else nullcontext():
            value = call()
    except Exception as exc:
        return _answer(call, exc, fallback)
    return _safely_later(call, lambda: value, fallback) if isawaitable(value) else value


async def _safely_later(call: Call, begin: Callable[[], Awaitable[Any]], fallback: Any) -> Any:
    # Without a savepoint: several of these may run at once, and theirs would not nest.
    try:
        return await call.later(begin())
    except Exception as exc:
        return _answer(call, exc, fallback)


def _answer(call: Call, exc: Exception, fallback: Any) -> Any:
    """What ``safe_call`` returns for *exc*, or *exc* raised on."""
    attempt = call.attempt
    if attempt is None or attempt.scope is None:
        name = getattr(call.func, "__qualname__", repr(call.func))
        logger.warning("safe_call caught a failure of %s.", name, exc_info=exc)
    elif meaning_of(exc).status is Status.DENIED:
        raise exc
    if attempt is not None:
        attempt.caught.append(Caught(exc, answered=fallback is not _UNSET))
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

    A plain function runs in a thread and on a database connection of its own; inside a
    transaction it is lent that one, and sees its rows. One that is late goes on alone, without
    its database: the statement it is in is cancelled (PostgreSQL, SQLite), each later one
    refused, and what it did in a transaction undone. While ``MAX_ABANDONED_CALLS`` calls of one
    function do so, no more of it are begun: each ends ``timeout`` at once. An ``async def`` is
    cancelled.

    Raises:
        ValueError: *seconds* is not a number above zero.
        PartTimeout: from the guarded function, when it is called by hand.
    """
    if seconds is _UNSET:
        return partial(with_timeout, seconds=_limit(func))
    if func is _UNSET:
        return partial(with_timeout, seconds=_limit(seconds))
    return guard(func, partial(_timed, seconds=_limit(seconds)))


def is_number(value: Any) -> bool:
    """Whether *value* is a number, which True and False are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _limit(seconds: Any) -> float:
    if is_number(seconds) and 0 < seconds <= threading.TIMEOUT_MAX:
        return float(seconds)
    raise ValueError(f"with_timeout() needs a number of seconds above zero, got {seconds!r}.")


def _timed(call: Call, *, seconds: float) -> Any:
    if iscoroutinefunction(call.func):
        return _timed_later(call, call(), seconds, seconds)
    started = time.monotonic()
    value = calls.call_within(seconds, call, of=call.func)
    left = seconds - (time.monotonic() - started)
    if isawaitable(value):
        return _timed_later(call, value, left, seconds)
    return value


async def _timed_later(call: Call, awaitable: Awaitable[Any], left: float, seconds: float) -> Any:
    try:
        async with asyncio.timeout(left) as timeout:
            with deadlines.time_limit(left):
                return await call.later(awaitable)
    except TimeoutError:
        if timeout.expired():
            raise PartTimeout(seconds) from None
        raise
