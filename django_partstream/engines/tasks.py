"""
The engine ``tasks``: Django's own tasks, or their backport for Django 5.2.

The backend is the one that ``TASKS`` has under the alias ``default``.
"""

from __future__ import annotations

from typing import Any

from django_partstream.jobs import work
from django_partstream.jobs.functions import function_named

try:
    from django.tasks import task
    from django.tasks.backends.dummy import DummyBackend
    from django.tasks.backends.immediate import ImmediateBackend
except ImportError:  # Django 5.2
    from django_tasks import task  # type: ignore[no-redef]
    from django_tasks.backends.dummy import DummyBackend  # type: ignore[assignment]
    from django_tasks.backends.immediate import ImmediateBackend  # type: ignore[assignment]


@task
def run(message: dict[str, Any]) -> None:
    """Do the work that *message* asks for."""
    work.run_message(message, may_exit=not is_local())


def is_local() -> bool:
    """Whether no broker is asked: the backend does the work at once, or never."""
    return isinstance(run.get_backend(), (ImmediateBackend, DummyBackend))


def enqueue(message: dict[str, Any]) -> None:
    """
    Hand *message* to the backend, for the queue of its function.

    Raises:
        LookupError: the message names no background function.
        Exception: the backend did not take the message.
    """
    queue = function_named(message["function"]).queue
    chosen = run if queue is None else run.using(queue_name=queue)
    chosen.enqueue(message)
