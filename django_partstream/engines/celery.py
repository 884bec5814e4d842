"""
The engine ``celery``: a task of Celery, without a result.

The state of a job is in the cache. The next reader replaces a lost message, and a message that
comes twice meets the value or the lease of its work. So the task needs little of Celery:

- **A message is acknowledged as its work begins** (no ``acks_late``). With a late acknowledgement a
  message would come back while its work goes on, once the visibility or consumer timeout of the
  broker has passed. And a message that takes down its worker would come back to the next worker,
  for ever. Readers ask again, and stop after three deaths.
- **Sending is tried twice, without a pause.** When a broker has restarted, each process still has a
  dead connection in its pool, which the first try finds.
- **The limit of the function is the time limit of the task.** The function gets
  ``SoftTimeLimitExceeded``, and 30 seconds later its process is killed. Of Celery's pools only
  prefork does both.
"""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded, WorkerLostError
from celery.signals import task_failure, worker_ready
from django.apps import apps

from django_partstream.exceptions import PartTimeout
from django_partstream.failures import Failure, failure_of, translates
from django_partstream.jobs import work
from django_partstream.jobs.functions import function_named

NAME = "django_partstream.run"

#: Seconds from ``SoftTimeLimitExceeded`` until the process is killed.
GRACE = 30

#: Seconds between two looks for dead child processes.
LOOKING = 0.5

#: Sending is tried again once, at once.
_TRY_AGAIN = {"max_retries": 1, "interval_start": 0, "interval_step": 0, "interval_max": 0}

#: The timer of those looks.
_looking: Any = None

#: Whether this process has looked at the imports of the Celery app.
_has_looked = False

logger = logging.getLogger("django_partstream")


@shared_task(
    name=NAME,
    ignore_result=True,
    acks_late=False,
    reject_on_worker_lost=False,
    retry_on_worker_lost=False,
)
def run(message: dict[str, Any]) -> None:
    """Do the work that *message* asks for."""
    work.run_message(message, may_exit=not is_local())


def is_local() -> bool:
    """Whether no broker is asked: with ``task_always_eager``, which does the work at once."""
    return bool(run.app.conf.task_always_eager)


def enqueue(message: dict[str, Any]) -> None:
    """
    Send *message* to the broker, for the queue of its function.

    Raises:
        LookupError: the message names no background function.
        kombu.exceptions.OperationalError: the broker did not take the message.
    """
    function = function_named(message["function"])
    _look_at_imports()
    run.apply_async(
        (message,),
        shadow=function.path,  # in the logs of Celery, in the place of NAME
        queue=function.queue,
        soft_time_limit=function.limit,
        time_limit=function.limit + GRACE,
        retry=True,
        retry_policy=_TRY_AGAIN,
    )


def _look_at_imports() -> None:
    """Warn, once in a process, that workers of this project do not import this module."""
    global _has_looked  # noqa: PLW0603 - of the process
    if _has_looked:
        return
    _has_looked = True
    if apps.is_installed("django_partstream") or __name__ in (
        *run.app.conf.imports,
        *run.app.conf.include,
    ):
        return
    logger.warning(
        "Workers of Celery may not know the task %r, and then discard every message. Add "
        "'django_partstream' to INSTALLED_APPS, or %r to the imports of the Celery app.",
        NAME,
        __name__,
    )


@task_failure.connect(dispatch_uid=NAME)
def _release(sender: Any, exception: BaseException, args: Any, **_: Any) -> None:
    """End the lease of a child process that has died; its parent is told, and runs this."""
    if sender.name == NAME and isinstance(exception, WorkerLostError):
        work.lost(args[0])


@worker_ready.connect(dispatch_uid=NAME)
def _look_often(sender: Any, **_: Any) -> None:
    """
    Have the pool of a worker look for dead child processes more often.

    It looks when the pipe to a child has closed, and every five seconds. But the kernel closes the
    pipe before the child counts as dead, so half of the deaths are found by the second look only.
    """
    global _looking  # noqa: PLW0603 - of the worker, which is ready anew after each reconnection
    if sender.hub is None:  # another kind of pool, or of loop
        return
    if _looking is not None:
        _looking.cancel()
    _looking = sender.timer.call_repeatedly(LOOKING, sender.pool.maintain_pool)


@translates(SoftTimeLimitExceeded)
def _timeout(exc: SoftTimeLimitExceeded) -> Failure:
    return failure_of(PartTimeout(GRACE))
