"""A part that calls a background function is pending, then there; the function runs once."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction
from django.utils import timezone, translation

from django_partstream import cached_for, lazy, safe_call, with_timeout
from django_partstream.delivery import steps
from django_partstream.exceptions import PartPending
from django_partstream.outcomes import Status
from django_partstream.signals import part_resolved
from django_partstream.testing import background_never, background_now
from example_schema.models import Customer
from tests.core import jobs

pytestmark = pytest.mark.usefixtures("fresh_jobs")


# Pending, then there.


def test_a_part_is_pending_until_a_thread_has_the_value(deliver):
    part = lazy(lambda request: jobs.gated("a"))
    first = deliver(part=part)["part"]
    assert first.status is Status.PENDING
    assert first.value is None
    assert first.error is None
    assert 0.4 <= first.pending.retry_after <= 0.6
    assert jobs.begun.wait(20)
    assert jobs.eventually(lambda: deliver(part=part)["part"].pending.progress) == 0.25
    jobs.gate.set()
    last = jobs.eventually(lambda: (one := deliver(part=part)["part"]).status is Status.OK and one)
    assert last.value == "a"
    assert jobs.calls == [("gated", "a")]


def test_a_part_has_the_value_at_once_with_background_now(deliver):
    with background_now():
        outcome = deliver(part=lazy(lambda request: jobs.forecast(3, days=2)))["part"]
    assert (outcome.status, outcome.value) == (Status.OK, {"store": 3, "days": 2})
    assert jobs.calls == [("forecast", 3, 2)]


def test_a_call_outside_of_a_part_is_the_plain_function():
    with background_never():
        assert jobs.forecast(2) == {"store": 2, "days": 7}


def test_readers_that_come_together_share_a_computation(deliver, messages):
    with ThreadPoolExecutor(8) as pool:
        ends = list(
            pool.map(lambda _: deliver(p=lazy(lambda request: jobs.gated("b")))["p"], range(40))
        )
    assert {end.status for end in ends} == {Status.PENDING}
    assert len(messages) == 1


def test_equal_calls_share_a_computation_however_they_are_written(deliver, messages):
    for call in (
        lambda request: jobs.forecast(1, 2),
        lambda request: jobs.forecast(1, days=2),
        lambda request: jobs.forecast(days=2, store=1),
    ):
        deliver(part=lazy(call))
    assert [message["args"] for message in messages] == [[1, 2]]


@pytest.mark.parametrize("other", [2, 1.0, "1", True, [1], None])
def test_calls_with_other_arguments_have_their_own_value(deliver, messages, other):
    deliver(part=lazy(lambda request: jobs.forecast(1)))
    deliver(part=lazy(lambda request: jobs.forecast(other)))
    assert len(messages) == 2


def test_the_value_is_that_of_the_language_and_time_zone_of_the_reader(deliver):
    seen = set()
    with background_now():
        for language, zone in [
            ("de", "Europe/Berlin"),
            ("fr", "Europe/Berlin"),
            ("fr", "Asia/Tokyo"),
        ]:
            with (
                translation.override(language),
                timezone.override(timezone.zoneinfo.ZoneInfo(zone)),
            ):
                seen.add(deliver(part=lazy(lambda request: jobs.here()))["part"].value)
    assert seen == {"de Europe/Berlin", "fr Europe/Berlin", "fr Asia/Tokyo"}


@pytest.mark.parametrize("minutes", [120, -210, 0])
def test_a_time_zone_with_a_fixed_offset_is_carried(deliver, minutes):
    with timezone.override(timezone.get_fixed_timezone(minutes)), background_now():
        assert deliver(part=lazy(lambda request: jobs.offset()))["part"].value == minutes


def test_a_project_without_a_time_zone_is_carried(deliver, settings):
    settings.TIME_ZONE = None
    with background_now():
        assert deliver(part=lazy(lambda request: jobs.forecast(1)))["part"].status is Status.OK


def test_invalidate_has_the_value_computed_anew(deliver):
    with background_now():
        deliver(part=lazy(lambda request: jobs.forecast(1)))
        deliver(part=lazy(lambda request: jobs.forecast(1)))
        assert len(jobs.calls) == 1
        jobs.forecast.invalidate()
        deliver(part=lazy(lambda request: jobs.forecast(1)))
    assert len(jobs.calls) == 2


def test_the_signal_is_sent_once_when_the_part_has_ended(deliver):
    heard = []

    def hear(name, status, **_):
        heard.append((name, status))

    part_resolved.connect(hear)
    try:
        with background_never():
            deliver(part=lazy(lambda request: jobs.forecast(1)))
        assert heard == []
        with background_now():
            deliver(part=lazy(lambda request: jobs.forecast(1)))
    finally:
        part_resolved.disconnect(hear)
    assert heard == [("part", Status.OK)]


def test_a_part_may_do_without_the_value(deliver):
    """The work is begun all the same."""

    def without(request):
        try:
            return jobs.forecast(1)
        except PartPending:
            return "soon"

    with background_now():
        assert deliver(part=lazy(without))["part"].value == "soon"
        assert deliver(part=lazy(without))["part"].value == {"store": 1, "days": 7}


# What stands round the call.


@pytest.mark.parametrize(
    "guarded",
    [
        lambda f: safe_call(f, fallback="fell back"),
        lambda f: with_timeout(f, 20),
        lambda f: cached_for(60, key="round the call")(f),
        lambda f: safe_call(
            with_timeout(cached_for(60, key="round the call")(f), 20), fallback="fell back"
        ),
    ],
    ids=["safe_call", "with_timeout", "cached_for", "all"],
)
def test_a_guard_lets_a_pending_part_pass(deliver, guarded):
    part = lazy(guarded(lambda request: jobs.forecast(1)))
    with background_never():
        assert deliver(part=part)["part"].status is Status.PENDING
    with background_now():
        assert deliver(part=part)["part"].value == {"store": 1, "days": 7}


def test_an_exception_handler_of_a_part_does_not_take_a_wait_for_a_failure(deliver):
    def careful(request):
        try:
            return jobs.forecast(1)
        except Exception:
            return "failed"

    with background_never():
        assert deliver(part=lazy(careful))["part"].status is Status.PENDING


async def _in_task_group(request):
    async with asyncio.TaskGroup() as group:
        first = group.create_task(jobs.awaited("a"))
        group.create_task(asyncio.sleep(60))
    return first.result()


async def _in_thread(request):
    return (await sync_to_async(jobs.forecast)(1))["store"]


@pytest.mark.parametrize(
    ("func", "value"),
    [(lambda request: jobs.awaited("a"), "a"), (_in_thread, 1)],
    ids=["a coroutine function", "sync_to_async"],
)
def test_a_coroutine_waits_for_a_value(deliver, func, value):
    with background_never():
        assert deliver(part=lazy(func))["part"].status is Status.PENDING
    with background_now():
        assert deliver(part=lazy(func))["part"].value == value


def test_a_task_group_with_a_pending_value_is_pending(deliver):
    with background_never():
        assert deliver(part=lazy(_in_task_group))["part"].status is Status.PENDING


def test_a_group_of_failures_alone_is_a_failure(deliver):
    async def fails(request):
        async with asyncio.TaskGroup() as group:
            group.create_task(_raise(LookupError("no")))

    assert deliver(part=lazy(fails))["part"].status is Status.ERROR


async def _raise(exc):
    raise exc


def test_a_part_that_waits_twice_has_both_values(deliver):
    with background_now():
        both = deliver(part=lazy(lambda request: [jobs.forecast(1), jobs.forecast(2)]))["part"]
    assert [each["store"] for each in both.value] == [1, 2]


@pytest.mark.parametrize("is_async", [False, True], ids=["function", "coroutine"])
def test_a_part_that_asks_for_other_work_at_each_try_ends_its_page(deliver, messages, is_async):
    numbers = iter(range(10_000))

    async def asks(request):
        return await sync_to_async(jobs.forecast)(next(numbers))

    part = asks if is_async else lambda request: jobs.forecast(next(numbers))
    assert deliver(part=lazy(part))["part"].status is Status.PENDING
    assert len(messages) == steps.MAX_LOOKS


@pytest.mark.django_db(transaction=True)
class TestTransactions:
    def test_work_is_asked_for_when_the_transaction_commits(self, deliver, messages):
        with transaction.atomic():
            assert (
                deliver(part=lazy(lambda request: jobs.forecast(1)))["part"].status
                is Status.PENDING
            )
            assert messages == []
        assert len(messages) == 1

    def test_a_transaction_that_is_rolled_back_costs_the_next_reader_nothing(
        self, deliver, messages
    ):
        part = lazy(lambda request: jobs.forecast(1))
        with transaction.atomic():
            deliver(part=part)
            transaction.set_rollback(True)
        assert messages == []
        deliver(part=part)
        assert len(messages) == 1

    @pytest.mark.postgres
    @pytest.mark.parametrize("aliases", [("default", "postgres"), ("postgres", "default")])
    @pytest.mark.django_db(transaction=True, databases=["default", "postgres"])
    def test_work_is_asked_for_when_the_last_of_two_transactions_commits(
        self, deliver, messages, aliases
    ):
        outer, inner = aliases
        with transaction.atomic(using=outer):
            with transaction.atomic(using=inner):
                deliver(part=lazy(lambda request: jobs.forecast(1)))
                assert messages == []
            assert messages == []
        assert len(messages) == 1

    @pytest.mark.parametrize("outer", [True, False], ids=["in a transaction", "without"])
    def test_an_atomic_block_of_the_part_does_not_lose_the_question(self, deliver, messages, outer):
        def own_block(request):
            with transaction.atomic():
                Customer.objects.create(name="x", email="x@example.org")
                return jobs.forecast(1)

        def page():
            return deliver(part=lazy(safe_call(own_block)))["part"]

        if outer:
            with transaction.atomic():
                assert page().status is Status.PENDING
        else:
            assert page().status is Status.PENDING
        assert len(messages) == 1
        assert Customer.objects.count() == 0

    def test_the_writes_of_a_pending_part_are_undone_in_a_transaction(self, deliver, messages):
        def writes(request):
            Customer.objects.create(name="x", email="x@example.org")
            return jobs.forecast(1)

        with transaction.atomic():
            deliver(part=lazy(writes))
        assert Customer.objects.count() == 0

    def test_background_now_sees_the_rows_of_the_transaction(self, deliver):
        with transaction.atomic(), background_now():
            Customer.objects.create(name="x", email="x@example.org")
            outcome = deliver(part=lazy(lambda request: jobs.customers()))["part"]
            assert [row.name for row in outcome.value] == ["x"]
            transaction.set_rollback(True)
