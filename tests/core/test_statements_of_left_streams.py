"""The database statements of a stream whose client has left are cancelled in the database."""

import threading
import time

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from django_partstream import lazy, with_timeout
from django_partstream.delivery import streams
from django_partstream.timed import loans
from tests import services
from tests.core.conftest import ENDLESS
from tests.core.streaming import Gate, wait_for_the_pool
from tests.core.test_loans import wait_for_late_calls


@pytest.fixture
def long_grace(monkeypatch):
    """Give statements time to be cancelled on a busy machine."""
    monkeypatch.setattr(streams, "GRACE", 10)
    monkeypatch.setattr(loans, "GRACE", 10)


@pytest.mark.usefixtures("long_grace", "_nothing_is_left")
@pytest.mark.django_db(transaction=True, databases=services.DATABASES)
class TestStatements:
    def run(self, customers, begun):
        with customers.connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            begun.set()
            cursor.execute(ENDLESS[customers.connection.vendor])

    def test_the_statement_of_a_plain_part_is_cancelled(self, stream_of, left, customers, heard):
        begun, raised = threading.Event(), []

        def part(request):
            try:
                self.run(customers, begun)
            except Exception as exc:
                raised.append(exc)
                raise

        started = time.monotonic()
        left(lambda: stream_of(a=lazy(part)), begun.is_set)
        wait_for_the_pool()
        assert time.monotonic() - started < 20
        assert len(raised) == 1
        assert heard == []

    def test_a_later_statement_is_refused(self, stream_of, left, customers):
        gate, written = Gate(), []

        def part(request):
            customers.create("before")
            gate(request)
            customers.create("after")
            written.append("after")

        left(lambda: stream_of(a=lazy(part)), gate.begun.is_set)
        gate.opened.set()
        wait_for_the_pool()
        assert written == []
        assert customers.names() == {"before"}

    def test_the_statement_of_a_timed_call_is_cancelled(self, stream_of, left, customers):
        begun = threading.Event()
        part = with_timeout(lambda request: self.run(customers, begun), 3600)
        left(lambda: stream_of(a=lazy(part)), begun.is_set)
        wait_for_the_pool()
        wait_for_late_calls()

    def test_the_statement_of_a_timed_call_in_the_transaction_of_its_part_is_cancelled(
        self, stream_of, left, customers, monkeypatch
    ):
        monkeypatch.setitem(connections.settings[customers.alias], "ATOMIC_REQUESTS", True)
        begun = threading.Event()

        def part(request):
            customers.create("lost")
            with_timeout(lambda request: self.run(customers, begun), 3600)(request)

        left(lambda: stream_of(a=lazy(part)), begun.is_set)
        wait_for_the_pool()
        wait_for_late_calls()
        assert customers.names() == set()

    def test_the_statement_of_a_coroutine_is_cancelled(self, stream_of, left, customers, heard):
        begun, ended = threading.Event(), threading.Event()

        def statement():
            try:
                self.run(customers, begun)
            finally:
                ended.set()

        async def part(request):
            await sync_to_async(statement)()

        left(lambda: stream_of(a=lazy(part)), begun.is_set)
        assert ended.wait(10)
        assert heard == []
        assert customers.count() == 0
