"""Consumers of streams, for tests: a thread as under WSGI, an event loop as under ASGI."""

import asyncio
import threading
from collections.abc import Callable

from asgiref.sync import ThreadSensitiveContext, sync_to_async

from django_partstream.delivery import threads
from django_partstream.exceptions import PartPending


def ignore(end):
    """Do nothing at the *end* of a part."""


def in_thread(make: Callable, each: Callable = ignore):
    """Make a stream and iterate it in this thread; *each* is called with each end."""
    ends = []
    for end in make():
        ends.append(end)
        each(end)
    return ends


def in_loop(make: Callable, each: Callable = ignore):
    """
    Make a stream in the thread of a request, and iterate it in the loop of a server.

    *each* is called with each end, in the loop.
    """

    async def consume():
        ends = []
        async with ThreadSensitiveContext():
            stream = await sync_to_async(make)()
            iterator = aiter(stream)
            try:
                async for end in iterator:
                    ends.append(end)
                    each(end)
            finally:
                await iterator.aclose()
        return ends

    return asyncio.run(consume())


def names(ends):
    """The names of the parts, in the order in which they ended."""
    return [end.outcome.name for end in ends if end.outcome.pending is None]


def values(ends):
    """The values, by name."""
    return {end.outcome.name: end.outcome.value for end in ends if end.outcome.pending is None}


def progress(ends):
    """The names of the parts that were pending, each with its progress."""
    return [(end.outcome.name, end.outcome.pending.progress) for end in ends if is_pending(end)]


def is_pending(end):
    """Whether *end* tells of a pending part."""
    return end is not None and end.outcome.pending is not None


def statuses(ends):
    """The statuses, by name."""
    return {end.outcome.name: end.outcome.status for end in ends}


class Waiting:
    """
    A plain part that is pending with each of *told*, its progress, and then returns *value*.

    *tries* counts its calls.
    """

    def __init__(self, *told, value="done", limit=600):
        self.told, self.value, self.limit, self.tries = [*told], value, limit, 0

    def __call__(self, request):
        self.tries += 1
        if self.told:
            raise PartPending("work", limit=self.limit, progress=self.told.pop(0))
        return self.value

    async def awaited(self, request):
        """The same part as a coroutine."""
        return self(request)


def never(request):
    """A part that stays pending."""
    raise PartPending("work", limit=600)


async def anever(request):
    """The same part as a coroutine."""
    never(request)


class Left(Exception):
    """The client has gone."""


class Gate:
    """A plain part that runs until the gate is open."""

    def __init__(self):
        self.begun, self.opened, self.ended = (threading.Event() for _ in range(3))

    def __call__(self, request):
        self.begun.set()
        assert self.opened.wait(30)
        self.ended.set()


def wait_for_the_pool():
    """Wait until the threads of the pool have nothing to do."""
    pool = threads._executor()
    together = threading.Barrier(pool._max_workers)
    for future in [pool.submit(together.wait, 30) for _ in range(pool._max_workers)]:
        future.result(30)
