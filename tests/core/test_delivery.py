import asyncio
import logging
import threading

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import Http404
from django.utils import timezone, translation

from django_partstream import lazy
from django_partstream.delivery import threads
from django_partstream.exceptions import PartTimeout
from django_partstream.outcomes import Status
from django_partstream.signals import part_resolved
from example_schema.models import Customer


def raising(exc):
    def part(request):
        raise exc

    return lazy(part)


def test_a_part_that_returns_ends_ok(deliver):
    outcome = deliver(a=lazy(lambda request: [1]))["a"]
    assert (outcome.status, outcome.value, outcome.error) == (Status.OK, [1], None)
    assert outcome.seconds >= 0


@pytest.mark.parametrize(
    ("exc", "status", "code", "retryable"),
    [
        (ValueError("secret"), Status.ERROR, "part_failed", True),
        (RecursionError("secret"), Status.ERROR, "part_failed", True),
        (MemoryError("secret"), Status.ERROR, "part_failed", True),
        (ExceptionGroup("secret", [ValueError("secret")]), Status.ERROR, "part_failed", True),
        (Http404("secret"), Status.ERROR, "not_found", False),
        (PermissionDenied("secret"), Status.DENIED, "permission_denied", False),
        (PartTimeout(2), Status.TIMEOUT, "part_timed_out", True),
        (TimeoutError("secret"), Status.ERROR, "part_failed", True),
    ],
)
def test_an_exception_fails_its_own_part_and_its_text_stays_secret(
    deliver, exc, status, code, retryable
):
    outcomes = deliver(a=lazy(lambda request: 1), b=raising(exc), c=lazy(lambda request: 3))
    assert (outcomes["a"].value, outcomes["c"].value) == (1, 3)
    failed = outcomes["b"]
    assert (failed.status, failed.value) == (status, None)
    assert (failed.error.code, failed.error.retryable) == (code, retryable)
    assert "secret" not in str(failed.error)


def test_an_error_message_has_the_exceptions_text_in_debug(deliver, settings):
    settings.DEBUG = True
    assert deliver(a=raising(ValueError("why")))["a"].error.message == "ValueError: why"


@pytest.mark.parametrize("exc", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_an_exit_or_cancellation_in_a_part_ends_the_page(deliver, exc):
    with pytest.raises(exc):
        deliver(a=raising(exc()))


def test_a_failed_part_is_logged_once_with_its_reference_and_traceback(deliver, caplog):
    outcome = deliver(a=raising(ValueError("secret")))["a"]
    (record,) = [one for one in caplog.records if one.name == "django_partstream"]
    assert record.levelno == logging.ERROR
    assert record.reference == outcome.error.reference
    assert record.reference in record.getMessage()
    assert record.endpoint.endswith("conftest.Dashboard")
    assert record.part == "a"
    assert record.error_code == outcome.error.code
    assert record.exc_info[0] is ValueError


def test_a_value_that_the_front_cannot_convert_fails_its_part_only(deliver):
    def whole(value):
        if value == "bad":
            raise TypeError("secret")
        return [value]

    outcomes = deliver(whole=whole, a=lazy(lambda r: "bad"), b=lazy(lambda r: "good"), c="bad")
    assert outcomes["a"].status is outcomes["c"].status is Status.ERROR
    assert outcomes["b"].value == ["good"]


def test_the_signal_part_resolved_is_sent_once_for_each_part(deliver):
    heard = []

    def hear(sender, name, status, seconds, request, **_):
        heard.append((sender.__name__, name, status, seconds >= 0, request is not None))

    part_resolved.connect(hear)
    try:
        deliver(a=lazy(lambda r: 1), b=raising(ValueError()), c=3)
    finally:
        part_resolved.disconnect(hear)
    assert heard == [
        ("Dashboard", "a", Status.OK, True, True),
        ("Dashboard", "b", Status.ERROR, True, True),
        ("Dashboard", "c", Status.OK, True, True),
    ]


async def _acount(request):
    return 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("part", [lambda request: 1, _acount], ids=["function", "coroutine"])
def test_a_connection_that_a_signal_receiver_broke_is_closed_before_the_next_part(deliver, part):
    def break_connection(**_):
        connection.errors_occurred = True

    connection.ensure_connection()
    part_resolved.connect(break_connection)
    try:
        deliver(a=lazy(part))
    finally:
        part_resolved.disconnect(break_connection)
    assert not connection.errors_occurred


def test_a_failing_signal_receiver_does_not_fail_the_page(deliver):
    def fail(**_):
        raise ValueError

    part_resolved.connect(fail)
    try:
        assert deliver(a=1)["a"].value == 1
    finally:
        part_resolved.disconnect(fail)


def test_coroutines_of_a_page_run_together(deliver):
    meet = None

    async def first(request):
        nonlocal meet
        meet = asyncio.Event()
        await asyncio.wait_for(meet.wait(), 5)
        return 1

    async def second(request):
        meet.set()
        return 2

    outcomes = deliver(a=lazy(first), b=lazy(lambda r: "plain"), c=lazy(second))
    assert {name: one.value for name, one in outcomes.items()} == {"a": 1, "b": "plain", "c": 2}


def test_a_failing_coroutine_fails_its_own_part_only(deliver):
    async def bad(request):
        raise ValueError("secret")

    async def good(request):
        return 2

    outcomes = deliver(a=lazy(bad), b=lazy(good))
    assert (outcomes["a"].status, outcomes["b"].value) == (Status.ERROR, 2)


@pytest.mark.parametrize("exc", [KeyboardInterrupt, SystemExit])
def test_an_exit_in_a_coroutine_is_raised_in_the_thread_of_the_request(deliver, exc):
    async def leave(request):
        raise exc(3)

    async def stay(request):
        return 1

    with pytest.raises(exc):
        deliver(a=lazy(leave), b=lazy(stay))


def test_outcomes_are_awaited_in_a_running_event_loop(attempts_of):
    async def part(request):
        return 7

    async def main():
        endpoint, attempts = attempts_of(a=lazy(part))
        (outcome,) = await endpoint.resolve(attempts)
        return outcome

    assert asyncio.run(main()).value == 7


def test_lazy_parts_run_together_in_threads_and_stay_in_order(deliver):
    barrier = threading.Barrier(3)

    def meet(request, number):
        barrier.wait(5)
        return number

    outcomes = deliver(concurrency=3, a=lazy(meet, 1), b=lazy(meet, 2), c=lazy(meet, 3), d=4)
    assert [one.value for one in outcomes.values()] == [1, 2, 3, 4]


def test_the_only_lazy_part_of_a_page_runs_in_the_thread_of_its_request(deliver, monkeypatch):
    monkeypatch.setattr(threads, "together", None)  # which would use threads of the pool
    outcomes = deliver(concurrency=3, a=lazy(lambda request: threading.get_ident()), b=2, c=3)
    assert outcomes["a"].value == threading.get_ident()


def test_parts_in_threads_see_the_language_and_time_zone_of_the_request(deliver):
    def seen(request):
        return translation.get_language(), timezone.get_current_timezone_name()

    with translation.override("de"), timezone.override("Asia/Tokyo"):
        outcomes = deliver(concurrency=4, a=lazy(seen), b=lazy(seen), c=lazy(seen), d=lazy(seen))
    assert {one.value for one in outcomes.values()} == {("de", "Asia/Tokyo")}


@pytest.mark.django_db
def test_a_failing_part_in_a_transaction_is_undone_alone(deliver):
    def write(request, name):
        Customer.objects.create(name=name, email=f"{name}@example.com", city="x")
        return name

    def write_and_fail(request):
        write(request, "lost")
        raise ValueError

    def break_the_transaction(request):
        with transaction.atomic(savepoint=False):
            write(request, "broken")
            raise ValueError

    def hide_a_broken_transaction(request):
        try:
            break_the_transaction(request)
        except ValueError:
            return "hidden"

    outcomes = deliver(
        a=lazy(write, "kept"),
        b=lazy(write_and_fail),
        c=lazy(break_the_transaction),
        d=lazy(hide_a_broken_transaction),
        e=lazy(write, "also-kept"),
    )
    assert [one.status for one in outcomes.values()] == ["ok", "error", "error", "error", "ok"]
    assert set(Customer.objects.values_list("name", flat=True)) == {"kept", "also-kept"}
    assert not connection.needs_rollback


@pytest.mark.django_db
def test_parts_with_concurrency_see_the_rows_of_an_open_transaction(deliver):
    Customer.objects.create(name="here", email="here@example.com", city="x")

    async def acount(request):
        return await Customer.objects.acount()

    outcomes = deliver(
        concurrency=4,
        a=lazy(lambda r: Customer.objects.count()),
        b=lazy(lambda r: Customer.objects.count()),
        c=lazy(acount),
    )
    assert [one.value for one in outcomes.values()] == [1, 1, 1]


@pytest.mark.django_db(transaction=True)
def test_a_part_may_open_a_durable_transaction(deliver):
    def durable(request):
        with transaction.atomic(durable=True):
            return Customer.objects.count()

    assert deliver(a=lazy(durable))["a"].value == 0


@pytest.mark.django_db
def test_a_part_may_open_a_durable_transaction_inside_a_test_case(deliver):
    def durable(request):
        with transaction.atomic(durable=True):
            return Customer.objects.count()

    assert deliver(a=lazy(durable))["a"].value == 0
