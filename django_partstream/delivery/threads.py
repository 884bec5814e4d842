"""
The threads that resolve the parts of a page or stream together: a pool in each process.

A call in a thread of the pool has the surroundings of the caller. After it, database connections
of the thread that are obsolete, or on which a transaction was left open, are closed.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from typing import TypeAlias

from django.db import connections

from django_partstream.carried.surroundings import HERE, Surroundings
from django_partstream.conf import setting
from django_partstream.databases import close_if_obsolete, close_left_open, discard

#: A call is given a function, which makes the context manager for the part that it runs.
Enter: TypeAlias = Callable[[], AbstractContextManager[None]]
Call: TypeAlias = Callable[[Enter], None]

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


def enter_nothing() -> AbstractContextManager[None]:
    """The surroundings of a part that runs in the thread of its caller: it has them already."""
    return HERE


def together(calls: Sequence[Call], surroundings: Surroundings, *, at_once: int) -> None:
    """
    Make *calls*, up to *at_once* of them at the same time, in the pool and in this thread.

    Each call is given the function that enters *surroundings* where it is made. None of them may
    raise an ``Exception``. Any other exception is raised here, when the calls that had begun have
    ended.
    """
    waiting = iter(calls)
    lock = threading.Lock()

    def next_call() -> Call | None:
        with lock:
            return next(waiting, None)

    # A lane takes the next call when it is done with one, so `at_once` lanes are enough.
    def lane_in_pool() -> None:
        for call in iter(next_call, None):
            call(surroundings.entered)
            close_left_open()

    def pooled() -> None:
        _tidy_connections()
        try:
            surroundings.call(lane_in_pool)
        finally:
            _tidy_connections()

    executor = _executor()
    futures = [executor.submit(pooled) for _ in range(min(at_once, len(calls)) - 1)]
    try:
        for call in iter(next_call, None):
            call(enter_nothing)
    finally:
        running = [future for future in futures if not future.cancel()]
        wait(running)
    for future in running:
        future.result()


def submit(turn: Callable[[], None]) -> None:
    """
    Put *turn* at the end of the line for the pool.

    Raises:
        RuntimeError: the interpreter is ending.
    """
    _executor().submit(turn)


def _tidy_connections() -> None:
    for connection in connections.all(initialized_only=True):
        if connection.in_atomic_block:  # left open by a part that ended the process, or tried to
            discard(connection)
        else:
            close_if_obsolete(connection)
