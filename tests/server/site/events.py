"""
Events of the site, written line by line to ``SITE_EVENTS`` by all its processes.

Each line is a JSON object with ``event``, ``run``, ``pid`` and the details of the event. The event
``resolved`` has the ``part`` and the ``status`` with which it ended, from the library's signal.
"""

import json
import os
from typing import Any

from django_partstream.signals import part_resolved


def tell(event: str, request: Any, **what: Any) -> None:
    write(event, request.GET.get("run"), **what)


def write(event: str, run: str | None, **what: Any) -> None:
    path = os.environ.get("SITE_EVENTS")
    if path is None:
        return
    line = json.dumps({"event": event, "run": run, "pid": os.getpid(), **what})
    # One write, so that lines of several threads and processes never mix.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)


def listen() -> None:
    part_resolved.connect(resolved)


def resolved(*, name: str, status: str, request: Any, **_: Any) -> None:
    tell("resolved", request, part=name, status=str(status))
