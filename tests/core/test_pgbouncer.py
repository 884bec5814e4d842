"""Late statements are cancelled through a pgbouncer in transaction mode, which survives that."""

import os
import subprocess
import tempfile
import threading
import time
from contextlib import nullcontext
from pathlib import Path

import psycopg
import pytest
from django.db import connections
from psycopg.conninfo import conninfo_to_dict

from django_partstream import lazy, with_timeout
from django_partstream.exceptions import PartTimeout
from tests import services
from tests.core.conftest import Customers
from tests.core.test_loans import wait_for_late_calls
from tests.proxy import Proxy

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.pgbouncer,
    pytest.mark.django_db(transaction=True, databases=services.DATABASES),
]

CONFIGURATION = """
[databases]
* = {server}
[pgbouncer]
unix_socket_dir = {place}
unix_socket_mode = 0777
auth_type = any
pool_mode = transaction
"""


@pytest.fixture
def postgres():
    """The customers in PostgreSQL; no connection to it is left open."""
    yield Customers("postgres")
    connections.close_all()


@pytest.fixture
def proxy(postgres):
    """A proxy between pgbouncer and PostgreSQL."""
    settings = postgres.connection.settings_dict
    with Proxy(settings["HOST"] or "127.0.0.1", int(settings["PORT"] or 5432)) as proxy:
        yield proxy


@pytest.fixture
def pgbouncer(postgres, proxy, monkeypatch):
    """The process of a pgbouncer, which every thread reaches as ``postgres``."""
    info = conninfo_to_dict(services.POSTGRES_URL)
    server = {"host": proxy.host, "port": proxy.port}
    server |= {name: info[name] for name in ("user", "password") if name in info}
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        place.chmod(0o777)
        file = place / "pgbouncer.ini"
        written = " ".join(f"{name}={value}" for name, value in server.items())
        file.write_text(CONFIGURATION.format(server=written, place=place))
        command = [services.PGBOUNCER, "--quiet", str(file)]
        if os.geteuid() == 0:
            command[1:1] = ["--user", "nobody"]
        with (place / "log").open("w") as log:
            process = subprocess.Popen(command, stderr=log, stdout=log)
        postgres.connection.close()
        reached = {"HOST": str(place), "PORT": "6432", "DISABLE_SERVER_SIDE_CURSORS": True}
        for name, value in reached.items():
            monkeypatch.setitem(postgres.connection.settings_dict, name, value)
        try:
            wait_until_ready(process, postgres, place / "log")
            yield process
        finally:
            connections.close_all()
            wait_for_late_calls()
            process.kill()
            process.wait(30)


def wait_until_ready(process, postgres, log):
    end = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < end:
        try:
            postgres.connection.ensure_connection()
        except Exception:
            os.sched_yield()
        else:
            return
    pytest.fail(f"pgbouncer did not start:\n{log.read_text()}")


SLEEP = "SELECT pg_sleep(60)"


def sleeps(request):
    with connections["postgres"].cursor() as cursor:
        cursor.execute(SLEEP)


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "inside"])
def test_late_statements_are_cancelled_through_pgbouncer(deliver, postgres, pgbouncer, inside):
    postgres.create("there")
    for _ in range(5):
        parts = {name: lazy(with_timeout(sleeps, 0.05)) for name in "abc"}
        with postgres.atomic() if inside else nullcontext():
            outcomes = deliver(concurrency=3, **parts, d=lazy(postgres.count))
        assert [one.status for one in outcomes.values()] == ["timeout"] * 3 + ["ok"]
        assert outcomes["d"].value == 1
    wait_for_late_calls()
    assert pgbouncer.poll() is None


def stall_once_it_runs(proxy, stalled):
    """Let *proxy* hang as soon as PostgreSQL runs the statement, and set the event *stalled*."""
    running = (
        "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND datname = %s AND query = %s"
    )
    name = connections["postgres"].settings_dict["NAME"]
    end = time.monotonic() + 30
    with psycopg.connect(services.POSTGRES_URL, autocommit=True) as server:
        while not server.execute(running, [name, SLEEP]).fetchone():
            assert time.monotonic() < end
    proxy.stall()
    stalled.set()


def test_pgbouncer_survives_a_cancellation_that_takes_longer_than_a_page_waits(
    postgres, proxy, pgbouncer, arrived
):
    """pgbouncer 1.18 ends if a request to cancel is dropped before PostgreSQL has answered."""
    postgres.create("there")
    stalls = threading.Thread(target=stall_once_it_runs, args=(proxy, arrived))
    stalls.start()
    with postgres.atomic(), pytest.raises(PartTimeout):
        with_timeout(sleeps, 0.05)(None)
    stalls.join(30)
    proxy.open()
    wait_for_late_calls()
    assert pgbouncer.poll() is None
    connections["postgres"].close()
    assert postgres.names() == {"there"}
