"""The connection of a timed call: its commits, cursors and savepoints, and its loss."""

import threading
import time
from unittest import mock

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.utils import CaptureQueriesContext

from django_partstream import lazy, with_timeout
from django_partstream.exceptions import PartTimeout
from django_partstream.timed import calls, loans, revocable
from django_partstream.timed.revocable import Revoked
from tests import services
from tests.core.conftest import Customers
from tests.core.test_loans import wait_for_late_calls

pytestmark = pytest.mark.django_db(transaction=True, databases=services.DATABASES)


def timed(work, *, seconds=30):
    """Call *work* as a part with a limit would."""
    return with_timeout(lambda request: work(), seconds)(None)


@pytest.fixture
def gate():
    """A gate that is open again when the test is over."""
    opened = threading.Event()
    yield opened
    opened.set()
    wait_for_late_calls()


def assert_no_savepoint_is_left(statements):
    """Each savepoint that was made among *statements* was released."""
    begun = [one["sql"].split()[0] for one in statements]
    assert begun.count("SAVEPOINT") == begun.count("RELEASE") > 0


class TestATransactionOfTheCall:
    def test_a_transaction_that_ends_in_time_is_committed(self, customers):
        def work():
            with customers.atomic():
                customers.create("kept")

        timed(work)
        assert customers.names() == {"kept"}

    def test_an_open_atomic_block_of_a_late_call_is_not_the_callers(self, customers, gate):
        entered = threading.Event()

        def work():
            with customers.atomic():
                entered.set()
                gate.wait(30)

        with customers.atomic():
            with pytest.raises(PartTimeout):
                timed(work, seconds=0.2)
            assert entered.wait(30)
            assert len(customers.connection.atomic_blocks) == 1
        with transaction.atomic(using=customers.alias, durable=True):
            assert customers.count() == 0

    def test_an_execute_wrapper_of_a_late_call_does_not_see_the_callers_statements(
        self, customers, gate
    ):
        entered, seen = threading.Event(), []

        def see(execute, sql, params, many, context):
            seen.append(sql)
            return execute(sql, params, many, context)

        def work():
            with customers.connection.execute_wrapper(see):
                entered.set()
                gate.wait(30)

        with customers.atomic():
            with pytest.raises(PartTimeout):
                timed(work, seconds=0.2)
            assert entered.wait(30)
            customers.count()
        assert seen == []


class TestACursorOfTheCall:
    SQL = "SELECT 1 AS number UNION SELECT 2 ORDER BY 1"

    def test_a_cursor_gives_its_rows_one_after_another(self, customers):
        def work():
            with customers.connection.cursor() as cursor:
                cursor.execute(self.SQL)
                return list(cursor)

        assert timed(work) == [(1,), (2,)]

    @pytest.mark.parametrize("inside", [True, False], ids=["in a transaction", "outside of one"])
    def test_a_cursor_gives_no_row_to_a_late_call(self, customers, gate, inside):
        rows, caught = [], []

        def work():
            with customers.connection.cursor() as cursor:
                cursor.execute(self.SQL)
                try:
                    for row in cursor:
                        rows.append(row)
                        reached.set()
                        gate.wait(30)
                except DatabaseError as exc:
                    caught.append(type(exc))

        def until_it_has_a_row(futures, timeout):
            assert reached.wait(30)

        reached = threading.Event()
        with mock.patch.object(calls, "wait", until_it_has_a_row):
            if inside:
                with customers.atomic(), pytest.raises(PartTimeout):
                    timed(work)
            else:
                with pytest.raises(PartTimeout):
                    timed(work)
        gate.set()
        wait_for_late_calls()
        assert rows == [(1,)]
        assert caught == [Revoked]

    def test_a_cursor_describes_its_columns(self, customers):
        def work():
            with customers.connection.cursor() as cursor:
                cursor.execute(self.SQL)
                return [column[0] for column in cursor.description]

        assert timed(work) == ["number"]

    def test_a_raw_cursor_is_closed_by_its_with_block(self, customers):
        def work():
            with customers.connection.cursor().cursor as raw:
                raw.execute(self.SQL)
                first = raw.fetchone()
            with pytest.raises(Exception, match="closed"):
                raw.execute(self.SQL)
            return first

        assert timed(work) == (1,)


class TestASavepointOfTheCall:
    def test_a_savepoint_of_a_call_that_fails_is_released(self, customers):
        def work():
            customers.create("lost")
            raise LookupError

        with customers.atomic(), CaptureQueriesContext(customers.connection) as statements:
            with pytest.raises(LookupError):
                timed(work)
            assert customers.names() == set()
        assert_no_savepoint_is_left(statements)

    def test_a_savepoint_of_a_late_call_is_released(self, customers, gate):
        with (
            customers.atomic(),
            CaptureQueriesContext(customers.connection) as statements,
            pytest.raises(PartTimeout),
        ):
            timed(lambda: gate.wait(30), seconds=0.05)
        assert_no_savepoint_is_left(statements)

    def test_a_savepoint_of_a_call_that_finds_no_thread_is_released(self, customers, monkeypatch):
        def start(thread):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(calls, "_idle", [])
        monkeypatch.setattr(calls.threading.Thread, "start", start)
        with customers.atomic(), CaptureQueriesContext(customers.connection) as statements:
            with pytest.raises(RuntimeError, match="can't start new thread"):
                timed(customers.count)
            assert customers.count() == 0
        assert_no_savepoint_is_left(statements)

    @pytest.mark.parametrize(("hits", "lost"), [(1, False), (2, False), (3, True)])
    def test_a_rollback_that_a_late_cancellation_hits_is_tried_three_times(
        self, customers, monkeypatch, hits, lost
    ):
        roll_back, tries = customers.connection.savepoint_rollback, []

        def hit(point):
            tries.append(point)
            if len(tries) <= hits:
                raise OperationalError("canceling statement due to user request")
            roll_back(point)

        def work():
            customers.create("lost")
            raise LookupError

        with customers.atomic():
            customers.create("before")
            monkeypatch.setattr(customers.connection, "savepoint_rollback", hit)
            with pytest.raises(LookupError):
                timed(work)
            monkeypatch.undo()
            assert customers.connection.needs_rollback is lost
        assert len(tries) == min(hits + 1, 3)
        assert customers.names() == (set() if lost else {"before"})

    def test_a_transaction_that_the_database_rolled_back_is_marked_for_rollback(self, customers):
        """SQLite does so, when a large write is interrupted."""

        def work():
            customers.connection.connection.rollback()
            raise LookupError

        with customers.atomic():
            customers.create("before")
            with pytest.raises(LookupError):
                timed(work)
            assert customers.connection.needs_rollback
        assert customers.names() == set()


class TestABusyConnection:
    @pytest.mark.parametrize(("looks", "lost"), [(3, False), (10**9, True)])
    def test_a_transaction_is_lost_only_where_its_connection_stays_busy(
        self, customers, gate, monkeypatch, looks, lost
    ):
        left = iter(range(looks))
        monkeypatch.setattr(revocable, "is_busy", lambda raw: next(left, None) is not None)
        if not lost:
            monkeypatch.setattr(loans, "GRACE", 30)
        with customers.atomic():
            with pytest.raises(PartTimeout):
                timed(lambda: gate.wait(30), seconds=0.05)
            assert customers.connection.needs_rollback is lost
            gate.set()
            wait_for_late_calls()

    @pytest.mark.postgres
    def test_a_copy_that_cannot_be_cancelled_costs_the_transaction_not_the_limit(self, gate):
        """The server cancels no COPY that waits for its client."""
        customers, copying = Customers("postgres"), threading.Event()

        def work():
            with (
                customers.connection.cursor() as cursor,
                cursor.copy("COPY example_schema_customer (name) FROM STDIN"),
            ):
                copying.set()
                gate.wait(30)

        def until_it_copies(futures, timeout):
            assert copying.wait(30)

        with customers.atomic():
            started = time.monotonic()
            with (
                mock.patch.object(calls, "wait", until_it_copies),
                pytest.raises(PartTimeout),
            ):
                timed(work)
            assert time.monotonic() - started < 20  # far from the 30 seconds of the COPY
            assert customers.connection.needs_rollback
        assert customers.count() == 0


class TestAConnectionThatCannotBeClosed:
    @pytest.fixture
    def broken(self, monkeypatch):
        """Have a method of all connections raise after its work: ``broken(class, name)``."""

        def fails(kind, name):
            real = getattr(kind, name)

            def method(self):
                real(self)
                raise OperationalError("broken")

            monkeypatch.setattr(kind, name, method)

        yield fails
        monkeypatch.undo()

    def test_a_connection_that_cannot_be_closed_costs_no_result(self, customers, broken, caplog):
        broken(BaseDatabaseWrapper, "close")
        assert timed(customers.count) == 0
        assert f"The connection {customers.alias!r} could not be closed." in caplog.text

    def test_a_connection_that_cannot_be_tidied_up_costs_no_part(
        self, customers, deliver, broken, caplog
    ):
        both = threading.Barrier(2)

        def part(request):
            both.wait(30)
            return customers.count()

        broken(BaseDatabaseWrapper, "close_if_unusable_or_obsolete")
        outcomes = deliver(concurrency=2, a=lazy(part), b=lazy(part))
        assert [one.value for one in outcomes.values()] == [0, 0]
        assert f"The connection {customers.alias!r} could not be tidied up." in caplog.text

    def test_a_thread_that_ends_closes_the_connection_that_it_kept(self, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
        monkeypatch.setattr(calls, "_idle", [])
        monkeypatch.setattr(calls, "IDLE", 0.01)

        def work():
            connection.ensure_connection()
            return threading.current_thread(), connection.connection

        thread, raw = timed(work)
        thread.join(30)
        assert not thread.is_alive()
        with pytest.raises(connection.Database.Error):
            raw.cursor().execute("SELECT 1")
