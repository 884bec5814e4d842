"""Time limits and time zones in projects and tests that freeze, move or lack them."""

import asyncio
import threading
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache
from django.test import override_settings
from django.utils import timezone

from django_partstream import cached_for, lazy, safe_call, with_timeout
from django_partstream.outcomes import Status
from example_schema.models import Customer

PAST = datetime(2020, 1, 1, tzinfo=UTC)


def frozen_by_freezegun():
    return pytest.importorskip("freezegun").freeze_time(PAST)


def frozen_by_time_machine():
    return pytest.importorskip("time_machine").travel(PAST, tick=False)


@pytest.fixture(params=[frozen_by_freezegun, frozen_by_time_machine], ids=["freezegun", "machine"])
def frozen(request):
    """A context manager that freezes time in 2020."""
    return request.param


@pytest.fixture
def gate():
    """Where late calls wait for the end of the test."""
    gate = threading.Event()
    yield gate
    gate.set()


class TestFrozenTime:
    @pytest.mark.parametrize("guarded", ["plain", "async", "plain that awaits"])
    def test_a_limit_passes(self, deliver, transacted, frozen, gate, guarded):
        async def hangs_async(request):
            await asyncio.Event().wait()

        funcs = {
            "plain": lambda request: gate.wait(30),
            "async": hangs_async,
            "plain that awaits": lambda request: hangs_async(request),
        }
        part = with_timeout(funcs[guarded], 0.05)
        with frozen():
            outcome = deliver(a=lazy(part))["a"]
            assert datetime.now(UTC) == PAST
        assert outcome.status is Status.TIMEOUT

    def test_an_endless_iterable_ends_at_the_limit(self, deliver, transacted, frozen):
        ended = threading.Event()

        def endless():
            try:
                while True:
                    yield 1
            finally:
                ended.set()

        def drain(value):
            from django_partstream.timed.deadlines import until_late

            return list(until_late(value))

        with frozen():
            part = with_timeout(lambda request: endless(), 0.05)
            outcome = deliver(whole=drain, a=lazy(part))["a"]
            assert outcome.status is Status.TIMEOUT
            assert ended.wait(30)

    def test_a_late_call_whose_statement_cannot_be_cancelled_is_left_alone(
        self, deliver, db, frozen, gate, monkeypatch
    ):
        monkeypatch.setattr("django_partstream.timed.revocable.is_busy", lambda wrapper: True)

        def part(request):
            Customer.objects.count()
            gate.wait(30)

        with frozen():
            outcome = deliver(a=lazy(with_timeout(part, 0.05)))["a"]
        assert outcome.status is Status.TIMEOUT

    def test_a_part_that_is_in_time_has_the_frozen_time(self, deliver, transacted, frozen):
        async def later(request):
            await asyncio.sleep(0.01)
            return timezone.now()

        with frozen():
            outcomes = deliver(
                a=lazy(with_timeout(lambda request: timezone.now(), 30)),
                b=lazy(with_timeout(later, 30)),
                c=lazy(later),
            )
        assert [one.value for one in outcomes.values()] == [PAST] * 3

    def test_a_cached_value_expires_by_the_frozen_time(self, deliver):
        freezegun = pytest.importorskip("freezegun")
        runs = []

        @cached_for(60, key="frozen")
        def part(request):
            runs.append(1)
            return len(runs)

        for after, value in [(0, 1), (59, 1), (61, 2)]:
            with freezegun.freeze_time(PAST + timedelta(seconds=after)):
                assert deliver(a=lazy(part))["a"].value == value
        cache.clear()


NO_ZONE = {"USE_TZ": False, "TIME_ZONE": None}


class TestAProjectWithoutATimeZone:
    """``TIME_ZONE = None`` and no ``USE_TZ``: Django has no time zone to tell."""

    @pytest.fixture(autouse=True)
    def _without(self, transacted):
        with override_settings(**NO_ZONE):
            yield

    def test_timed_parts_and_parts_in_threads_are_delivered(self, deliver):
        async def later(request):
            return 4

        outcomes = deliver(
            concurrency=3,
            a=lazy(with_timeout(lambda request: Customer.objects.count(), 30)),
            b=lazy(lambda request: 2),
            c=lazy(safe_call(with_timeout(lambda request: 3, 30), fallback=0)),
            d=lazy(with_timeout(later, 30)),
        )
        assert [(one.status, one.value) for one in outcomes.values()] == [
            ("ok", 0), ("ok", 2), ("ok", 3), ("ok", 4),
        ]  # fmt: skip

    def test_cached_parts_are_kept(self, deliver):
        runs = []

        @cached_for(60, key="without a zone")
        def part(request):
            runs.append(1)
            return len(runs)

        assert [deliver(a=lazy(part))["a"].value for _ in range(2)] == [1, 1]

    def test_a_time_zone_of_the_request_does_no_harm(self, deliver):
        with timezone.override("Asia/Tokyo"):
            outcomes = deliver(a=lazy(with_timeout(lambda request: 1, 30)))
        assert outcomes["a"].value == 1


@pytest.mark.parametrize("use_tz", [True, False])
def test_a_timed_part_has_the_time_zone_of_the_request(deliver, settings, use_tz):
    settings.USE_TZ = use_tz
    for zone in ("Asia/Tokyo", None):
        with timezone.override(zone) if zone else nullcontext():
            part = with_timeout(lambda request: timezone.get_current_timezone_name(), 30)
            assert deliver(a=lazy(part))["a"].value == (zone or "UTC")
