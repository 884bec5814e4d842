import asyncio
import inspect
import math
import os
import threading
import time
from functools import partial

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.core.exceptions import PermissionDenied

from django_partstream import cached_for, lazy, safe_call, with_timeout
from django_partstream.exceptions import PartTimeout
from django_partstream.outcomes import Status
from django_partstream.timed.calls import abandoned_calls


def fail(request=None):
    raise ValueError("secret")


async def afail(request=None):
    raise ValueError("secret")


def deny(request=None):
    raise PermissionDenied("secret")


@pytest.fixture
def gate():
    """A gate that is open again when the test is over."""
    opened = threading.Event()
    yield opened
    opened.set()


class TestSafeCall:
    def test_safe_call_called_by_hand_never_raises(self, request_of):
        for asked in (None, request_of()):
            assert safe_call(fail)(asked) is None
            assert safe_call(deny)(asked) is None
            assert safe_call(fail, fallback=[1])(asked) == [1]

    def test_safe_call_on_a_coroutine_called_by_hand_never_raises(self):
        assert async_to_sync(safe_call(afail, fallback=7))(None) == 7

    def test_safe_call_returns_a_copy_of_its_fallback_each_time(self):
        guarded = safe_call(fail, fallback={"items": []})
        guarded(None)["items"].append(1)
        assert guarded(None) == {"items": []}

    def test_safe_call_leaves_a_returned_value_alone(self, deliver):
        outcome = deliver(a=lazy(safe_call(lambda request: 5, fallback=0)))["a"]
        assert (outcome.status, outcome.value) == (Status.OK, 5)

    @pytest.mark.parametrize("broken", [fail, afail, lambda request: fail()])
    def test_a_part_that_falls_back_ends_with_status_fallback(self, deliver, broken):
        outcome = deliver(a=lazy(safe_call(broken, fallback=[])))["a"]
        assert (outcome.status, outcome.value, outcome.error) == (Status.FALLBACK, [], None)

    @pytest.mark.parametrize("broken", [fail, afail])
    def test_safe_call_without_a_fallback_ends_the_part_in_error(self, deliver, broken):
        outcome = deliver(a=lazy(safe_call(broken)))["a"]
        assert (outcome.status, outcome.value) == (Status.ERROR, None)
        assert outcome.error.code == "part_failed"

    def test_none_given_as_fallback_counts_as_a_fallback(self, deliver):
        assert deliver(a=lazy(safe_call(fail, fallback=None)))["a"].status is Status.FALLBACK

    def test_a_fallback_without_its_name_is_refused_with_the_call_to_write(self):
        with pytest.raises(TypeError, match=r"Write safe_call\(func, fallback=\[\]\)\."):
            safe_call(fail, [])

    def test_a_failure_of_a_call_by_hand_is_logged_with_the_name_of_the_function(self, caplog):
        assert safe_call(fail)(None) is None
        assert safe_call(partial(fail))(None) is None  # has no name
        named, unnamed = [one.getMessage() for one in caplog.records]
        assert named == "safe_call caught a failure of fail."
        assert "functools.partial" in unnamed

    def test_a_fallback_is_logged_with_its_traceback(self, deliver, caplog):
        deliver(a=lazy(safe_call(fail, fallback=[])))
        (record,) = [one for one in caplog.records if one.name == "django_partstream"]
        assert (record.levelname, record.status) == ("WARNING", "fallback")
        assert record.exc_info[0] is ValueError

    def test_permission_denied_passes_through_safe_call_on_a_page(self, deliver):
        outcome = deliver(a=lazy(safe_call(deny, fallback="not yours")))["a"]
        assert (outcome.status, outcome.value) == (Status.DENIED, None)

    def test_safe_call_under_a_lambda_ends_the_part_in_error(self, deliver):
        guarded = safe_call(fail)
        assert deliver(a=lazy(lambda request: guarded(request)))["a"].status is Status.ERROR

    def test_safe_call_called_by_hand_in_a_part_returns_none_and_the_part_falls_back(self, deliver):
        guarded = safe_call(fail)
        outcome = deliver(a=lazy(lambda request: {"extra": guarded(request)}))["a"]
        assert (outcome.status, outcome.value) == (Status.FALLBACK, {"extra": None})

    def test_safe_call_covers_the_evaluation_of_the_value(self, deliver):
        def whole(value):
            raise ValueError("the query of a query set")

        outcome = deliver(whole=whole, a=lazy(safe_call(lambda request: "rows", fallback=None)))
        assert outcome["a"].status is Status.FALLBACK


def wait_for(condition):
    """Wait up to 30 seconds until *condition* holds, as after the last step of a thread."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        os.sched_yield()


class TestWithTimeout:
    def test_with_timeout_returns_a_value_that_is_in_time(self, request_of):
        assert with_timeout(lambda request: 5, 10)(request_of()) == 5

    def test_a_late_part_ends_in_timeout_and_the_other_parts_arrive(self, deliver, gate):
        outcomes = deliver(
            a=lazy(with_timeout(lambda request: gate.wait(30), 0.01)), b=lazy(lambda request: 2)
        )
        assert outcomes["a"].status is Status.TIMEOUT
        assert outcomes["a"].error.code == "part_timed_out"
        assert outcomes["a"].error.retryable
        assert outcomes["b"].value == 2

    def test_with_timeout_called_by_hand_raises_part_timeout(self, gate):
        with pytest.raises(PartTimeout, match="0.01 seconds"):
            with_timeout(lambda request: gate.wait(30), 0.01)(None)

    def test_a_late_coroutine_is_cancelled(self, deliver):
        ended = []

        async def hang(request):
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(True)

        assert deliver(a=lazy(with_timeout(hang, 0.01)))["a"].status is Status.TIMEOUT
        assert ended == [True]

    def test_a_timeout_error_raised_by_the_function_itself_is_a_plain_failure(self, deliver):
        def slow_network(request):
            raise TimeoutError

        async def slow_async_network(request):
            raise TimeoutError

        outcomes = deliver(
            a=lazy(with_timeout(slow_network, 5)), b=lazy(with_timeout(slow_async_network, 5))
        )
        assert [one.status for one in outcomes.values()] == [Status.ERROR, Status.ERROR]

    def test_the_evaluation_of_a_value_counts_towards_its_time_limit(self, deliver, gate):
        outcome = deliver(
            whole=lambda value: gate.wait(30), a=lazy(with_timeout(lambda request: "rows", 0.01))
        )["a"]
        assert outcome.status is Status.TIMEOUT

    @pytest.mark.parametrize("seconds", [0, -1, "2", None, True, math.nan, math.inf, 1e10])
    def test_with_timeout_needs_a_number_of_seconds_above_zero(self, seconds):
        with pytest.raises(ValueError, match="above zero"):
            with_timeout(fail, seconds)
        with pytest.raises(ValueError, match="above zero"):
            with_timeout(seconds=seconds)

    def test_with_timeout_without_its_seconds_says_how_to_write_it(self):
        with pytest.raises(ValueError, match=r"Write with_timeout\(func, 5\)\."):
            with_timeout(fail)

    def test_a_limit_may_be_given_by_name(self, gate):
        timed = with_timeout(seconds=0.01)
        with pytest.raises(PartTimeout, match="0.01 seconds"):
            timed(lambda request: gate.wait(30))(None)

    def test_past_the_ceiling_of_late_calls_new_calls_of_a_function_fail_at_once(
        self, settings, gate, caplog, arrived
    ):
        settings.PARTSTREAM = {"MAX_ABANDONED_CALLS": 2}
        calls = []

        def hang(request):
            calls.append(request)
            arrived.set()
            gate.wait(30)

        def made_for_each_request(request):
            return with_timeout(safe_call(lambda request: hang(request)), 0.01)(request)

        for ask in (with_timeout(hang, 0.01), made_for_each_request):
            calls.clear()
            for _ in range(4):
                arrived.clear()
                with pytest.raises(PartTimeout):
                    ask(None)
            assert len(calls) == 2
        assert abandoned_calls() == 4
        assert "2 timed-out calls of " in caplog.text
        assert with_timeout(lambda request: 5, 30)(None) == 5  # other functions still run
        gate.set()
        wait_for(lambda: not abandoned_calls())
        assert with_timeout(hang, 30)(None) is None

    def test_an_exception_passes_through_with_timeout_with_its_own_traceback(self):
        with pytest.raises(ValueError, match="secret") as caught:
            with_timeout(fail, 5)(None)
        assert caught.traceback[-1].name == "fail"


class TestAllGuards:
    guards = [safe_call, partial(with_timeout, seconds=5), cached_for(5, key="each")]

    @pytest.mark.parametrize("guard", guards)
    def test_a_guarded_function_keeps_its_name_and_kind(self, guard):
        def part(request):
            """What it does."""

        async def apart(request):
            """What it does."""

        assert (guard(part).__name__, guard(part).__doc__) == ("part", "What it does.")
        assert inspect.signature(guard(part)) == inspect.signature(part)
        assert iscoroutinefunction(guard(apart))
        assert asyncio.run(guard(apart)(None)) is None

    @pytest.mark.parametrize("guard", guards)
    @pytest.mark.parametrize("value", [None, {"a": 1}])
    def test_a_guard_refuses_the_result_of_a_function(self, guard, value):
        with pytest.raises(TypeError, match="Pass the function itself"):
            guard(value)

    def test_guards_are_decorators_of_methods(self, deliver, request_of):
        class View:
            @safe_call
            def bare(self, request):
                return fail()

            @safe_call(fallback=[])
            def with_fallback(self, request):
                return fail()

            @with_timeout(5)
            def timed(self, request, factor=2):
                return 4 * factor

            @safe_call(fallback=0)
            @with_timeout(5)
            @cached_for(60)
            async def all_three(self, request):
                return 9

            def get_parts(self):
                """Make it an owner of parts, which a cache key names by its class."""

        view = View()
        outcomes = deliver(
            a=lazy(view.bare), b=lazy(view.with_fallback), c=lazy(view.timed, factor=3),
            d=lazy(view.all_three),
        )  # fmt: skip
        assert [one.status for one in outcomes.values()] == ["error", "fallback", "ok", "ok"]
        assert outcomes["c"].value == 12
        assert outcomes["d"].value == 9
        assert view.timed(None) == 8

    def test_guards_nest_in_any_order(self, deliver, gate):
        hang = lambda request: gate.wait(30)  # noqa: E731
        outcomes = deliver(
            a=lazy(safe_call(with_timeout(hang, 0.01), fallback=[])),
            b=lazy(with_timeout(safe_call(fail, fallback=[]), 5)),
            c=lazy(safe_call(with_timeout(hang, 0.01))),
            d=lazy(cached_for(60, key="d")(safe_call(with_timeout(deny, 5), fallback=1))),
        )
        assert [one.status for one in outcomes.values()] == [
            "fallback", "fallback", "timeout", "denied",
        ]  # fmt: skip
