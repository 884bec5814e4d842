"""What a timed part leaves running in its database is cancelled there, wherever it has got to."""

import threading

import psycopg
import pytest
from django.db import OperationalError
from django.db.models.expressions import RawSQL

from django_partstream import lazy, with_timeout
from django_partstream.exceptions import PartTimeout
from django_partstream.timed import loans
from django_partstream.timed.revocable import Revoked
from tests import services
from tests.core.conftest import Customers

pytestmark = pytest.mark.django_db(transaction=True, databases=services.DATABASES)

#: Statements that end by themselves, but after a test has given up waiting for that.
ENDLESS = {
    "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000000)"
    " SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(60)",
}

#: Limits in seconds: the next is tried where the machine was too busy to get there within one.
LIMITS = (0.1, 0.5, 2.5, 12.5)


@pytest.fixture(autouse=True)
def _however_busy_the_machine_is(monkeypatch):
    """A statement gets all the time it takes to be cancelled."""
    monkeypatch.setattr(loans, "GRACE", 10)


class Late:
    """A function that is late, and what became of it."""

    def __init__(self, work):
        self.work = work
        self.backend = None
        self.raised = None
        self.between, self.go_on, self.ended = (threading.Event() for _ in range(3))

    def __call__(self, request):
        try:
            self.work(self)
        except Exception as exc:
            self.raised = exc
        finally:
            self.ended.set()

    def wait_between_two_statements(self):
        self.between.set()
        self.go_on.wait(30)


def timed_out(work, *, at_once=lambda: None):
    """
    Time out ``work(one)`` in a statement, or where it waits between two: ``one``, a ``Late``.

    *at_once* is called when its time is up, before it has ended.
    """
    for seconds in LIMITS:
        one = Late(work)
        with pytest.raises(PartTimeout):
            with_timeout(one, seconds)(None)
        at_once()
        one.go_on.set()
        assert one.ended.wait(30)
        if one.between.is_set() or not isinstance(one.raised, Revoked):
            return one
    raise AssertionError(f"In {LIMITS[-1]} seconds it did not get there.")


def run(connection, sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def endless(connection):
    run(connection, ENDLESS[connection.vendor])


def is_cancellation(exc):
    """Whether *exc* comes of a statement that the database was running."""
    return isinstance(exc, OperationalError) and (
        isinstance(exc.__cause__, psycopg.errors.QueryCanceled) or str(exc) == "interrupted"
    )


def test_inside_a_transaction_it_is_cancelled_and_the_transaction_goes_on(customers):
    with customers.atomic():
        customers.create("before")
        one = timed_out(lambda one: endless(customers.connection), at_once=customers.names)
        assert customers.names() == {"before"}
        customers.create("after")
    assert is_cancellation(one.raised), repr(one.raised)
    assert customers.names() == {"before", "after"}


def test_outside_a_transaction_it_is_cancelled(customers):
    one = timed_out(lambda one: endless(customers.connection))
    assert is_cancellation(one.raised), repr(one.raised)


def test_what_it_did_in_a_transaction_of_its_own_is_undone(customers):
    def work(one):
        with customers.atomic():
            customers.create("lost")
            endless(customers.connection)

    one = timed_out(work)
    assert is_cancellation(one.raised), repr(one.raised)
    assert customers.names() == set()


def test_the_next_parts_of_the_page_have_a_sound_transaction(deliver, customers):
    late = Late(lambda one: endless(customers.connection))
    with customers.atomic():
        outcomes = deliver(
            a=lazy(with_timeout(late, 0.1)),
            b=lazy(customers.count),
            c=lazy(lambda request: customers.create("c")),
        )
    assert late.ended.wait(30)
    assert [one.status for one in outcomes.values()] == ["timeout", "ok", "ok"]
    assert outcomes["b"].value == 0


def test_parts_that_are_late_together_are_each_cancelled(deliver, customers):
    late = {name: Late(lambda one: endless(customers.connection)) for name in "abc"}
    parts = {name: lazy(with_timeout(one, 0.1)) for name, one in late.items()}
    outcomes = deliver(concurrency=3, **parts, d=lazy(customers.count))
    for one in late.values():
        assert one.ended.wait(30)
        assert is_cancellation(one.raised) or isinstance(one.raised, Revoked)
    assert [one.status for one in outcomes.values()] == ["timeout"] * 3 + ["ok"]


@pytest.fixture
def postgres():
    return Customers("postgres")


@pytest.fixture
def server(postgres):
    """A connection of its own, which sees what PostgreSQL runs."""
    name = postgres.connection.settings_dict["NAME"]
    with psycopg.connect(services.POSTGRES_URL, dbname=name, autocommit=True) as connection:
        yield connection


@pytest.mark.postgres
class TestAsPostgreSQLSeesIt:
    def state(self, server, backend):
        """What a backend does now: active, idle, idle in transaction; None if it has ended."""
        found = server.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [backend])
        return next((row[0] for row in found), None)

    def backend(self, connection):
        return run(connection, "SELECT pg_backend_pid()")

    def assert_no_cursor_is_open(self, postgres):
        names = run(postgres.connection, "SELECT array_agg(name) FROM pg_cursors")
        assert not any("django" in name for name in names or [])

    def test_inside_a_transaction_it_runs_no_more_once_the_part_has_ended(self, postgres, server):
        def work(one):
            one.backend = self.backend(postgres.connection)
            endless(postgres.connection)

        with postgres.atomic():
            ours = self.backend(postgres.connection)
            states = []
            one = timed_out(work, at_once=lambda: states.append(self.state(server, ours)))
        assert one.backend == ours
        assert set(states) == {"idle in transaction"}

    def test_outside_it_runs_no_more_once_the_function_has_ended(self, postgres, server):
        def work(one):
            one.backend = self.backend(postgres.connection)
            endless(postgres.connection)

        one = timed_out(work)
        assert one.backend not in {None, self.backend(postgres.connection)}
        assert self.state(server, one.backend) != "active"

    def test_so_it_is_with_a_server_side_cursor_that_fetches(self, postgres):
        slow = RawSQL("CASE WHEN name = 'slow' THEN pg_sleep(60)::text END", [])
        fetched = []

        def work(one):
            rows = postgres.all.annotate(slow=slow).order_by("pk").iterator(chunk_size=1)
            fetched[:] = [next(rows).name]
            next(rows)

        with postgres.atomic():
            for name in ("fast", "slow"):
                postgres.create(name)
            one = timed_out(work, at_once=lambda: self.assert_no_cursor_is_open(postgres))
            assert postgres.names() == {"fast", "slow"}
        assert fetched == ["fast"]
        assert is_cancellation(one.raised), repr(one.raised)

    def test_so_it_is_with_one_outside_a_transaction(self, postgres, server):
        postgres.create("slow")

        def work(one):
            one.backend = self.backend(postgres.connection)
            slow = RawSQL("pg_sleep(60)::text", [])
            list(postgres.all.annotate(slow=slow).iterator(chunk_size=1))

        one = timed_out(work)
        assert is_cancellation(one.raised), repr(one.raised)
        assert self.state(server, one.backend) != "active"

    def test_between_two_fetches_its_cursor_is_closed(self, postgres):
        def work(one):
            rows = postgres.all.order_by("pk").iterator(chunk_size=1)
            next(rows)
            one.wait_between_two_statements()
            next(rows)

        with postgres.atomic():
            for name in "ab":
                postgres.create(name)
            one = timed_out(work, at_once=lambda: self.assert_no_cursor_is_open(postgres))
            assert isinstance(one.raised, Revoked)
            assert postgres.names() == {"a", "b"}

    def test_between_two_statements_the_next_is_not_sent(self, postgres, server):
        def work(one):
            run(postgres.connection, "SELECT 'the first'")
            one.wait_between_two_statements()
            run(postgres.connection, "SELECT 'the second'")

        with postgres.atomic():
            ours = self.backend(postgres.connection)
            one = timed_out(work)
            assert self.state(server, ours) == "idle in transaction"
            last = "SELECT query FROM pg_stat_activity WHERE pid = %s"
            assert "second" not in server.execute(last, [ours]).fetchone()[0]
        assert isinstance(one.raised, Revoked)

    def test_outside_a_transaction_its_connection_is_closed_when_it_ends(self, postgres, server):
        def work(one):
            run(postgres.connection, "SELECT pg_advisory_lock(1)::text")
            one.wait_between_two_statements()
            run(postgres.connection, "SELECT 1")

        one = timed_out(work)
        assert isinstance(one.raised, Revoked)
        server.execute("SET lock_timeout = '30s'")
        server.execute("SELECT pg_advisory_lock(1)")  # held by its backend until that ends
