"""
The locks of timed calls, each with a second thread in the place that it guards.

A patched call stops the first thread inside of that place until the second thread waits for the
lock, or has come through. Both set the event ``met``, so a missing lock fails a test at once.
"""

import threading
from queue import Empty, SimpleQueue
from types import SimpleNamespace

import pytest
from django.db import DatabaseError

from django_partstream import with_timeout
from django_partstream._drivers import Cancellation
from django_partstream.exceptions import PartTimeout
from django_partstream.timed import calls, cancelling, loans, revocable
from django_partstream.timed.revocable import Grace, RevocableConnection, Revoked
from example_schema.models import Customer
from tests.core.test_loans import wait_for_late_calls
from tests.locks import WatchedLock


@pytest.fixture
def met():
    """Set once the second thread waits for the lock, or has come through without it."""
    return threading.Event()


@pytest.fixture
def start():
    """Start threads: ``start(work)``. Each has ended when the test is over."""
    threads = []

    def started(work):
        threads.append(threading.Thread(target=work, daemon=True))
        threads[-1].start()

    yield started
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def connection_of_a_call():
    """A stand-in for Django's wrapper round a connection that is idle."""
    return SimpleNamespace(create_cursor=None, commit=None, connection=None)


class TestALoan:
    def test_a_call_cannot_end_while_its_statement_is_being_cancelled(
        self, monkeypatch, met, start
    ):
        """The cancellation would hit the next statement on that connection."""
        running, go_on, ended = (threading.Event() for _ in range(3))
        ended_during_cancel = []

        def call():
            with loan.held():
                running.set()
                assert go_on.wait(30)
            loan.end()
            ended.set()
            met.set()

        def cancel():
            go_on.set()
            assert met.wait(30)
            ended_during_cancel.append(ended.is_set())

        cancellation = Cancellation(None, cancel, asks_server=False)
        monkeypatch.setattr(cancelling, "cancellation_of", lambda wrapper: cancellation)
        loan = RevocableConnection(connection_of_a_call())
        loan._canceller._requests.lock = WatchedLock(met.set)
        start(call)
        assert running.wait(30)
        assert loan.revoke(Grace(30))
        assert ended.wait(30)
        assert ended_during_cancel == [False]

    def test_a_connection_that_is_left_to_a_call_is_closed_by_it(self, monkeypatch, met, start):
        """A call that ends at this moment would leave it open for ever."""

        class LoanOfACallThatIsAboutToEnd(RevocableConnection):
            @property
            def _ended(self):
                ended = vars(self)["_ended"]
                if threading.current_thread() is threading.main_thread():
                    start(end)
                    assert met.wait(30)
                return ended

            @_ended.setter
            def _ended(self, ended):
                vars(self)["_ended"] = ended

        def end():
            loan.end()
            met.set()
            over.set()

        over, closed = threading.Event(), []
        monkeypatch.setattr(revocable, "close", closed.append)
        loan = LoanOfACallThatIsAboutToEnd(connection_of_a_call())
        loan._end_lock = WatchedLock(met.set)
        assert loan.leave_to_call()
        assert over.wait(30)
        assert closed == [loan.wrapper]

    def test_a_connection_is_not_given_back_while_the_call_closes_a_cursor(self, met, start):
        given_back = []

        def revoke():
            given_back.append(loan.revoke(Grace(30)))
            met.set()

        class Cursor:
            def close(self):
                start(revoke)
                assert met.wait(30)
                self.given_back_meanwhile = bool(given_back)

        loan, cursor = RevocableConnection(connection_of_a_call()), Cursor()
        loan._use_lock = WatchedLock(met.set)
        loan.discard(cursor)
        assert cursor.given_back_meanwhile is False


@pytest.mark.django_db(transaction=True)
def test_a_call_whose_time_passes_as_it_begins_has_no_database(monkeypatch, met):
    begun, refused, caught = threading.Event(), threading.Event(), []

    def tidy(wrapper):
        begun.set()
        assert met.wait(30)

    def work(request):
        assert refused.wait(30)
        try:
            Customer.objects.count()
        except DatabaseError as exc:
            caught.append(type(exc))

    locks = SimpleNamespace(Lock=lambda: WatchedLock(met.set), get_ident=threading.get_ident)
    monkeypatch.setattr(loans, "threading", locks)
    monkeypatch.setattr(loans, "close_if_obsolete", tidy)
    monkeypatch.setattr(calls, "wait", lambda futures, timeout: begun.wait(30))
    with pytest.raises(PartTimeout):
        with_timeout(work, 30)(None)
    met.set()
    refused.set()
    wait_for_late_calls()
    assert caught == [Revoked]


class TestThreadsForTimedCalls:
    @pytest.fixture(autouse=True)
    def _watched(self, monkeypatch, met):
        monkeypatch.setattr(calls, "_lock", WatchedLock(met.set))
        monkeypatch.setattr(calls, "_idle", [])
        monkeypatch.setattr(calls, "_abandoned", type(calls._abandoned)())

    def test_a_call_that_ends_as_its_time_passes_is_no_late_call_for_ever(self, monkeypatch, met):
        go_on, in_time = threading.Event(), []

        class Future(calls.Future):
            def done(self):
                done = super().done()
                go_on.set()
                assert met.wait(30)
                return done

            def set_result(self, result):
                in_time.append(result)
                super().set_result(result)
                met.set()

        monkeypatch.setattr(calls, "Future", Future)
        with pytest.raises(PartTimeout):
            with_timeout(lambda request: go_on.wait(30), 0.01)(None)
        assert in_time == []
        wait_for_late_calls()
        assert calls.abandoned_calls() == 0

    def test_two_calls_never_take_one_waiting_thread(self, monkeypatch, met, start):
        begun, first_is_over, over = (threading.Event() for _ in range(3))
        results = []

        class Idle(list):
            def pop(self):
                if not begun.is_set():
                    begun.set()
                    start(second_call)
                    assert met.wait(30)
                    return super().pop()
                jobs = super().pop()
                met.set()
                return jobs

        def second_call():
            results.append(with_timeout(lambda request: first_is_over.wait(30), 30)(None))
            over.set()

        monkeypatch.setattr(calls, "_idle", Idle())
        assert with_timeout(lambda request: "before", 30)(None) == "before"
        assert len(calls._idle) == 1
        met.clear()
        assert with_timeout(lambda request: "first", 30)(None) == "first"
        first_is_over.set()
        assert over.wait(30)
        assert results == [True]

    def test_a_thread_that_ends_for_want_of_calls_is_given_none(self, monkeypatch, met):
        waited_enough, ending = threading.Event(), threading.Event()

        class Jobs(SimpleQueue):
            served = False

            def get(self, timeout):
                if self.served:
                    assert waited_enough.wait(30)
                    raise Empty
                self.served = True
                return super().get(timeout=timeout)

        class Idle(list):
            def __contains__(self, jobs):
                there = super().__contains__(jobs)
                if not ending.is_set():
                    ending.set()
                    assert met.wait(30)
                return there

            def pop(self):
                jobs = super().pop()
                met.set()
                return jobs

        monkeypatch.setattr(calls, "SimpleQueue", Jobs)
        monkeypatch.setattr(calls, "_idle", Idle())
        assert with_timeout(lambda request: "first", 30)(None) == "first"
        met.clear()
        waited_enough.set()
        assert ending.wait(30)
        assert with_timeout(lambda request: "second", 5)(None) == "second"
