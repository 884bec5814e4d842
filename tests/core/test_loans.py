"""The connection that is lent to a timed call: its limits, its loss and its return."""

import itertools
import os
import threading
import time
from unittest import mock

import pytest
from django.db import DatabaseError, connection, connections, transaction

from django_partstream import with_timeout
from django_partstream.exceptions import PartTimeout
from django_partstream.timed import calls, cancelling, deadlines, loans
from django_partstream.timed.revocable import Revoked
from example_schema.models import Customer

pytestmark = pytest.mark.django_db(transaction=True)


def create(name):
    return Customer.objects.create(name=name, email=f"{name}@example.com", city="x")


def names():
    return set(Customer.objects.values_list("name", flat=True))


def wait_for_late_calls():
    end = time.monotonic() + 30
    while calls.abandoned_calls():
        assert time.monotonic() < end
        os.sched_yield()


@pytest.mark.parametrize("method", ["cursor", "chunked_cursor", "connect"])
def test_a_timed_call_works_with_a_connection_method_that_a_tool_replaced(monkeypatch, method):
    """Django's TestCase leaves such methods on a connection, and debug toolbars put them there."""
    monkeypatch.setattr(connection, method, getattr(connection, method))
    with transaction.atomic():
        create("before")
        assert with_timeout(lambda request: names(), 30)(None) == {"before"}


def test_a_timed_call_within_a_late_call_is_refused_the_database(arrived):
    go_on, ended, caught = threading.Event(), threading.Event(), []

    def inner(request):
        arrived.set()
        go_on.wait(30)
        try:
            create("lost")
        except DatabaseError as exc:
            caught.append(type(exc))
        ended.set()

    with transaction.atomic():
        with pytest.raises(PartTimeout):
            with_timeout(lambda request: with_timeout(inner, 60)(request), 0.05)(None)
        go_on.set()
        assert ended.wait(30)
        assert names() == set()
    assert caught == [Revoked]


def test_a_timed_call_that_is_late_before_its_thread_begins_is_not_made(monkeypatch):
    made, begin = [], threading.Event()
    taken = loans.CallConnections.in_use

    def later(self):
        begin.wait(30)
        return taken(self)

    monkeypatch.setattr(loans.CallConnections, "in_use", later)
    with pytest.raises(PartTimeout):
        with_timeout(made.append, 0.01)(None)
    begin.set()
    wait_for_late_calls()
    assert made == []


def test_a_late_call_commits_nothing(arrived):
    go_on = threading.Event()

    def work(request):
        with transaction.atomic():
            create("lost")
            arrived.set()
            go_on.wait(30)

    with pytest.raises(PartTimeout):
        with_timeout(work, 0.05)(None)
    go_on.set()
    wait_for_late_calls()
    assert names() == set()


def test_a_time_limit_also_ends_timed_calls_within_the_call(arrived):
    inner = []

    def endless(request):
        inner.append(request)
        arrived.set()
        for _ in deadlines.until_late(itertools.count()):
            pass

    with pytest.raises(PartTimeout):
        with_timeout(lambda request: with_timeout(endless, 600)(request), 0.05)(None)
    wait_for_late_calls()
    assert len(inner) == 1


def test_a_database_cursor_of_a_timed_call_keeps_attributes_set_on_it():
    def work(request):
        with connection.cursor() as cursor:
            cursor.cursor.arraysize = 7
            return cursor.cursor._cursor.arraysize

    assert with_timeout(work, 30)(None) == 7


@pytest.fixture
def cannot_cancel():
    """A database that cannot cancel a statement."""
    if connection.vendor != "sqlite":
        pytest.skip("a statement that waits for the test is a function of SQLite's")
    with mock.patch.object(cancelling, "cancellation_of", return_value=None):
        yield


def test_a_statement_that_cannot_be_cancelled_loses_the_transaction_but_keeps_the_limit(
    cannot_cancel, arrived
):
    go_on = threading.Event()

    def stuck(request):
        connection.connection.create_function(
            "stuck", 0, lambda: (arrived.set(), go_on.wait(30))[1]
        )
        with connection.cursor() as cursor:
            cursor.execute("SELECT stuck()")

    raw = []
    with transaction.atomic():
        create("lost")
        raw.append(connection.connection)
        started = time.monotonic()
        with pytest.raises(PartTimeout):
            with_timeout(stuck, 0.05)(None)
        assert time.monotonic() - started < 20  # far from the 30 seconds of the statement
        assert connection.needs_rollback
        with pytest.raises(DatabaseError):
            names()
    assert names() == set()
    assert connection.connection is not raw[0]
    go_on.set()
    wait_for_late_calls()
    with pytest.raises(Exception, match="closed"):
        raw[0].cursor()


def test_a_statement_that_cannot_be_cancelled_outside_a_transaction_goes_on_alone(
    cannot_cancel, arrived
):
    go_on, raw = threading.Event(), []

    def stuck(request):
        connection.ensure_connection()
        connection.connection.create_function(
            "stuck", 0, lambda: (arrived.set(), go_on.wait(30))[1]
        )
        raw.append(connection.connection)
        with connection.cursor() as cursor:
            cursor.execute("SELECT stuck()")

    with pytest.raises(PartTimeout):
        with_timeout(stuck, 0.05)(None)
    assert names() == set()
    go_on.set()
    wait_for_late_calls()
    assert calls.abandoned_calls() == 0
    with pytest.raises(Exception, match="closed"):
        raw[0].cursor()


class TestAThreadForTimedCalls:
    def thread_and_connection(self, request):
        names()
        return threading.get_ident(), connections["default"].connection

    def test_a_thread_for_timed_calls_is_reused_with_its_persistent_connection(self, monkeypatch):
        monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
        (thread, first), (again, second) = [
            with_timeout(self.thread_and_connection, 30)(None) for _ in range(2)
        ]
        assert (thread, first) == (again, second)
        assert thread != threading.get_ident()

    def test_a_thread_for_timed_calls_closes_a_connection_that_is_not_persistent(self):
        _, raw = with_timeout(self.thread_and_connection, 30)(None)
        with pytest.raises(connection.Database.Error):
            raw.cursor().execute("SELECT 1")

    def test_an_idle_thread_for_timed_calls_ends(self, monkeypatch):
        monkeypatch.setattr(calls, "_idle", [])
        monkeypatch.setattr(calls, "IDLE", 0.01)
        before = set(threading.enumerate())
        threads = [with_timeout(lambda request: threading.current_thread(), 30)(None)]
        threads[0].join(30)
        assert not set(threading.enumerate()) - before
        assert with_timeout(lambda request: 5, 30)(None) == 5

    def test_a_transaction_left_open_by_a_timed_call_does_not_reach_the_next_call(
        self, monkeypatch
    ):
        monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
        with_timeout(lambda request: transaction.atomic().__enter__(), 30)(None)
        in_one = with_timeout(lambda request: connection.in_atomic_block, 30)(None)
        assert in_one is False

    def test_no_more_idle_threads_are_kept_than_max_threads(self, monkeypatch, settings):
        settings.PARTSTREAM = {"MAX_THREADS": 1}
        monkeypatch.setattr(calls, "_idle", [])
        outer = with_timeout(lambda request: with_timeout(self.thread_and_connection, 30)(None), 30)
        outer(None)
        assert len(calls._idle) == 1
