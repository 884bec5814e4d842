"""
The event loop of a page, in which a thread that runs no loop awaits coroutines.

A client or a data loader belongs to a loop. So all coroutines of a request run in the same loop:
parts, also inside a transaction, where they run in turn, and the fields below them. The rules:

- A loop of asgiref counts first. Under ASGI the view runs in a thread beside the server's loop,
  and its coroutines run in the server's loop.
- Else the outermost :class:`one_loop` of the thread has a loop. It starts with the first
  coroutine, in a thread of its own, and ends with the body: tasks that are left are cancelled.

In both the async ORM runs in the thread of the request, on its connection, as asgiref sees to
that. The thread of a loop is a native thread, also where gevent has put greenlets in the place of
threads: asyncio runs a single loop in a native thread. The clock of the loop goes on where
a test has frozen time.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import async_to_sync, sync_to_async

from django_partstream import _asgiref, clocks
from django_partstream.carried.thread_locals import with_thread_locals

P = ParamSpec("P")
T = TypeVar("T")


class _Here(threading.local):
    """The outermost scope of a thread, and how often it was entered again."""

    scope: one_loop | None = None
    depth = 0


_here = _Here()


class one_loop:  # noqa: N801 - a context manager, entered for each page
    """Have :func:`run`, within the body, await all in the same loop: ``with one_loop():``."""

    __slots__ = ("_loop",)

    def __init__(self) -> None:
        self._loop: _Loop | None = None

    def __enter__(self) -> None:
        if _here.scope is None:
            _here.scope = self

    def __exit__(self, *_: object) -> None:
        if _here.scope is not self:
            return
        _here.scope = None
        if self._loop is not None:
            _asgiref.set_loop(None)
            self._loop.end()

    def start(self) -> None:
        """
        Start the loop, unless it runs already, or a loop of asgiref does.

        Raises:
            SystemExit, KeyboardInterrupt: a task raised it, which ended the loop before.
        """
        if _asgiref.loop() is not None:
            return
        if self._loop is not None:  # a task has ended it by an exit
            self._loop.end()
        self._loop = _Loop()
        _asgiref.set_loop(self._loop.running())


class kept_loop(one_loop):  # noqa: N801 - as one_loop
    """
    A loop that goes on after the body, for further bodies, in any threads and at the same time.

    It ends with :meth:`end`, or when it is forgotten with the response that a middleware dropped.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        if _here.scope is self:
            _here.depth += 1
            return
        super().__enter__()
        if _here.scope is self and self._loop is not None:
            _asgiref.set_loop(self._loop.running())

    def start(self) -> None:
        """As :meth:`one_loop.start`; of several threads the first one starts the loop."""
        with self._lock:
            if self._loop is None or self._loop.has_ended:
                super().start()
            elif _asgiref.loop() is None:
                _asgiref.set_loop(self._loop.running())

    def __exit__(self, *_: object) -> None:
        if _here.scope is not self:
            return
        if _here.depth:
            _here.depth -= 1
            return
        _here.scope = None
        if self._loop is not None:
            _asgiref.set_loop(None)

    def end(self, *, timeout: float | None = None) -> None:
        """
        End the loop, if it has begun. Wait up to *timeout* seconds until its tasks have ended.

        Raises:
            SystemExit, KeyboardInterrupt: a task raised it, which ended the loop before.
        """
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.end(timeout)

    def __del__(self) -> None:
        """Have the loop end, and wait for nothing: the garbage collector may call this."""
        if self._loop is not None:
            self._loop.begin_to_end()


def run(func: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """
    Return the value of the coroutine function *func*, in a thread that runs no event loop.

    Raises:
        Exception: the exception of *func*.
        SystemExit, KeyboardInterrupt: a task beside it raised this, and ended the loop.
    """
    with one_loop():
        if _here.scope is not None:
            _here.scope.start()
        return async_to_sync(func)(*args, **kwargs)


async def in_request_thread(func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """
    Call *func*, which may query the database, from a coroutine, with its thread-locals.

    Raises:
        RuntimeError: *func* raised StopIteration, for which no future has a place (PEP 479).
        Exception: any other exception of *func*.
    """

    def call() -> T:
        try:
            return func(*args, **kwargs)
        except StopIteration as exc:
            raise RuntimeError("A function raised StopIteration.") from exc

    return await sync_to_async(with_thread_locals(call))()


class _Loop:
    """An event loop in a native thread, from when it is made until :meth:`end`."""

    def __init__(self) -> None:
        self._begun: Future[asyncio.AbstractEventLoop] = Future()
        self._end = asyncio.Event()
        self._thread = _native_thread()
        self._ended = self._thread.submit(self._run)

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                try:
                    runner.run(self._wait())
                finally:
                    self._end.set()  # an exit of a task may have ended the loop before
        finally:
            if _has_greenlets():
                # The loop waited in a hub of gevent. Left to the end of the thread, the hub would
                # be destroyed after the thread has been waited for, even in a process that ends.
                import_module("gevent").get_hub().destroy(destroy_loop=True)

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        with suppress(AttributeError):  # a loop of another kind has a clock of its own
            loop.time = clocks.monotonic  # type: ignore[method-assign]
        self._begun.set_result(loop)
        while not self._end.is_set():
            with suppress(asyncio.CancelledError):  # code that cancels all tasks of its loop
                await self._end.wait()

    def running(self) -> asyncio.AbstractEventLoop:
        """The loop, once it runs."""
        return self._begun.result()

    @property
    def has_ended(self) -> bool:
        """Whether the loop has ended."""
        return self._ended.done()

    def begin_to_end(self) -> None:
        """Have the loop cancel the tasks that are left, and end with its thread."""
        with suppress(RuntimeError):  # the loop has ended
            self._begun.result().call_soon_threadsafe(self._end.set)

    def end(self, timeout: float | None = None) -> None:
        """
        Cancel the tasks that are left, and end the loop and its thread.

        Wait for that, up to *timeout* seconds: a task may refuse to end.

        Raises:
            SystemExit, KeyboardInterrupt: a task raised it, which ended the loop before.
        """
        self.begin_to_end()
        try:
            with suppress(TimeoutError):
                self._ended.result(timeout)
        finally:
            self._thread.shutdown(wait=self.has_ended)


def _native_thread() -> ThreadPoolExecutor:
    """An executor with a native thread, also where gevent has replaced ``threading``."""
    if _has_greenlets():
        executor: Any = import_module("gevent.threadpool").ThreadPoolExecutor
        return executor(1)  # type: ignore[no-any-return]
    return ThreadPoolExecutor(1, thread_name_prefix="partstream-loop")


def _has_greenlets() -> bool:
    """Whether gevent has put greenlets in the place of threads."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and monkey.is_module_patched("threading")
