"""The Celery worker that ``make demo-celery`` starts beside the server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.cache import cache
from django.core.management.base import CommandError

_WORKER = [
    *("celery", "--quiet", "--app=example_schema.celery"),
    *("worker", "--concurrency=2", "--loglevel=WARNING"),
]

#: The longest time that a worker may take to end, in seconds.
_PATIENCE = 5


def require_redis() -> None:
    """
    Make sure that Redis answers.

    Raises:
        CommandError: it does not; with the way to get it.
    """
    try:
        cache.get("answer")
    except Exception as error:
        raise CommandError(
            f"Redis does not answer at {settings.EXAMPLE_REDIS_URL} ({error}). Start it with "
            "redis-server or docker run -p 127.0.0.1:6379:6379 redis, or name another in "
            "EXAMPLE_REDIS_URL."
        ) from error


@contextmanager
def celery_worker() -> Iterator[None]:
    """
    Run a worker until the body ends, and then end it at once.

    It has a session of its own. In the session of the terminal, Ctrl-C would reach it, too, and it
    would first finish its work. So other signals that end this process do so by way of Ctrl-C.
    """
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    worker = subprocess.Popen([sys.executable, "-m", *_WORKER], start_new_session=True)  # noqa: S603
    try:
        yield
    finally:
        worker.send_signal(signal.SIGQUIT)
        try:
            worker.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
