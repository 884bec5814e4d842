"""Servers for the tests. They end with the tests, and a failed test shows their logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests import services
from tests.server.servers import (
    KINDS,
    ONE_PROCESS,
    STREAMING,
    Gate,
    Server,
    report_pages,
    turn_pages,
)
from tests.server.sessions import Sessions

_running: list[Server] = []


#: The words of Python's warnings about a forgotten coroutine, task or future.
FORGOTTEN = ("was never awaited", "was never retrieved", "was destroyed but it is pending")


def pytest_runtest_setup(item: pytest.Item) -> None:
    turn_pages(_running)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    report_pages(report, _running)
    return report


def _starting(place: Any) -> Iterator[Callable[..., Server]]:
    started: list[Server] = []

    def start(
        kind: str,
        *options: str,
        atomic: bool = False,
        postgres: dict[str, Any] | None = None,
        **environ: Any,
    ) -> Server:
        name = f"site-{uuid4().hex[:8]}"
        if postgres is not None:
            databases = {"default": _postgres(name, ATOMIC_REQUESTS=atomic, **postgres)}
        else:
            databases = {"default": _sqlite(place / name, ATOMIC_REQUESTS=atomic)}
            if "postgres" not in services.LACKING:
                databases["postgres"] = _postgres(name, ATOMIC_REQUESTS=atomic)
            if "mysql" not in services.LACKING:
                databases["mariadb"] = services.mariadb(ATOMIC_REQUESTS=atomic)
        environ = {"SITE_DATABASES": databases, "SITE_CACHES": _caches(), **environ}
        server = Server(kind, *options, **environ)
        server.name = name
        started.append(server)
        _running.append(server)
        return server

    yield start
    alive = [server for server in started if server.process.poll() is None]
    for server in alive:
        server.terminate()
    for server in started:
        server.stop()
        _running.remove(server)
    # A server that a part ended by sys.exit() may leave coroutines behind.
    logs = "".join(str(server.log) for server in alive)
    if not any(server.process.returncode for server in started):  # by sys.exit() of a part
        assert [words for words in FORGOTTEN if words in logs] == [], logs


def _sqlite(file: Any, **options: Any) -> dict[str, Any]:
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{file}.sqlite3", **options}


def _postgres(name: str, **options: Any) -> dict[str, Any]:
    more = options.pop("OPTIONS", {})
    return services.database(OPTIONS={"application_name": name, **more}, **options)


def _caches() -> dict[str, Any]:
    caches = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    if "redis" not in services.LACKING:
        caches["redis"] = services.cache()
    return caches


@pytest.fixture
def start(tmp_path: Any) -> Iterator[Callable[..., Server]]:
    """
    Start a server of a kind in ``KINDS``; *options* and *environ* are the arguments of ``Server``.

    Its databases are as in the tests' own settings: ``default`` in SQLite, and ``postgres`` and
    ``mariadb`` where they run. With *postgres*, options of a Django database, PostgreSQL is
    ``default``.
    """
    yield from _starting(tmp_path)


@pytest.fixture(scope="module")
def start_for_module(tmp_path_factory: Any) -> Iterator[Callable[..., Server]]:
    """Start a server as ``start`` does, to be shared by the tests of a module."""
    yield from _starting(tmp_path_factory.mktemp("module"))


@pytest.fixture(scope="session")
def shared(tmp_path_factory: Any) -> Iterator[Callable[..., Server]]:
    """The server of a kind and options, atomic or not, shared by all tests that leave it unchanged."""
    starting = _starting(tmp_path_factory.mktemp("shared"))
    start = next(starting)

    servers: dict[tuple[Any, ...], Server] = {}

    def started(kind: str, *options: str, atomic: bool = False) -> Server:
        key = (kind, *options, atomic)
        if key not in servers or servers[key].process.poll() is not None:  # a test ended it
            servers[key] = start(kind, *options, atomic=atomic)
        return servers[key]

    yield started
    next(starting, None)


@pytest.fixture
def lone_servers(shared: Callable[..., Server]) -> dict[str, Server]:
    """Servers for streams, of a single process each, so that its state can be asked for."""
    return {kind: shared(kind, *ONE_PROCESS.get(kind, [])) for kind in STREAMING}


@pytest.fixture(params=list(KINDS))
def server(request: pytest.FixtureRequest, shared: Callable[..., Server]) -> Server:
    """A server of each kind in turn."""
    return shared(request.param)


@pytest.fixture(params=["rest", "graphql"])
def front(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.close()


@pytest.fixture
def sessions() -> Iterator[Sessions]:
    """A view of the servers' connections in PostgreSQL."""
    with Sessions() as sessions:
        yield sessions


@pytest.fixture
def run() -> str:
    """A name for the requests of a single test."""
    return uuid4().hex
