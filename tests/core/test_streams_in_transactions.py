"""The transactions of streamed parts, and the database connections that a stream leaves."""

import asyncio
import threading
from types import SimpleNamespace

import pytest
from asgiref.sync import ThreadSensitiveContext, async_to_sync, sync_to_async
from django.db import connection, connections, transaction

from django_partstream import lazy, safe_call
from django_partstream.outcomes import Status
from example_schema.models import Customer, Order
from tests import services
from tests.core.streaming import names, statuses, values


def write(request, name):
    Customer.objects.create(name=name, email=f"{name}@example.com", city="x")
    return name


async def awrite(request, name):
    return await sync_to_async(write)(request, name)


def write_and_fail(request, name):
    write(request, name)
    raise ValueError


async def awrite_and_fail(request, name):
    await awrite(request, name)
    raise ValueError


def customers():
    return set(Customer.objects.values_list("name", flat=True))


@pytest.mark.django_db
class TestInsideATransaction:
    def test_parts_run_one_after_another_in_the_thread_of_the_request(self, stream_of):
        def where(request):
            return threading.current_thread()

        parts = {name: lazy(where) for name in "abc"}
        ends = list(stream_of(concurrency=3, **parts))
        assert names(ends) == [*"abc"]
        assert set(values(ends).values()) == {threading.current_thread()}

    def test_a_failed_part_is_undone_alone(self, stream_of):
        stream = stream_of(
            a=lazy(write, "kept"),
            b=lazy(write_and_fail, "lost"),
            c=lazy(safe_call(awrite_and_fail, fallback=None), "lost-too"),
            d=lazy(awrite, "kept-too"),
            e=5,
        )
        ends = list(stream)
        assert [end.outcome.status for end in ends] == ["ok", "error", "fallback", "ok", "ok"]
        assert customers() == {"kept", "kept-too"}
        assert not connection.needs_rollback

    def test_a_part_begins_when_the_consumer_asks_for_it(self, stream_of):
        stream = iter(stream_of(a=lazy(write, "a"), b=lazy(write, "b")))
        next(stream)
        assert customers() == {"a"}
        stream.close()
        assert customers() == {"a"}

    def test_coroutines_run_in_one_loop(self, stream_of):
        async def loop(request):
            return id(asyncio.get_running_loop())

        assert len(set(values(list(stream_of(a=lazy(loop), b=lazy(loop)))).values())) == 1

    def test_parts_run_in_the_thread_of_the_request_from_a_loop_too(self, stream_of):
        """As with Django's AsyncClient in a TestCase."""

        async def main():
            stream = await sync_to_async(stream_of)(
                a=lazy(write, "a"), b=lazy(awrite, "b"), c=lazy(write_and_fail, "c"), d=4
            )
            return [end async for end in stream]

        ends = async_to_sync(main)()
        assert names(ends) == [*"abcd"]
        assert customers() == {"a", "b"}


@pytest.fixture
def atomic_requests(monkeypatch):
    """``ATOMIC_REQUESTS`` on the default database, outside a transaction."""
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)


@pytest.mark.django_db(transaction=True)
class TestOutsideTransactions:
    @pytest.mark.usefixtures("atomic_requests")
    def test_with_atomic_requests_a_plain_part_has_a_transaction_of_its_own(
        self, stream_of, ends_of
    ):
        def is_atomic(request):
            return connection.in_atomic_block

        ends = ends_of(
            lambda: stream_of(
                a=lazy(write, "kept"),
                b=lazy(write_and_fail, "lost"),
                c=lazy(safe_call(write_and_fail), "lost-too"),
                d=lazy(is_atomic),
            )
        )
        assert values(ends)["d"] is True
        assert statuses(ends) == {"a": "ok", "b": "error", "c": "error", "d": "ok"}
        assert customers() == {"kept"}

    @pytest.mark.usefixtures("atomic_requests")
    def test_a_part_whose_transaction_cannot_be_committed_fails(self, stream_of, ends_of):
        def dangling(request):
            write(request, "lost")
            Order.objects.create(customer_id=10**6, total=1)

        ends = ends_of(lambda: stream_of(a=lazy(dangling), b=lazy(write, "kept")))
        assert statuses(ends) == {"a": "error", "b": "ok"}
        assert customers() == {"kept"}

    @pytest.mark.usefixtures("atomic_requests")
    def test_a_view_without_atomic_requests_has_parts_without(self, stream_of, ends_of, request_of):
        @transaction.non_atomic_requests
        def view(request):
            raise NotImplementedError

        request = request_of()
        request.resolver_match = SimpleNamespace(func=view)
        ends = ends_of(lambda: stream_of(request=request, a=lazy(write_and_fail, "kept")))
        assert statuses(ends) == {"a": Status.ERROR}
        assert customers() == {"kept"}

    def test_without_atomic_requests_what_a_failed_part_wrote_stays(self, stream_of, ends_of):
        ends_of(lambda: stream_of(a=lazy(write_and_fail, "kept")))
        assert customers() == {"kept"}

    def test_a_part_may_open_a_durable_transaction(self, stream_of, ends_of):
        def durable(request):
            with transaction.atomic(durable=True):
                return Customer.objects.count()

        assert values(ends_of(lambda: stream_of(a=lazy(durable)))) == {"a": 0}

    def test_a_transaction_that_a_part_left_open_is_not_the_next_parts(self, stream_of, ends_of):
        def leave_open(request):
            transaction.atomic().__enter__()
            write(request, "lost")

        ends = ends_of(
            lambda: stream_of(
                a=lazy(leave_open), b=lazy(lambda request: connection.in_atomic_block)
            )
        )
        assert values(ends)["b"] is False
        assert customers() == set()

    def test_in_a_loop_the_connection_of_the_request_is_closed_before_the_first_part(
        self, stream_of
    ):
        """Otherwise each stream would hold a connection that it does not use."""
        held = []

        def make():
            write(None, "before")
            held.append(connection.connection)
            return stream_of(a=lazy(lambda request: None))

        async def main():
            async with ThreadSensitiveContext():
                stream = await sync_to_async(make)()
                seen = []
                async for _ in stream:
                    seen.append(await sync_to_async(lambda: connection.connection)())
                return seen

        assert asyncio.run(main()) == [None]
        assert held != [None]

    def test_the_connection_of_the_request_works_after_a_stream(self, stream_of, ends_of):
        wrapper = connection.connection, vars(connections["default"]).get("create_cursor")
        ends = ends_of(lambda: stream_of(a=lazy(awrite, "a"), b=lazy(write, "b")))
        assert set(statuses(ends).values()) == {Status.OK}
        assert customers() == {"a", "b"}
        assert vars(connections["default"]).get("create_cursor") == wrapper[1]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True, databases=services.DATABASES)
def test_a_stream_leaves_no_connection_open(stream_of, ends_of):
    def backend(request):
        with connections["postgres"].cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            return cursor.fetchone()[0]

    async def abackend(request):
        return await sync_to_async(backend)(request)

    parts = {f"part{number}": lazy(backend) for number in range(4)}
    ends = ends_of(lambda: stream_of(concurrency=4, a=lazy(abackend), **parts))
    assert set(statuses(ends).values()) == {Status.OK}
    with connections["postgres"].cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE pid = ANY(%s)", [[*values(ends).values()]]
        )
        assert cursor.fetchall() == []
