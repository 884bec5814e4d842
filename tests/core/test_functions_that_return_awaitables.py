"""A plain function that returns an awaitable: each guard covers the awaitable, too."""

import asyncio
import threading
import time
from types import SimpleNamespace
from unittest import mock

import pytest

from django_partstream import cached_for, guards, lazy, with_timeout
from django_partstream.caching import cached
from django_partstream.outcomes import Status
from django_partstream.timed import deadlines

#: How long, in seconds, the work of a test goes on that nothing stops.
ENDLESS = 10


class TestWithTimeout:
    def test_an_awaitable_that_does_not_end_is_late(self, deliver):
        ended = []

        async def work():
            try:
                await asyncio.sleep(ENDLESS)
            finally:
                ended.append(True)

        outcome = deliver(a=lazy(with_timeout(lambda request: work(), 0.05)))["a"]
        assert (outcome.status, outcome.error.code) == (Status.TIMEOUT, "part_timed_out")
        assert ended == [True]

    def test_an_awaitable_that_ends_in_time_gives_its_value(self, deliver):
        async def work():
            return 5

        outcome = deliver(a=lazy(with_timeout(lambda request: work(), 30)))["a"]
        assert (outcome.status, outcome.value) == (Status.OK, 5)

    def test_an_awaitable_has_the_seconds_that_its_function_left_over(self, deliver, monkeypatch):
        async def work():
            return 5

        clock = iter([100.0, 107.0])
        monkeypatch.setattr(guards, "monotonic", lambda: next(clock))
        with mock.patch.object(asyncio, "timeout", wraps=asyncio.timeout) as given:
            outcome = deliver(a=lazy(with_timeout(lambda request: work(), 10)))["a"]
        assert outcome.value == 5
        given.assert_called_once_with(3.0)

    @pytest.mark.parametrize("kind", ["coroutine function", "plain function"])
    def test_a_generator_that_an_awaitable_returns_is_drained_until_the_limit(self, deliver, kind):
        drained = []

        def generated():
            end = time.monotonic() + ENDLESS
            while time.monotonic() < end:
                yield 1
            drained.append(True)

        async def work(request):
            return generated()

        part = work if kind == "coroutine function" else lambda request: work(request)
        outcome = deliver(
            whole=lambda items: sum(deadlines.until_late(items)), a=lazy(with_timeout(part, 0.05))
        )["a"]
        assert outcome.status is Status.TIMEOUT
        assert drained == []


class TestCachedFor:
    @pytest.fixture
    def runs(self):
        return []

    @pytest.fixture
    def part(self, runs, monkeypatch):
        """A part that fails at first, and would fail if it had to wait for a lease."""
        monkeypatch.setattr(cached, "time", SimpleNamespace(sleep=None))
        monkeypatch.setattr(cached, "asyncio", SimpleNamespace(sleep=None))

        async def work():
            runs.append(1)
            if len(runs) == 1:
                raise ValueError("secret")
            return len(runs)

        return lazy(cached_for(60, key="awaitable")(lambda request: work()))

    def test_the_value_of_an_awaitable_is_kept_and_its_failure_is_not(self, deliver, part, runs):
        outcomes = [deliver(a=part)["a"] for _ in range(3)]
        assert [one.status for one in outcomes] == [Status.ERROR, Status.OK, Status.OK]
        assert [one.value for one in outcomes] == [None, 2, 2]
        assert len(runs) == 2

    def test_a_page_waits_in_its_loop_for_the_awaitable_of_another_page(self, deliver, monkeypatch):
        computing, go_on, values = threading.Event(), threading.Event(), []

        async def work():
            computing.set()
            assert go_on.wait(30)
            return "computed once"

        part = lazy(cached_for(60, key="awaited elsewhere")(lambda request: work()))
        other = threading.Thread(target=lambda: values.append(deliver(a=part)["a"].value))
        other.start()
        assert computing.wait(30)
        monkeypatch.setattr(cached, "time", SimpleNamespace(sleep=None))  # which would block
        try:
            # The part behind it runs, although the first part waits.
            values.append(deliver(a=part, b=lazy(lambda request: go_on.set()))["a"].value)
        finally:
            go_on.set()
            other.join(30)
        assert values == ["computed once"] * 2

    def test_a_page_that_waited_for_an_awaitable_that_failed_awaits_its_own(self, deliver):
        computing, go_on, runs, failed = threading.Event(), threading.Event(), [], []

        async def work():
            runs.append(1)
            if len(runs) > 1:
                return "computed here"
            computing.set()
            assert go_on.wait(30)
            raise ValueError("secret")

        part = lazy(cached_for(60, key="failed elsewhere")(lambda request: work()))
        other = threading.Thread(target=lambda: failed.append(deliver(a=part)["a"].status))
        other.start()
        assert computing.wait(30)
        try:
            # The part behind it runs, although the first part waits.
            value = deliver(a=part, b=lazy(lambda request: go_on.set()))["a"].value
        finally:
            go_on.set()
            other.join(30)
        assert (value, failed) == ("computed here", [Status.ERROR])

    def test_a_coroutine_waits_for_the_value_that_another_caller_computes(
        self, deliver, request_of, monkeypatch
    ):
        computing, go_on = threading.Event(), threading.Event()
        values, waits = [], []

        @cached_for(60, key="coroutine")
        async def get(request):
            computing.set()
            assert go_on.wait(30)
            return "computed once"

        async def sleep(seconds):
            waits.append(seconds)
            go_on.set()
            other.join(30)

        other = threading.Thread(target=lambda: values.append(asyncio.run(get(request_of()))))
        other.start()
        assert computing.wait(30)
        monkeypatch.setattr(cached, "asyncio", SimpleNamespace(sleep=sleep))
        values.append(asyncio.run(get(request_of())))
        assert values == ["computed once"] * 2
        assert len(waits) == 1
