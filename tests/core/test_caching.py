import asyncio
import math
import sys
import threading
from functools import partial
from pickle import PicklingError
from types import SimpleNamespace
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.utils import timezone, translation

from django_partstream import cached_for, lazy, safe_call, with_timeout
from django_partstream.caching import entries, keys
from django_partstream.caching.entries import Entry, Hit, Wait
from django_partstream.exceptions import PartTimeout
from django_partstream.outcomes import Status
from django_partstream.timed import deadlines


class Counter:
    """A function that returns how often it ran."""

    def __init__(self):
        self.runs = 0

    def __call__(self, request, *args, **kwargs):
        self.runs += 1
        return self.runs


def counted(**options):
    counter = Counter()
    return cached_for(60, **{"key": "counted", **options})(counter)


def test_a_cached_value_is_computed_once(request_of):
    get = counted()
    assert [get(request_of()), get(request_of())] == [1, 1]


def test_none_is_cached_like_any_value(request_of):
    calls = []
    get = cached_for(60, key="none")(lambda request: calls.append(1))
    assert get(request_of()) is get(request_of()) is None
    assert calls == [1]


def test_a_cached_value_ends_after_its_seconds(request_of):
    get = counted()
    with mock.patch("time.time", return_value=1000.0):
        assert get(request_of()) == 1
    with mock.patch("time.time", return_value=1059.0):
        assert get(request_of()) == 1
    with mock.patch("time.time", return_value=1061.0):
        assert get(request_of()) == 2


def test_a_call_without_a_request_is_not_cached():
    get = counted()
    assert [get(None), get(None)] == [1, 2]


def test_a_users_cached_value_is_never_given_to_another_user(request_of):
    get = counted()
    ann, bob = User(pk=1), User(pk=2)
    assert [get(request_of(user=one)) for one in (ann, bob, None, ann)] == [1, 2, 3, 1]


def test_anonymous_requests_are_told_apart_by_session_and_credentials(request_of):
    get = counted()
    answers = []
    for session_key, auth in [("s1", None), ("s2", None), (None, "t1"), (None, "t2"), ("s1", None)]:
        request = request_of()
        request.session = SimpleNamespace(session_key=session_key)
        request.auth = auth
        answers.append(get(request))
    assert answers == [1, 2, 3, 4, 1]


def test_users_share_a_value_that_is_not_cached_per_user(request_of):
    get = counted(per_user=False)
    assert [get(request_of(user=User(pk=pk))) for pk in (1, 2)] == [1, 1]


@pytest.mark.parametrize(
    "another",
    [
        lambda get, ask: get(ask("/?a=2")),
        lambda get, ask: get(ask("/?a=1&a=2")),
        lambda get, ask: get(ask("/?a=1"), 2),
        lambda get, ask: get(ask("/?a=1"), limit=2),
    ],
)
def test_query_string_and_arguments_are_part_of_the_cache_key(request_of, another):
    get = counted()
    assert get(request_of("/?a=1")) == 1
    assert another(get, request_of) == 2
    assert get(request_of("/?a=1")) == 1


def test_language_time_zone_and_host_are_part_of_the_cache_key(request_of):
    get = counted()
    answers = [get(request_of())]
    with translation.override("de"):
        answers.append(get(request_of()))
    with timezone.override("Asia/Tokyo"):
        answers.append(get(request_of()))
    other_host = request_of()
    other_host.META["SERVER_NAME"] = "other.example"
    answers += [get(other_host), get(request_of())]
    assert answers == [1, 2, 3, 4, 1]


def test_query_parameters_that_a_front_excludes_are_not_part_of_the_cache_key(
    request_of, monkeypatch
):
    monkeypatch.setattr(keys, "UNKEYED_PARAMS", {"page"})
    get = counted()
    urls = ["/?a=1", "/?a=1&page=x", "/?page=y&a=1", "/?a=1&pages=2", "/?a=1"]
    assert [get(request_of(url)) for url in urls] == [1, 1, 1, 2, 1]


def test_views_and_subclasses_do_not_share_cached_values(request_of):
    class Base:
        @cached_for(60)
        def get_number(self, request):
            return self.number

        def get_parts(self):
            """Make it an owner of parts, which a cache key names by its class."""

    views = [type(name, (Base,), {"number": number}) for number, name in enumerate("ABC")]
    assert [view().get_number(request_of()) for view in (*views, *views)] == [0, 1, 2] * 2
    plain = Base.get_number.__wrapped__
    for wrap in (lambda method: method, safe_call, lambda method: safe_call(safe_call(method))):
        cache.clear()
        bound = [cached_for(60)(wrap(plain.__get__(view()))) for view in views]
        assert [get(request_of()) for get in bound] == [0, 1, 2]


@pytest.mark.parametrize(
    "make",
    [
        lambda: lambda request: 1,
        lambda: local_function(),
        lambda: safe_call(local_function()),
        lambda: partial(local_function(), 1),
        Counter,
    ],
)
def test_cached_functions_that_share_a_name_need_a_key(make):
    with pytest.raises(TypeError, match=r"cached_for\(300, key='...'\)"):
        cached_for(60)(make())


def test_a_function_of_a_module_needs_no_key(request_of):
    get = cached_for(60)(function_of_the_module)
    assert get(request_of()) == get(request_of())


def function_of_the_module(request):
    return "value"


def local_function():
    def part(request):
        """A function like many others of this name."""

    return part


def test_a_call_with_an_argument_without_stable_text_is_not_cached_and_logged_once(
    request_of, caplog
):
    get = counted(key="unstable")
    assert [get(request_of(), object()) for _ in range(3)] == [1, 2, 3]
    assert caplog.text.count("key:unstable is not cached: object") == 1


def test_a_call_with_an_argument_inside_itself_is_not_cached(request_of, caplog):
    tree = {"children": []}
    tree["children"].append(tree)
    get = counted(key="tree")
    assert [get(request_of(), tree) for _ in range(2)] == [1, 2]
    assert "key:tree is not cached" in caplog.text


@pytest.mark.parametrize("seconds", [0, -1, "5", None, True, math.nan, math.inf])
def test_cached_for_needs_seconds_above_zero(seconds):
    with pytest.raises(ValueError, match="above zero"):
        cached_for(seconds)


def test_cached_for_without_its_seconds_says_how_to_write_it():
    with pytest.raises(ValueError, match=r"Write cached_for\(300\)\(func\), or @cached_for\(300\)"):
        cached_for(len)


@pytest.mark.parametrize("stale", [-1, "5", None, math.nan, math.inf])
def test_cached_for_needs_stale_seconds_of_zero_or_more(stale):
    with pytest.raises(ValueError, match="zero or more"):
        cached_for(60, stale=stale)


def test_failures_and_fallbacks_are_not_cached(deliver):
    attempts = []

    def flaky(request):
        attempts.append(1)
        if len(attempts) < 3:
            raise ValueError
        return "up"

    async def aflaky(request):
        return flaky(request)

    part = lazy(cached_for(60, key="f")(safe_call(flaky, fallback="down")))
    values = [deliver(a=part)["a"].value for _ in range(4)]
    assert values == ["down", "down", "up", "up"]
    assert len(attempts) == 3
    attempts.clear()
    part = lazy(cached_for(60, key="g")(safe_call(aflaky, fallback="down")))
    assert [deliver(a=part)["a"].value for _ in range(4)] == ["down", "down", "up", "up"]


def test_the_fallback_of_a_call_by_hand_is_not_cached(request_of):
    counter = Counter()

    def fail(request):
        counter(request)
        raise ValueError

    get = cached_for(60, key="hand")(safe_call(fail, fallback=0))
    assert [get(request_of()), get(request_of())] == [0, 0]
    assert counter.runs == 2


def test_a_timeout_is_not_cached(deliver):
    async def hang(request):
        await asyncio.Event().wait()

    part = lazy(cached_for(60, key="t")(with_timeout(hang, 0.01)))
    assert [deliver(a=part)["a"].status for _ in range(2)] == [Status.TIMEOUT] * 2


def test_a_cached_coroutine_is_computed_once(deliver):
    calls = []

    async def part(request):
        calls.append(1)
        return {"n": 1}

    part = lazy(cached_for(60, key="c")(part))
    assert [deliver(a=part)["a"].value for _ in range(2)] == [{"n": 1}] * 2
    assert calls == [1]


def test_a_value_is_made_whole_before_it_is_cached(deliver):
    made = []

    def whole(value):
        made.append(value)
        return list(value)

    part = lazy(cached_for(60, key="w")(lambda request: (number for number in (1, 2))))
    assert [deliver(whole=whole, a=part)["a"].value for _ in range(2)] == [[1, 2]] * 2
    assert len(made) == 1


def test_the_kept_value_of_a_helper_is_made_whole_by_the_part_that_returns_it(deliver):
    helper = cached_for(60, key="helper of a whole part")(lambda request: [1, 2])
    part = lazy(lambda request: helper(request))
    assert [deliver(whole=tuple, a=part)["a"].value for _ in range(2)] == [(1, 2)] * 2


def test_a_value_that_cannot_be_pickled_is_delivered_uncached(deliver, caplog):
    part = lazy(cached_for(60, key="p")(lambda request: lambda: 1))
    assert deliver(a=part)["a"].value() == 1
    assert "could not keep a value of key:p" in caplog.text


def test_each_page_computes_its_value_while_the_cache_is_down(deliver, caplog):
    part = lazy(counted())
    with mock.patch.multiple(
        LocMemCache, get=mock.Mock(side_effect=OSError), set=mock.Mock(side_effect=OSError)
    ):
        assert [deliver(a=part)["a"].value for _ in range(2)] == [1, 2]
    assert "did not answer" in caplog.text


def test_the_first_caller_of_a_stale_value_renews_it(request_of):
    get = counted(stale=60)
    with mock.patch("time.time", return_value=1000.0):
        assert get(request_of()) == 1
    with mock.patch("time.time", return_value=1061.0):
        assert get(request_of()) == 2
        assert get(request_of()) == 2
    with mock.patch("time.time", return_value=1185.0):
        assert get(request_of()) == 3


def test_a_stale_value_is_served_while_another_caller_renews_it(request_of):
    seen = []

    def slow(request):
        if len(seen) < 1:
            seen.append(1)
            return "old"
        if len(seen) < 2:
            seen.append(2)
            assert get(request_of()) == "old"  # another caller, while the first computes
        return "new"

    get = cached_for(60, key="s", stale=600)(slow)
    with mock.patch("time.time", return_value=1000.0):
        assert get(request_of()) == "old"
    with mock.patch("time.time", return_value=1100.0):
        assert get(request_of()) == "new"


def test_the_cache_identity_of_a_view_tells_cached_values_apart(request_of):
    class View:
        runs = 0

        def cache_identity(self, request):
            return request.META["HTTP_X_TENANT"]

        @cached_for(60)
        def get(self, request):
            View.runs += 1
            return View.runs

        def get_parts(self):
            """Make it an owner of parts."""

    def ask(tenant):
        request = request_of()
        request.META["HTTP_X_TENANT"] = tenant
        return View().get(request)

    assert [ask("a"), ask("b"), ask("a")] == [1, 2, 1]


def test_a_caller_waits_for_a_cached_value_no_longer_than_its_time_limit(request_of):
    """Without the limit, a late call would go on asking the cache."""
    get = cached_for(60, key="waits")(lambda request: 1)
    never = mock.patch.object(Entry, "look", return_value=Wait(0.001))
    with never, pytest.raises(PartTimeout), deadlines.time_limit(0.02):
        get(request_of())


class TestThreadsThatMissTogether:
    """Threads that miss together: a single thread computes the value, and all get it."""

    def at_once(self, get, request_of, callers=4):
        answers, barrier = [], threading.Barrier(callers)

        def ask():
            barrier.wait(10)
            answers.append(get(request_of()))

        threads = [threading.Thread(target=ask) for _ in range(callers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        return answers

    def test_a_value_that_many_threads_miss_is_computed_once(self, request_of):
        counter, waiting = Counter(), threading.Event()

        def slow(request):
            waiting.wait(0.2)  # long enough for the others to miss; no result depends on it
            return counter(request)

        assert self.at_once(cached_for(60, key="m")(slow), request_of) == [1, 1, 1, 1]

    def test_after_a_failed_computation_another_thread_computes(self, request_of):
        counter = Counter()

        def flaky(request):
            if counter(request) == 1:
                raise ValueError
            return "up"

        get = safe_call(cached_for(60, key="n")(flaky), fallback="down")
        answers = self.at_once(get, request_of)
        assert sorted(answers) == ["down", "up", "up", "up"]
        assert counter.runs == 2


def entry(**options):
    place = {"name": "n", "key": "k", "marks": ["m"], "alias": "default"}
    return Entry(**{**place, "seconds": 60, "stale": 0, **options})


class TestLeases:
    def test_the_second_caller_waits_until_the_value_is_there(self):
        first, second = entry(), entry()
        assert first.look() is None
        assert isinstance(second.look(), Wait)
        first.put("value")
        assert second.look() == Hit("value")

    def test_a_lease_ends_when_its_holder_fails(self):
        first, second = entry(), entry()
        assert first.look() is None
        assert isinstance(second.look(), Wait)
        first.give_up()
        assert second.look() is None

    def test_a_coroutine_that_cannot_begin_ends_its_lease(self, request_of):
        async def part(request, missing):
            """A coroutine function that is called without *missing*."""

        get = safe_call(cached_for(60, key="begin")(part), fallback="down")
        with mock.patch.object(entries, "LOOKS", (1e9,)):  # a caller that waits never returns
            for _ in range(2):
                assert asyncio.run(asyncio.wait_for(get(request_of()), 5)) == "down"

    def test_the_lease_of_a_dead_holder_ends_with_its_time(self):
        first, second = entry(), entry()
        with mock.patch("time.time", return_value=1000.0):
            assert first.look() is None
            assert isinstance(second.look(), Wait)
        with mock.patch("time.time", return_value=1001.0 + entries.LEASE):
            assert second.look() is None
            first.give_up()  # the first has lost its lease, and must not end the second's
            assert isinstance(entry().look(), Wait)

    def test_a_stale_entry_is_served_while_its_renewal_holds_the_lease(self):
        with mock.patch("time.time", return_value=1000.0):
            first = entry(stale=600)
            first.look()
            first.put("old")
        with mock.patch("time.time", return_value=1100.0):
            renewing = entry(stale=600)
            assert renewing.look() is None
            assert entry(stale=600).look() == Hit("old")
            renewing.put("new")
            assert entry(stale=600).look() == Hit("new")

    def test_a_cache_that_keeps_nothing_delays_no_caller_for_long(self):
        nothing = {
            "add": lambda *a, **k: False,
            "get": lambda cache, key, default=None, **k: default,
        }
        with mock.patch.multiple(LocMemCache, **nothing):
            one = entry()
            assert isinstance(one.look(), Wait)
            assert one.look() is None

    def test_a_cache_that_is_down_is_logged_once_a_minute(self, caplog):
        with mock.patch.object(LocMemCache, "get", side_effect=OSError):
            assert [entry().look() for _ in range(3)] == [None] * 3
        assert caplog.text.count("did not answer") == 1

    def test_a_caller_that_waited_for_two_failures_waits_for_no_third_holder(self):
        last = entry()
        for _ in range(entries.WAITS):
            failing = entry()
            assert failing.look() is None
            assert isinstance(last.look(), Wait)
            failing.give_up()
        slow = entry()
        assert slow.look() is None
        assert last.look() is None
        last.put("value")
        assert entry().look() == Hit("value")
        slow.put("late")

    def test_a_caller_that_sees_leases_end_waits_for_the_next_holder(self):
        get = LocMemCache.get

        def ends_just_now(cache, key, *args, **kwargs):
            if key.endswith(":lease"):
                cache.delete(key)
            return get(cache, key, *args, **kwargs)

        waiting, holders = entry(), [entry(), entry()]
        for holder in holders:
            assert holder.look() is None
            assert isinstance(waiting.look(), Wait)
            with mock.patch.object(LocMemCache, "get", ends_just_now):
                assert isinstance(waiting.look(), Wait)

    def test_a_lease_granted_in_a_lost_answer_ends_when_the_cache_answers_again(self):
        add = LocMemCache.add

        def answer_is_lost(*args, **kwargs):
            add(*args, **kwargs)
            raise OSError

        first, other = entry(), entry(key="other")
        with mock.patch.object(LocMemCache, "add", answer_is_lost):
            assert first.look() is None
        assert other.look() is None
        assert entry().look() is None

    def test_a_lease_that_could_not_be_released_ends_when_the_cache_answers_again(self):
        first = entry()
        assert first.look() is None
        down = mock.Mock(side_effect=OSError)
        with mock.patch.multiple(LocMemCache, set=down, delete=down):
            first.put("value")
        assert entry(key="other").look() is None
        assert entry().look() is None

    def test_the_lease_of_a_timed_call_lasts_no_longer_than_its_limit(self):
        with deadlines.time_limit(0.5), mock.patch.object(LocMemCache, "add", autospec=True) as add:
            entry().look()
        assert add.call_args_list[0].args[3] == 1

    def test_a_slow_failure_to_pickle_does_not_count_as_a_slow_cache(self, monkeypatch):
        now = [1000.0]
        monkeypatch.setattr("time.monotonic", lambda: now[0])

        def cannot(*args, **kwargs):
            now[0] += 2
            raise PicklingError

        one = entry()
        one.look()
        with mock.patch.object(LocMemCache, "set", side_effect=cannot):
            one.put("value")
        other = entry(key="other")
        other.look()
        other.put("value")
        assert entry(key="other").look() == Hit("value")

    def test_a_cache_that_was_slow_to_fail_is_left_alone_for_a_while(self, monkeypatch):
        now = [1000.0]
        monkeypatch.setattr("time.monotonic", lambda: now[0])

        def late(*args, **kwargs):
            now[0] += 2
            raise OSError

        with mock.patch.object(LocMemCache, "get_many", side_effect=late) as get_many:
            for seconds, asked in [(0, 1), (21, 1), (23, 2)]:
                now[0] = 1000.0 + seconds
                one = entry()
                assert one.look() is None
                one.put("value")
                assert get_many.call_count == asked
        now[0] += 60
        assert entry().look() is None
        assert isinstance(entry().look(), Wait)

    def test_a_cached_value_that_can_no_longer_be_unpickled_is_replaced(self):
        first = entry()
        first.look()
        first.put(GoneSoon())
        with mock.patch.object(sys.modules[__name__], "GoneSoon", None):
            assert entry().look() is None
        second = entry()
        assert second.look() is None
        second.put("value")
        assert entry().look() == Hit("value")

    def test_a_value_for_less_than_a_second_is_stored_for_a_whole_second(self):
        with mock.patch.object(LocMemCache, "set", autospec=True) as kept:
            one = entry(seconds=0.5)
            one.look()
            one.put("value")
        assert kept.call_args.args[3] == 1

    def test_an_expired_value_is_not_served_to_a_caller_that_waits_for_its_renewal(self):
        with mock.patch("time.time", return_value=1000.0):
            first = entry(seconds=0.5)
            first.look()
            first.put("old")
        with mock.patch("time.time", return_value=1000.7):
            assert entry(seconds=0.5).look() is None
            assert isinstance(entry(seconds=0.5).look(), Wait)


class GoneSoon:
    """A class of cached values that the next release no longer has."""
