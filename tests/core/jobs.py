"""Background functions for tests, engines for tests, and what the tests see of their calls."""

import threading
import time

from django.utils import timezone, translation

from django_partstream import background, progress
from django_partstream.jobs.work import run_message
from example_schema.models import Customer

#: The calls of the functions, each a name and its arguments.
calls = []

#: The messages that :func:`take` has taken.
messages = []

#: Lets a call of :func:`gated` go on.
gate = threading.Event()

#: Set when a call of :func:`gated` has begun.
begun = threading.Event()


def forget():
    calls.clear()
    messages.clear()
    gate.clear()
    begun.clear()


def eventually(look, seconds=20):
    """The first true answer of *look*."""
    until = time.monotonic() + seconds
    while not (answer := look()):
        assert time.monotonic() < until, "It did not come."
        time.sleep(0.01)
    return answer


def take(message):
    messages.append(message)


def do(message):
    run_message(message)


def refuse(message):
    raise ConnectionRefusedError("no broker")


def hang(message):
    gate.wait(30)


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


@background
def here():
    return f"{translation.get_language()} {timezone.get_current_timezone_name()}"


@background
def offset():
    return timezone.localtime().utcoffset().total_seconds() / 60


@background
def customers():
    return Customer.objects.all()


@background
def exits():
    raise SystemExit(1)


@background
def unpicklable():
    return lambda: None


@background(keep=0.5)
def fleeting():
    return "now"
