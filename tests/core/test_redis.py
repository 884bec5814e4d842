"""``cached_for`` in Redis, shared by threads, processes and computers that may fail."""

import itertools
import os
import threading
import time
from collections import Counter
from unittest import mock
from urllib.parse import urlsplit

import pytest
import redis
from django.core.cache.backends.redis import RedisCacheClient

from django_partstream import cached_for, lazy
from tests import services
from tests.core.asker import Askers
from tests.proxy import Proxy

pytestmark = pytest.mark.redis

PREFIX = f"partstream-tests-{os.getpid()}-redis"

_numbers = itertools.count(1)


@pytest.fixture
def server():
    """A client of the Redis of the tests; the keys of this module are deleted afterwards."""
    with redis.Redis.from_url(services.REDIS_URL) as client:
        yield client
        for key in client.scan_iter(f"{PREFIX}*"):
            client.delete(key)


@pytest.fixture
def alias(settings, server):
    """Make a new cache in that Redis: ``alias(LOCATION=...)`` returns its alias."""

    def made(**options):
        name = f"redis-{next(_numbers)}"
        cache = services.cache(KEY_PREFIX=f"{PREFIX}-{name}", **options)
        settings.CACHES = {**settings.CACHES, name: cache}
        return name

    return made


def test_a_value_in_redis_is_computed_once_for_each_argument(request_of, alias):
    runs = itertools.count(1)
    get = cached_for(60, cache=alias(), key="k")(lambda request, n: {"n": n, "run": next(runs)})
    answers = [get(request_of(), n) for n in (1, 1, 2, 1)]
    assert answers == [{"n": 1, "run": 1}, {"n": 1, "run": 1}, {"n": 2, "run": 2}, answers[0]]


def test_threads_that_miss_together_compute_a_value_in_redis_once(request_of, alias):
    at_once, wrote, missed, all_missed = 6, set(), set(), threading.Event()
    get_client, runs = RedisCacheClient.get_client, itertools.count(1)
    answers = []

    def has_missed():
        missed.add(threading.get_ident())
        if len(missed) == at_once:
            all_missed.set()

    def noting(client, key=None, *, write=False):
        # A caller that has found no value takes the lease, or tries to: its first write. With any
        # later use of the cache, it has missed.
        if threading.get_ident() in wrote:
            has_missed()
        elif write:
            wrote.add(threading.get_ident())
        return get_client(client, key, write=write)

    @cached_for(60, cache=alias(), key="k")
    def get(request):
        has_missed()
        assert all_missed.wait(30)
        return next(runs)

    threads = [
        threading.Thread(target=lambda: answers.append(get(request_of()))) for _ in range(at_once)
    ]
    with mock.patch.object(RedisCacheClient, "get_client", noting):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert answers == [1] * at_once


def test_a_caller_that_misses_just_before_a_value_is_stored_gets_that_value(request_of, alias):
    get_client, runs = RedisCacheClient.get_client, itertools.count(1)
    get = cached_for(60, cache=alias(), key="k")(lambda request: next(runs))
    answers = []

    def slow_to_write(client, key=None, *, write=False):
        if write and not answers:
            answers.append("another, meanwhile")
            answers[0] = get(request_of())
        return get_client(client, key, write=write)

    with mock.patch.object(RedisCacheClient, "get_client", slow_to_write):
        answers.append(get(request_of()))
    assert answers == [1, 1]


@pytest.fixture(scope="module")
def three():
    """Three processes, shared by the tests of this module."""
    askers = Askers(f"{PREFIX}-askers")
    askers.start("a", "b", "c")
    yield askers
    askers.stop()


class TestAcrossProcesses:
    @pytest.fixture
    def askers(self, three):
        """The three processes, with an empty cache."""
        three.forget()
        return three

    def got(self, askers, count):
        return dict(askers.heard("got") for _ in range(count))

    def test_processes_that_miss_together_compute_a_value_once(self, askers):
        askers.tell("a", "b", "c", waits=True)
        askers.wait_until_missed(*{"a", "b", "c"} - {askers.heard("began")})
        askers.let_go()
        assert self.got(askers, 3) == dict.fromkeys("abc", "value 1")
        assert askers.runs == 1

    def test_none_is_cached_across_processes_like_any_value(self, askers):
        for name in "abc":
            askers.tell(name, none=True)
            assert self.got(askers, 1) == {name: None}
        assert askers.runs == 1

    def test_after_a_process_fails_to_compute_another_process_computes(self, askers):
        askers.tell("a", waits=True, fails=True)
        assert askers.heard("began") == "a"
        askers.tell("b", "c")
        askers.wait_until_missed("b", "c")
        askers.let_go()
        assert self.got(askers, 3) == {"a": "failed", "b": "value 2", "c": "value 2"}
        assert askers.runs == 2

    def test_processes_get_the_stale_value_while_another_process_renews_it(self, askers):
        askers.tell("a", stale=600)
        assert self.got(askers, 1) == {"a": "value 1"}
        askers.tell("a", stale=600, ahead=61, waits=True)
        assert [askers.heard("began") for _ in range(2)] == ["a", "a"]
        askers.tell("b", "c", stale=600, ahead=61)
        assert self.got(askers, 2) == dict.fromkeys("bc", "value 1")
        askers.let_go()
        assert self.got(askers, 1) == {"a": "value 2"}
        askers.tell("b", "c", stale=600, ahead=61)
        assert self.got(askers, 2) == dict.fromkeys("bc", "value 2")
        assert askers.runs == 2

    @pytest.mark.parametrize("end", ["exits", "is killed"])
    def test_the_lease_of_a_process_that_dies_ends_and_another_process_computes(self, askers, end):
        askers.start(end)
        askers.tell(end, waits=True, dies=True, lease=1)
        assert askers.heard("began") == end
        askers.tell("a", "b", "c")
        if end == "exits":
            askers.let_go()
            assert askers.processes.pop(end).wait(30) == 0
        else:
            askers.kill(end)
        assert self.got(askers, 3) == dict.fromkeys("abc", "value 2")
        assert askers.runs == 2


@pytest.fixture
def later():
    """Move the monotonic clock on by some seconds: ``with later(60):``."""
    now = time.monotonic
    return lambda seconds: mock.patch("time.monotonic", side_effect=lambda: now() + seconds)


class TestAServerThatIsDown:
    @pytest.fixture
    def proxy(self):
        address = urlsplit(services.REDIS_URL)
        with Proxy(address.hostname, address.port or 6379) as proxy:
            yield proxy

    @pytest.fixture
    def cache(self, alias, proxy):
        """A cache in the Redis behind the proxy."""
        address = urlsplit(services.REDIS_URL)
        user, at, _ = address.netloc.rpartition("@")
        behind = address._replace(netloc=f"{user}{at}{proxy.host}:{proxy.port}").geturl()
        waits = {"socket_connect_timeout": 0.2, "socket_timeout": 0.2}
        return alias(LOCATION=behind, OPTIONS=waits)

    @pytest.fixture
    def part(self, cache):
        runs = itertools.count(1)
        return lazy(cached_for(60, cache=cache, key="k")(lambda request: next(runs)))

    @pytest.fixture
    def values(self, deliver, part):
        """Ask for a number of pages and return their values; each must end ``ok``."""

        def asked(pages):
            outcomes = [deliver(a=part)["a"] for _ in range(pages)]
            assert {str(one.status) for one in outcomes} == {"ok"}
            return [one.value for one in outcomes]

        return asked

    @pytest.fixture(params=["close", "stall"])
    def go_down(self, request, proxy):
        """Stop the Redis behind the proxy, or let it hang."""
        return getattr(proxy, request.param)

    def said(self, caplog, cache):
        return Counter(one.message for one in caplog.records if repr(cache) in one.message)

    def test_each_page_computes_its_value_until_redis_is_back(
        self, values, go_down, proxy, server, later
    ):
        assert values(2) == [1, 1]
        go_down()
        assert values(3) == [2, 3, 4]
        proxy.open()
        for key in server.scan_iter(f"{PREFIX}*"):  # as after a restart of Redis
            server.delete(key)
        with later(60):
            assert values(3) == [5, 5, 5]

    def test_a_redis_that_is_down_is_logged_once_a_minute(
        self, values, go_down, cache, caplog, later
    ):
        go_down()
        values(3)
        said = self.said(caplog, cache)
        assert said
        assert set(said.values()) == {1}
        with later(30):
            values(3)
        assert self.said(caplog, cache) == said
        with later(90):
            values(3)
        assert self.said(caplog, cache) == said + said

    def test_a_value_computed_while_redis_goes_down_is_delivered_and_not_cached(
        self, deliver, cache, go_down, caplog
    ):
        def goes_down(request):
            go_down()
            return "computed"

        outcome = deliver(a=lazy(cached_for(60, cache=cache, key="k")(goes_down)))["a"]
        assert (outcome.status, outcome.value) == ("ok", "computed")
        assert self.said(caplog, cache)

    def test_a_value_is_still_cached_after_a_read_that_timed_out(self, values):
        get_client = RedisCacheClient.get_client

        def slow_to_read(client, key=None, *, write=False):
            if not write:
                raise redis.TimeoutError
            return get_client(client, key, write=write)

        assert values(2) == [1, 1]
        with mock.patch.object(RedisCacheClient, "get_client", slow_to_read):
            assert values(1) == [2]
        assert values(1) == [1]
