"""An endpoint takes the steps of a page; parts are handed over in the order in which they end."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from django_partstream import lazy
from django_partstream.delivery.running import run
from django_partstream.endpoints import Endpoint
from django_partstream.exceptions import CursorExpired, CursorInvalid
from django_partstream.signals import part_resolved
from django_partstream.testing import expired


class Dashboard:
    chunk_size, cursor_ttl, concurrency = 2, 60, 1

    def get_parts(self):
        return [("a", lazy(lambda request: 1)), ("b", 2), ("c", lazy(lambda request: 3))]


@pytest.fixture
def endpoint(request_of):
    return Endpoint(Dashboard(), request_of(), address=["test", "dashboard"])


@pytest.mark.parametrize("asked", ["plan", "tenant", "variation"])
def test_a_request_does_not_wait_for_the_project_to_answer_another(request_of, settings, asked):
    """Each of these calls code of the project, which may wait for a database."""
    barrier = threading.Barrier(2)

    def answers(*args):
        barrier.wait(30)
        return []

    class Meeting(Dashboard):
        get_parts = answers

    settings.PARTSTREAM = {"TENANCY": SimpleNamespace(capture=answers)}

    def ask():
        endpoint = Endpoint(Meeting(), request_of(), address=[], varies_on=answers)
        return getattr(endpoint, asked) is not None

    with ThreadPoolExecutor(2) as threads:
        assert [each.result(60) for each in [threads.submit(ask), threads.submit(ask)]] == [
            True
        ] * 2


class Ends:
    """Collects the names of parts as they end, and lets a part wait for that."""

    def __init__(self):
        self.names, self._ended = [], {}

    def event(self, name):
        return self._ended.setdefault(name, threading.Event())

    def __call__(self, attempt, outcome):
        assert outcome.error is None, outcome
        self.names.append(outcome.name)
        self.event(outcome.name).set()

    def wait_for(self, name):
        assert self.event(name).wait(10)


def test_an_endpoint_follows_the_cursor_that_it_signed(endpoint):
    first = endpoint.take(after=None, size=2)
    outcomes = endpoint.resolve(endpoint.attempts(first, whole=lambda value: value))
    assert {outcome.name: outcome.value for outcome in outcomes} == {"a": 1, "b": 2}
    cursor = endpoint.follow(endpoint.sign(first))
    last = endpoint.take(after=cursor, size=2)
    assert (last.names, last.has_more) == (("c",), False)


def test_an_endpoint_refuses_the_cursor_of_another_address(endpoint, request_of):
    token = endpoint.sign(endpoint.take(after=None, size=2))
    other = Endpoint(Dashboard(), request_of(), address=["test", "report"])
    with pytest.raises(CursorInvalid):
        other.follow(token)
    with pytest.raises(CursorExpired):
        endpoint.follow(expired(token))


def test_a_place_of_a_page_is_signed_once_however_much_time_passes(endpoint, monkeypatch):
    page = endpoint.take(after=None, size=2)
    first = endpoint.sign(page)
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    assert endpoint.sign(page) == endpoint.sign(page, 1) == first
    assert endpoint.sign(page, 0) != first


def test_an_endpoint_makes_its_plan_once(endpoint):
    assert endpoint.plan is endpoint.plan


def test_coroutines_are_handed_over_in_the_order_in_which_they_end(attempts_of):
    ends, ended = Ends(), asyncio.Event()

    async def waits(request):
        await asyncio.wait_for(ended.wait(), 10)
        return 1

    async def ends_first(request):
        ended.set()
        return 2

    _, attempts = attempts_of(a=lazy(waits), b=lazy(ends_first), c=lazy(lambda request: 3))
    run(attempts, ends)
    assert ends.names == ["c", "b", "a"]


def test_parts_in_threads_are_handed_over_in_the_order_in_which_they_end(attempts_of):
    ends = Ends()

    def waits(request):
        ends.wait_for("b")
        return 1

    _, attempts = attempts_of(a=lazy(waits), b=lazy(lambda request: 2))
    run(attempts, ends, concurrency=2)
    assert ends.names == ["b", "a"]


def test_a_page_of_parts_that_end_in_another_order_has_the_order_of_the_plan(attempts_of):
    both = threading.Barrier(2)
    released = threading.Event()

    def waits(request):
        both.wait(10)
        assert released.wait(10)
        return 1

    def releases(request):
        both.wait(10)
        released.set()
        return 2

    endpoint, attempts = attempts_of(concurrency=2, a=lazy(waits), b=lazy(releases))
    assert [outcome.value for outcome in endpoint.resolve(attempts)] == [1, 2]


@pytest.mark.parametrize("kind", ["in threads", "coroutines"])
def test_a_receiver_hears_of_a_part_while_another_part_of_the_page_runs(deliver, kind):
    heard = threading.Event()

    def hear(name, **_):
        if name == "b":
            heard.set()

    def waits(request):
        return heard.wait(10)

    async def awaits(request):
        while not heard.is_set():  # noqa: ASYNC110 - set in another thread's receiver
            await asyncio.sleep(0)
        return True

    async def quick(request):
        return 2

    part_resolved.connect(hear)
    try:
        if kind == "in threads":
            outcomes = deliver(concurrency=2, a=lazy(waits), b=lazy(lambda request: 2))
        else:
            outcomes = deliver(a=lazy(awaits), b=lazy(quick))
    finally:
        part_resolved.disconnect(hear)
    assert outcomes["a"].value is True


def test_a_receiver_hears_of_a_coroutine_in_the_thread_of_the_request(deliver):
    heard = []

    async def part(request):
        return 1

    def hear(**_):
        heard.append(threading.current_thread())

    part_resolved.connect(hear)
    try:
        deliver(a=lazy(part))
    finally:
        part_resolved.disconnect(hear)
    assert heard == [threading.current_thread()]
