"""
What happens in the site, told line by line in ``SITE_EVENTS``, whichever process it happens in.

Each line is an object: ``event``, ``run``, ``pid``, and what the event has to say. ``resolved``
says how a part ended (``part``, ``status``), as the signal of the library tells it.
"""

import json
import os
from typing import Any

from django_partstream.signals import part_resolved


def tell(event: str, request: Any, **what: Any) -> None:
    path = os.environ.get("SITE_EVENTS")
    if path is None:
        return
    line = json.dumps({"event": event, "run": request.GET.get("run"), "pid": os.getpid(), **what})
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
