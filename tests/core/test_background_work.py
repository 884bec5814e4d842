"""A worker does a job once, gives signs of life, and believes a message in nothing but the call."""

import asyncio
import json
import logging
import os
import threading
import time
from decimal import Decimal
from types import SimpleNamespace
from unittest import mock
from zoneinfo import ZoneInfo

import pytest
from django.core.cache import caches
from django.db import connections, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy

from django_partstream import lazy, progress
from django_partstream.databases import open_transactions
from django_partstream.engines import thread
from django_partstream.failures import Failure, register
from django_partstream.jobs import places, states, work
from django_partstream.jobs.asking import place_of
from django_partstream.jobs.messages import Message
from django_partstream.jobs.states import Deadly, Failed, Kept, Underway
from django_partstream.jobs.work import lost, run_message
from django_partstream.outcomes import Status
from example_schema.models import Customer
from tests.core import jobs

pytestmark = pytest.mark.usefixtures("fresh_jobs")


def message_for(function, *args):
    return Message.of(function.path, args, {}, tenant=None)


def place_for(function, *args):
    return place_of(function, message_for(function, *args))


def run(function, *args):
    run_message(message_for(function, *args).as_json())


@pytest.fixture
def in_thread():
    """Run a message in another thread: ``in_thread(function, ...)`` gives the thread."""
    threads = []

    def begun(function, *args):
        made = threading.Thread(target=run, args=(function, *args))
        made.start()
        threads.append(made)
        return made

    yield begun
    jobs.gate.set()
    for each in threads:
        each.join(30)
        assert not each.is_alive()


def test_a_worker_keeps_the_value():
    run(jobs.forecast, 1)
    assert place_for(jobs.forecast, 1).look() == Kept({"store": 1, "days": 7})


@pytest.mark.parametrize(
    ("emptied", "state"),
    [([True, False], Kept({"store": 1, "days": 7})), ([True, True], None)],
    ids=["once", "again and again"],
)
def test_a_cache_that_is_emptied_as_a_value_is_kept_fails_no_part(monkeypatch, emptied, state):
    cache, kept, times = caches["default"], places.Place._keep, iter(emptied)

    def keep(place, *args):
        kept(place, *args)
        if next(times):
            cache.clear()

    monkeypatch.setattr(places.Place, "_keep", keep)
    run(jobs.forecast, 1)
    assert place_for(jobs.forecast, 1).look() == state


def test_a_duplicate_of_a_message_is_not_done_again(in_thread):
    first = in_thread(jobs.gated, "a")
    assert jobs.begun.wait(20)
    run(jobs.gated, "a")  # while the first worker is at work
    jobs.gate.set()
    first.join(20)
    run(jobs.gated, "a")  # when the value is there
    assert jobs.calls == [("gated", "a")]
    assert place_for(jobs.gated, "a").look() == Kept("a")


def test_a_worker_that_has_ended_leaves_no_sign_of_work():
    run(jobs.broken, "x")
    place = place_for(jobs.broken, "x")
    assert isinstance(place.look(), Failed)
    caches["default"].delete(place.key)
    assert place.look() is None


def test_a_worker_gives_signs_of_life(in_thread, monkeypatch):
    monkeypatch.setattr(states, "BEAT", 0.01)
    place = place_for(jobs.gated, "a")
    in_thread(jobs.gated, "a")
    assert jobs.begun.wait(20)
    caches["default"].clear()  # and so the lease is gone
    until = time.monotonic() + 20
    while not isinstance(place.look(), Underway) or place.look().progress is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert place.look().progress == 0.25


def test_a_cache_that_forgets_all_during_the_work_costs_no_value(in_thread):
    worker = in_thread(jobs.gated, "a")
    assert jobs.begun.wait(20)
    caches["default"].clear()
    jobs.gate.set()
    worker.join(20)
    assert place_for(jobs.gated, "a").look() == Kept("a")


def test_a_value_that_was_dropped_during_the_work_is_not_kept(in_thread):
    worker = in_thread(jobs.gated, "a")
    assert jobs.begun.wait(20)
    jobs.gated.invalidate()
    jobs.gate.set()
    worker.join(20)
    assert place_for(jobs.gated, "a").look() is None


def test_a_value_under_a_lost_mark_is_not_served_again(in_thread):
    run(jobs.forecast, 1)
    jobs.forecast.invalidate()
    caches["default"].delete(states.mark_of(jobs.forecast.path))
    place = place_for(jobs.forecast, 1)
    assert place.look() is None
    place.current_mark()
    assert place.look() is None


def test_the_next_reader_asks_again_for_work_whose_worker_has_died(deliver, in_thread, caplog):
    place = place_for(jobs.gated, "a")
    assert place.begin() is not None  # of a worker that is killed now
    part = lazy(lambda request: jobs.gated("a"))
    assert deliver(part=part)["part"].status is Status.PENDING
    assert not jobs.begun.is_set()
    lost(message_for(jobs.gated, "a").as_json())
    assert "The worker of background work tests.core.jobs.gated has died." in caplog.text
    assert deliver(part=part)["part"].status is Status.PENDING
    assert jobs.begun.wait(20)
    jobs.gate.set()


def test_a_job_that_kills_its_workers_has_failed_for_a_while(deliver, caplog):
    place = place_for(jobs.forecast, 1)
    for _ in range(states.DEATHS):
        assert place.begin() is not None
        place.lose()
    assert place.look() == Deadly()
    run(jobs.forecast, 1)  # a broker delivers the message again
    outcome = deliver(part=lazy(lambda request: jobs.forecast(1)))["part"]
    assert (outcome.status, outcome.error.retryable) == (Status.ERROR, False)
    assert "has ended its worker each time" in caplog.text
    assert outcome.error.reference in caplog.text
    assert jobs.calls == []
    caches["default"].delete(place.key)  # the failure has expired
    assert place.look() is None


def test_work_that_fails_is_no_death():
    place = place_for(jobs.broken, "x")
    for _ in range(states.DEATHS + 1):
        run(jobs.broken, "x")
        caches["default"].delete(place.key)
    assert place.look() is None


def test_an_orderly_end_of_the_process_leaves_the_work_to_another(in_thread):
    place = place_for(jobs.gated, "a")
    for _ in range(states.DEATHS + 1):
        in_thread(jobs.gated, "a")
        assert jobs.begun.wait(20)
        jobs.begun.clear()
        work._let_go()
        assert place.look() is None
        # No sign of life takes the lease again.
        assert "partstream-heart" not in [each.name for each in threading.enumerate()]


@pytest.mark.parametrize(
    "change",
    [
        {"function": "os.system", "args": ["true"]},
        {"function": "subprocess.run"},
        {"function": "tests.core.jobs.take"},
        {"function": "tests.core.jobs.no_such"},
        {"function": "tests.core.no_such_module.f"},
        {"function": "tests.core.jobs.forecast.func"},
        {"function": "forecast"},
        {"function": ""},
        {"function": 3},
        {"args": 3},
        {"args": "1"},
        {"kwargs": []},
        {"language": 3},
        {"zone": None},
        {"context": None},
        {"key": "partstream:other"},
    ],
)
def test_a_message_that_names_no_background_function_is_refused_and_logged(change, caplog):
    raw = {**message_for(jobs.forecast, 1).as_json(), **change}
    with mock.patch("os.system") as system:
        run_message(raw)
        lost(raw)
    assert not system.called
    assert "was refused" in caplog.text
    assert jobs.calls == []


@pytest.mark.parametrize("raw", [None, [], "x", 3, {}])
def test_a_message_that_is_no_object_is_refused_and_logged(raw, caplog):
    run_message(raw)
    assert "was refused" in caplog.text


@pytest.mark.parametrize(
    "change",
    [{"zone": "No/Such"}, {"language": "xx-no-such"}, {"args": [1, 2, 3]}, {"kwargs": {"no": 1}}],
)
def test_a_message_that_this_process_cannot_follow_harms_nothing(change, caplog):
    raw = {**message_for(jobs.forecast, 1).as_json(), **change}
    run_message(raw)
    run(jobs.forecast, 2)
    assert ("forecast", 2, 7) in jobs.calls


def test_a_failure_is_kept_as_plain_data():
    class Odd(Exception):
        pass

    register(Odd, status=Status.ERROR, code="odd", message=gettext_lazy("Odd."))
    with mock.patch.object(work, "stand_in", mock.Mock(side_effect=Odd)):
        run(jobs.forecast, 1)
    failure = place_for(jobs.forecast, 1).look().failure
    assert (failure.code, type(failure.message), failure.message) == ("odd", str, "Odd.")


def test_details_without_json_form_are_left_out():
    failure = Failure(details={"retryAfter": 3, "who": object(), "many": [1, object()]})
    assert states.plain(failure).details == {"retryAfter": 3}


def test_a_value_of_another_release_is_computed_anew():
    place = place_for(jobs.forecast, 1)
    run(jobs.forecast, 1)
    cache, asked = caches["default"], []
    ask = cache.get_many

    def get_many(keys):
        asked.append(keys)
        if len(asked) == 1:
            raise AttributeError("Can't get attribute 'Old'")
        return ask(keys)

    with mock.patch.object(cache, "get_many", get_many):
        assert place.look() is None


def test_how_long_work_took_is_logged(caplog):
    caplog.set_level(logging.INFO, "django_partstream")
    run(jobs.forecast, 1)
    (record,) = [each for each in caplog.records if "took" in each.message]
    assert record.function == "tests.core.jobs.forecast"
    assert record.seconds < 30


def test_work_is_done_in_the_tenant_of_the_reader(deliver, settings):
    seen, inside = [], []

    class Tenancy:
        def capture(self, request):
            return request.tenant  # a worker has no request

        def thread(self, tenant):
            return mock.MagicMock(
                __enter__=lambda _: inside.append(tenant), __exit__=lambda *_: inside.pop() and None
            )

    def told():
        seen.append(list(inside))
        return inside[-1]

    settings.PARTSTREAM = {"TENANCY": Tenancy()}
    from django_partstream.testing import background_now

    with background_now(), mock.patch.object(work, "stand_in", told):
        for tenant in ("a", "b", "a"):
            request = SimpleNamespace(tenant=tenant, META={}, user=None)
            outcome = deliver(request=request, part=lazy(lambda request: jobs.forecast(1)))["part"]
            assert outcome.value == tenant
    assert seen == [["a"], ["b"]]


@pytest.mark.parametrize("tenant", [0, "", False, "a"])
def test_a_message_carries_every_tenant_but_none(tenant):
    message = Message.of(jobs.forecast.path, [1], {}, tenant=tenant)
    assert Message.read(message.as_json()).context == {"tenant": tenant}
    assert message.key != message_for(jobs.forecast, 1).key


@pytest.mark.parametrize("argument", [-0.0, 1e16, 1.2345678901234568e17, 1e22, -1.5e300, 1e-7])
@pytest.mark.parametrize("carrier", ["a broker", "jsonb"])
def test_both_ends_have_the_same_key_for_a_number(argument, carrier):
    raw = message_for(jobs.forecast, argument).as_json()
    text = json.dumps(raw)
    if carrier == "jsonb":  # of PostgreSQL: decimal numbers, without an exponent or a -0
        text = json.dumps(raw, default=str).replace(repr(argument), _decimal(argument))
    assert Message.read(json.loads(text)).key == message_for(jobs.forecast, argument).key


def _decimal(number):
    return "0.0" if number == 0 else f"{Decimal(repr(number)):f}"


@pytest.mark.parametrize("name", ["UTC", "Etc/GMT+5", "Europe/Berlin"])
def test_a_time_zone_keeps_its_name(name):
    with timezone.override(ZoneInfo(name)):
        message = message_for(jobs.forecast, 1)
    with message.entered():
        assert timezone.get_current_timezone() == ZoneInfo(name)


def test_an_argument_that_is_nested_too_deeply_is_refused():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(TypeError, match="nested too deeply"):
        message_for(jobs.forecast, nested)


@pytest.mark.parametrize(
    "kind", [asyncio.CancelledError, GeneratorExit, type("X", (BaseException,), {})]
)
def test_an_exception_of_any_kind_fails_the_work(kind):
    with mock.patch.object(work, "stand_in", mock.Mock(side_effect=kind)):
        run(jobs.forecast, 1)
    assert isinstance(place_for(jobs.forecast, 1).look(), Failed)


def test_an_interrupt_leaves_the_work_to_another_worker():
    with (
        mock.patch.object(work, "stand_in", mock.Mock(side_effect=KeyboardInterrupt)),
        pytest.raises(KeyboardInterrupt),
    ):
        run(jobs.forecast, 1)
    assert place_for(jobs.forecast, 1).look() is None


def test_a_cache_that_takes_no_progress_fails_no_work(monkeypatch, caplog):
    told = threading.Event()

    def tell(self, *_):
        told.set()
        raise ConnectionError("down")

    def works():
        progress(0.5)
        return told.wait(20)

    monkeypatch.setattr(places.Place, "tell", tell)
    with mock.patch.object(work, "stand_in", works):
        run(jobs.forecast, 1)
    assert place_for(jobs.forecast, 1).look() == Kept(True)


def test_progress_is_never_told_in_the_thread_of_the_function(monkeypatch):
    """Its transaction would hold the row of a cache in the database, and so hold up the heart."""
    tellers, told = [], threading.Event()

    def tell(self, *_):
        tellers.append(threading.get_ident())
        told.set()

    def works():
        progress(0.5)
        return told.wait(20)

    monkeypatch.setattr(places.Place, "tell", tell)
    with mock.patch.object(work, "stand_in", works):
        run(jobs.forecast, 1)
    assert threading.get_ident() not in tellers


def test_readers_hear_of_a_message_that_no_worker_can_follow(caplog):
    raw = {**message_for(jobs.forecast, 1).as_json(), "zone": "No/Such"}
    place = place_of(jobs.forecast, Message.read(raw))
    assert place.claim()
    run_message(raw)
    assert place.look().failure.reference in caplog.text


def test_a_module_that_raises_when_it_is_imported_refuses_its_messages(caplog, tmp_path):
    raw = {**message_for(jobs.forecast, 1).as_json(), "function": "tests.core.broken.f"}
    with mock.patch(
        "django_partstream.jobs.functions.import_module", side_effect=RuntimeError("x")
    ):
        run_message(raw)
    assert "was refused" in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_a_function_leaves_open_does_not_reach_the_next_job():
    def leaves_open():
        transaction.atomic().__enter__()
        Customer.objects.create(name="x", email="x@example.org")

    def in_thread():
        with mock.patch.object(work, "stand_in", leaves_open):
            run(jobs.forecast, 1)
        left.extend(open_transactions())
        connections.close_all()

    left = []
    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join(20)
    assert left == []
    assert Customer.objects.count() == 0
    assert place_for(jobs.forecast, 1).look() == Kept(None)


@pytest.mark.django_db
def test_a_raw_query_set_is_evaluated_by_the_worker(django_assert_num_queries):
    Customer.objects.create(name="Ann", email="ann@example.org")
    sql = "SELECT id, name, 7 AS seven FROM example_schema_customer"
    with mock.patch.object(work, "stand_in", mock.Mock(side_effect=[Customer.objects.raw(sql)])):
        run(jobs.forecast, 1)
    with django_assert_num_queries(0):
        (row,) = place_for(jobs.forecast, 1).look().value
        assert (row.name, row.seven) == ("Ann", 7)


class TestThreads:
    def test_a_message_waits_once_however_often_it_is_asked_for(self, monkeypatch):
        monkeypatch.setattr(thread, "WAITING", 3)
        monkeypatch.setattr(thread, "THREADS", 0)
        pool = thread.Pool()
        for _ in range(10):  # it waits for minutes, and readers ask again
            for argument in (1, True, 1.0):
                pool.put(message_for(jobs.forecast, argument).as_json())
        assert len(pool._messages) == 3

    def test_an_exit_does_not_end_a_thread_that_is_counted(self, monkeypatch):
        monkeypatch.setattr(thread, "THREADS", 1)
        ran = []

        def run_message(message):
            ran.append(message)
            raise KeyboardInterrupt

        monkeypatch.setattr(thread, "run_message", run_message)
        pool = thread.Pool()
        for turn in range(3):
            pool.put({"turn": turn})
        until = time.monotonic() + 20
        while len(ran) < 3:
            assert time.monotonic() < until
            time.sleep(0.01)

    def test_more_jobs_than_may_wait_are_refused(self, monkeypatch):
        monkeypatch.setattr(thread, "WAITING", 2)
        monkeypatch.setattr(thread, "THREADS", 1)
        pool = thread.Pool()
        pool.put(message_for(jobs.gated, "a").as_json())
        assert jobs.begun.wait(20)
        for name in ("b", "c"):
            pool.put(message_for(jobs.gated, name).as_json())
        with pytest.raises(RuntimeError, match="2 jobs wait for the 1 threads"):
            pool.put(message_for(jobs.gated, "d").as_json())
        jobs.gate.set()
        until = time.monotonic() + 20
        while len(jobs.calls) < 3:
            assert time.monotonic() < until
            time.sleep(0.01)
        assert [name for _, name in jobs.calls] == ["a", "b", "c"]

    def test_messages_that_wait_when_the_process_ends_are_left_to_another(self, monkeypatch):
        monkeypatch.setattr(thread, "THREADS", 1)
        monkeypatch.setattr(thread, "_pool", thread.Pool())
        for name in "abc":
            assert place_for(jobs.gated, name).claim()
            thread.enqueue(message_for(jobs.gated, name).as_json())
        assert jobs.begun.wait(20)
        thread._leave()
        looks = [place_for(jobs.gated, name).look() for name in "abc"]
        assert [type(look) for look in looks] == [Underway, type(None), type(None)]
        jobs.gate.set()
        until = time.monotonic() + 20
        while not isinstance(place_for(jobs.gated, "a").look(), Kept):
            assert time.monotonic() < until
            time.sleep(0.01)
        assert [name for _, name in jobs.calls] == ["a"]

    def test_a_cache_that_is_down_keeps_no_process_from_ending(self, monkeypatch, caplog):
        pool = thread.Pool()
        pool._messages.append(message_for(jobs.forecast, 1).as_json())
        monkeypatch.setattr(thread, "_pool", pool)
        monkeypatch.setattr(places.Place, "withdraw", mock.Mock(side_effect=OSError("down")))
        caplog.set_level(logging.INFO, "django_partstream")
        thread._leave()
        assert "Messages were not left to another process." in caplog.text

    def test_a_thread_without_work_ends_and_another_begins(self, monkeypatch):
        monkeypatch.setattr(thread, "IDLE", 0.01)
        pool = thread.Pool()
        for turn in range(3):
            pool.put(message_for(jobs.forecast, turn).as_json())
            until = time.monotonic() + 20
            while pool._threads or len(jobs.calls) <= turn:
                assert time.monotonic() < until
                time.sleep(0.01)

    def test_jobs_run_together(self):
        pool = thread.Pool()
        for number in range(thread.THREADS):
            pool.put(message_for(jobs.gated, str(number)).as_json())
        until = time.monotonic() + 20
        while len(jobs.calls) < thread.THREADS:
            assert time.monotonic() < until
            time.sleep(0.01)
        jobs.gate.set()

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="This system has no fork().")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_forked_child_has_threads_of_its_own(self):
        thread.enqueue(message_for(jobs.forecast, 1).as_json())
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                thread.enqueue(message_for(jobs.forecast, 2).as_json())
                until = time.monotonic() + 20
                while ("forecast", 2, 7) not in jobs.calls and time.monotonic() < until:
                    time.sleep(0.01)
                os.write(write, b"done" if ("forecast", 2, 7) in jobs.calls else b"lost")
            finally:
                os._exit(0)
        os.close(write)
        assert os.read(read, 10) == b"done"
        os.waitpid(child, 0)
