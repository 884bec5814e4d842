"""
Thread-locals that are carried: of known packages, and of the setting ``THREAD_LOCALS``.

They are copied whole. Nothing else is carried unasked, since a ``threading.local`` may hold an
object that must not be shared between threads, such as an HTTP client.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, TypeVar

from asgiref.local import Local
from django.core.exceptions import ImproperlyConfigured

from django_partstream.conf import setting
from django_partstream.tenancy import named

T = TypeVar("T")

#: The thread-locals of packages that projects use: module, name. Each is private there.
KNOWN = (("django_multitenant.utils", "_context"), ("crum", "_thread_locals"))


def carried_locals() -> list[threading.local]:
    """
    The thread-locals to carry.

    Raises:
        ImproperlyConfigured: ``THREAD_LOCALS`` names an object of another kind, or none.
    """
    found: list[threading.local] = []
    for name, attribute in KNOWN:
        if name in sys.modules:
            value = getattr(sys.modules[name], attribute, None)
            if isinstance(value, threading.local):  # django-multitenant may use asgiref's Local
                found.append(value)
    for path in setting("THREAD_LOCALS") or ():
        value = named(path, "THREAD_LOCALS")
        if isinstance(value, threading.local):
            found.append(value)
        elif not isinstance(value, Local):  # the context of the thread has its values
            raise ImproperlyConfigured(
                f"PARTSTREAM['THREAD_LOCALS'] names {path!r}, a {type(value).__name__}. "
                "Name a threading.local: it is copied whole."
            )
    return found


class _Here(threading.local):
    """Whether the carried thread-locals of this thread have the values of the code that runs."""

    has_its_values = False


_here = _Here()

#: The values after the last step of the coroutine that created this task.
_of_creator: ContextVar[ThreadLocals | None] = ContextVar(
    "django_partstream.thread_locals", default=None
)


class ThreadLocals:
    """The values of the carried thread-locals in a thread, kept for another thread or step."""

    __slots__ = ("_held",)

    def __init__(self, held: list[tuple[threading.local, dict[str, Any]]]) -> None:
        self._held = held

    @classmethod
    def of_this_thread(cls) -> ThreadLocals:
        """
        Copy the values of this thread; in a task without steps of its own, those of its creator.

        Raises:
            ImproperlyConfigured: ``THREAD_LOCALS`` names no thread-local.
        """
        inherited = _of_creator.get()
        if inherited is not None and not _here.has_its_values:
            return inherited.copied()
        return cls([(each, dict(vars(each))) for each in carried_locals()])

    def __bool__(self) -> bool:
        return bool(self._held)

    def copied(self) -> ThreadLocals:
        """A copy of the kept values."""
        return ThreadLocals([(each, dict(values)) for each, values in self._held])

    def swap(self) -> None:
        """Exchange the kept values for the values of this thread."""
        for index, (each, values) in enumerate(self._held):
            mine = vars(each)
            self._held[index] = each, dict(mine)
            mine.clear()
            mine.update(values)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Give this thread the kept values for the body. Its changes to them are not kept."""
        held = ThreadLocals(list(self._held))
        held.swap()
        before, _here.has_its_values = _here.has_its_values, True
        try:
            yield
        finally:
            _here.has_its_values = before
            held.swap()


def with_thread_locals(call: Callable[[], T]) -> Callable[[], T]:
    """*call* for another thread, with the thread-locals of this thread."""
    held = ThreadLocals.of_this_thread()
    if not held:
        return call

    def entered() -> T:
        with held.entered():
            return call()

    return entered


class Stepped:
    """
    An awaitable with the thread-locals *held* in each step. A step keeps its changes to them.

    Between two steps of a coroutine the thread of an event loop serves other requests, so the
    values are put in before a step and taken out after it. A task that the awaitable creates has
    steps of its own, without them. But a call that such a task hands to another thread has the
    values of the coroutine that created the task.
    """

    __slots__ = ("_awaitable", "_held")

    def __init__(self, awaitable: Awaitable[Any], held: ThreadLocals) -> None:
        self._awaitable, self._held = awaitable, held

    def __await__(self) -> Generator[Any, Any, Any]:
        coroutine = _awaited(self._awaitable)
        step: Callable[[], Any] = partial(coroutine.send, None)
        while True:
            try:
                wanted = self._take(step)
            except StopIteration as end:
                return end.value
            try:
                given = yield wanted
            except GeneratorExit:
                self._take(coroutine.close)
                raise
            except BaseException as exc:  # noqa: BLE001 - thrown into the awaitable
                step = partial(coroutine.throw, exc)
            else:
                step = partial(coroutine.send, given)

    def _take(self, step: Callable[[], Any]) -> Any:
        _of_creator.set(self._held)
        self._held.swap()
        before, _here.has_its_values = _here.has_its_values, True
        try:
            return step()
        finally:
            _here.has_its_values = before
            self._held.swap()


def stepped(awaitable: Awaitable[T], held: ThreadLocals) -> Awaitable[T]:
    """*awaitable*, with the thread-locals *held* in each of its steps."""
    return Stepped(awaitable, held) if held else awaitable


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
