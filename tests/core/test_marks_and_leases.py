"""Marks and leases in the cache: how long each is kept, and the end of a lease."""

from types import SimpleNamespace
from unittest import mock

import pytest

from django_partstream import cached_for, caching, entries


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
        monkeypatch.setitem(entries._rests_until, "default", float("inf"))
        raise LookupError

    monkeypatch.setattr(caching, "time", SimpleNamespace(sleep=sleep))
    with pytest.raises(LookupError):
        cached_for(60, key="rests")(rests)(request_of())
    entries._rests_until.clear()
    other, again = (cached_for(60, key=key)(Runs()) for key in ("other", "rests"))
    assert other(request_of()) == 1
    assert [again(request_of()), again(request_of())] == [1, 1]
