"""Requests to cancel a statement: one at a time, never given up, and awaited for a short while."""

import threading
import time
from unittest import mock

import pytest
from django.db import connection, transaction

from django_partstream import with_timeout
from django_partstream._drivers import Cancellation
from django_partstream.exceptions import PartTimeout
from django_partstream.timed import cancelling, loans
from django_partstream.timed.cancelling import PAUSE, Canceller
from django_partstream.timed.revocable import Grace
from tests.core.test_loans import create, names, wait_for_late_calls

pytestmark = pytest.mark.django_db(transaction=True)


class Server:
    """A database whose only statement waits for :attr:`go_on`, and that is asked to cancel it."""

    def __init__(self, arrived):
        self.events, self.arrived = [], arrived
        self.go_on, self.looked = threading.Event(), threading.Event()
        self.looks = 0
        self.answer = self.go_on.set

    def send(self):
        """Answer a request to cancel the statement."""
        self.events.append("asked")
        try:
            self.answer()
        finally:
            self.events.append("answered")

    def statement(self, request):
        connection.ensure_connection()
        connection.connection.create_function("stuck", 0, lambda: self.go_on.wait(30))
        with connection.cursor() as cursor:
            self.arrived.set()
            cursor.execute("SELECT stuck()")

    def wait_for_looks(self, number):
        """Wait until the waiting thread has looked that often whether the statement has ended."""
        end = time.monotonic() + 30
        while self.looks < number and time.monotonic() < end:
            self.looked.wait(0.01)

    def timed_out(self):
        """Run the statement in a call that is late."""
        with pytest.raises(PartTimeout):
            with_timeout(self.statement, 0.05)(None)


@pytest.fixture
def server(monkeypatch, arrived):
    """SQLite as if it were a server, which is asked to cancel a statement."""
    if connection.vendor != "sqlite":
        pytest.skip("a statement that waits for the test is a function of SQLite's")
    server = Server(arrived)
    cancel = Canceller.cancel

    def counted(self):
        cancel(self)
        server.looks += 1

    monkeypatch.setattr(Canceller, "cancel", counted)
    monkeypatch.setattr(
        cancelling,
        "cancellation_of",
        lambda wrapper: Cancellation(wrapper.connection, server.send, asks_server=True),
    )
    yield server
    server.go_on.set()
    wait_for_late_calls()


def assert_is_sound_afterwards(server):
    """Time the statement out in a transaction, which goes on afterwards."""
    with transaction.atomic():
        create("before")
        server.timed_out()
        server.events.append("next statement")
        create("after")
    assert names() == {"before", "after"}


def test_a_request_that_takes_long_is_awaited_and_not_repeated(server):
    def answer():
        server.wait_for_looks(3 * PAUSE)
        server.go_on.set()

    server.answer = answer
    assert_is_sound_afterwards(server)
    assert server.events == ["asked", "answered", "next statement"]


def test_a_statement_has_more_time_to_end_where_each_wait_takes_longer(server):
    """On a busy machine no clock tells that a cancellation had its chance."""
    now = time.monotonic

    def answer():
        with mock.patch("time.monotonic", side_effect=lambda: now() + 60):
            server.wait_for_looks(server.looks + 3)
        server.go_on.set()

    server.answer = answer
    assert_is_sound_afterwards(server)


def test_a_request_that_came_before_its_statement_is_repeated(server):
    def answer():
        if server.events.count("asked") == 2:
            server.go_on.set()

    server.answer = answer
    assert_is_sound_afterwards(server)
    assert server.events[:4] == ["asked", "answered"] * 2


def test_a_request_that_fails_is_repeated(server):
    def answer():
        if server.events.count("asked") == 1:
            raise OSError("refused")
        server.go_on.set()

    server.answer = answer
    assert_is_sound_afterwards(server)


def test_a_transaction_has_no_next_statement_before_a_request_under_way_is_answered(
    server, monkeypatch
):
    awaited, is_quiet = threading.Event(), Canceller.is_quiet

    def awaits(self, timeout):
        awaited.set()
        return is_quiet(self, timeout)

    def answer():
        server.go_on.set()  # the statement ends by itself
        awaited.wait(30)

    monkeypatch.setattr(Canceller, "is_quiet", awaits)
    server.answer = answer
    assert_is_sound_afterwards(server)
    assert server.events == ["asked", "answered", "next statement"]


def test_a_transaction_is_lost_if_a_request_is_not_answered_and_its_connection_closed_after(
    server, monkeypatch
):
    answered = threading.Event()

    def answer():
        server.go_on.set()
        answered.wait(30)

    server.answer = answer
    monkeypatch.setattr(loans, "GRACE", 0.05)
    with transaction.atomic():
        raw = connection.connection
        server.timed_out()
        assert connection.needs_rollback
    raw.execute("SELECT 1")
    answered.set()
    wait_for_late_calls()
    with pytest.raises(Exception, match="closed"):
        raw.execute("SELECT 1")


def test_a_late_call_outside_a_transaction_ends_when_a_request_under_way_is_answered(
    server, monkeypatch
):
    answered, closed = threading.Event(), []
    close_raw = loans.close_raw

    def closes(wrapper):
        closed.append(server.events[-1])
        close_raw(wrapper)

    def answer():
        server.go_on.set()
        answered.wait(30)

    server.answer = answer
    monkeypatch.setattr(loans, "close_raw", closes)
    monkeypatch.setattr(loans, "GRACE", 0.05)
    server.timed_out()
    answered.set()
    wait_for_late_calls()
    assert closed == ["answered"]


def test_a_time_limit_holds_where_no_thread_can_be_started_to_cancel(server, monkeypatch):
    start = threading.Thread.start

    def refuses(thread):
        if thread.name == "partstream-cancel":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuses)
    monkeypatch.setattr(loans, "GRACE", 0.05)
    with transaction.atomic():
        server.timed_out()
        assert connection.needs_rollback
    assert server.events == []


def test_a_connection_that_the_call_has_closed_is_not_asked_to_cancel(server):
    """A pool may have handed it on."""
    canceller = Canceller(connection)
    connection.connect()
    canceller.cancel()
    assert server.events == []
    canceller.aim()
    canceller.cancel()
    canceller.stop()
    assert server.events == ["asked", "answered"]


def test_nothing_is_cancelled_after_a_call_has_ended(server):
    connection.ensure_connection()
    canceller = Canceller(connection)
    canceller.stop()
    canceller.cancel()
    assert server.events == []
    assert not canceller.used


class TestACallWithinACall:
    """Both use the same raw connection, and often both are late at the same time."""

    @pytest.fixture
    def cancellers(self, server):
        connection.ensure_connection()
        outer = Canceller(connection)
        inner = Canceller(connection, Canceller(connection, outer))
        yield outer, inner
        for canceller in (outer, inner):
            canceller.stop()

    def test_an_inner_call_cancels_nothing_once_its_outer_call_is_late(self, server, cancellers):
        outer, inner = cancellers
        outer.begin()
        inner.cancel()
        assert server.events == []
        outer.cancel()
        outer.stop()
        assert server.events == ["asked", "answered"]

    def test_an_outer_call_waits_for_the_request_of_its_inner_call(self, server, cancellers):
        outer, inner = cancellers
        answered = threading.Event()
        server.answer = lambda: answered.wait(30)
        inner.begin()
        inner.cancel()
        outer.begin()
        outer.cancel()
        assert not outer.is_quiet(0)
        answered.set()
        assert outer.is_quiet(30)
        assert server.events == ["asked", "answered"]

    def test_calls_within_each_other_that_are_late_together_leave_a_sound_transaction(self, server):
        def outer(request):
            with_timeout(server.statement, 60)(request)

        with transaction.atomic():
            create("before")
            with pytest.raises(PartTimeout):
                with_timeout(outer, 0.05)(None)
            server.events.append("next statement")
            create("after")
        wait_for_late_calls()
        assert server.events == ["asked", "answered", "next statement"]
        assert names() == {"before", "after"}


def test_the_longest_wait_for_a_statement_is_shorter_than_a_page_may_be_late():
    waits = []
    assert not Grace(loans.GRACE).wait(lambda timeout: bool(waits.append(timeout)), lambda: None)
    assert sum(waits) <= 0.22


def test_the_grace_of_a_call_is_shared_by_its_connections():
    grace, looks = Grace(0.05), []
    assert not grace.wait(lambda timeout: False, lambda: looks.append("first"))
    assert not grace.wait(lambda timeout: False, lambda: looks.append("second"))
    assert looks == ["first"] * 6 + ["second"]
    assert grace.wait(lambda timeout: True, lambda: looks.append("ready"))
