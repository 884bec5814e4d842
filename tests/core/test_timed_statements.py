"""The database statement of a part that is late is cancelled in the database."""

import threading
import time

import psycopg
import pytest
from django.db import OperationalError
from django.db.models.expressions import RawSQL

from django_partstream import lazy, with_timeout
from django_partstream.exceptions import PartTimeout
from django_partstream.timed import loans
from django_partstream.timed.revocable import Revoked
from tests import services
from tests.core.conftest import ENDLESS, Customers
from tests.core.test_loans import wait_for_late_calls

pytestmark = pytest.mark.django_db(transaction=True, databases=services.DATABASES)

#: The error of MariaDB and MySQL for a statement that was killed.
ER_QUERY_INTERRUPTED = 1317

#: Time limits in seconds. On a busy machine that misses the right moment, the next is tried.
LIMITS = (0.1, 0.5, 2.5, 12.5)


@pytest.fixture(autouse=True)
def _on_a_busy_machine(monkeypatch, arrived):
    """Give statements ten seconds to be cancelled, and calls all the time they need to begin."""
    monkeypatch.setattr(loans, "GRACE", 10)
    monkeypatch.setattr(Late, "arrived", arrived, raising=False)


class Late:
    """A function that is late, and the record of how it ended."""

    def __init__(self, work, together=None):
        self.work = work
        self.together = together or threading.Barrier(1)
        self.backend = None
        self.raised = None
        self.between, self.go_on, self.ended = (threading.Event() for _ in range(3))

    def __call__(self, request):
        try:
            self.together.wait(30)
            self.arrived.set()
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
    Time out ``work(late)`` in a statement, or where it waits between two, and return that ``Late``.

    *at_once* is called when the limit has passed, before the work has ended.
    """
    for seconds in LIMITS:
        one = Late(work)
        one.arrived.clear()
        with pytest.raises(PartTimeout):
            with_timeout(one, seconds)(None)
        at_once()
        one.go_on.set()
        assert one.ended.wait(30)
        if one.between.is_set() or not isinstance(one.raised, Revoked):
            return one
    raise AssertionError(f"The work did not begin its statement in {LIMITS[-1]} seconds.")


def run(connection, sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.description and cursor.fetchone()[0]


def endless(connection):
    run(connection, ENDLESS[connection.vendor])


def is_cancellation(exc):
    """Whether *exc* comes from cancelling a statement that the database was running."""
    return isinstance(exc, OperationalError) and (
        isinstance(exc.__cause__, psycopg.errors.QueryCanceled)
        or str(exc) == "interrupted"
        or exc.args[0] == ER_QUERY_INTERRUPTED
    )


def test_a_late_statement_inside_a_transaction_is_cancelled_and_the_transaction_goes_on(customers):
    with customers.atomic():
        customers.create("before")
        one = timed_out(lambda one: endless(customers.connection), at_once=customers.names)
        assert customers.names() == {"before"}
        customers.create("after")
    assert is_cancellation(one.raised), repr(one.raised)
    assert customers.names() == {"before", "after"}


def test_a_late_statement_outside_a_transaction_is_cancelled(customers):
    one = timed_out(lambda one: endless(customers.connection))
    assert is_cancellation(one.raised), repr(one.raised)


def test_a_connection_on_which_a_statement_was_cancelled_is_closed_without_a_warning(
    customers, caplog
):
    timed_out(lambda one: endless(customers.connection))
    wait_for_late_calls()
    assert [one.getMessage() for one in caplog.records] == []


def test_a_late_call_undoes_a_transaction_that_it_opened_itself(customers):
    def work(one):
        with customers.atomic():
            customers.create("lost")
            endless(customers.connection)

    one = timed_out(work)
    assert is_cancellation(one.raised), repr(one.raised)
    assert customers.names() == set()


def test_parts_after_a_late_part_have_a_sound_transaction(deliver, customers):
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


def test_the_statements_of_parts_that_are_late_together_are_each_cancelled(deliver, customers):
    together = threading.Barrier(3)
    late = {name: Late(lambda one: endless(customers.connection), together) for name in "abc"}
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
    """A separate connection that sees the statements that PostgreSQL runs."""
    name = postgres.connection.settings_dict["NAME"]
    with psycopg.connect(services.POSTGRES_URL, dbname=name, autocommit=True) as connection:
        yield connection


@pytest.mark.postgres
class TestLateStatementsInPostgreSQL:
    def state(self, server, backend):
        """The state of a backend: active, idle or idle in transaction; None if it has ended."""
        found = server.execute("SELECT state FROM pg_stat_activity WHERE pid = %s", [backend])
        return next((row[0] for row in found), None)

    def backend(self, connection):
        return run(connection, "SELECT pg_backend_pid()")

    def assert_no_cursor_is_open(self, postgres):
        names = run(postgres.connection, "SELECT array_agg(name) FROM pg_cursors")
        assert not any("django" in name for name in names or [])

    def test_postgresql_runs_no_late_statement_in_a_transaction_after_its_part_has_ended(
        self, postgres, server
    ):
        def work(one):
            one.backend = self.backend(postgres.connection)
            endless(postgres.connection)

        with postgres.atomic():
            ours = self.backend(postgres.connection)
            states = []
            one = timed_out(work, at_once=lambda: states.append(self.state(server, ours)))
        assert one.backend == ours
        assert set(states) == {"idle in transaction"}

    def test_postgresql_runs_no_late_statement_outside_a_transaction_after_its_function_has_ended(
        self, postgres, server
    ):
        def work(one):
            one.backend = self.backend(postgres.connection)
            endless(postgres.connection)

        one = timed_out(work)
        assert one.backend not in {None, self.backend(postgres.connection)}
        assert self.state(server, one.backend) != "active"

    def test_a_late_fetch_of_a_server_side_cursor_in_a_transaction_is_cancelled(self, postgres):
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

    def test_a_late_fetch_of_a_server_side_cursor_outside_a_transaction_is_cancelled(
        self, postgres, server
    ):
        postgres.create("slow")

        def work(one):
            one.backend = self.backend(postgres.connection)
            slow = RawSQL("pg_sleep(60)::text", [])
            list(postgres.all.annotate(slow=slow).iterator(chunk_size=1))

        one = timed_out(work)
        assert is_cancellation(one.raised), repr(one.raised)
        assert self.state(server, one.backend) != "active"

    def test_a_server_side_cursor_is_closed_when_its_call_is_late_between_two_fetches(
        self, postgres
    ):
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

    def test_the_next_statement_is_not_sent_when_its_call_is_late_between_two_statements(
        self, postgres, server
    ):
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

    def test_the_connection_of_a_late_call_outside_a_transaction_is_closed_when_the_call_ends(
        self, postgres, server
    ):
        def work(one):
            run(postgres.connection, "SELECT pg_advisory_lock(1)::text")
            one.wait_between_two_statements()
            run(postgres.connection, "SELECT 1")

        one = timed_out(work)
        assert isinstance(one.raised, Revoked)
        server.execute("SET lock_timeout = '30s'")
        server.execute("SELECT pg_advisory_lock(1)")  # the late backend held it until it ended


@pytest.fixture
def mariadb():
    return Customers("mariadb")


@pytest.fixture
def beside(mariadb):
    """A separate connection that sees the statements that MariaDB runs."""
    wrapper = mariadb.connection
    raw = wrapper.get_new_connection(wrapper.get_connection_params())
    yield raw
    raw.close()


@pytest.mark.mysql
class TestLateStatementsInMariaDB:
    def runs_a_statement(self, beside, thread):
        """
        Whether a connection still runs a statement, asked until it rests.

        MariaDB sends the reply of a statement before its process list shows that it has ended.
        """
        command = "SELECT command FROM information_schema.processlist WHERE id = %s"
        with beside.cursor() as cursor:
            for _ in range(100):
                cursor.execute(command, [thread])
                if ("Query",) not in cursor.fetchall():
                    return False
                beside.rollback()
                time.sleep(0.05)
        return True

    def thread(self, mariadb):
        return run(mariadb.connection, "SELECT CONNECTION_ID()")

    def test_mariadb_runs_no_late_statement_in_a_transaction_after_its_part_has_ended(
        self, mariadb, beside
    ):
        def work(one):
            one.backend = self.thread(mariadb)
            endless(mariadb.connection)

        with mariadb.atomic():
            ours = self.thread(mariadb)
            running = []
            one = timed_out(
                work, at_once=lambda: running.append(self.runs_a_statement(beside, ours))
            )
            assert self.thread(mariadb) == ours
        assert one.backend == ours
        assert not any(running)

    def test_mariadb_runs_no_late_statement_outside_a_transaction_after_its_function_has_ended(
        self, mariadb, beside
    ):
        def work(one):
            one.backend = self.thread(mariadb)
            endless(mariadb.connection)

        one = timed_out(work)
        assert one.backend not in {None, self.thread(mariadb)}
        assert not self.runs_a_statement(beside, one.backend)

    def test_a_late_statement_that_waits_for_a_lock_is_killed_and_its_transaction_goes_on(
        self, mariadb, beside
    ):
        locked = mariadb.create("locked")
        with beside.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(f"DELETE FROM {locked._meta.db_table} WHERE id = %s", [locked.pk])

        def work(one):
            mariadb.create("lost")
            one.between.set()
            mariadb.all.filter(pk=locked.pk).update(city="y")

        with mariadb.atomic():
            mariadb.create("before")
            one = timed_out(work)
            assert mariadb.names() == {"locked", "before"}
        beside.rollback()
        assert is_cancellation(one.raised), repr(one.raised)
        assert mariadb.names() == {"locked", "before"}

    def test_a_late_statement_behind_django_is_killed_in_a_transaction(self, mariadb):
        pytest.importorskip("MySQLdb._mysql", reason="PyMySQL cannot tell that a statement runs")

        def work(one):
            with mariadb.connection.connection.cursor() as cursor:
                cursor.execute(ENDLESS["mysql"])

        with mariadb.atomic():
            mariadb.create("before")
            one = timed_out(work)
            assert mariadb.names() == {"before"}
        assert one.raised.args[0] == ER_QUERY_INTERRUPTED

    def test_a_transaction_of_which_mariadb_has_lost_the_savepoints_is_lost_as_a_whole(
        self, mariadb
    ):
        """MariaDB undoes the whole transaction by itself where it finds a deadlock."""

        def work(one):
            run(mariadb.connection, "ROLLBACK")
            mariadb.create("lost")
            endless(mariadb.connection)

        with mariadb.atomic():
            mariadb.create("before")
            timed_out(work)
            assert mariadb.connection.needs_rollback
        assert mariadb.names() == set()
