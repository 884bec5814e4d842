"""Background functions for tests, and what the tests see of their calls."""

import threading

from django_partstream import background, progress

#: The calls of the functions, each a name and its arguments.
calls = []

#: Lets a call of :func:`gated` go on.
gate = threading.Event()

#: Set when a call of :func:`gated` has begun.
begun = threading.Event()


def forget():
    calls.clear()
    gate.clear()
    begun.clear()


@background(keep=60, limit=30)
def forecast(store, days=7):
    calls.append(("forecast", store, days))
    return {"store": store, "days": days}


@background(limit=30)
def gated(name):
    calls.append(("gated", name))
    progress(0.25)
    begun.set()
    if not gate.wait(30):
        raise RuntimeError("No test has opened the gate.")
    return name


@background
def broken(text):
    calls.append(("broken", text))
    raise LookupError(text)


@background
async def awaited(text):
    calls.append(("awaited", text))
    return text
