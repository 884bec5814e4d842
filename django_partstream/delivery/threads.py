"""
The threads that resolve the parts of a page together: a pool in each process.

A call in another thread has the caller's context variables, language, time zone, urlconf and
script prefix. After it, obsolete database connections of the thread are closed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
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

from django_partstream import clocks
from django_partstream.conf import setting
from django_partstream.databases import close_if_obsolete

T = TypeVar("T")


def with_callers_context(call: Callable[[], T]) -> Callable[[], T]:
    """*call* for another thread, with the context of this thread: see the module."""
    context = copy_context()
    language = translation.get_language()
    zone = clocks.time_zone()
    urlconf, prefix = get_urlconf(), get_script_prefix()

    def in_context() -> T:
        # Django keeps these four for each thread, outside of the context variables.
        set_urlconf(urlconf)
        set_script_prefix(prefix)
        with translation.override(language), timezone.override(zone):
            return call()

    return partial(context.run, in_context)


_pool: ThreadPoolExecutor | None = None
_lock = threading.Lock()


def _executor() -> ThreadPoolExecutor:
    """The bounded pool of this process, made on first use."""
    global _pool  # noqa: PLW0603 - a pool in each process
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(setting("MAX_THREADS"), thread_name_prefix="partstream")
        return _pool


def _forget() -> None:
    """Forget the pool in a forked child, which has none of its parent's threads."""
    global _pool, _lock
    _pool, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)


def together(calls: Sequence[Callable[[], None]], *, at_once: int) -> None:
    """
    Make *calls*, up to *at_once* of them at the same time, in the pool and in this thread.

    None of them may raise an ``Exception``. Any other exception is raised here, when the calls
    that had begun have ended.
    """
    waiting = iter(calls)
    lock = threading.Lock()

    def take_calls() -> None:
        # A lane takes the next call when it is done with one, so `at_once` lanes are enough.
        while True:
            with lock:
                call = next(waiting, None)
            if call is None:
                return
            call()

    def take_calls_in_pool() -> None:
        _close_obsolete_connections()
        try:
            take_calls()
        finally:
            _close_obsolete_connections()

    executor = _executor()
    lanes = min(at_once, len(calls)) - 1
    futures = [executor.submit(with_callers_context(take_calls_in_pool)) for _ in range(lanes)]
    try:
        take_calls()
    finally:
        running = [future for future in futures if not future.cancel()]
        wait(running)
    for future in running:
        future.result()


def _close_obsolete_connections() -> None:
    for connection in connections.all(initialized_only=True):
        close_if_obsolete(connection)
