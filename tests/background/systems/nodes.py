"""Web nodes and workers of ``tests/background/nodes``, of each kind that runs in production."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
import redis
from psycopg import sql

from tests import services
from tests.background.brokers import Broker
from tests.background.conftest import BROKERS, Site
from tests.background.walks import PATIENCE
from tests.background.workers import Worker, environment
from tests.server.servers import Server

#: The options of each kind of web node.
WEB = {
    "sync": ["--workers=2"],
    "gthread": ["--workers=2", "--threads=8"],
    "uvicorn": [],
}

#: Celery with each broker, and django-tasks in PostgreSQL: engines with workers, as parameters.
WITH_WORKERS = [*BROKERS, pytest.param("tasks", marks=[pytest.mark.redis, pytest.mark.postgres])]


class Nodes(Site):
    """
    Web nodes and workers that share SECRET_KEY, a cache, a broker and a database.

    *engine* is "thread", "tasks", or the broker of Celery: "redis" or "rabbitmq".
    """

    def __init__(self, engine: str, broker: Broker | None = None, **environ: Any) -> None:
        background = "celery" if broker else engine
        nodes = {"DJANGO_SETTINGS_MODULE": "tests.background.nodes.settings"}
        super().__init__(background, broker, **nodes, **environ)
        self.engine, self.background = engine, background
        self.servers: list[Server] = []
        self.workers: list[Worker] = []

    def start_node(self, kind: str = "gthread", *options: str) -> Server:
        """Start a web node of a kind in ``WEB``, with further *options*."""
        server = Server(kind, *WEB[kind], *options, app="tests.background.nodes", **self.environ)
        self._began(server)
        self.servers.append(server)
        return server

    def server_of(self, kind: str) -> Server:
        """The web node of that *kind*."""
        return next(server for server in self.servers if server.kind == kind)

    def start_workers(self, count: int = 2) -> None:
        """Start *count* workers, and wait until they take messages; none for threads of a node."""
        if self.background == "thread":
            return
        with ThreadPoolExecutor(count) as threads:
            self.workers += threads.map(self.start_worker, [self.background] * count)

    def begun(self, run: str, *, at_least: int = 1) -> int:
        """How often a job of *run* was begun, once the news of *at_least* so many have come."""
        ends = time.monotonic() + PATIENCE
        processes = [*self.servers, *self.workers]
        while True:
            count = sum(len(process.events.of("begun", run)) for process in processes)
            if count >= at_least or time.monotonic() > ends:
                return count
            time.sleep(0.01)


@contextmanager
def nodes_on(
    engine: str, *, database: dict[str, Any] | None = None, **environ: Any
) -> Iterator[Nodes]:
    """
    Nodes on *engine*, as in :class:`Nodes`, without any process yet; they end with the body.

    With *database*, options of a Django database, they have a database in PostgreSQL.
    """
    with ExitStack() as stack:
        broker = None
        if engine in ("redis", "rabbitmq"):
            broker = stack.enter_context(Broker(engine, f"partstream-tests-{uuid4().hex[:8]}"))
        if database is not None or engine == "tasks":
            name = stack.enter_context(_database())
            default = services.database(NAME=name, **(database or {}))
            environ = {"SITE_DATABASES": {"default": default}, **environ}
        nodes = Nodes(engine, broker, **environ)
        stack.callback(nodes.stop)
        if "SITE_DATABASES" in environ:
            migrate = [sys.executable, "-m", "django", "migrate", "--verbosity=0", "--skip-checks"]
            subprocess.run(migrate, env=environment(**nodes.environ), check=True)
        yield nodes


@contextmanager
def _database() -> Iterator[str]:
    """The name of an empty database in PostgreSQL."""
    name = f"partstream_tests_{uuid4().hex[:8]}"
    with psycopg.connect(services.POSTGRES_URL, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield name
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


#: The longest time for which a test may have a database of Redis, in seconds.
_LOAN = 600


@contextmanager
def redis_database() -> Iterator[str]:
    """
    The address of an empty database of Redis that no other test uses.

    The database that all others use knows which of the databases are lent.
    """
    addresses = [urlsplit(services.REDIS_URL)._replace(path=f"/{db}").geturl() for db in range(16)]
    with redis.Redis.from_url(services.REDIS_URL) as shared:
        used = shared.connection_pool.connection_kwargs.get("db", 0)
        loans = {f"partstream-tests-database-{db}": db for db in range(16) if db != used}
        loan = next(loan for loan in loans if shared.set(loan, 1, nx=True, ex=_LOAN))
        with redis.Redis.from_url(addresses[loans[loan]]) as own:
            assert own.connection_pool.connection_kwargs["db"] == loans[loan]
            own.flushdb()
            try:
                yield addresses[loans[loan]]
            finally:
                own.flushdb()
                shared.delete(loan)
