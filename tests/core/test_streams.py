"""A stream hands over each outcome when its part ends."""

import asyncio
import functools
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from django_partstream import cached_for, lazy, safe_call, with_timeout
from django_partstream.delivery import streams
from django_partstream.outcomes import Status
from django_partstream.signals import part_resolved
from tests.core.streaming import in_loop, in_thread, names, statuses, values
from tests.properties import examples


def test_a_stream_without_parts_ends(stream_of, ends_of):
    assert ends_of(stream_of) == []


def test_each_outcome_comes_with_its_attempt(stream_of, ends_of):
    async def third(request):
        return 3

    ends = ends_of(lambda: stream_of(a=1, b=lazy(lambda request: 2), c=lazy(third)))
    assert values(ends) == {"a": 1, "b": 2, "c": 3}
    assert all(end.attempt.name == end.outcome.name for end in ends)


def test_parts_are_handed_over_in_the_order_in_which_they_end(stream_of, ends_of):
    gates = {name: threading.Event() for name in "abc"}
    order = iter("cab")

    def part(request, name):
        assert gates[name].wait(10)
        return name

    def open_the_next(end):
        if name := next(order, None):
            gates[name].set()

    open_the_next(None)
    parts = {name: lazy(part, name) for name in "abc"}
    assert names(ends_of(lambda: stream_of(concurrency=3, **parts), open_the_next)) == [*"cab"]


def test_a_coroutine_is_handed_over_before_a_plain_part_that_takes_longer(stream_of, ends_of):
    gate = threading.Event()

    async def quick(request):
        return "quick"

    ends = ends_of(
        lambda: stream_of(slow=lazy(lambda request: gate.wait(10)), quick=lazy(quick)),
        lambda end: gate.set(),
    )
    assert names(ends) == ["quick", "slow"]


def test_a_failure_costs_its_own_part_only(stream_of, ends_of):
    def fail(request):
        raise ValueError

    async def afail(request):
        raise ValueError

    ends = ends_of(lambda: stream_of(a=lazy(fail), b=lazy(afail), c=lazy(lambda request: 3)))
    assert statuses(ends) == {"a": Status.ERROR, "b": Status.ERROR, "c": Status.OK}


class Probe:
    """Parts that count how many of them run at the same time."""

    def __init__(self, together):
        self.lock, self.meeting = threading.Lock(), threading.Barrier(together)
        self.running = self.most = 0

    def __call__(self, request):
        with self.lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.meeting.wait(10)
        with self.lock:
            self.running -= 1


@pytest.mark.parametrize("concurrency", [1, 2, 3])
def test_as_many_plain_parts_run_together_as_concurrency_says(stream_of, ends_of, concurrency):
    probe = Probe(concurrency)
    parts = {f"part{number}": lazy(probe) for number in range(6)}
    ends = ends_of(lambda: stream_of(concurrency=concurrency, **parts))
    assert set(statuses(ends).values()) == {Status.OK}
    assert probe.most == concurrency


@pytest.mark.usefixtures("small_pool")
def test_streams_share_the_pool_part_by_part(stream_of):
    ran, begun, gate = [], threading.Event(), threading.Event()

    def part(request, name):
        begun.set()
        assert gate.wait(10)
        ran.append(name)

    def stream(name):
        parts = {f"{name}{number}": lazy(part, f"{name}{number}") for number in (1, 2, 3)}
        return stream_of(concurrency=1, **parts)

    first, second = stream("a"), stream("b")
    consumer = threading.Thread(target=list, args=(first,))
    consumer.start()
    assert begun.wait(10)
    work = second._work
    assert work.advance()  # its first part is in the line
    gate.set()
    assert names(second) == ["b1", "b2", "b3"]
    consumer.join(10)
    assert ran == ["a1", "b1", "a2", "b2", "a3", "b3"]


class Parts:
    """Coroutine functions of each kind, which end when all of them have begun."""

    def __init__(self):
        self.begun, self.all_have = set(), asyncio.Event()

    async def meet(self, request, name):
        self.begun.add(name)
        if len(self.begun) == 7:
            self.all_have.set()
        await self.all_have.wait()
        return name

    async def __call__(self, request):
        return await self.meet(request, "object")

    async def method(self, request):
        return await self.meet(request, "method")

    def all(self):
        async def function(request):
            return await self.meet(request, "function")

        @cached_for(60, key="streamed")
        async def cached(request):
            return await self.meet(request, "cached")

        return {
            "function": lazy(function),
            "method": lazy(self.method),
            "object": lazy(self),
            "partial": lazy(functools.partial(self.meet, name="partial")),
            "safe": lazy(safe_call(functools.partial(self.meet, name="safe"), fallback=None)),
            "timed": lazy(with_timeout(functools.partial(self.meet, name="timed"), 30)),
            "cached": lazy(cached),
        }


def test_coroutine_functions_of_each_kind_run_together(stream_of, ends_of):
    ends = ends_of(lambda: stream_of(concurrency=1, **Parts().all()))
    assert values(ends) == {name: name for name in Parts().all()}


@pytest.mark.usefixtures("small_pool")
def test_coroutines_and_values_wait_for_no_thread_of_the_pool(stream_of, ends_of):
    gate, ended = threading.Event(), []

    def note(end):
        ended.append(end)
        if len(ended) == 8:
            gate.set()

    parts = {"plain": lazy(lambda request: gate.wait(10)), **Parts().all(), "value": [1]}
    ends = ends_of(lambda: stream_of(**parts), note)
    assert names(ends)[-1] == "plain"
    assert ends[-1].outcome.value is True


def test_an_awaitable_that_a_plain_part_left_runs_in_the_loop_of_the_coroutines(stream_of, ends_of):
    async def loop_of(request):
        return id(asyncio.get_running_loop())

    parts = {"a": lazy(loop_of), "b": lazy(lambda request: loop_of(request)), "c": lazy(loop_of)}
    assert len(set(values(ends_of(lambda: stream_of(**parts))).values())) == 1


def test_a_part_begins_when_it_may_and_not_before(stream_of, ends_of):
    asked, begun, allowed = [], [], {"a", "b"}

    def may_begin(name):
        asked.append(name)
        return name in allowed

    async def coroutine(request):
        begun.append("c")

    def widen(end):
        assert "c" not in begun or "c" in allowed
        allowed.add({"a": "x", "b": "c", "c": "d", "d": "x"}[end.outcome.name])

    parts = {name: lazy(lambda request: None) for name in "abd"}
    ends = ends_of(
        lambda: stream_of(
            may_begin=may_begin, a=parts["a"], b=parts["b"], c=lazy(coroutine), d=parts["d"]
        ),
        widen,
    )
    assert names(ends) == [*"abcd"]
    assert asked == sorted(asked)


def test_a_stream_ends_when_nothing_runs_and_nothing_may_begin(stream_of, ends_of):
    ends = ends_of(
        lambda: stream_of(may_begin=lambda name: name == "a", a=lazy(lambda r: 1), b=lazy(abs))
    )
    assert names(ends) == ["a"]


def test_a_page_may_be_added_while_the_stream_runs(attempts_of, ends_of):
    endpoint, first = attempts_of(a=lazy(lambda request: 1))
    _, second = attempts_of(b=lazy(lambda request: 2), c=3)
    made = []

    def make():
        made.append(endpoint.stream(first))
        return made[0]

    def add(end):
        if end.outcome.name == "a":
            made[0].add(second, concurrency=1)

    assert values(ends_of(make, add)) == {"a": 1, "b": 2, "c": 3}


def test_a_page_that_another_thread_adds_begins_at_once(attempts_of, ends_of):
    gate, made = threading.Event(), []
    _, second = attempts_of(b=lazy(lambda request: gate.set()))

    def add_and_wait(request):
        made[0].add(second, concurrency=1)
        return gate.wait(10)

    def make():
        endpoint, first = attempts_of(a=lazy(add_and_wait))
        made.append(endpoint.stream(first))
        return made[0]

    assert values(ends_of(make)) == {"a": True, "b": None}


def test_a_stream_is_iterated_once(stream_of):
    stream = stream_of(a=1)
    assert len(list(stream)) == 1
    with pytest.raises(RuntimeError, match="iterated once"):
        list(stream)


class Unusual(BaseException):
    """An exception that is no ``Exception``, as a failure of pytest is."""


@pytest.mark.parametrize("exc", [KeyboardInterrupt, SystemExit, Unusual])
@pytest.mark.parametrize("kind", ["plain", "coroutine", "value"])
def test_an_exit_of_a_part_is_raised_where_the_stream_is_iterated(stream_of, ends_of, exc, kind):
    def leave(request):
        raise exc(3)

    async def aleave(request):
        raise exc(3)

    def whole(value):
        raise exc(3)

    parts = {"plain": {"a": lazy(leave)}, "coroutine": {"a": lazy(aleave)}, "value": {"a": [1]}}
    with pytest.raises(exc):
        ends_of(lambda: stream_of(whole=whole, **parts[kind]))


def test_the_signal_is_sent_once_for_each_part_and_before_its_outcome(stream_of, ends_of):
    heard, seen = [], []

    async def coroutine(request):
        return 1

    def hear(name, status, **_):
        heard.append((name, status))

    part_resolved.connect(hear)
    try:
        ends_of(
            lambda: stream_of(a=1, b=lazy(abs), c=lazy(coroutine)),
            lambda end: seen.append((end.outcome.name, end.outcome.status) in heard),
        )
    finally:
        part_resolved.disconnect(hear)
    assert sorted(heard) == [("a", "ok"), ("b", "error"), ("c", "ok")]
    assert seen == [True] * 3


def test_a_failing_receiver_of_the_signal_does_not_fail_the_stream(stream_of, ends_of):
    async def coroutine(request):
        return 1

    def fail(**_):
        raise ValueError

    part_resolved.connect(fail)
    try:
        ends = ends_of(lambda: stream_of(a=1, b=lazy(lambda r: 1), c=lazy(coroutine)))
    finally:
        part_resolved.disconnect(fail)
    assert values(ends) == {"a": 1, "b": 1, "c": 1}


def test_heartbeats_come_while_nothing_ends(stream_of, ends_of, monkeypatch):
    monkeypatch.setattr(streams, "HEARTBEAT", 0.01)
    gate, beats = threading.Event(), []

    def count(end):
        if end is None:
            beats.append(end)
        if len(beats) == 3:
            gate.set()

    ends = ends_of(lambda: stream_of(a=lazy(lambda request: gate.wait(10))), count)
    assert len(beats) >= 3
    assert [end.outcome.value for end in ends if end is not None] == [True]


def plain(request, name):
    return [name]


def failing(request, name):
    raise ValueError(name)


async def coroutine(request, name):
    return [name]


async def failing_coroutine(request, name):
    await asyncio.sleep(0)
    raise ValueError(name)


def leaving_an_awaitable(request, name):
    return coroutine(request, name)


KINDS = [
    lambda name: name,
    lambda name: lazy(plain, name),
    lambda name: lazy(failing, name),
    lambda name: lazy(coroutine, name),
    lambda name: lazy(failing_coroutine, name),
    lambda name: lazy(leaving_an_awaitable, name),
    lambda name: lazy(safe_call(failing, fallback=[]), name),
    lambda name: lazy(safe_call(failing_coroutine), name),
    lambda name: lazy(with_timeout(plain, 30), name),
]


@examples(25)
@given(kinds=st.lists(st.integers(0, len(KINDS) - 1), max_size=8), concurrency=st.integers(1, 4))
@pytest.mark.parametrize("consume", [in_thread, in_loop])
def test_a_stream_has_the_outcomes_of_the_page(deliver, stream_of, consume, kinds, concurrency):
    parts = {f"part{place}": KINDS[kind](f"{kind}") for place, kind in enumerate(kinds)}
    page = deliver(concurrency=concurrency, **parts)
    ends = consume(lambda: stream_of(concurrency=concurrency, **parts))
    streamed = {end.outcome.name: end.outcome for end in ends}
    assert {name: seen(outcome) for name, outcome in streamed.items()} == {
        name: seen(outcome) for name, outcome in page.items()
    }


def seen(outcome):
    """All of an outcome but what differs each time."""
    return outcome.status, outcome.value, outcome.error and outcome.error.code
