"""
The places where the coroutines of a stream run, from their first part to the end of the stream.

========================== ======================= ==============================================
server                     event loop              thread of plain code that they await
========================== ======================= ==============================================
WSGI: :class:`HelperPlace` a loop of the request   a helper thread of the stream
ASGI: :class:`ServerPlace` the loop of the server  the thread of the request, idle by then
========================== ======================= ==============================================

That thread has the surroundings of the view, and its connections can be revoked: a statement that
runs when the stream ends early is cancelled, as that of a late call.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from contextvars import Context
from typing import Any, TypeAlias

from django.db import connections

from django_partstream import _asgiref
from django_partstream.carried.surroundings import Surroundings
from django_partstream.carried.thread_locals import ThreadLocals, stepped
from django_partstream.databases import close, close_idle, open_transactions
from django_partstream.delivery import loops
from django_partstream.timed.deadlines import Departure, ending_with
from django_partstream.timed.loans import CallConnections, RequestConnection

logger = logging.getLogger("django_partstream")

#: Makes a coroutine, in the loop in which it will run. It raises no ``Exception``.
Make: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


class HelperPlace:
    """
    A helper thread, and a loop that ends with :meth:`end`.

    The coroutines run in *loop* if it is given, which goes on. *failed* is called, in the helper
    thread, with the exception that ended the loop before.
    """

    def __init__(
        self,
        surroundings: Surroundings,
        departure: Departure,
        *,
        failed: Callable[[BaseException], None],
        loop: loops.kept_loop | None = None,
    ) -> None:
        self._loop = loop
        self.connections = CallConnections(lent=False)
        self._surroundings, self._departure, self._failed = surroundings, departure, failed
        self._begun: Future[Callable[[Make | None], None]] = Future()
        self._thread: threading.Thread | None = None
        self._lock, self._is_ended = threading.Lock(), False

    def begin(self, make: Make) -> None:
        """
        Run a coroutine, in any thread but that of the loop; after :meth:`end` run nothing.

        Raises:
            Exception: the helper thread could not enter the surroundings.
        """
        with self._lock:
            if self._is_ended:
                return
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="partstream-helper", daemon=True)
                thread.start()
                self._thread = thread
        self._begun.result()(make)

    def end(self) -> None:
        """Cancel the coroutines that are left, and end the loop and the thread."""
        with self._lock:
            self._is_ended = True
        if self._thread is not None and self._begun.exception() is None:
            with suppress(RuntimeError):  # the loop has ended
                self._begun.result()(None)

    def join(self, timeout: float) -> None:
        """Wait up to *timeout* seconds until the thread has ended."""
        if self._thread is not None:
            self._thread.join(timeout)

    def _run(self) -> None:
        try:
            with self.connections.in_use():
                self._surroundings.call(self._serve_in_surroundings)
        except BaseException as exc:  # noqa: BLE001 - raised in the thread of the request
            if not self._begun.done():
                self._begun.set_exception(exc)
            else:
                self._failed(exc)
        finally:
            for connection in connections.all(initialized_only=True):
                close(connection)

    def _serve_in_surroundings(self) -> None:
        scope = self._loop or loops.one_loop()
        with ending_with(self._departure), self._surroundings.entered(), scope:
            loops.run(self._serve, ThreadLocals.of_this_thread())

    async def _serve(self, held: ThreadLocals) -> None:
        loop, jobs = asyncio.get_running_loop(), asyncio.Queue[Make | None]()

        def hand_over(make: Make | None) -> None:
            loop.call_soon_threadsafe(jobs.put_nowait, make)

        tasks: set[asyncio.Task[None]] = set()
        self._begun.set_result(hand_over)
        try:
            while (make := await jobs.get()) is not None:
                begin_task(tasks, make, held)
        finally:
            await cancel_all(tasks)


class ServerPlace:
    """The loop that runs in this thread, and the thread of the request."""

    def __init__(self, surroundings: Surroundings, departure: Departure) -> None:
        self.connections = CallConnections(lent=False, own=RequestConnection)
        self._surroundings, self._departure = surroundings, departure
        self._loop, self._tasks = asyncio.get_running_loop(), set[asyncio.Task[None]]()
        self._entered = ExitStack()
        self._held = ThreadLocals([])
        self._context = Context()
        self._failure: Exception | None = None
        self._is_ended = False

    def open(self) -> bool:
        """
        Prepare the thread of the request, which is this one.

        Return whether coroutines may run. Inside a transaction they may not: parts run in turn.
        """
        if open_transactions():
            return False
        close_idle()  # while other threads work
        self._context = self._surroundings.context()
        try:
            self._context.run(self._enter)
        except Exception as exc:  # noqa: BLE001 - it fails each coroutine, and nothing else
            self._failure = exc
        return True

    def _enter(self) -> None:
        with ExitStack() as entered:
            entered.enter_context(self.connections.in_use())
            entered.enter_context(ending_with(self._departure))
            entered.enter_context(self._surroundings.entered())
            self._held = ThreadLocals.of_this_thread()
            self._entered = entered.pop_all()

    def leave(self) -> None:
        """Undo :meth:`open`, in the thread of the request. An error is logged."""
        try:
            self._context.run(self._entered.close)
        except Exception:  # of the project's code, and every part has ended
            logger.exception("The surroundings of a stream could not be left.")

    def begin(self, make: Make) -> None:
        """
        Run a coroutine, in any thread.

        Raises:
            Exception: the thread of the request could not enter the surroundings.
        """
        if self._failure is not None:
            raise self._failure
        self._loop.call_soon_threadsafe(self._begin, make)

    def _begin(self, make: Make) -> None:
        if self._is_ended:
            return
        context = _asgiref.task_context(self._context)
        begin_task(self._tasks, make, self._held, context)

    def cancel(self) -> None:
        """Cancel the coroutines that are left, and run no more; in the thread of the loop."""
        self._is_ended = True
        for task in self._tasks:
            task.cancel()

    async def end(self) -> None:
        """Cancel the coroutines that are left, and wait for them."""
        await cancel_all(self._tasks)


def begin_task(
    tasks: set[asyncio.Task[None]], make: Make, held: ThreadLocals, context: Context | None = None
) -> None:
    """Run a coroutine in a task among *tasks*, with the thread-locals *held* in its steps."""
    task = asyncio.get_running_loop().create_task(_run(make, held.copied()), context=context)
    tasks.add(task)
    task.add_done_callback(tasks.discard)


async def cancel_all(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel *tasks*, and wait for them."""
    left = list(tasks)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


async def _run(make: Make, held: ThreadLocals) -> None:
    await stepped(make(), held)
