"""Nothing waits for a lease on a cached value that the waiting thread, loop or task itself holds."""

import asyncio
import threading
from inspect import isawaitable

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.core.cache import cache

from django_partstream import cached_for, lazy, safe_call, with_timeout
from django_partstream.caching import cached as cached_module
from django_partstream.outcomes import Status


@pytest.fixture
def no_thread_waits(monkeypatch):
    """Fail a call that waits for a value by blocking its thread."""

    def sleep(seconds):
        raise AssertionError("A thread waits for a lease.")

    monkeypatch.setattr(cached_module.time, "sleep", sleep)


@pytest.fixture
def nothing_waits(no_thread_waits, monkeypatch):
    """Fail a call that waits for a value at all."""
    sleep = asyncio.sleep

    async def awake(seconds):
        if seconds:
            raise AssertionError("A coroutine waits for a lease.")
        await sleep(0)

    monkeypatch.setattr(cached_module.asyncio, "sleep", awake)


class Counted:
    """Cached functions that count their computations, under names of their own."""

    def __init__(self):
        self.runs = 0

    async def compute(self):
        self.runs += 1
        run = self.runs
        await asyncio.sleep(0)
        return f"value {run}"

    def that_returns_an_awaitable(self, *, stale=0):
        @cached_for(60, stale=stale, key="awaitable")
        def plain(request):
            return self.compute()

        return plain

    def that_returns_a_task(self):
        @cached_for(60, key="task")
        def plain(request):
            return asyncio.ensure_future(self.compute())

        return plain


@pytest.fixture
def counted():
    return Counted()


def values(outcomes):
    assert [one.error for one in outcomes.values() if one.error] == []
    return [one.value for one in outcomes.values()]


class TestAPlainFunctionThatReturnsAnAwaitable:
    def test_parts_of_a_page_share_its_value(self, deliver, counted, transacted, no_thread_waits):
        plain = counted.that_returns_an_awaitable()
        outcomes = deliver(a=lazy(plain), b=lazy(plain), c=lazy(plain))
        assert values(outcomes) == ["value 1"] * 3
        assert values(deliver(a=lazy(plain))) == ["value 1"]
        assert counted.runs == 1

    def test_parts_in_threads_share_its_value(self, deliver, counted, transacted):
        plain = counted.that_returns_an_awaitable()
        outcomes = deliver(concurrency=3, a=lazy(plain), b=lazy(plain), c=lazy(plain))
        assert values(outcomes) == ["value 1"] * 3

    def test_parts_share_its_value_under_other_guards(
        self, deliver, counted, transacted, no_thread_waits
    ):
        plain = counted.that_returns_an_awaitable()
        outcomes = deliver(
            a=lazy(with_timeout(plain, 30)), b=lazy(safe_call(plain, fallback=0)), c=lazy(plain)
        )
        assert values(outcomes) == ["value 1"] * 3

    def test_parts_in_a_running_loop_share_its_value(
        self, attempts_of, counted, no_thread_waits, request_of
    ):
        plain = counted.that_returns_an_awaitable()
        request = request_of()

        async def main():
            ends = []
            for _ in range(3):
                endpoint, attempts = attempts_of(request=request, a=lazy(plain), b=lazy(plain))
                outcomes = endpoint.resolve(attempts)
                ends.append(await outcomes if isawaitable(outcomes) else outcomes)
            return [one.value for outcomes in ends for one in outcomes]

        loop = asyncio.new_event_loop()
        try:
            assert loop.run_until_complete(asyncio.wait_for(main(), 20)) == ["value 1"] * 6
        finally:
            loop.close()

    def test_a_part_may_await_a_value_that_an_earlier_part_has_left(
        self, deliver, counted, transacted, no_thread_waits
    ):
        plain = counted.that_returns_an_awaitable()

        async def awaited(value):
            return await value

        def part(request):
            value = plain(request)
            return async_to_sync(awaited)(value) if asyncio.iscoroutine(value) else value

        @cached_for(60, key="other")
        def other(request):
            return part(request)

        values(deliver(a=lazy(plain), b=lazy(part), c=lazy(other), d=lazy(plain)))
        assert counted.runs == 2  # as a part, and as a helper

    @pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
    def test_an_awaitable_that_is_dropped_holds_no_lease(self, counted, request_of, nothing_waits):
        plain = counted.that_returns_an_awaitable()
        request = request_of()
        plain(request).close()
        assert async_to_sync(awaiting)(plain(request)) == "value 1"

    def test_a_value_computed_meanwhile_is_taken(self, counted, request_of, nothing_waits):
        plain = counted.that_returns_an_awaitable()
        request = request_of()
        early, late = plain(request), plain(request)
        assert async_to_sync(awaiting)(late) == "value 1"
        assert async_to_sync(awaiting)(early) == "value 1"
        assert counted.runs == 1

    def test_a_call_in_the_thread_of_a_coroutine_does_not_hold_up_the_holder(
        self, deliver, counted, transacted, no_thread_waits
    ):
        plain = counted.that_returns_an_awaitable()

        async def part(request):
            value = await sync_to_async(plain)(request)
            return await value if asyncio.iscoroutine(value) else value

        values(deliver(a=lazy(part), b=lazy(plain), c=lazy(part), d=lazy(plain)))
        assert counted.runs == 2  # as a part, and as a helper

    def test_a_stale_value_is_served_while_it_is_computed_anew(
        self, deliver, counted, transacted, nothing_waits, monkeypatch
    ):
        plain = counted.that_returns_an_awaitable(stale=600)
        assert values(deliver(a=lazy(plain))) == ["value 1"]
        now = cached_module.time.time()
        monkeypatch.setattr(cached_module.time, "time", lambda: now + 120)
        outcomes = deliver(a=lazy(plain), b=lazy(plain), c=lazy(plain))
        assert {*values(outcomes)} <= {"value 1", "value 2"}
        assert counted.runs == 2

    def test_a_failure_of_the_awaitable_is_not_kept(self, deliver, transacted, no_thread_waits):
        runs = []

        async def fail():
            runs.append(1)
            raise ValueError

        @cached_for(60, key="fails")
        def plain(request):
            return fail()

        outcomes = deliver(a=lazy(plain), b=lazy(safe_call(plain, fallback=7)))
        assert [one.status for one in outcomes.values()] == [Status.ERROR, Status.FALLBACK]
        assert len(runs) == 2

    def test_tasks_are_awaited(self, attempts_of, counted, no_thread_waits):
        plain = counted.that_returns_a_task()

        async def main():
            endpoint, attempts = attempts_of(a=lazy(plain), b=lazy(plain))
            return [one.value for one in await endpoint.resolve(attempts)]

        assert {*asyncio.run(main())} <= {"value 1", "value 2"}
        assert cache.get("x") is None


async def awaiting(value):
    return await value if asyncio.iscoroutine(value) else value


class TestANestedComputation:
    """A computation that asks for its own value, by any way round, computes it."""

    def test_a_function_nested_in_itself_under_another_key(
        self, deliver, transacted, nothing_waits
    ):
        @cached_for(60, key="fibonacci")
        def fibonacci(request, n):
            return n if n < 2 else fibonacci(request, n - 1) + fibonacci(request, n - 2)

        assert values(deliver(a=lazy(fibonacci, 20))) == [6765]

    def test_two_functions_of_one_key_that_call_each_other(
        self, deliver, transacted, nothing_waits
    ):
        @cached_for(60, key="one")
        def inner(request):
            return "inner"

        @cached_for(60, key="one")
        def outer(request):
            return ["outer", helper(request)]

        helper = cached_for(60, key="two")(lambda request: inner(request))

        def part(request):
            return outer(request)

        assert values(deliver(a=lazy(part))) == [["outer", "inner"]]

    @pytest.mark.parametrize("way", ["timed", "thread", "another thread", "gathered"])
    def test_a_value_asked_for_by_its_own_computation(
        self, deliver, transacted, nothing_waits, way
    ):
        depths = []

        def again(request):
            return compute(request)

        async def again_async(request):
            return await acompute(request)

        async def gathered(request):
            return (await asyncio.gather(again_async(request), again_async(request)))[0]

        def deeper(request):
            depths.append(1)
            if len(depths) > 1:
                return "deep"
            return {
                "timed": lambda: with_timeout(again, 30)(request),
                "thread": lambda: async_to_sync(sync_to_async(again))(request),
                "another thread": lambda: async_to_sync(
                    sync_to_async(again, thread_sensitive=False)
                )(request),
                "gathered": lambda: async_to_sync(gathered)(request),
            }[way]()

        @cached_for(60, key="again")
        def compute(request):
            return deeper(request)

        @cached_for(60, key="again")
        async def acompute(request):
            return await sync_to_async(deeper)(request)

        assert values(deliver(a=lazy(lambda request: compute(request)))) == ["deep"]

    def test_a_coroutine_that_awaits_its_own_value(self, deliver, transacted, nothing_waits):
        runs = []

        @cached_for(60, key="itself")
        async def compute(request):
            runs.append(1)
            if len(runs) > 1:
                return "deep"
            first, second = await asyncio.gather(compute(request), compute(request))
            assert first == second
            return first

        async def part(request):
            return await compute(request)

        assert values(deliver(a=lazy(part))) == ["deep"]

    def test_a_cached_part_that_calls_a_cached_part(self, deliver, transacted, nothing_waits):
        runs = []

        @cached_for(60, key="below")
        def below(request):
            runs.append(1)
            return "below"

        @cached_for(60, key="above")
        def above(request):
            return ["above", below(request), below(request)]

        outcomes = deliver(a=lazy(below), b=lazy(above), c=lazy(above), d=lazy(below))
        above_and_below = ["above", "below", "below"]
        assert values(outcomes) == ["below", above_and_below, above_and_below, "below"]
        assert len(runs) == 2  # as a part, and as a helper


class TestARunningLoop:
    def test_a_running_loop_does_not_wait_for_a_thread_that_needs_it(
        self, request_of, nothing_waits
    ):
        request = request_of()
        began = threading.Event()
        runs = []

        async def in_loop():
            return "from the loop"

        @cached_for(60, key="needs the loop")
        def compute(request):
            runs.append(1)
            if len(runs) > 1:
                return "beside"
            began.set()
            return async_to_sync(in_loop)()

        async def main():
            holder = asyncio.ensure_future(sync_to_async(compute, thread_sensitive=False)(request))
            await asyncio.to_thread(began.wait, 20)
            beside = compute(request)  # in the thread of the loop
            return beside, await holder

        beside, held = async_to_sync(main)()
        assert (beside in ("beside", "from the loop"), held) == (True, "from the loop")


class TestOthersStillWait:
    """A value that another thread or coroutine computes is waited for, and computed once."""

    def test_coroutines_of_a_loop_compute_once(self, deliver, counted, transacted):
        @cached_for(60, key="once")
        async def compute(request):
            return await counted.compute()

        async def part(request):
            return await asyncio.gather(*[compute(request) for _ in range(5)])

        outcomes = deliver(a=lazy(part), b=lazy(part))
        assert values(outcomes) == [["value 1"] * 5] * 2

    def test_threads_compute_once(self, request_of):
        barrier, release = threading.Barrier(4), threading.Event()
        runs, got = [], []

        @cached_for(60, key="in threads")
        def compute(request):
            runs.append(1)
            assert release.wait(30)
            return "value"

        def ask():
            request = request_of()
            barrier.wait(30)
            got.append(compute(request))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        release.set()
        for thread in threads:
            thread.join()
        assert (got, len(runs)) == (["value"] * 4, 1)
