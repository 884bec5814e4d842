"""The limits and failures of background functions, and engines that do not take their work."""

import time
from functools import partial
from unittest import mock

import pytest
from django.core.cache import caches
from django.core.exceptions import PermissionDenied

from django_partstream import lazy, safe_call
from django_partstream.exceptions import BackgroundFailed, PartPending
from django_partstream.jobs import places, states
from django_partstream.jobs.asking import place_of
from django_partstream.jobs.messages import Message
from django_partstream.outcomes import Status
from django_partstream.testing import background_fails, background_never, background_now
from tests.core import jobs

pytestmark = pytest.mark.usefixtures("fresh_jobs")


def failures(caplog):
    """The records of failures. There may be others, of connections that a test must not use."""
    records = [record for record in caplog.records if hasattr(record, "reference")]
    assert all(hasattr(record, "error_code") for record in records)
    return records


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
    jobs.eventually(lambda: deliver(part=part)["part"].status is Status.TIMEOUT)
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
        jobs.eventually(lambda: deliver(part=part)["part"].status is Status.OK)

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
