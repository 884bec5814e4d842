"""Server processes of the site, their client, and a gate at which their parts wait."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

import pytest

#: The longest wait for anything here, in seconds.
PATIENCE = 20.0

#: The host name in every request, the same for all nodes behind a balancer.
HOST = "site.test"

_GUNICORN = [
    *("gunicorn", "--config=python:tests.server.site.gunicorn", "--bind=fd://{fd}"),
    *("--timeout=60", "--graceful-timeout=15", "{app}.wsgi"),
]
KINDS = {
    "sync": [*_GUNICORN, "--worker-class=sync", "--workers=1"],
    "gthread": [*_GUNICORN, "--worker-class=gthread", "--workers=2", "--threads=4"],
    "gevent": [*_GUNICORN, "--worker-class=gevent", "--workers=1"],
    "uvicorn": [
        *("uvicorn", "--fd={fd}", "--workers=1", "--lifespan=off", "--no-access-log"),
        *("--timeout-graceful-shutdown=15", "{app}.asgi:application"),
    ],
}

#: Further kinds, for streams alone: their pages are those of the other kinds.
STREAM_KINDS = {
    "daphne": [
        *("daphne", "--fd={fd}", "--verbosity=1"),
        "{app}.asgi:application",
    ],
}

#: The kinds that serve streams well.
STREAMING = ["gthread", "gevent", "uvicorn", *STREAM_KINDS]

#: The options with which a kind has a single process.
ONE_PROCESS = {"gthread": ["--workers=1"]}

#: The kinds in which a thread that computes, or waits in C, leaves the other threads running.
PREEMPTIVE = [kind for kind in KINDS if kind != "gevent"]


@dataclass(frozen=True)
class Answer:
    """A response, and the seconds until it was read."""

    status: int
    body: Any
    seconds: float

    @property
    def parts(self) -> dict[str, Any]:
        """The values of the parts of a page by name, for both fronts."""
        if "results" in self.body:
            return {name: one for result in self.body["results"] for name, one in result.items()}
        return {node["name"]: node[node["name"]] for node in self._nodes()}

    @property
    def codes(self) -> dict[str, str]:
        """The error code of each failed part by name, for both fronts."""
        if "results" in self.body:
            return {error["part"]: error["code"] for error in self.body.get("errors", ())}
        return {node["name"]: node["error"]["code"] for node in self._nodes() if node["error"]}

    @property
    def cursor(self) -> str | None:
        """The cursor of the next page, for both fronts; None on the last page."""
        if "results" in self.body:
            return self.body["cursor"]
        page = self._connection["pageInfo"]
        return page["endCursor"] if page["hasNextPage"] else None

    @property
    def _connection(self) -> dict[str, Any]:
        assert "errors" not in self.body, self.body
        (connection,) = self.body["data"].values()
        return connection

    def _nodes(self) -> list[dict[str, Any]]:
        return [edge["node"] for edge in self._connection["edges"]]


def worded(
    front: str,
    names: str,
    *,
    together: bool = False,
    first: int = 50,
    after: str | None = None,
    **query: Any,
) -> tuple[str, Any]:
    """
    The address and body of a request for one page with the parts *names*, ``"a,b"``.

    *front* is ``rest`` or ``graphql``. With *together* the parts are resolved in threads. *first*
    and *after* are GraphQL's.
    """
    if front == "rest":
        return (
            f"/{'together' if together else 'page'}/?{urlencode({'parts': names, **query})}",
            None,
        )
    parts = [
        f"{name}(run: {json.dumps(query.get('run'))})" if "cached" in name else name
        for name in names.split(",")
    ]
    text = (
        "query ($first: Int, $after: String) {"
        f" {'together' if together else 'board'}(first: $first, after: $after) {{"
        " pageInfo { hasNextPage endCursor }"
        f" edges {{ node {{ name status error {{ code }} {' '.join(parts)} }} }} }} }}"
    )
    body = {"query": text, "variables": {"first": first, "after": after}}
    return f"/graphql/?{urlencode(query)}", body


class Asking:
    """A client that asks a server for pages."""

    address: tuple[str, int]

    def get(self, path: str, **query: Any) -> Answer:
        return self._ask(f"{path}?{urlencode(query)}", None)

    def page(self, front: str, names: str, **query: Any) -> Answer:
        """Ask for a page; the arguments are those of :func:`worded`."""
        return self._ask(*worded(front, names, **query))

    def query(self, names: str, *, field: str = "board", **query: Any) -> Answer:
        """Ask for a page of the connection *field*, ``board`` or ``together``."""
        return self.page("graphql", names, together=field == "together", **query)

    def begin(self, front: str, names: str, **query: Any) -> HTTPConnection:
        """Ask for a page, and return the connection before any of the answer is read."""
        return request(self.address, *worded(front, names, **query))

    def soon(self, front: str, names: str, **query: Any) -> Future[Answer]:
        """Ask for a :meth:`page` in a thread of its own."""
        future: Future[Answer] = Future()

        def ask() -> None:
            try:
                future.set_result(self.page(front, names, **query))
            except BaseException as exc:
                future.set_exception(exc)

        threading.Thread(target=ask, daemon=True).start()
        return future

    def _ask(self, address: str, body: Any) -> Answer:
        started = time.monotonic()
        connection = request(self.address, address, body)
        try:
            with connection.getresponse() as response:
                text = response.read()
                seconds = time.monotonic() - started
                kind = response.headers.get_content_type()
                told = json.loads(text) if kind == "application/json" else text.decode()
                return Answer(response.status, told, seconds)
        finally:
            connection.close()


def request(place: tuple[str, int], address: str, body: Any) -> HTTPConnection:
    """Ask for *address*, and return the connection before any of the answer is read."""
    connection = HTTPConnection(*place, timeout=PATIENCE)
    connection.request(
        "GET" if body is None else "POST",
        address,
        None if body is None else json.dumps(body),
        {"Host": HOST, "Connection": "close", "Content-Type": "application/json"},
    )
    return connection


class Events:
    """The events of a server's processes, read as they come (``tests/server/site/events.py``)."""

    def __init__(self) -> None:
        self._told: list[dict[str, Any]] = []
        self._news = threading.Condition()
        self._ended = False
        self._reading, self.writing = os.pipe()
        threading.Thread(target=self._read, daemon=True).start()

    def wait_for(self, event: str, run: str, *, times: int = 1) -> list[dict[str, Any]]:
        """Wait until there are *times* such events, or time is up, and return them."""
        with self._news:
            self._news.wait_for(
                lambda: len(self.of(event, run)) >= times or self._ended, timeout=PATIENCE
            )
            return self.of(event, run)

    def of(self, event: str, run: str) -> list[dict[str, Any]]:
        """The events of that name and run that were read by now."""
        return [one for one in list(self._told) if (one["event"], one["run"]) == (event, run)]

    def ends(self, run: str, *, times: int = 0) -> list[tuple[str, str]]:
        """The name and status of each part of *run*, sorted, once *times* of them have ended."""
        self.wait_for("resolved", run, times=times)
        return sorted((one["part"], one["status"]) for one in self.of("resolved", run))

    def _read(self) -> None:
        with os.fdopen(self._reading) as lines:
            for line in lines:
                with self._news:
                    self._told.append(json.loads(line))
                    self._news.notify_all()
        with self._news:
            self._ended = True  # every process that could write has ended
            self._news.notify_all()


class Log:
    """The standard output and error of a server, read as they come."""

    def __init__(self) -> None:
        self._text, self._turned = "", 0
        self._news = threading.Condition()
        self._ended = False
        self._reading, self.writing = os.pipe()
        threading.Thread(target=self._read, daemon=True).start()

    def __str__(self) -> str:
        return self._text

    def turn_page(self) -> None:
        """Begin a new page for the next test."""
        self._turned = len(self._text)

    def page(self) -> str:
        """The text since the page was turned."""
        return self._text[self._turned :]

    def wait_for(self, words: str, *, times: int = 1) -> bool:
        """Wait for *words* to be *times* in the log, and return whether they came in time."""
        with self._news:
            self._news.wait_for(
                lambda: self._text.count(words) >= times or self._ended, timeout=PATIENCE
            )
            return self._text.count(words) >= times

    def _read(self) -> None:
        with os.fdopen(self._reading, errors="replace") as lines:
            for line in lines:
                with self._news:
                    self._text += line
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


class Server(Asking):
    """
    A server process, which can be asked at once: its socket is bound before it begins.

    *options* are for its command. *app* is the package with its ``wsgi`` and ``asgi``. *environ* is
    the environment of the site; a value that is no str is written as JSON. It ends with :meth:`stop`.
    """

    def __init__(
        self, kind: str, *options: str, app: str = "tests.server.site", **environ: Any
    ) -> None:
        self.kind, self.log, self.events = kind, Log(), Events()
        told = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in environ.items()
        }
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
            self.address = listening.getsockname()
            command = {**KINDS, **STREAM_KINDS}[kind]
            words = [word.format(fd=listening.fileno(), app=app) for word in command]
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", *words, *options],
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
                    "DJANGO_SETTINGS_MODULE": "tests.server.site.settings",
                    "SITE_EVENTS": f"/dev/fd/{self.events.writing}",
                    **told,
                },
                stdin=subprocess.DEVNULL,
                stdout=self.log.writing,
                stderr=self.log.writing,
                pass_fds=[listening.fileno(), self.events.writing],
                start_new_session=True,  # so that a kill reaches the workers, too
            )
        os.close(self.events.writing)
        os.close(self.log.writing)

    def terminate(self) -> None:
        """Ask the server to end after it has answered its open requests."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """End the server, by force if it takes too long, and return its exit status."""
        if self.process.poll() is None:
            self.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End the server and its workers at once, and return its exit status."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        return self.process.wait(PATIENCE)

    def settled(self, run: str = "settled") -> dict[str, Any]:
        """The state of a process once its timed calls have ended; its events are read by then."""
        seen = len(self.events.of("seen", run))
        answer = self.get("/debug/", within=PATIENCE / 2, run=run)
        assert answer.status == 200, answer.body
        self.events.wait_for("seen", run, times=seen + 1)
        return answer.body


class Visit:
    """A part that waits at a gate, until :meth:`open`."""

    def __init__(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        self._connection = connection
        with connection.makefile("r") as lines:
            self.part = lines.readline().strip()

    def open(self) -> None:
        """Let the part through."""
        self._connection.close()

    def gone(self) -> bool:
        """Wait until the part leaves, and return whether it left by itself."""
        return self._connection.recv(1) == b""


class Gate:
    """A place where parts of any process wait; they find it by ``?gate=<port>``."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.settimeout(PATIENCE)
        self._visits: list[Visit] = []
        self.port = self._listening.getsockname()[1]

    def visit(self) -> Visit:
        """Wait for the next part to come, and return its visit."""
        visit = Visit(self._listening.accept()[0])
        self._visits.append(visit)
        return visit

    def has_visitor(self) -> bool:
        """Whether a part waits whose visit was not taken."""
        return bool(select.select([self._listening], [], [], 0)[0])

    def close(self) -> None:
        """Let all waiting parts through, and refuse later parts, which then go on."""
        self._listening.close()
        for visit in self._visits:
            visit.open()


def turn_pages(processes: Iterable[Any]) -> None:
    """Begin a new page in the log of each of the *processes*, for the test that begins."""
    for process in processes:
        process.log.turn_page()


def report_pages(report: pytest.TestReport, processes: Iterable[Any]) -> None:
    """Add to the *report* of a failed test what the *processes* have logged meanwhile."""
    for process in processes if report.failed else ():
        if text := process.log.page():
            report.sections.append((f"log of {process.kind}", text[-20_000:]))
