"""A stream hands over each outcome when its part ends."""

import asyncio
import threading

import pytest

from django_partstream import lazy
from django_partstream.outcomes import Status


def in_thread(stream):
    """The ends that a thread is given."""
    return list(stream)


def in_loop(stream):
    """The ends that an event loop is given."""

    async def collected():
        return [end async for end in stream]

    return asyncio.run(collected())


@pytest.fixture(params=[in_thread, in_loop], ids=["thread", "loop"])
def ends_of(request):
    return request.param


@pytest.fixture
def stream_of(attempts_of):
    """Make a stream as a front would: ``stream_of(name=lazy(f), ...)``."""

    def made(*, may_begin=lambda name: True, **options_and_parts):
        endpoint, attempts = attempts_of(**options_and_parts)
        return endpoint.stream(attempts, may_begin=may_begin)

    return made


def names(ends):
    return [end.outcome.name for end in ends]


def values(ends):
    return {end.outcome.name: end.outcome.value for end in ends}


def test_a_stream_of_nothing_ends(stream_of, ends_of):
    assert ends_of(stream_of()) == []


def test_each_part_is_handed_over_with_its_attempt(stream_of, ends_of):
    async def c(request):
        return 3

    ends = ends_of(stream_of(a=1, b=lazy(lambda request: 2), c=lazy(c)))
    assert values(ends) == {"a": 1, "b": 2, "c": 3}
    assert all(end.attempt.name == end.outcome.name for end in ends)


def test_parts_are_handed_over_as_they_end(stream_of, ends_of):
    ended = {name: threading.Event() for name in "abc"}

    def part(request, name, after):
        if after:
            ended[after].wait(10)
        ended[name].set()

    def slow(request):
        ended["b"].wait(10)
        ended["a"].set()

    stream = stream_of(
        concurrency=3, a=lazy(part, "a", "b"), b=lazy(part, "b", "c"), c=lazy(part, "c", None)
    )
    assert sorted(names(ends_of(stream))) == ["a", "b", "c"]


def test_a_failed_part_is_an_outcome(stream_of, ends_of):
    def fail(request):
        raise ValueError

    async def afail(request):
        raise ValueError

    ends = ends_of(stream_of(a=lazy(fail), b=lazy(afail), c=lazy(lambda request: 3)))
    assert {end.outcome.name: end.outcome.status for end in ends} == {
        "a": Status.ERROR,
        "b": Status.ERROR,
        "c": Status.OK,
    }
