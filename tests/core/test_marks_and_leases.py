"""Marks and leases in the cache: how long each is kept, and the end of a lease."""

from collections import deque
from math import inf
from types import SimpleNamespace
from unittest import mock

import pytest
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache

from django_partstream import cached_for
from django_partstream.caching import cached, health
from django_partstream.caching.entries import Entry, Hit, change_mark
from django_partstream.caching.leases import Lease


class Runs:
    """A function that returns the number of its call."""

    def __init__(self):
        self.count = 0

    def __call__(self, request):
        self.count += 1
        return self.count


def at(seconds):
    """In the body, ``time.time()`` stands still."""
    return mock.patch("time.time", return_value=float(seconds))


@pytest.mark.parametrize("per_user", [True, False])
def test_a_value_that_is_computed_anew_is_kept_as_long_as_the_first(request_of, per_user):
    """A mark is kept some seconds longer than a value: each new value must prolong it."""
    get = cached_for(60, key="anew", per_user=per_user)(Runs())
    with at(1000):
        assert get(request_of()) == 1
    with at(1061):
        assert get(request_of()) == 2
    with at(1115):
        assert get(request_of()) == 2
    with at(1122):
        assert get(request_of()) == 3


def test_a_lease_that_ends_while_the_cache_rests_is_given_back_when_it_answers(
    request_of, monkeypatch
):
    """Otherwise the next caller would wait for a value that nothing computes."""

    def sleep(seconds):
        raise AssertionError("waited")

    def rests(request):
        health.health_of("default").rest(inf)
        raise LookupError

    monkeypatch.setattr(cached, "time", SimpleNamespace(sleep=sleep))
    with pytest.raises(LookupError):
        cached_for(60, key="rests")(rests)(request_of())
    health.health_of("default").rest(0)
    other, again = (cached_for(60, key=key)(Runs()) for key in ("other", "rests"))
    assert other(request_of()) == 1
    assert [again(request_of()), again(request_of())] == [1, 1]


def entry(**options):
    place = {"name": "n", "key": "k", "marks": ["m"], "alias": "default"}
    return Entry(**{**place, "seconds": 60, "stale": 0, **options})


def test_a_caller_that_finds_the_value_when_it_has_the_lease_gives_the_lease_back():
    add, asked = LocMemCache.add, []

    def arrives(cache, key, *args, **kwargs):
        if key == "k:lease" and not asked:
            asked.append(key)
            first = entry()
            assert first.look() is None
            first.put("value")
        return add(cache, key, *args, **kwargs)

    with mock.patch.object(LocMemCache, "add", arrives):
        assert entry().look() == Hit("value")
    assert cache.get("k:lease") is None


def test_a_value_from_before_an_invalidation_is_not_served_when_the_marks_are_lost(request_of):
    get = cached_for(60, key="lost")(Runs())
    keys = get.invalidate.__self__.keys
    assert get(request_of()) == 1
    get.invalidate()
    cache.delete_many([keys.mark_of(), keys.mark_of(["anyone"])])
    assert get(request_of()) == 2


def test_a_late_value_does_not_replace_a_value_from_after_an_invalidation():
    late, other = entry(), entry()
    assert late.look() is None
    late.give_up()
    change_mark("m", "default", longest=60)
    assert other.look() is None
    other.put("new")
    late.put("old")
    assert entry().look() == Hit("new")


def test_a_value_that_is_computed_for_longer_than_it_is_kept_is_kept():
    with at(1000):
        slow = entry(seconds=1)
        assert slow.look() is None
    with at(1020):
        slow.put("value")
        assert entry(seconds=1).look() == Hit("value")


class TakenByAnotherThread(deque):
    """Lost leases, the last of which another thread takes just now."""

    def popleft(self):
        self.clear()
        return super().popleft()


def test_a_lost_lease_that_another_thread_ends_costs_no_answer():
    asked = health.health_of("default")
    asked._lost = TakenByAnotherThread([Lease("k:lease", token="t")])
    answer = asked.ask(lambda cache: "answer", lease=Lease("other"), name="n", problem="failed")
    assert answer == "answer"
