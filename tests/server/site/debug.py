"""What the process that answers holds: its threads, what they are at, its memory."""

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
    Tell what there is; with ``?within=``, after late calls had that many seconds to end.

    Its own event, ``seen``, comes after all that were told before.
    """
    end = time.monotonic() + float(request.GET.get("within", 0))
    for thread in threading.enumerate():
        # Those that were in time wait for another call, in `_serve()`; one that is late ends.
        if thread.name == "partstream-timed" and stack_of(thread)[:1] != ["_serve"]:
            with suppress(RuntimeError):  # one that only begins is listed, and cannot be joined
                thread.join(max(0, end - time.monotonic()))
    tell("seen", request)
    return JsonResponse(
        {
            "pid": os.getpid(),
            "threads": sorted(thread.name for thread in threading.enumerate()),
            "running": running(),
            "abandoned": abandoned_calls(),
            "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            * (1 if sys.platform == "darwin" else 1024),
        }
    )


def stack_of(thread, file=None):
    """The names of the functions that it is in (those of *file*), innermost first."""
    names, frame = [], sys._current_frames().get(thread.ident)
    while frame is not None:
        if file is None or frame.f_code.co_filename == file:
            names.append(frame.f_code.co_name)
        frame = frame.f_back
    return names


def running():
    """The functions of parts that some thread is in."""
    return sorted(
        name for thread in threading.enumerate() for name in stack_of(thread, parts.__file__)
    )
