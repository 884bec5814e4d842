"""Servers and workers of the site, on brokers of their own. A failed test shows their logs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests import services
from tests.background.brokers import Broker, forget
from tests.background.walks import page
from tests.background.workers import Worker, environment
from tests.server.servers import Gate, Server, report_pages, turn_pages

_running: list[Server | Worker] = []

#: Shorter times than in production, in seconds.
TIMES = {"ASKED": 4, "LEASE": 3, "BEAT": 0.5, "REFUSED": 1}


def pytest_runtest_setup(item: pytest.Item) -> None:
    turn_pages(_running)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    report_pages(report, _running)
    return report


class Site:
    """
    Processes of the site that share a cache and, with Celery, a *broker*.

    *environ* is their environment, beside what they share.
    """

    server: Server
    worker: Worker

    def __init__(self, background: str, broker: Broker | None = None, **environ: Any) -> None:
        self.name, self._broker = f"partstream-tests-{uuid4().hex[:8]}", broker
        self._processes: list[Server | Worker] = []
        self.environ = {
            "DJANGO_SETTINGS_MODULE": "tests.background.site.settings",
            "SITE_PARTSTREAM": {"BACKGROUND": background},
            "SITE_CACHES": {"default": services.cache(KEY_PREFIX=self.name)},
            "SITE_TIMES": TIMES,
            **(broker.environ() if broker else {}),
            **environ,
        }

    @property
    def broker(self) -> Broker:
        """Celery's broker."""
        assert self._broker
        return self._broker

    def start_server(self, **environ: Any) -> Server:
        """Start a server, which reaches the broker by its proxy. It has answered a page already."""
        behind = {"SITE_BROKER": self._broker.url_of_servers} if self._broker else {}
        environ = {**self.environ, **behind, **environ}
        app = "tests.background.site"
        self.server = Server("gthread", "--workers=1", "--threads=8", app=app, **environ)
        self._began(self.server)
        page(self.server, "fast")
        return self.server

    def start_worker(self, kind: str = "celery", *options: str) -> Worker:
        """Start a worker, and wait until it takes messages."""
        self.worker = Worker(kind, *options, **self.environ)
        self._began(self.worker)
        return self.worker

    def _began(self, process: Server | Worker) -> None:
        self._processes.append(process)
        _running.append(process)

    def stop(self) -> None:
        """Kill the processes, and remove their keys from the cache."""
        for process in self._processes:
            process.kill()
            _running.remove(process)
        forget(services.REDIS_URL, self.name)


def on_broker(kind: str) -> Iterator[Site]:
    """A site on Celery with a broker of that *kind*, without any process yet."""
    with Broker(kind, f"partstream-tests-{uuid4().hex[:8]}") as broker:
        site = Site("celery", broker)
        yield site
        site.stop()


BROKERS = [
    pytest.param("redis", marks=pytest.mark.redis),
    pytest.param("rabbitmq", marks=[pytest.mark.redis, pytest.mark.rabbitmq]),
]


@pytest.fixture(params=BROKERS)
def celery_site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """A site on Celery for this test alone, with each broker in turn, without any process yet."""
    yield from on_broker(request.param)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.close()


@pytest.fixture
def run() -> str:
    """A name for the events of a single test."""
    return uuid4().hex


def databases(file: Any) -> dict[str, Any]:
    return {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file)}}


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The file of a database with the tables for messages."""
    file = tmp_path_factory.mktemp("tasks") / "migrated.sqlite3"
    site = Site("tasks", SITE_DATABASES=databases(file))
    migrate = [sys.executable, "-m", "django", "migrate", "--verbosity=0"]
    subprocess.run(migrate, env=environment(**site.environ), check=True)
    return file


@pytest.fixture
def tasks_site(tmp_path: Any, migrated: Any) -> Iterator[Site]:
    """A site with a database for messages, without any process yet."""
    file = tmp_path / "messages.sqlite3"
    shutil.copy(migrated, file)
    site = Site("tasks", SITE_DATABASES=databases(file))
    yield site
    site.stop()
