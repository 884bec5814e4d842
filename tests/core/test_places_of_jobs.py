"""The place of a job in a cache: late readers, late workers, and caches that drop or garble."""

import enum
import pickle
from unittest import mock
from uuid import uuid4

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.db import transaction

from django_partstream import cached_for, lazy
from django_partstream.failures import Failure
from django_partstream.jobs import states
from django_partstream.jobs.asking import place_of
from django_partstream.jobs.messages import Message
from django_partstream.jobs.states import Failed, Kept, Underway
from django_partstream.jobs.work import run_message
from django_partstream.outcomes import Status
from django_partstream.testing import background_now
from tests import services
from tests.core import jobs

pytestmark = pytest.mark.usefixtures("fresh_jobs")


@pytest.fixture
def place():
    return place_for(jobs.forecast, 1)


def message_for(function, *args):
    return Message.of(function.path, args, {}, tenant=None)


def place_for(function, *args):
    return place_of(function, message_for(function, *args))


def run(function, *args):
    run_message(message_for(function, *args).as_json())


class Unreadable:
    """A value that can be pickled. To unpickle it raises *kind*."""

    def __init__(self, kind):
        self.kind = kind

    def __reduce__(self):
        return fail, (self.kind,)


def fail(kind):
    raise kind("unreadable")


UNREADABLE = [TypeError, ValueError, KeyError, LookupError, AttributeError, ImportError]


# Late readers and workers.


def test_an_engine_that_refuses_a_late_message_does_not_cost_the_value(place):
    run(jobs.forecast, 1)
    place.refuse(Failure())
    assert isinstance(place.look(), Kept)


def test_a_worker_that_fails_late_does_not_cost_the_value_of_another(place):
    mark = place.begin()
    caches["default"].delete(f"{place.key}:lease")  # it was still for too long
    run(jobs.forecast, 1)
    place.keep_failure(Failure(), mark)
    assert isinstance(place.look(), Kept)


def test_a_dropped_value_does_not_keep_a_failure_from_being_told(place):
    run(jobs.forecast, 1)
    jobs.forecast.invalidate()
    place.refuse(Failure())
    assert isinstance(place.look(), Failed)


def test_a_message_that_comes_after_three_deaths_kills_no_worker(place):
    for _ in range(states.DEATHS):
        assert place.begin() is not None
        place.lose()
    place.bury(Failure())
    run(jobs.forecast, 1)  # it was asked for again, and waited in the queue
    assert jobs.calls == []
    assert isinstance(place.look(), Failed)


def test_a_failure_that_was_no_death_keeps_no_worker_from_beginning(place):
    place.refuse(Failure())
    run(jobs.forecast, 1)  # the broker had taken the message, and answered late
    assert isinstance(place.look(), Kept)


@pytest.mark.parametrize("end", ["end", "lose"])
def test_a_question_that_came_during_the_work_holds_up_no_reader_after_it(place, end):
    assert place.begin() is not None
    assert place.claim()  # the reader had looked before the lease
    getattr(place, end)()
    assert place.look() is None


def test_a_mark_outlives_a_computation_of_any_length(place):
    with mock.patch.object(caches["default"], "add", wraps=caches["default"].add) as add:
        place.current_mark()
    assert add.call_args == mock.call(place.mark, mock.ANY, None)


# Caches that drop or garble.


def test_a_cache_that_keeps_an_older_value_has_not_kept_the_new_one(deliver, monkeypatch):
    """A cache in a database says nothing when a row is refused, and the old row stays."""
    monkeypatch.setattr(states, "LOOKS", (0,))
    with background_now():
        assert deliver(part=lazy(lambda request: jobs.forecast(1)))["part"].status is Status.OK
        jobs.forecast.invalidate()
        keep = states.stand_in.set

        def refuse_values(key, value, timeout):
            is_value = isinstance(value, tuple) and isinstance(value[0], Kept)
            return None if is_value else keep(key, value, timeout)

        monkeypatch.setattr(states.stand_in, "set", refuse_values)
        outcome = deliver(part=lazy(lambda request: jobs.forecast(1)))["part"]
    assert outcome.status is Status.ERROR
    assert len(jobs.calls) == 2


def test_a_replica_may_have_the_value_later(place, monkeypatch):
    monkeypatch.setattr(states, "LOOKS", (0, 0, 0))
    cache, looks = caches["default"], []
    get = cache.get

    def later(key, *args, **kwargs):
        looks.append(key)
        return None if looks.count(key) < 3 and key == place.key else get(key, *args, **kwargs)

    with mock.patch.object(cache, "get", later):
        run(jobs.forecast, 1)
    assert isinstance(place.look(), Kept)


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_value_that_cannot_be_unpickled_fails_its_work(deliver, caplog, kind):
    with (
        mock.patch("django_partstream.jobs.work.stand_in", return_value=Unreadable(kind)),
        background_now(),
    ):
        outcome = deliver(part=lazy(lambda request: jobs.forecast(1)))["part"]
    assert outcome.status is Status.ERROR
    assert "cannot be unpickled" in caplog.text


@pytest.mark.parametrize("kind", UNREADABLE)
def test_a_kept_value_that_cannot_be_unpickled_is_computed_anew(place, caplog, kind):
    caches["default"].set(place.key, (Kept(Unreadable(kind)), place.current_mark()), 60)
    assert place.look() is None
    assert "cannot be read here" in caplog.text
    run(jobs.forecast, 1)
    assert isinstance(place.look(), Kept)


def test_a_cached_value_of_a_class_that_has_changed_is_computed_anew(request_of):
    class Colour(enum.Enum):
        RED = 1

    calls = []

    @cached_for(60, key="colour")
    def colour(request):
        calls.append(request)
        return "red"

    request, cache = request_of(), caches["default"]
    colour(request)
    (key,) = [name for name in cache._cache if pickle.loads(cache._cache[name])[:1] == ("red",)]
    old = mock.Mock(side_effect=lambda *_: Colour(2))  # a member that is gone
    with mock.patch.object(cache, "get_many", old):
        assert colour(request) == "red"
    assert key not in cache._cache
    assert [colour(request), colour(request)] == ["red", "red"]
    assert len(calls) == 3


def test_a_worker_that_has_just_begun_has_told_no_progress(place):
    assert place.begin() is not None
    assert place.look() == Underway(0.0, None, begun=True)
    place.tell(3.5, 0.25)
    assert place.look() == Underway(3.5, 0.25, begun=True)


# Caches of each kind.

CACHES = [
    pytest.param("filebased.FileBasedCache", id="files"),
    pytest.param("db.DatabaseCache", id="a database"),
    pytest.param("redis.RedisCache", marks=pytest.mark.redis, id="Redis"),
]


@pytest.fixture
def in_cache(settings, tmp_path):
    """Have the default cache be of a kind: ``in_cache("db.DatabaseCache")``."""

    def chosen(backend):
        kind = backend.partition(".")[0]
        places = {"filebased": str(tmp_path), "db": "cache_of_jobs", "redis": services.REDIS_URL}
        settings.CACHES = {
            "default": {
                "BACKEND": f"django.core.cache.backends.{backend}",
                "LOCATION": places[kind],
                "KEY_PREFIX": f"jobs-{uuid4().hex}",
                "VERSION": 3,
                "TIMEOUT": None,
            }
        }
        if kind == "db":
            call_command("createcachetable")

    return chosen


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("backend", CACHES)
def test_a_cache_of_any_kind_knows_a_job(in_cache, deliver, monkeypatch, caplog, backend):
    monkeypatch.setattr(states, "BEAT", 0.02)
    in_cache(backend)
    part, place = lazy(lambda request: jobs.gated("a")), place_for(jobs.gated, "a")
    with transaction.atomic():
        assert deliver(part=part)["part"].status is Status.PENDING
    assert jobs.begun.wait(20)
    jobs.eventually(lambda: deliver(part=part)["part"].pending.progress == 0.25)
    jobs.gate.set()
    jobs.eventually(lambda: deliver(part=part)["part"].status is Status.OK)
    jobs.eventually(lambda: not place.cache.has_key(f"{place.key}:lease"))
    signs = ("asked", "tries", "progress")
    assert place.cache.get_many([f"{place.key}:{sign}" for sign in signs]) == {}
    assert jobs.calls == [("gated", "a")]
    jobs.gated.invalidate()
    assert place.look() is None
    place.cache.delete(place.mark)  # it would stay for ever
    assert caplog.records == []
