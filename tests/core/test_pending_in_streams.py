"""A stream tries a pending part again until it ends, and tells of each try."""

import asyncio
import threading

import pytest
from asgiref.sync import ThreadSensitiveContext, async_to_sync, sync_to_async
from django.db import connections, transaction
from hypothesis import given
from hypothesis import strategies as st

from django_partstream import lazy, safe_call, with_timeout
from django_partstream.delivery import streams
from django_partstream.exceptions import PartPending
from django_partstream.outcomes import Status
from example_schema.models import Customer
from tests.core.streaming import (
    Gate,
    Waiting,
    anever,
    in_loop,
    in_thread,
    is_pending,
    names,
    never,
    progress,
    statuses,
    values,
    wait_for_the_pool,
)
from tests.core.test_streams_in_transactions import customers, write
from tests.properties import examples

pytestmark = pytest.mark.usefixtures("at_once")


def leaving(part):
    """A plain part that leaves an awaitable of the coroutine of *part*."""
    return lambda request: part.awaited(request)


KINDS = {
    "plain": lambda part: part,
    "coroutine": lambda part: part.awaited,
    "awaitable": leaving,
    "safe": lambda part: safe_call(part, fallback="fallback"),
    "safe coroutine": lambda part: safe_call(part.awaited, fallback="fallback"),
    "timed": lambda part: with_timeout(part, 30),
    "timed coroutine": lambda part: with_timeout(part.awaited, 30),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_pending_part_is_tried_again_until_it_ends(stream_of, ends_of, kind):
    part = Waiting(None, 0.5, 0.9, value=3)
    ends = ends_of(lambda: stream_of(a=lazy(KINDS[kind](part))))
    assert progress(ends) == [("a", None), ("a", 0.5), ("a", 0.9)]
    assert values(ends) == {"a": 3}
    assert [end.outcome.status for end in ends] == [*["pending"] * 3, "ok"]
    assert part.tries == 4


def test_the_tries_of_a_part_are_of_the_same_attempt(stream_of, ends_of):
    ends = ends_of(lambda: stream_of(a=lazy(Waiting(0.1, 0.2))))
    assert len({end.attempt for end in ends}) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_that_fails_when_it_is_tried_again_fails(stream_of, ends_of, kind):
    part = Waiting(0.1)
    del part.value
    ends = ends_of(lambda: stream_of(a=lazy(KINDS[kind](part))))
    assert is_pending(ends[0])
    assert ends[1].outcome.status is (Status.FALLBACK if "safe" in kind else Status.ERROR)


def test_a_part_that_is_pending_for_longer_than_its_limit_ends_timeout(stream_of, ends_of):
    def pending(request):
        raise PartPending("work", limit=0)

    ends = ends_of(lambda: stream_of(a=lazy(pending)))
    assert is_pending(ends[0])
    assert ends[-1].outcome.status is Status.TIMEOUT
    assert [is_pending(end) for end in ends].count(False) == 1


def test_a_value_that_cannot_be_made_whole_yet_is_pending(stream_of, ends_of):
    part = Waiting(0.1, value="whole")
    ends = ends_of(lambda: stream_of(whole=lambda value: part(None), a=[1], b=lazy(lambda r: 2)))
    assert progress(ends) == [("a", 0.1)]
    assert values(ends) == {"a": "whole", "b": "whole"}


def test_the_signal_is_sent_once_for_a_part_that_was_pending(stream_of, ends_of, heard):
    ends_of(lambda: stream_of(a=lazy(Waiting(0.1, 0.2)), b=lazy(Waiting(0.1).awaited)))
    assert sorted(heard) == ["a", "b"]


@pytest.mark.parametrize("kind", ["plain", "coroutine"])
@pytest.mark.parametrize("exc", [KeyboardInterrupt, SystemExit])
def test_an_exit_of_a_part_that_is_tried_again_is_raised_where_the_stream_is_iterated(
    stream_of, ends_of, kind, exc
):
    part = Waiting(0.1)

    def plain(request):
        part(request)
        raise exc(3)

    async def coroutine(request):
        plain(request)

    with pytest.raises(exc):
        ends_of(lambda: stream_of(a=lazy({"plain": plain, "coroutine": coroutine}[kind])))
    assert part.tries == 2


class TestOtherParts:
    @pytest.mark.usefixtures("small_pool")
    def test_a_pending_part_keeps_no_lane_and_no_thread(self, stream_of, ends_of, monkeypatch):
        monkeypatch.setattr(PartPending, "retry_after", 3600.0)
        ran = []

        def stop(end):
            if end.outcome.name == "c":
                raise StopAsyncIteration

        with pytest.raises(StopAsyncIteration):
            ends_of(
                lambda: stream_of(
                    a=lazy(never), b=lazy(anever), c=lazy(lambda request: ran.append("c"))
                ),
                stop,
            )
        assert ran == ["c"]

    def test_a_part_that_is_tried_again_stands_at_the_end_of_the_line(self, stream_of, ends_of):
        order, waits = [], Waiting(0.1)

        def part(request, name):
            order.append(name)
            if name == "a":
                waits(request)

        ends_of(lambda: stream_of(**{name: lazy(part, name) for name in "abcd"}))
        assert order == [*"abcda"]

    def test_a_part_that_is_tried_again_needs_a_lane(self, stream_of, ends_of, monkeypatch):
        monkeypatch.setattr(streams, "HEARTBEAT", 0.01)
        first, second, gate, beats = Waiting(0.1), Waiting(0.1), Gate(), []

        def part(request):
            first(request)
            gate(request)

        def open_at_the_third_beat(end):
            if end is None and gate.begun.is_set():
                beats.append(second.tries)
            if len(beats) == 3:
                gate.opened.set()

        ends_of(lambda: stream_of(a=lazy(part), b=lazy(second)), open_at_the_third_beat)
        assert (beats[:3], second.tries) == ([1, 1, 1], 2)

    def test_parts_behind_a_pending_part_begin_as_they_may(self, stream_of, ends_of):
        ended = []
        begun = []

        async def behind(request, name):
            begun.append((name, [*ended]))

        ends_of(
            lambda: stream_of(
                may_begin=lambda name: name != "c" or "a" in ended,
                a=lazy(Waiting(0.1, 0.2, 0.3)),
                b=lazy(behind, "b"),
                c=lazy(behind, "c"),
            ),
            lambda end: None if is_pending(end) else ended.append(end.outcome.name),
        )
        assert [name for name, _ in begun] == ["b", "c"]
        assert "a" in begun[1][1]


class TestPatience:
    """How long a stream waits while nothing but pending parts is left: in a thread of the server."""

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch):
        monkeypatch.setattr(streams, "PATIENCE", 0.0)

    def test_a_stream_in_a_thread_ends_and_says_what_is_pending(self, stream_of):
        stream = stream_of(a=lazy(never), b=lazy(lambda request: 2), c=lazy(anever), d=4)
        ends = in_thread(lambda: stream)
        assert values(ends) == {"b": 2, "d": 4}
        assert sorted(attempt.name for attempt in stream.pending) == ["a", "c"]

    def test_a_stream_in_a_loop_goes_on_until_the_parts_end(self, stream_of):
        stream = stream_of(a=lazy(Waiting(*range(9))))
        ends = in_loop(lambda: stream)
        assert values(ends) == {"a": "done"}
        assert len(ends) == 10
        assert stream.pending == []

    @pytest.mark.django_db(transaction=True)
    def test_a_stream_in_a_loop_ends_in_a_transaction_that_work_waits_for(self, stream_of):
        async def main():
            stream = await sync_to_async(stream_of)(a=lazy(never), b=lazy(lambda request: 2))
            async with asyncio.timeout(20):
                return [end async for end in stream]

        with transaction.atomic():
            ends = async_to_sync(main)()
        assert values(ends) == {"b": 2}

    def test_pending_parts_are_tried_again_while_another_part_runs(self, stream_of):
        gate = threading.Event()

        def open_gate(end):
            if end.outcome.name == "a" and not is_pending(end):
                gate.set()

        stream = stream_of(
            concurrency=2, a=lazy(Waiting(*range(5))), b=lazy(lambda request: gate.wait(10))
        )
        ends = in_thread(lambda: stream, open_gate)
        assert values(ends) == {"a": "done", "b": True}

    def test_a_try_that_runs_when_the_patience_is_over_is_waited_for(self, stream_of):
        waits, tried, gate = Waiting(0.1, value=7), threading.Event(), threading.Event()

        def again(request):
            value = waits(request)
            tried.set()
            assert gate.wait(10)
            return value

        def open_gate(end):
            if end.outcome.name == "b":
                gate.set()

        stream = stream_of(concurrency=2, a=lazy(again), b=lazy(lambda request: tried.wait(10)))
        assert values(in_thread(lambda: stream, open_gate)) == {"a": 7, "b": True}
        assert stream.pending == []

    def test_a_part_that_may_begin_by_the_end_of_a_pending_part_is_begun(self, stream_of):
        ended = set()
        stream = stream_of(
            concurrency=2,
            may_begin=lambda name: name != "c" or "b" in ended,
            a=lazy(never),
            b=lazy(lambda request: 2),
            c=lazy(lambda request: 3),
        )
        ends = in_thread(lambda: stream, lambda end: ended.add(end.outcome.name))
        assert values(ends) == {"b": 2, "c": 3}
        assert [attempt.name for attempt in stream.pending] == ["a"]

    @pytest.mark.django_db
    def test_a_stream_inside_a_transaction_ends_too(self, stream_of):
        stream = stream_of(a=lazy(never), b=lazy(write, "b"))
        assert values(in_thread(lambda: stream)) == {"b": "b"}
        assert [attempt.name for attempt in stream.pending] == ["a"]


@pytest.mark.django_db
class TestInsideATransaction:
    def test_pending_parts_come_after_the_others(self, stream_of):
        order = []
        waits = {"a": Waiting(0.1, 0.2), "c": Waiting(0.3)}

        def part(request, name):
            order.append(name)
            return waits[name](request) if name in waits else name

        ends = in_thread(lambda: stream_of(**{name: lazy(part, name) for name in "abcd"}))
        assert "".join(order[:4]) == "abcd"
        assert sorted(order[4:]) == ["a", "a", "c"]
        assert values(ends) == {"a": "done", "b": "b", "c": "done", "d": "d"}

    def test_the_work_of_a_try_that_is_pending_is_undone(self, stream_of):
        waits = Waiting(0.1)

        def part(request):
            write(request, f"try-{waits.tries}")
            return waits(request)

        ends = in_thread(lambda: stream_of(a=lazy(part)))
        assert values(ends) == {"a": "done"}
        assert customers() == {"try-1"}

    def test_a_coroutine_is_tried_again(self, stream_of):
        part = Waiting(0.1, 0.2)
        assert values(in_thread(lambda: stream_of(a=lazy(part.awaited)))) == {"a": "done"}
        assert part.tries == 3

    def test_parts_are_tried_again_from_a_loop_too(self, stream_of):
        """As with Django's AsyncClient in a TestCase."""
        where = set()

        def part(request):
            where.add(threading.current_thread())
            return waits(request)

        async def main():
            stream = await sync_to_async(stream_of)(a=lazy(part), b=lazy(Waiting(0.3).awaited))
            return [end async for end in stream]

        waits = Waiting(0.1, 0.2)
        ends = async_to_sync(main)()
        assert values(ends) == {"a": "done", "b": "done"}
        assert where == {threading.current_thread()}

    def test_a_heartbeat_is_due_while_nothing_else_is_left(self, stream_of, monkeypatch):
        monkeypatch.setattr(PartPending, "retry_after", 3600.0)
        monkeypatch.setattr(streams, "HEARTBEAT", 0.01)
        ends = iter(stream_of(a=lazy(never)))
        assert is_pending(next(ends))
        assert next(ends) is None
        ends.close()

    def test_a_closed_stream_tries_nothing_again(self, stream_of):
        part = Waiting(0.1, 0.2)
        stream = stream_of(a=lazy(part))
        ends = iter(stream)
        next(ends)
        stream.close()
        assert list(ends) == []
        assert part.tries == 1


@pytest.mark.django_db(transaction=True)
def test_the_work_of_a_try_that_is_pending_is_undone_with_atomic_requests(
    stream_of, ends_of, monkeypatch
):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    waits = Waiting(0.1)

    def part(request):
        write(request, f"try-{waits.tries}")
        return waits(request)

    assert values(ends_of(lambda: stream_of(a=lazy(part)))) == {"a": "done"}
    assert set(Customer.objects.values_list("name", flat=True)) == {"try-1"}


class TestSignsOfLife:
    def test_a_heartbeat_is_due_whatever_is_pending(self, stream_of, ends_of, monkeypatch):
        """A consumer may have nothing to tell of a pending part."""
        monkeypatch.setattr(streams, "HEARTBEAT", 0.01)
        beaten = threading.Event()

        def part(request):
            if not beaten.is_set():
                never(request)

        ends = ends_of(
            lambda: stream_of(a=lazy(part)), lambda end: beaten.set() if end is None else None
        )
        assert None in ends
        assert names([end for end in ends if end is not None]) == ["a"]

    def test_a_client_that_leaves_is_noticed_while_parts_are_pending(self, stream_of, attempts_of):
        endpoint, attempts = attempts_of(a=lazy(never), b=lazy(anever))
        looks = []

        def is_gone():
            looks.append(1)
            return len(looks) > 20

        stream = streams.Stream(endpoint.request, is_gone=is_gone)
        stream.add(attempts, concurrency=1)
        assert {is_pending(end) for end in stream} == {True}

    def test_no_outcome_is_made_before_the_last_one_of_the_part_was_taken(self, stream_of):
        """Or a slow consumer would have ever more to read."""
        part = Waiting(*range(100))
        stream = stream_of(a=lazy(part))
        ends = iter(stream)
        for number in range(1, 5):
            next(ends)
            wait_for_the_pool()
            stream._work.advance()
            wait_for_the_pool()
            stream._work.advance()
            wait_for_the_pool()
            assert part.tries <= number + 1
        ends.close()


@pytest.mark.usefixtures("_nothing_is_left")
class TestAClientThatLeaves:
    def test_nothing_is_tried_again(self, stream_of, left):
        part, acoroutine = Waiting(*range(10**6)), Waiting(*range(10**6))
        left(
            lambda: stream_of(a=lazy(part), b=lazy(acoroutine.awaited)),
            lambda: part.tries > 3 and acoroutine.tries > 3,
        )
        wait_for_the_pool()
        tries = part.tries, acoroutine.tries
        wait_for_the_pool()
        assert (part.tries, acoroutine.tries) == tries

    def test_a_part_that_waits_is_forgotten(self, stream_of, left, monkeypatch):
        monkeypatch.setattr(PartPending, "retry_after", 3600.0)
        left(lambda: stream_of(a=lazy(never), b=lazy(anever)))

    def test_a_try_that_is_pending_after_the_end_is_not_tried_again(self, stream_of, left):
        gate, tries = Gate(), []

        def part(request):
            tries.append(1)
            if len(tries) > 1:
                gate(request)
            never(request)

        left(lambda: stream_of(a=lazy(part)), gate.begun.is_set)
        gate.opened.set()
        assert gate.ended.wait(30)
        wait_for_the_pool()
        assert len(tries) == 2

    def test_a_stream_that_is_closed_when_a_part_is_due_begins_nothing(self, stream_of):
        part = Waiting(0.1, 0.2)
        stream = stream_of(a=lazy(part))
        ends = iter(stream)
        next(ends)  # from now on it is due
        stream.close()
        assert stream._work.advance() is False
        assert list(ends) == []
        wait_for_the_pool()
        assert part.tries == 1
        assert [attempt.name for attempt in stream.pending] == ["a"]

    def test_a_task_that_is_cancelled_while_a_part_waits_ends_its_stream(
        self, stream_of, monkeypatch
    ):
        monkeypatch.setattr(PartPending, "retry_after", 3600.0)

        async def main():
            pending = asyncio.Event()

            async def consume():
                async with ThreadSensitiveContext():
                    iterator = aiter(stream_of(a=lazy(anever)))
                    try:
                        async for _ in iterator:
                            pending.set()
                    finally:
                        await iterator.aclose()

            task = asyncio.create_task(consume())
            await pending.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert asyncio.all_tasks() == {asyncio.current_task()}

        asyncio.run(main())

    def test_streams_that_are_closed_from_another_thread_at_any_moment_end(self, stream_of):
        parts = {"a": lazy(never), "b": lazy(anever), "c": lazy(lambda request: anever(request))}
        for ends_before in range(30):
            stream = stream_of(concurrency=2, **parts)
            reached = threading.Event()

            def close(stream=stream, reached=reached):
                reached.wait(10)
                stream.close()

            closer = threading.Thread(target=close)
            closer.start()
            for number, _ in enumerate(stream):
                if number == ends_before:
                    reached.set()
            closer.join(30)
            assert not closer.is_alive()
        wait_for_the_pool()


@examples(40)
@given(
    kinds=st.lists(st.tuples(st.sampled_from([*KINDS]), st.integers(0, 3)), max_size=7),
    concurrency=st.integers(1, 3),
    window=st.integers(1, 4),
)
@pytest.mark.parametrize("consume", [in_thread, in_loop])
def test_every_part_ends_once_however_often_parts_are_pending(
    stream_of, consume, kinds, concurrency, window
):
    parts = {
        f"part{place}": Waiting(*range(times), value=place)
        for place, (_, times) in enumerate(kinds)
    }
    lazily = {
        name: lazy(KINDS[kind](part))
        for (name, part), (kind, _) in zip(parts.items(), kinds, strict=True)
    }
    left, order = [*parts], [*parts]

    def may_begin(name):
        return order.index(name) < order.index(left[0]) + window

    def deliver(end):
        if not is_pending(end):
            left.remove(end.outcome.name)

    ends = consume(
        lambda: stream_of(concurrency=concurrency, may_begin=may_begin, **lazily), deliver
    )
    assert left == []
    assert values(ends) == {name: part.value for name, part in parts.items()}
    assert len(names(ends)) == len(parts)
    assert set(statuses([end for end in ends if not is_pending(end)]).values()) <= {Status.OK}
    for name, part in parts.items():
        assert part.tries == 1 + len([told for told, _ in progress(ends) if told == name])
