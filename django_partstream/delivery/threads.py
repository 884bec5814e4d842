"""
The threads that resolve parts together: one pool per process.

Each call takes the caller's context variables, language, time zone, urlconf and script prefix
along, and leaves no database connection behind that nobody will use.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from functools import partial
from typing import TypeVar

from django.db import connections
from django.urls import (
    get_script_prefix,
    get_urlconf,
    set_script_prefix,
    set_urlconf,
)
from django.utils import timezone, translation

from django_partstream.conf import setting
from django_partstream.databases import close_if_obsolete

T = TypeVar("T")


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
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


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
    for connection in connections.all(initialized_only=True):
        close_if_obsolete(connection)
