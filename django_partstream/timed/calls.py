"""
Timed calls: each runs in a thread that serves timed calls only.

Python cannot stop a thread. So a late call goes on alone: its result is dropped, its database
connections are revoked, and the generators that it drains end at its deadline. Once
``MAX_ABANDONED_CALLS`` late calls of a function are running, the next calls of that function
fail at once. Calls of other functions, and parts that run together, are not affected.

A call for a stream is late also when the stream ends, since nothing waits for its result then.

A thread whose call was in time waits for another call, and keeps its database connections.

The threads share this state:

* ``_idle`` lists the job queues of the threads that wait for a call. A thread adds its own queue.
  A caller removes a queue to use it, and a thread removes its own to end. So a thread that is not
  in the list has a call, or will get one.
* ``_abandoned`` counts the late calls that are running, by the code of their function. The
  caller's thread adds a call, and the call's thread subtracts it.
* ``_lock`` is held for each change of both, and while a call is found to be in time or late.

The first thread to take the lock decides about a call, and the other thread follows:

* The call's thread settles the future: the call was in time. The thread is in ``_idle`` by then,
  so the caller's next call finds it.
* The caller's thread marks the call late and counts it in ``_abandoned``. When the call ends, its
  thread ends too.

Connections are revoked or given back after that, without the lock, since both may take a while.

A forked child has none of its parent's threads, so it starts without queues, counts and lock.
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
from typing import Any, Generic, TypeAlias, TypeVar

from django.db import connections

from django_partstream.carried.surroundings import Surroundings
from django_partstream.conf import setting
from django_partstream.databases import close
from django_partstream.exceptions import PartTimeout
from django_partstream.telemetry import count_late_call
from django_partstream.timed.deadlines import current_departure, seconds_left, time_limit
from django_partstream.timed.loans import CallConnections

T = TypeVar("T")

#: The job queue of a thread. A job returns whether the thread waits for another job.
Jobs: TypeAlias = "SimpleQueue[Callable[[Jobs], bool]]"

logger = logging.getLogger("django_partstream")

#: Seconds that a thread waits for another call before it ends.
IDLE = 60.0

_idle: list[Jobs] = []
_abandoned: Counter[Any] = Counter()
_lock = threading.Lock()


def _forget_threads() -> None:
    """Start a forked child anew: it has none of the threads of its parent."""
    global _lock  # noqa: PLW0603 - a thread of the parent may hold the old lock for ever
    _lock = threading.Lock()
    _idle.clear()
    _abandoned.clear()


os.register_at_fork(after_in_child=_forget_threads)


def call_within(
    seconds: float, call: Callable[[], T], *, of: Callable[..., Any], request: Any = None
) -> T:
    """
    Run *call*, a call *of* a function, in another thread, and return its result.

    The other thread has the surroundings of this thread, which serves *request*. Inside a
    transaction the call uses the caller's connection. If it fails or is late, its work there is
    undone.

    Raises:
        PartTimeout: the call has not returned within *seconds*, or before the departure of the
            stream that it is for; or too many late calls of the function are still running.
        ImproperlyConfigured: a setting does not say how to carry the surroundings.
    """
    departure = current_departure()
    if departure is not None and departure.is_past:
        raise PartTimeout(seconds)
    code = _code_of(of)
    if _abandoned[code] >= setting("MAX_ABANDONED_CALLS"):
        name = getattr(of, "__qualname__", repr(of))
        logger.warning(
            "%d timed-out calls of %s are still running, so the next call is refused.",
            *(_abandoned[code], name),
        )
        raise PartTimeout(seconds)
    return _TimedCall(seconds, call, of, code, request).result()


def abandoned_calls() -> int:
    """Return the number of late calls that are running."""
    return _abandoned.total()


class _TimedCall(Generic[T]):
    """A timed call, shared by the thread that waits for it and the thread that runs it."""

    def __init__(
        self,
        seconds: float,
        call: Callable[[], T],
        of: Callable[..., Any],
        code: Any,
        request: Any,
    ) -> None:
        self._seconds, self._of = seconds, of
        self._code = code
        self._call = call
        self._surroundings = Surroundings(request)  # it may raise, so it comes before savepoints
        self._connections = CallConnections()
        self._future: Future[T] = Future()
        self._late = False

    def result(self) -> T:
        """
        Have the call run by another thread, and return its result or raise its exception.

        Raises:
            PartTimeout: the call is late.
        """
        self._start()
        try:
            self._wait(min(self._seconds, max(seconds_left(), 0)))
        finally:
            self._abandon_unless_done()
        if self._late:
            departure = current_departure()
            if departure is None or not departure.is_past:
                count_late_call(self._of)
            raise PartTimeout(self._seconds)
        self._connections.give_back(keep=self._future.exception() is None)
        return self._future.result()

    def _wait(self, seconds: float) -> None:
        departure = current_departure()
        if departure is None:
            wait([self._future], timeout=seconds)
        else:
            departure.wait(self._future, seconds)

    def _start(self) -> None:
        try:
            _hand_over(self.run)
        except BaseException:
            self._connections.give_back(keep=False)
            raise

    def _abandon_unless_done(self) -> None:
        with _lock:
            if self._future.done():
                return
            self._late = True
            _abandoned[self._code] += 1
        self._connections.revoke()

    def run(self, jobs: Jobs) -> bool:
        """
        Run the call in the current thread, the owner of the queue *jobs*.

        Return whether the thread waits for another call.
        """
        try:
            with self._connections.in_use():
                result = self._surroundings.call(self._run)
        except BaseException as exc:  # noqa: BLE001 - raised in the waiting thread
            return self._end(jobs, partial(self._future.set_exception, exc))
        return self._end(jobs, partial(self._future.set_result, result))

    def _run(self) -> T:
        with (
            time_limit(self._seconds),
            self._surroundings.entered(lent=self._connections.lent),
        ):
            return self._call()

    def _end(self, jobs: Jobs, settle: Callable[[], None]) -> bool:
        with _lock:
            if self._late:
                _abandoned[self._code] -= 1
                return False
            waits = len(_idle) < int(setting("MAX_THREADS"))
            if waits:
                _idle.append(jobs)
            settle()
            return waits


def _hand_over(job: Callable[[Jobs], bool]) -> None:
    """Give *job* to a thread that waits for a call, or to a new thread."""
    with _lock:
        jobs = _idle.pop() if _idle else None
    if jobs is None:
        jobs = SimpleQueue()
        threading.Thread(target=_serve, args=(jobs,), name="partstream-timed", daemon=True).start()
    jobs.put(job)


def _serve(jobs: Jobs) -> None:
    """Run the jobs of a thread until a call was late, or no call has come for ``IDLE`` seconds."""
    waits = True
    while waits:
        try:
            job = jobs.get(timeout=IDLE)
        except Empty:
            waits = not _retire(jobs)
        else:
            waits = job(jobs)
            del job  # it holds the call and its result
    for connection in connections.all(initialized_only=True):
        close(connection)


def _retire(jobs: Jobs) -> bool:
    """Take *jobs* out of the idle queues, or return False if a caller has just taken it."""
    with _lock:
        if jobs not in _idle:
            return False
        _idle.remove(jobs)
        return True


def _code_of(func: Any) -> Any:
    """
    Return the code of a function, or the type of another callable.

    A lambda or a method is a new object for each request, but its code stays the same.
    """
    while True:
        inner = getattr(func, "__wrapped__", None) or getattr(func, "__func__", None)
        inner = inner or (func.func if isinstance(func, partial) else None)
        if inner is None:
            return getattr(func, "__code__", None) or type(func)
        func = inner
