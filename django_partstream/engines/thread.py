"""
The engine ``thread``: a few threads of this process, with nothing installed.

A job ends with its process, and so do the messages that wait. They are asked for again, by a reader
of another process: at once, if the process has ended in order. A thread cannot be stopped, so a job
that hangs keeps its thread.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import threading
from collections import deque
from contextvars import Context
from typing import Any

from django.db import connections

from django_partstream.jobs.work import leave, run_message

logger = logging.getLogger("django_partstream")

#: Threads in a process, messages that may wait for them, and seconds until an idle thread ends.
THREADS, WAITING, IDLE = 4, 100, 10.0


class Pool:
    """
    The threads of a process, begun when there is work.

    ``changed`` is held for each change. A thread that waits counts as free until it has taken a
    message out, so a message is either taken by a free thread or begins another.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._messages: deque[dict[str, Any]] = deque()
        self._free = self._threads = 0

    def put(self, message: dict[str, Any]) -> None:
        """
        Take *message*, unless an equal one waits: readers ask again for work that waits for long.

        Raises:
            RuntimeError: too many messages wait already.
        """
        with self._changed:
            if self._has(message):
                return
            if len(self._messages) >= WAITING:
                raise RuntimeError(
                    f"{WAITING} jobs wait for the {THREADS} threads of this process already. Have "
                    "PARTSTREAM['BACKGROUND'] name an engine with workers: 'celery' or 'tasks'."
                )
            self._messages.append(message)
            self._changed.notify()
            if len(self._messages) > self._free and self._threads < THREADS:
                threading.Thread(target=self._serve, name="partstream-job", daemon=True).start()
                self._threads += 1

    def _has(self, message: dict[str, Any]) -> bool:
        """Whether a message for the same call waits. As JSON, in which True is not 1."""
        return _text(message) in map(_text, self._messages)

    def leave(self) -> None:
        """
        Leave the messages that wait to other processes.

        Raises:
            Exception: a cache raised it. Readers will ask again, but not at once.
        """
        with self._changed:
            while self._messages:
                leave(self._messages.pop())

    def _serve(self) -> None:
        try:
            while (message := self._next()) is not None:
                _run(message)
                del message
        finally:
            connections.close_all()

    def _next(self) -> dict[str, Any] | None:
        """The next message; None after a while without one, with which the thread ends."""
        with self._changed:
            self._free += 1
            self._changed.wait_for(lambda: self._messages, IDLE)
            self._free -= 1
            if self._messages:
                return self._messages.popleft()
            self._threads -= 1
            return None


def _text(message: dict[str, Any]) -> str:
    return json.dumps({**message, "trace": None}, sort_keys=True)


def _run(message: dict[str, Any]) -> None:
    try:
        Context().run(run_message, message)  # as in another process
    except BaseException:  # the thread goes on, for it is counted
        logger.exception("Background work has ended by an exit.")


_pool = Pool()


def _forget() -> None:
    """Begin anew in a forked child, which has none of its parent's threads."""
    global _pool  # noqa: PLW0603 - a pool in each process
    _pool = Pool()


os.register_at_fork(after_in_child=_forget)


@atexit.register
def _leave() -> None:
    """Leave the messages that wait to other processes at once, for this process ends."""
    try:
        _pool.leave()
    except Exception:
        logger.info("Messages were not left to another process.", exc_info=True)


def is_local() -> bool:
    """Whether no broker is asked: always."""
    return True


def enqueue(message: dict[str, Any]) -> None:
    """
    Have a thread of this process do the work.

    Raises:
        RuntimeError: too many jobs wait already.
    """
    _pool.put(message)
