"""Consumers of streams, for tests: a thread as under WSGI, an event loop as under ASGI."""

import asyncio
from collections.abc import Callable

from asgiref.sync import ThreadSensitiveContext, sync_to_async


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
