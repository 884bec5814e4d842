"""The heart of a worker: a thread beside the work, which gives signs of life and of progress."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from django.db import connections

from django_partstream.jobs import states

logger = logging.getLogger("django_partstream")

#: Seconds between two reports of progress; what is said between them is told later.
PROGRESS_EVERY = 0.2


class Heart:
    """
    A thread that calls *beat* every ``states.BEAT`` seconds until :meth:`stop`.

    It beats sooner after :meth:`hurry`, but not twice within ``PROGRESS_EVERY``.
    """

    def __init__(self, beat: Callable[[], None]) -> None:
        self._beat, self._ended, self._called = beat, threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="partstream-heart", daemon=True)
        self._thread.start()

    def stop(self, *, within: float | None = None) -> None:
        """Beat no more. With *within*, wait for so many seconds at most for a beat to end."""
        self._ended.set()
        self._called.set()
        self._thread.join(within)

    def hurry(self) -> None:
        """Beat soon."""
        self._called.set()

    def _run(self) -> None:
        try:
            while self._waits():
                try:
                    self._beat()
                except Exception:
                    logger.warning("A worker could not give a sign of life.", exc_info=True)
                self._ended.wait(PROGRESS_EVERY)
        finally:
            connections.close_all()  # of a cache in a database

    def _waits(self) -> bool:
        """Wait for the next beat. Return False after the last one."""
        self._called.wait(states.BEAT)
        self._called.clear()
        return not self._ended.is_set()
