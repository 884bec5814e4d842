import logging
import threading
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.cache import caches
from django.db import connections, transaction
from django.test import RequestFactory

from django_partstream.delivery import streams, threads
from django_partstream.endpoints import Endpoint
from django_partstream.parts import Plan
from django_partstream.signals import part_resolved
from django_partstream.timed import calls
from example_schema.models import Customer
from tests import services
from tests.core import jobs, streaming

#: A statement for each kind of database, which ends by itself only after a test has given up.
ENDLESS = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000000)"
    " SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(60)",
    # A SLEEP() beside others in MariaDB may miss that it is killed, and MySQL's tells of no error.
    "mysql": "SELECT count(*) FROM information_schema.COLLATIONS a, information_schema.COLLATIONS b,"
    " information_schema.COLLATIONS c WHERE MD5(a.ID + b.ID + c.ID) = 'x'",
}


@pytest.fixture
def request_of():
    """Make a request: ``request_of("/?a=1", user=...)``."""

    def made(url="/", user=None):
        request = RequestFactory().get(url)
        request.user = user or AnonymousUser()
        request.session = SimpleNamespace(session_key=None)
        return request

    return made


class Dashboard:
    """A stand-in for a view or a connection, with its options."""


@pytest.fixture
def attempts_of(request_of):
    """Make attempts as a front would: ``attempts_of(name=lazy(f), ...)``, and their endpoint."""

    def made(*, whole=lambda value: value, concurrency=1, request=None, **parts):
        owner = Dashboard()
        owner.concurrency = concurrency
        endpoint = Endpoint(owner, request or request_of(), address=[])
        page = Plan(parts.items()).page(after=None, size=None)
        return endpoint, endpoint.attempts(page, whole=whole)

    return made


@pytest.fixture
def deliver(attempts_of):
    """Resolve parts as a front would: ``deliver(name=lazy(f), ...)`` gives outcomes by name."""

    def delivered(**options_and_parts):
        endpoint, attempts = attempts_of(**options_and_parts)
        return {outcome.name: outcome for outcome in endpoint.resolve(attempts)}

    return delivered


@pytest.fixture
def arrived(monkeypatch):
    """
    An event that starts the time limits of less than a second.

    A call sets the event at the place where the call is to be late. Without it a busy machine can
    reach the limit before the call has begun.
    """
    event, wait = threading.Event(), calls.wait

    def wait_from_there(futures, timeout):
        if timeout < 1:
            assert event.wait(30), "the call did not arrive at the place where it is to be late"
        return wait(futures, timeout)

    monkeypatch.setattr(calls, "wait", wait_from_there)
    return event


@dataclass(frozen=True)
class Customers:
    """The customers in one database."""

    alias: str

    @property
    def all(self):
        return Customer.objects.using(self.alias)

    @property
    def connection(self):
        """The connection of the calling thread to that database."""
        return connections[self.alias]

    def atomic(self):
        return transaction.atomic(using=self.alias)

    def create(self, name):
        return self.all.create(**self.named(name))

    async def acreate(self, name):
        return await self.all.acreate(**self.named(name))

    def count(self, request=None):
        """The number of customers; a part that needs a sound connection."""
        return self.all.count()

    def names(self):
        return set(self.all.values_list("name", flat=True))

    @staticmethod
    def named(name):
        return {"name": name, "email": f"{name}@example.com", "city": "x"}


@pytest.fixture(params=services.EACH_DATABASE)
def customers(request):
    """The customers of each database in turn; the test asks for ``services.DATABASES``."""
    return Customers(request.param)


@pytest.fixture
def stream_of(attempts_of):
    """Make a stream as a front would: ``stream_of(name=lazy(f), ...)``."""

    def made(*, may_begin=lambda name: True, **options_and_parts):
        endpoint, attempts = attempts_of(**options_and_parts)
        return endpoint.stream(attempts, may_begin=may_begin)

    return made


@pytest.fixture(params=[streaming.in_thread, streaming.in_loop], ids=["thread", "loop"])
def ends_of(request):
    """Iterate a stream: ``ends_of(make, each)`` gives its ends, in a thread and in a loop."""
    return request.param


@pytest.fixture
def small_pool(settings):
    """A pool of one thread, in the place of the pool of the process."""
    settings.PARTSTREAM = {"MAX_THREADS": 1}
    before = threads._pool
    threads._pool = None
    yield
    threads._executor().shutdown()
    threads._pool = before


@pytest.fixture
def left(ends_of, monkeypatch):
    """Leave a stream at a heartbeat for which *when* is true: ``left(make, when)``."""
    monkeypatch.setattr(streams, "HEARTBEAT", 0.02)

    def made(make, when=lambda: True):
        def leave_when(end):
            if when():
                raise streaming.Left

        with pytest.raises(streaming.Left):
            ends_of(make, leave_when)

    return made


@pytest.fixture
def heard():
    """The names of the parts that the signal told of."""
    names = []

    def hear(name, **_):
        names.append(name)

    part_resolved.connect(hear)
    yield names
    part_resolved.disconnect(hear)


@pytest.fixture
def _nothing_is_left(caplog):
    """No thread is left by a test, and no WARNING or ERROR record."""
    caplog.set_level(logging.INFO)
    before = set(threading.enumerate())
    yield
    assert [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING] == []
    of_streams = ("partstream-helper", "partstream-loop")
    for each in set(threading.enumerate()) - before:
        if each.name.startswith(of_streams):
            each.join(20)
            assert not each.is_alive(), each


@pytest.fixture
def fresh_jobs():
    """A cache without values, and functions that have not been called."""
    jobs.forget()
    caches["default"].clear()
    yield
    jobs.gate.set()


@pytest.fixture
def messages(settings):
    """The messages that an engine was asked to carry. It carries none."""
    own = getattr(settings, "PARTSTREAM", {})
    settings.PARTSTREAM = {**own, "BACKGROUND": "tests.core.jobs.take"}
    return jobs.messages
