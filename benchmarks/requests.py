"""Requests to a contender: through WSGI in this process, or over HTTP to a server."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any

from django.core.handlers.wsgi import WSGIHandler

CLIENTS = 8
#: Seconds to wait for the server: to start, to answer and to stop.
PATIENCE = 30


class Site:
    """The site, called as by a WSGI server; RuntimeError unless the response is a 200."""

    def __init__(self) -> None:
        self._application = WSGIHandler()

    def get(self, path: str) -> bytes:
        """Return the body of a GET."""
        return self._ask("GET", path, b"")

    def post(self, path: str, body: bytes) -> bytes:
        """Return the body of a POST of JSON."""
        return self._ask("POST", path, body)

    def json(self, path: str, body: bytes | None = None) -> Any:
        """Return the parsed JSON of a GET, or of a POST if there is a *body*."""
        return json.loads(self.get(path) if body is None else self.post(path, body))

    def _ask(self, method: str, path: str, body: bytes) -> bytes:
        address, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": address,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost",
            "HTTP_ACCEPT": "application/json",
            "CONTENT_TYPE": "application/json" if body else "",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
        }
        status: list[str] = []
        response = self._application(environ, lambda line, headers: status.append(line))
        try:
            answer = b"".join(response)
        finally:
            response.close()
        if status != ["200 OK"]:
            raise RuntimeError(f"{method} {path}: {status} {answer[:500]!r}")
        return answer


def walk(site: Site, path: str) -> Iterator[dict[str, Any]]:
    """Yield the pages of a REST response."""
    cursor = None
    while True:
        page = site.json(f"{path}?cursor={cursor}" if cursor else path)
        yield page
        cursor = page["cursor"]
        if cursor is None:
            return


@contextmanager
def server() -> Iterator[Callable[[str, int], None]]:
    """Run gunicorn with threads; yield ``ask(path, times)``, which uses CLIENTS clients at once."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        listening.set_inheritable(True)
        port, number = listening.getsockname()[1], listening.fileno()
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--bind", f"fd://{number}", "--workers", "1"),
                *("--worker-class", "gthread", "--threads", "4", "--log-level", "error"),
                *("--keep-alive", "30", "benchmarks.wsgi"),
            ],
            pass_fds=[number],
        )
    connections = [HTTPConnection("127.0.0.1", port, timeout=PATIENCE) for _ in range(CLIENTS)]

    def ask(path: str, times: int) -> None:
        def some(connection: HTTPConnection) -> None:
            for _ in range(times // CLIENTS):
                connection.request("GET", path, headers={"Accept": "application/json"})
                response = connection.getresponse()
                body = response.read()
                if response.status != 200:
                    raise RuntimeError(f"{path}: {response.status} {body[:200]!r}")

        with ThreadPoolExecutor(CLIENTS) as clients:
            list(clients.map(some, connections))

    try:
        _wait_for(ask)
        yield ask
    finally:
        for connection in connections:
            connection.close()
        process.terminate()
        process.wait(PATIENCE)


def _wait_for(ask: Callable[[str, int], None]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            ask("/django/", CLIENTS)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)
        else:
            return
