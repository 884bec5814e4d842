"""
Threads of ours: the pool that resolves parts together, and the threads of timed calls.

Each call takes the caller's context variables, language, time zone, urlconf and script prefix
along, and leaves no database connection behind that nobody will use.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from typing import TypeVar

from django.db import close_old_connections
from django.urls import (
    get_script_prefix,
    get_urlconf,
    set_script_prefix,
    set_urlconf,
)
from django.utils import timezone, translation

from django_partstream.conf import setting
from django_partstream.exceptions import PartTimeout
from django_partstream.loans import Loans

T = TypeVar("T")

logger = logging.getLogger("django_partstream")


def carrying(call: Callable[[], T]) -> Callable[[], T]:
    """*call*, to be made in another thread as if in this one."""
    context = copy_context()
    language = translation.get_language()
    zone = timezone.get_current_timezone()
    urlconf, prefix = get_urlconf(), get_script_prefix()

    def carried() -> T:
        # Django keeps these four by thread; the context alone does not carry them.
        set_urlconf(urlconf)
        set_script_prefix(prefix)
        with translation.override(language), timezone.override(zone):
            return call()

    return partial(context.run, carried)


_pool: ThreadPoolExecutor | None = None
_abandoned = 0
_lock = threading.Lock()


def _executor() -> ThreadPoolExecutor:
    """The one bounded pool of this process, made on first use."""
    global _pool
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(setting("MAX_THREADS"), thread_name_prefix="partstream")
        return _pool


def _forget() -> None:
    """A forked child has none of its parent's threads."""
    global _pool, _abandoned, _lock
    _pool, _abandoned, _lock = None, 0, threading.Lock()


os.register_at_fork(after_in_child=_forget)


def together(calls: Iterable[Callable[[], T]], *, at_once: int) -> list[T]:
    """
    Make *calls*, up to *at_once* of them at the same time, and return what they return, in order.

    None of them may raise an ``Exception``; what else they raise is raised here, after all ended.
    """
    waiting = iter(list(enumerate(calls)))
    results: dict[int, T] = {}
    lock = threading.Lock()

    def lane() -> None:
        # A lane takes the next call when it is done with one, so `at_once` lanes are enough.
        while True:
            with lock:
                index, call = next(waiting, (-1, None))
            if call is None:
                return
            results[index] = call()

    def pooled() -> None:
        _tidy_connections()
        try:
            lane()
        finally:
            _tidy_connections()

    executor = _executor()
    lanes = [executor.submit(carrying(pooled)) for _ in range(at_once - 1)]
    try:
        lane()  # the caller's own thread works too
    finally:
        running = [future for future in lanes if not future.cancel()]
        wait(running)
    for future in running:
        future.result()
    return [results[index] for index in sorted(results)]


def _tidy_connections() -> None:
    """Close this thread's connections that are broken or past their ``CONN_MAX_AGE``."""
    try:
        close_old_connections()
    except Exception:
        logger.warning("A worker could not give its connections back.", exc_info=True)


def within(seconds: float, call: Callable[[], T]) -> T:
    """
    Make *call* in a thread of its own and return what it returns within *seconds*.

    A thread cannot be stopped: one that is late goes on alone, its result is dropped, and it may
    not use the database any more. No more than ``MAX_ABANDONED_CALLS`` may do so at once. Inside
    a transaction the call is lent the connection; late or failed, what it did there is undone.

    Raises:
        PartTimeout: it has not returned in time, or too many calls are still running late.
    """
    global _abandoned
    if _abandoned >= setting("MAX_ABANDONED_CALLS"):
        logger.warning("%d timed-out calls are still running; no more are begun.", _abandoned)
        raise PartTimeout(seconds)
    loans = Loans()
    future: Future[T] = Future()
    late = threading.Event()
    carried = carrying(call)

    def work() -> None:
        global _abandoned
        result, failure = None, None
        try:
            with loans.taken():
                result = carried()
        except BaseException as exc:
            failure = exc
        with _lock:
            if late.is_set():
                _abandoned -= 1
            elif failure is None:
                future.set_result(result)  # type: ignore[arg-type]
            else:
                future.set_exception(failure)

    threading.Thread(target=work, name="partstream-timed", daemon=True).start()
    wait([future], timeout=seconds)
    with _lock:
        if not future.done():
            late.set()
            _abandoned += 1
    if late.is_set():
        loans.revoke()
        raise PartTimeout(seconds)
    loans.give_back(keep=future.exception() is None)
    return future.result()


def abandoned_calls() -> int:
    """How many timed calls are running past their limit now."""
    return _abandoned
