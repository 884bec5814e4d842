"""Consumers of streams, for tests: a thread as under WSGI, an event loop as under ASGI."""

import asyncio
import threading
from collections.abc import Callable

from asgiref.sync import ThreadSensitiveContext, sync_to_async

from django_partstream.delivery import threads


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
    return [end.outcome.name for end in ends]


def values(ends):
    """The values, by name."""
    return {end.outcome.name: end.outcome.value for end in ends}


def statuses(ends):
    """The statuses, by name."""
    return {end.outcome.name: end.outcome.status for end in ends}


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
