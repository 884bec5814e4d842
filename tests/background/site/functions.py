"""The background functions of the site. Each tells the event ``begun`` when it begins."""

import os
import signal
import socket
import sys
import time

from django.db import connection

from django_partstream import background
from tests.background.site.events import tell

#: The longest time that a function waits or computes, in seconds.
PATIENCE = 20.0


def wait_at(gate, run):
    """Wait until the gate opens; without a gate, or when it has gone, go on."""
    try:
        with socket.create_connection(("127.0.0.1", int(gate))) as connection:
            connection.settimeout(PATIENCE)
            connection.sendall(f"{run}\n".encode())
            connection.recv(1)
    except ConnectionError:
        pass


@background(keep=60, limit=60)
def forecast(run, gate=None):
    tell("begun", run)
    if gate:
        wait_at(gate, run)
    return f"forecast of {run}"


@background(keep=60, limit=60, queue=os.environ.get("SITE_OTHER_QUEUE"))
def export(run, gate=None):
    tell("begun", run)
    return f"export of {run}"


@background(keep=60, limit=60)
def poison(run, gate=None):
    """End its process, as the kernel does when memory is short."""
    tell("begun", run)
    os.kill(os.getpid(), signal.SIGKILL)


@background(keep=60, limit=60)
def leaves(run, gate=None):
    tell("begun", run)
    sys.exit(1)


@background(keep=60, limit=1)
def endless(run, gate=None):
    tell("begun", run)
    ends = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < ends:
            time.sleep(0.01)
    finally:
        if time.monotonic() < ends:
            tell("interrupted", run)


@background(keep=60, limit=60)
def counted(run, gate=None):
    with connection.cursor() as cursor:
        cursor.execute("SELECT 42")
        return cursor.fetchone()[0]


@background(keep=60, limit=60)
def broken(run, gate=None):
    raise LookupError(f"no such {run}")


FUNCTIONS = {
    function.__name__: function
    for function in [forecast, export, poison, leaves, endless, counted, broken]
}
