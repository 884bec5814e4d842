"""The site behind real servers, each a process of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

#: Seconds to wait for a server: to start, to answer and to stop.
PATIENCE = 30

KINDS = {
    "gunicorn": [
        *("gunicorn", "--bind", "fd://{fd}", "--workers", "1", "--worker-class", "gthread"),
        *("--threads", "4", "--log-level", "error", "--keep-alive", "30", "benchmarks.wsgi"),
    ],
    "uvicorn": [
        *("uvicorn", "--fd", "{fd}", "--lifespan", "off", "--log-level", "error"),
        "benchmarks.asgi:application",
    ],
}


@contextmanager
def serving(kind: str) -> Iterator[tuple[str, int]]:
    """Run a server of a kind in KINDS, and yield its host and port once it answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        listening.set_inheritable(True)
        host, port = listening.getsockname()
        number = listening.fileno()
        words = [word.format(fd=number) for word in KINDS[kind]]
        process = subprocess.Popen([sys.executable, "-m", *words], pass_fds=[number])
    try:
        _wait_for(f"http://{host}:{port}/plain/django/")
        yield host, port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait_for(url: str) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            urlopen(url, timeout=PATIENCE).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return
