"""
Timed calls: each in a thread for such calls alone, so that those that hang starve nothing else.

A thread cannot be stopped. One that is late goes on alone: its result is dropped, its database
is taken from it, what it drains ends, and once ``MAX_ABANDONED_CALLS`` calls of one function do
so, no more of that function are begun: others do not suffer for it. A thread that was in time
waits for another call, with its connections.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias, TypeVar

from django.db import connections

from django_partstream.conf import setting
from django_partstream.databases import close
from django_partstream.delivery.threads import with_callers_context
from django_partstream.exceptions import PartTimeout
from django_partstream.timed.deadlines import left, limit
from django_partstream.timed.loans import Loans

T = TypeVar("T")

#: What a thread for timed calls is given to do; it returns whether it will be given more.
Jobs: TypeAlias = "SimpleQueue[Callable[[Jobs], bool]]"

logger = logging.getLogger("django_partstream")

#: How long a thread waits for another call, in seconds, before it ends.
IDLE = 60.0

_idle: list[Jobs] = []
_abandoned: Counter[Any] = Counter()
_lock = threading.Lock()


def _forget() -> None:
    """A forked child has none of its parent's threads."""
    global _idle, _lock
    _idle, _lock = [], threading.Lock()
    _abandoned.clear()


os.register_at_fork(after_in_child=_forget)


def within(seconds: float, call: Callable[[], T], *, of: Callable[..., Any]) -> T:
    """
    Make *call*, a call *of* a function, in another thread and return what it returns within
    *seconds*.

    Inside a transaction it is lent the connection; late or failed, what it did there is undone.

    Raises:
        PartTimeout: it has not returned in time, or too many calls are still running late.
    """
    code = _code(of)
    if _abandoned[code] >= setting("MAX_ABANDONED_CALLS"):
        logger.warning(
            "%d timed-out calls of %s are still running; no more of it are begun.",
            *(_abandoned[code], getattr(of, "__qualname__", repr(of))),
        )
        raise PartTimeout(seconds)
    loans = Loans()
    future: Future[T] = Future()
    late = threading.Event()

    def limited() -> T:
        with limit(seconds):
            return call()

    carried = with_callers_context(limited)

    def work(jobs: Jobs) -> bool:
        result, failure = None, None
        try:
            with loans.taken():
                result = carried()
        except BaseException as exc:
            failure = exc
        with _lock:
            if late.is_set():
                _abandoned[code] -= 1
                failure = None  # it knows this frame, which would know it
                return False
            if again := len(_idle) < int(setting("MAX_THREADS")):
                _idle.append(jobs)
            if failure is None:
                future.set_result(result)  # type: ignore[arg-type]
            else:
                future.set_exception(failure)
        failure = None
        return again

    try:
        _hand_over(work)
    except BaseException:
        loans.give_back(keep=False)
        raise
    try:
        wait([future], timeout=min(seconds, max(left(), 0)))
    finally:
        with _lock:
            if not future.done():
                late.set()
                _abandoned[code] += 1
        if late.is_set():
            loans.revoke()
    if late.is_set():
        raise PartTimeout(seconds)
    loans.give_back(keep=future.exception() is None)
    return future.result()


def _hand_over(work: Callable[[Jobs], bool]) -> None:
    """Have *work* done by a thread that waits for some, or by a new one."""
    with _lock:
        jobs = _idle.pop() if _idle else None
    if jobs is None:
        jobs = SimpleQueue()
        threading.Thread(target=_serve, args=(jobs,), name="partstream-timed", daemon=True).start()
    jobs.put(work)


def _serve(jobs: Jobs) -> None:
    """One thread's life: one call after another, for as long as they come and end in time."""
    wanted = True
    while wanted:
        try:
            work = jobs.get(timeout=IDLE)
        except Empty:
            with _lock:
                if wanted := jobs not in _idle:
                    continue  # work is on its way
                _idle.remove(jobs)
        else:
            wanted = work(jobs)
            del work  # and what it holds
    for connection in connections.all(initialized_only=True):
        close(connection)


def abandoned_calls() -> int:
    """How many timed calls are running past their limit now."""
    return _abandoned.total()


def _code(func: Any) -> Any:
    """What tells a function from others, though it is made anew for each request: its code."""
    while True:
        inner = getattr(func, "__wrapped__", None) or getattr(func, "__func__", None)
        inner = inner or (func.func if isinstance(func, partial) else None)
        if inner is None:
            return getattr(func, "__code__", None) or type(func)
        func = inner
