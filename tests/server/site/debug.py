"""The state of the answering process: its threads, their running functions, its memory, its tasks."""

import asyncio
import gc
import os
import resource
import sys
import threading
import time
from contextlib import suppress

from django.db.transaction import non_atomic_requests
from django.http import JsonResponse

from django_partstream.timed.calls import abandoned_calls
from tests.server.site import parts
from tests.server.site.events import tell


@non_atomic_requests
def view(request):
    """
    Answer the state; with ``?within=``, after late calls had that many seconds to end. With
    ``?brief=1`` no thread is looked into.

    The event ``seen`` of this view comes after all earlier events.
    """
    end = time.monotonic() + float(request.GET.get("within", 0))
    is_brief = "brief" in request.GET
    for thread in [] if is_brief else threading.enumerate():
        # A thread that was in time waits for another call, in `_serve()`; a late thread ends.
        if thread.name == "partstream-timed" and stack_of(thread)[:1] != ["_serve"]:
            with suppress(
                RuntimeError
            ):  # a thread that only begins is listed, and cannot be joined
                thread.join(max(0, end - time.monotonic()))
    tell("seen", request)
    return JsonResponse(
        {
            "pid": os.getpid(),
            "threads": sorted(thread.name for thread in threading.enumerate()),
            "running": None if is_brief else running(),
            "abandoned": abandoned_calls(),
            "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            * (1 if sys.platform == "darwin" else 1024),
        }
    )


async def tasks(request):
    """Answer the names of the coroutines that are tasks of the server's event loop."""
    names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]
    return JsonResponse({"tasks": sorted(names)})


def stack_of(thread, file=None):
    """The names of the functions that *thread* is in, innermost first; with *file*, from it only."""
    names, frame = [], sys._current_frames().get(thread.ident) or frame_of_greenlet(thread.ident)
    while frame is not None:
        if file is None or frame.f_code.co_filename == file:
            names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


def frame_of_greenlet(ident):
    """The frame of the greenlet that gevent has in the place of the thread *ident*, if it has."""
    if "gevent" in sys.modules:
        from greenlet import greenlet

        for one in gc.get_objects():
            if id(one) == ident and isinstance(one, greenlet):
                return one.gr_frame
    return None


def running():
    """The names of the part functions that run in any thread."""
    return sorted(
        name for thread in threading.enumerate() for name in stack_of(thread, parts.__file__)
    )
