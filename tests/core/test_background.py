"""A part that calls a background function is pending, then there; the function runs once."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from unittest import mock
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AnonymousUser
from django.core.cache import caches
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import QueryDict
from django.utils import timezone, translation
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext_lazy

from django_partstream import background, cached_for, lazy, progress, safe_call, with_timeout
from django_partstream.delivery import steps
from django_partstream.exceptions import BackgroundFailed, PartPending
from django_partstream.jobs import places, states
from django_partstream.jobs.asking import place_of
from django_partstream.jobs.messages import Message
from django_partstream.outcomes import Status
from django_partstream.signals import part_resolved
from django_partstream.testing import background_fails, background_never, background_now
from example_schema.models import Customer
from tests.core import jobs

pytestmark = pytest.mark.usefixtures("fresh_jobs")


class Kind(Enum):
    SHOP = "shop"


def eventually(look, seconds=20):
    """The first true answer of *look*."""
    until = time.monotonic() + seconds
    while not (answer := look()):
        assert time.monotonic() < until, "It did not come."
        time.sleep(0.01)
    return answer


def failures(caplog):
    """The records of failures. There may be others, of connections that a test must not use."""
    return [record for record in caplog.records if hasattr(record, "reference")]


@contextmanager
def sent(settings):
    """The messages that an engine was asked to carry within the body. It carries none."""
    jobs.messages.clear()
    settings.PARTSTREAM = {
        **getattr(settings, "PARTSTREAM", {}),
        "BACKGROUND": "tests.core.jobs.take",
    }
    yield jobs.messages


@pytest.fixture
def messages(settings):
    with sent(settings) as taken:
        yield taken


# Pending, then there.


def test_a_part_is_pending_until_a_thread_has_the_value(deliver):
    part = lazy(lambda request: jobs.gated("a"))
    first = deliver(part=part)["part"]
    assert first.status is Status.PENDING
    assert first.value is None
    assert first.error is None
    assert 0.4 <= first.pending.retry_after <= 0.6
    assert jobs.begun.wait(20)
    assert eventually(lambda: deliver(part=part)["part"].pending.progress) == 0.25
    jobs.gate.set()
    last = eventually(lambda: (one := deliver(part=part)["part"]).status is Status.OK and one)
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


# Limits.


def test_a_walk_that_has_waited_for_longer_than_the_limit_gets_a_timeout(attempts_of):
    endpoint, attempts = attempts_of(part=lazy(lambda request: jobs.forecast(1)))
    with background_never():
        assert endpoint.resolve(attempts)[0].status is Status.PENDING
        endpoint._first_owed["part"] = time.time() - jobs.forecast.limit - 1
        late = endpoint.resolve(attempts)[0]
    assert late.status is Status.TIMEOUT
    assert late.error.retryable


def test_a_walk_waits_for_its_limit_though_cursors_tell_whole_seconds(attempts_of):
    endpoint, attempts = attempts_of(part=lazy(lambda request: jobs.forecast(1)))
    with background_never():
        endpoint._first_owed["part"] = time.time() - jobs.forecast.limit - 0.9
        assert endpoint.resolve(attempts)[0].status is Status.PENDING


@pytest.mark.parametrize("begun", [False, True])
def test_a_timeout_tells_the_function_and_whether_a_worker_is_at_work(
    attempts_of, messages, settings, begun, caplog
):
    endpoint, attempts = attempts_of(part=lazy(lambda request: jobs.forecast(1)))
    assert endpoint.resolve(attempts)[0].status is Status.PENDING
    if begun:
        place_of(jobs.forecast, Message.read(messages[0])).begin()
    endpoint._first_owed["part"] = time.time() - jobs.forecast.limit - 2
    settings.DEBUG = True
    (late,) = endpoint.resolve(attempts)
    assert late.status is Status.TIMEOUT
    assert late.error.message == str(caplog.records[-1].exc_info[1])
    assert "tests.core.jobs.forecast" in late.error.message
    assert ("No worker is at work" in late.error.message) is not begun


def test_work_that_no_worker_has_begun_is_asked_for_again_with_a_warning(
    attempts_of, messages, caplog
):
    endpoint, attempts = attempts_of(part=lazy(lambda request: jobs.forecast(1)))
    endpoint.resolve(attempts)
    assert not any(hasattr(record, "seconds") for record in caplog.records)
    place_of(jobs.forecast, Message.read(messages[0])).withdraw()  # as after ASKED seconds
    endpoint._first_owed["part"] = time.time() - 16
    endpoint.resolve(attempts)
    endpoint.resolve(attempts)
    assert len(messages) == 2
    (record,) = [each for each in caplog.records if hasattr(each, "seconds")]
    assert record.function == "tests.core.jobs.forecast"
    assert "has waited for 16 s, and no worker is at work on it" in record.message


def test_a_new_reader_does_not_wait_for_work_that_hangs(deliver, monkeypatch):
    monkeypatch.setattr(states, "BEAT", 0.01)
    part = lazy(lambda request: jobs.gated("hangs"))
    assert deliver(part=part)["part"].status is Status.PENDING
    assert jobs.begun.wait(20)
    later = partial(sum, (time.monotonic(), jobs.gated.limit, 1))
    monkeypatch.setattr("django_partstream.jobs.work.monotonic", later)
    eventually(lambda: deliver(part=part)["part"].status is Status.TIMEOUT)
    jobs.gate.set()


@pytest.mark.parametrize("minutes", [-60, 60])
def test_the_clock_of_a_worker_may_differ_from_that_of_a_reader(deliver, monkeypatch, minutes):
    part = lazy(lambda request: jobs.gated(f"{minutes} minutes"))
    deliver(part=part)
    assert jobs.begun.wait(20)
    other = mock.Mock(time=lambda: time.time() + 60 * minutes)
    monkeypatch.setattr(places, "time", other)
    assert deliver(part=part)["part"].status is Status.PENDING
    jobs.gate.set()


def test_work_that_waits_for_a_worker_does_not_hang(deliver, messages, monkeypatch):
    part = lazy(lambda request: jobs.forecast(1))
    deliver(part=part)
    later = mock.Mock(time=lambda: time.time() + jobs.forecast.limit + 1)
    monkeypatch.setattr(places, "time", later)
    assert deliver(part=part)["part"].status is Status.PENDING
    assert len(messages) == 1


def test_the_wait_grows_with_the_age_of_the_work():
    waits = [PartPending("f", age=age, limit=600).retry_after for age in (0, 2, 8, 20, 400)]
    for wait, middle in zip(waits, (0.5, 0.5, 2, 5, 10), strict=True):
        assert 0.84 * middle <= wait <= 1.16 * middle


def test_readers_who_came_together_do_not_come_back_together():
    assert len({PartPending("f", age=20, limit=600).retry_after for _ in range(50)}) > 10


# Failures.


def test_a_failure_keeps_the_reference_of_the_worker(deliver, caplog):
    with background_now():
        outcome = deliver(part=lazy(lambda request: jobs.broken("secret")))["part"]
        again = deliver(part=lazy(lambda request: jobs.broken("secret")))["part"]
    assert outcome.status is Status.ERROR
    assert outcome.error.code == "part_failed"
    assert outcome.error.retryable
    assert "secret" not in outcome.error.message
    assert outcome.error.reference == again.error.reference
    assert any(
        record.reference == outcome.error.reference and "secret" in str(record.exc_info[1])
        for record in failures(caplog)
    )
    assert jobs.calls == [("broken", "secret")]


def test_a_failure_elsewhere_is_logged_without_a_traceback_that_is_always_the_same(deliver, caplog):
    with background_now():
        deliver(part=lazy(lambda request: jobs.broken("x")))
    of_worker, of_part = failures(caplog)
    assert (of_worker.levelname, of_part.levelname) == ("ERROR", "WARNING")
    assert of_worker.exc_info[2] is not None
    assert isinstance(of_part.exc_info[1], BackgroundFailed)
    assert of_part.exc_info[2] is None


@pytest.mark.parametrize("debug", [True, False])
def test_the_text_of_a_failure_is_shown_with_the_debug_of_the_server(deliver, settings, debug):
    settings.DEBUG = not debug  # of the worker
    with background_now():
        jobs_of_worker = lazy(lambda request: jobs.broken("secret"))
        deliver(part=jobs_of_worker)
        settings.DEBUG = debug
        message = deliver(part=jobs_of_worker)["part"].error.message
    assert len(jobs.calls) == 1
    assert message == ("LookupError: secret" if debug else "This part could not be loaded.")


def test_a_failure_that_is_an_answer_is_no_error_in_the_log_of_the_worker(deliver, caplog):
    caplog.set_level("INFO", "django_partstream")
    with background_fails(PermissionDenied("no")):
        deliver(part=lazy(lambda request: jobs.forecast(1)))
    assert [record.levelname for record in failures(caplog)] == ["INFO", "INFO"]


def test_a_failure_is_what_the_exception_means(deliver):
    with background_fails(PermissionDenied("no")):
        assert deliver(part=lazy(lambda request: jobs.forecast(1)))["part"].status is Status.DENIED


def test_a_failure_falls_back_under_safe_call(deliver):
    part = lazy(safe_call(lambda request: jobs.forecast(1), fallback="fell back"))
    with background_fails():
        assert deliver(part=part)["part"].value == "fell back"


def test_a_part_can_catch_the_failure(deliver):
    def catches(request):
        try:
            return jobs.broken("x")
        except BackgroundFailed as exc:
            return exc.reference

    with background_now():
        assert len(deliver(part=lazy(catches))["part"].value) == 8


@pytest.mark.parametrize("func", [jobs.exits, jobs.unpicklable], ids=["an exit", "no pickle"])
def test_work_whose_value_cannot_be_had_fails_the_part(deliver, func):
    with background_now():
        outcome = deliver(part=lazy(lambda request: func()))["part"]
    assert outcome.status is Status.ERROR


def test_a_value_that_no_cache_can_keep_is_told_with_the_remedy(deliver, settings):
    settings.DEBUG = True
    with background_now():
        error = deliver(part=lazy(lambda request: jobs.unpicklable()))["part"].error
    assert "The value cannot be kept in the cache 'default'" in error.message
    assert "Return text" in error.message
    assert not error.retryable


def test_a_value_is_kept_long_enough_for_a_reader_who_waits(deliver):
    with background_now():
        part = lazy(lambda request: jobs.fleeting())
        with mock.patch.object(states.stand_in, "set", wraps=states.stand_in.set) as kept:
            deliver(part=part)
    assert PartPending("f", age=600, limit=600).retry_after < 15
    assert [call.args[2] for call in kept.call_args_list if isinstance(call.args[1], tuple)] == [15]


def test_a_value_that_the_cache_drops_fails_the_part(deliver, caplog, monkeypatch):
    monkeypatch.setattr(states, "LOOKS", (0, 0))
    with background_now():
        keep = states.stand_in.set

        def set_small(key, value, timeout):
            is_large = isinstance(value, tuple) and isinstance(value[0], states.Kept)
            return None if is_large else keep(key, value, timeout)

        monkeypatch.setattr(states.stand_in, "set", set_small)
        outcome = deliver(part=lazy(lambda request: jobs.forecast(1)))["part"]
    assert outcome.status is Status.ERROR
    assert "did not keep the value" in caplog.text


def test_a_cache_that_keeps_nothing_fails_the_part_with_the_remedy(deliver, settings, caplog):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    outcome = deliver(part=lazy(lambda request: jobs.forecast(1)))["part"]
    assert outcome.status is Status.ERROR
    assert "keeps nothing" in str(caplog.records[-1].exc_info[1])
    assert jobs.calls == []


def test_a_cache_that_does_not_answer_fails_the_part(deliver):
    broken = mock.Mock(get_many=mock.Mock(side_effect=ConnectionError("down")))
    with mock.patch.object(states, "stand_in", broken):
        outcome = deliver(part=lazy(lambda request: jobs.forecast(1)))["part"]
    assert (outcome.status, outcome.error.retryable) == (Status.ERROR, True)


class TestAnEngine:
    @pytest.fixture(autouse=True)
    def _engine(self, settings):
        settings.PARTSTREAM = {"BACKGROUND": "tests.core.jobs.refuse"}

    def test_that_refuses_fails_the_part_for_a_moment(self, deliver, caplog, settings):
        part = lazy(lambda request: jobs.forecast(1))
        outcome = deliver(part=part)["part"]
        assert (outcome.status, outcome.error.retryable) == (Status.ERROR, True)
        assert "was not taken by its engine" in caplog.text
        assert outcome.error.reference in caplog.text
        settings.DEBUG = True
        message = deliver(part=part)["part"].error.message
        assert message == "ConnectionRefusedError: no broker"
        settings.PARTSTREAM = {"BACKGROUND": "thread"}
        with mock.patch.object(caches["default"], "get_many", _forgetful(caches["default"])):
            assert deliver(part=part)["part"].status is Status.PENDING
        eventually(lambda: deliver(part=part)["part"].status is Status.OK)

    def test_that_does_not_answer_holds_a_page_for_its_deadline(
        self, deliver, settings, monkeypatch
    ):
        monkeypatch.setattr("django_partstream.jobs.engine.DEADLINE", 0.1)
        settings.PARTSTREAM = {"BACKGROUND": "tests.core.jobs.hang"}
        outcome = deliver(part=lazy(lambda request: jobs.forecast(1)))["part"]
        jobs.gate.set()
        assert (outcome.status, outcome.error.retryable) == (Status.ERROR, True)

    @pytest.mark.parametrize("path", ["tests.core.jobs.nothing", "no.such.module"])
    def test_that_is_not_there_fails_the_part_and_is_named_in_the_log(
        self, deliver, settings, path, caplog
    ):
        settings.PARTSTREAM = {"BACKGROUND": path}
        outcome = deliver(part=lazy(lambda request: jobs.forecast(1)))["part"]
        assert (outcome.status, outcome.error.retryable) == (Status.ERROR, False)
        assert path in "".join(
            str(record.exc_info[1]) for record in caplog.records if record.exc_info
        )


def _forgetful(cache):
    """The values of *cache*, without kept failures: as after the time for which they are kept."""
    ask = cache.get_many

    def get_many(keys):
        found = ask(keys)
        return {
            key: value
            for key, value in found.items()
            if not (isinstance(value, tuple) and isinstance(value[0], states.Failed))
        }

    return get_many


# Mistakes of the developer.


def test_a_function_that_a_worker_cannot_import_is_refused():
    def local():
        return None

    for func in (
        local,
        lambda: None,
        TestAnEngine.test_that_refuses_fails_the_part_for_a_moment,
        int,
        3,
    ):
        with pytest.raises(TypeError, match=r"background\(\) needs a function"):
            background(func)


@pytest.mark.parametrize(
    "options",
    [
        {"limit": 0},
        {"limit": 0.5},
        {"limit": True},
        {"limit": float("nan")},
        {"limit": float("inf")},
        {"limit": "10"},
        {"keep": 0},
        {"keep": -1},
        {"keep": None},
        {"keep": float("nan")},
        {"keep": float("inf")},
    ],
)
def test_a_time_that_is_none_is_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        background(**options)


@pytest.mark.parametrize("options", [{"cache": None}, {"cache": 3}, {"queue": 3}])
def test_a_name_that_is_none_is_refused(options):
    with pytest.raises(TypeError, match=next(iter(options))):
        background(**options)


def test_no_request_can_be_passed(deliver, caplog):
    assert deliver(part=lazy(jobs.forecast))["part"].status is Status.ERROR
    assert "request.user.pk" in str(caplog.records[-1].exc_info[1])


@pytest.mark.parametrize(
    ("argument", "remedy"),
    [
        (Customer(pk=1), "primary key"),
        ((1, 2), "Pass a list"),
        ({1, 2}, "Pass a list"),
        ((number for number in (1, 2)), "Pass a list"),
        ({1: "a"}, "text as its keys"),
        ([float("nan")], "Pass None"),
        (float("inf"), "Pass None"),
        ({"a": [object()]}, "Pass text, numbers"),
        (b"a", "decode()"),
        (Customer.objects.all(), "Pass primary keys"),
        (Customer.objects, "Pass primary keys"),
        (Customer.objects.values_list("pk", flat=True), "Pass primary keys"),
        (AnonymousUser(), "user.pk"),
        (SimpleLazyObject(AnonymousUser), "user.pk"),
        ({"since": date(2024, 1, 1)}, "isoformat()"),
        (datetime(2024, 1, 1), "isoformat()"),
        (timedelta(days=1), "total_seconds()"),
        (Decimal("1.5"), "str()"),
        (UUID(int=3), "str()"),
        (gettext_lazy("Yes"), "str()"),
        (Kind.SHOP, "its value"),
        (QueryDict("a=1&a=2"), "its dict()"),
    ],
)
def test_an_argument_without_json_form_fails_the_part_with_the_remedy(
    deliver, caplog, argument, remedy
):
    outcome = deliver(part=lazy(lambda request: jobs.forecast(argument)))["part"]
    assert (outcome.status, outcome.error.retryable) == (Status.ERROR, False)
    assert remedy in str(caplog.records[-1].exc_info[1])


def test_a_message_about_an_argument_fetches_no_rows_and_is_short(deliver, caplog):
    deliver(part=lazy(lambda request: jobs.forecast([Customer.objects.all()])))  # no database
    assert "got a query set of Customer in a list" in str(caplog.records[-1].exc_info[1])
    deliver(part=lazy(lambda request: jobs.forecast(tuple(range(10_000)))))
    assert len(str(caplog.records[-1].exc_info[1])) < 400


def test_arguments_that_the_function_does_not_take_fail_the_part(deliver, caplog):
    outcome = deliver(part=lazy(lambda request: jobs.forecast(1, 2, 3)))["part"]
    assert (outcome.status, outcome.error.retryable) == (Status.ERROR, False)


def test_get_parts_cannot_wait(attempts_of):
    endpoint, _ = attempts_of()
    endpoint._make_plan = lambda: [("part", jobs.forecast(1))]
    with pytest.raises(RuntimeError, match=r"get_parts\(\), where nothing can wait"):
        endpoint.plan  # noqa: B018
    assert jobs.calls == []


def test_progress_outside_of_work_does_nothing():
    progress(0.5)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), None, "0.5", True])
def test_progress_is_a_number_from_0_to_1(share):
    with pytest.raises(ValueError, match="from 0 to 1"):
        progress(share)
