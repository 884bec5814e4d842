"""Faults of databases, networks, clocks and disks fail only the parts that they hit, and pass."""

import asyncio
import itertools
import os
import resource
import signal
import threading
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from types import SimpleNamespace
from unittest import mock

import psycopg
import pytest
import redis
from django.db import OperationalError, close_old_connections, connections
from django.urls import path

from django_partstream import cached_for, lazy, safe_call, with_timeout
from django_partstream.caching import entries
from django_partstream.delivery import threads
from django_partstream.timed import calls
from tests import services
from tests.core.conftest import Customers
from tests.proxy import Proxy

on_postgres = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, databases=services.DATABASES),
]


def on_core(parts, concurrency, *, deliver, serve):
    outcomes = deliver(concurrency=concurrency, **parts)
    return {name: (one.value, one.error) for name, one in outcomes.items()}


def on_rest(parts, concurrency, *, deliver, serve):
    from django_partstream import ProgressiveView

    own = {"chunk_size": 9, "concurrency": concurrency, "get_parts": lambda view: parts.items()}
    body = serve(type("Page", (ProgressiveView,), own)).get("/").json()
    errors = {error["part"]: SimpleNamespace(**error) for error in body.get("errors", [])}
    return {name: (one[name], errors.get(name)) for one in body["results"] for name in one}


def on_graphql(parts, concurrency, *, deliver, serve):
    import graphene

    from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
    from partstream_graphql.http.views import ProgressiveGraphQLView

    own = {"chunk_size": 9, "concurrency": concurrency, "get_parts": lambda page: parts.items()}
    own |= {name: Part(graphene.Int) for name in parts}
    field = ProgressiveConnectionField(type("Page", (ProgressiveConnection,), own))
    schema = graphene.Schema(query=type("Query", (graphene.ObjectType,), {"page": field}))
    client = serve(path("", ProgressiveGraphQLView.as_view(schema=schema)))
    query = (
        f"{{ page {{ edges {{ node {{ name error {{ code retryable }} {' '.join(parts)} }} }} }} }}"
    )
    body = client.post("/", {"query": query}, content_type="application/json").json()
    nodes = [edge["node"] for edge in body["data"]["page"]["edges"]]
    return {
        one["name"]: (one[one["name"]], one["error"] and SimpleNamespace(**one["error"]))
        for one in nodes
    }


FRONTS = {"core": on_core, "rest": on_rest, "graphql": on_graphql}
NEEDS = {"rest": "rest_framework", "graphql": "graphene_django"}


@pytest.fixture(params=FRONTS)
def page(request, deliver, serve):
    """
    Ask each front for a page of *parts*: ``(value, error)`` by name.

    The page begins by closing broken connections, as a server does and a test client does not.
    """
    if (needed := NEEDS.get(request.param)) and not find_spec(needed):
        pytest.skip(f"needs {needed}")

    def asked(*, concurrency=1, **parts):
        if not any(one.in_atomic_block for one in connections.all(initialized_only=True)):
            close_old_connections()
        return FRONTS[request.param](parts, concurrency, deliver=deliver, serve=serve)

    return asked


core_only = pytest.mark.parametrize("page", ["core"], indirect=True)


def codes(answer):
    """The code of each part's error, or None for a part without an error."""
    return {name: error and error.code for name, (_, error) in answer.items()}


@pytest.fixture
def gate():
    """A gate that is open again when the test is over."""
    opened = threading.Event()
    yield opened
    opened.set()


@pytest.fixture
def postgres():
    """The customers in PostgreSQL; no connection to it is left broken."""
    yield Customers("postgres")
    connections.close_all()


@pytest.fixture
def reached(postgres, monkeypatch):
    """Change the settings by which every thread reaches PostgreSQL: ``reached(PORT=...)``."""

    def changed(**settings):
        postgres.connection.close()
        for name, value in settings.items():
            monkeypatch.setitem(postgres.connection.settings_dict, name, value)

    yield changed
    postgres.connection.close()
    postgres.connection.close_pool()


def run(connection, sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()[0]


def free(request=None):
    """A part that needs no database."""
    return 1


class TestABackendThatIsKilled:
    pytestmark = on_postgres

    def in_a_statement(self, connection):
        run(connection, "SELECT pg_terminate_backend(pg_backend_pid())")

    def between_two(self, connection):
        backend = run(connection, "SELECT pg_backend_pid()")
        with psycopg.connect(services.POSTGRES_URL) as other:
            ended = other.execute("SELECT pg_terminate_backend(%s, 30000)", [backend])
            assert ended.fetchone() == (True,)
        run(connection, "SELECT 1")

    @pytest.fixture(params=[in_a_statement, between_two], ids=["in a statement", "between two"])
    def killed(self, request, postgres):
        """A part with a backend that is killed, in a statement or between two."""
        return lambda _: request.param(self, postgres.connection)

    @pytest.fixture(params=[lambda part: part, lambda part: with_timeout(part, 30)])
    def guard(self, request):
        """No guard, or a time limit that is not reached."""
        return request.param

    def test_a_killed_backend_fails_its_part_and_the_next_page_works(
        self, page, postgres, killed, guard
    ):
        answer = page(a=lazy(guard(killed)), b=lazy(free), c=lazy(with_timeout(postgres.count, 30)))
        assert codes(answer) == {"a": "part_failed", "b": None, "c": None}
        assert answer["a"][1].retryable
        assert page(a=lazy(guard(postgres.count)), b=lazy(free)) == {"a": (0, None), "b": (1, None)}

    @core_only
    def test_a_killed_backend_fails_no_later_part_of_the_page(self, page, postgres, killed, guard):
        async def later(request):
            return await postgres.all.acount()

        parts = {
            "a": guard(killed),
            "b": postgres.count,
            "c": later,
            "d": safe_call(postgres.count),
        }
        answer = page(**{name: lazy(part) for name, part in parts.items()})
        assert codes(answer) == {"a": "part_failed", "b": None, "c": None, "d": None}

    @core_only
    def test_a_killed_backend_fails_no_later_part_in_the_same_thread(self, page, postgres, killed):
        b_runs, c_ran = threading.Event(), threading.Event()
        threads = {}

        def a(request):
            threads["a"] = threading.get_ident()
            b_runs.wait(30)  # so b runs in the other thread
            return killed(request)

        def b(request):
            b_runs.set()
            c_ran.wait(30)  # so c runs in the thread of a

        def c(request):
            try:
                threads["c"] = threading.get_ident()
                return postgres.count()
            finally:
                c_ran.set()

        answer = page(concurrency=2, a=lazy(a), b=lazy(b), c=lazy(c))
        assert threads["a"] == threads["c"]
        assert codes(answer) == {"a": "part_failed", "b": None, "c": None}

    @core_only
    def test_a_part_with_a_killed_backend_falls_back(self, page, postgres, killed):
        answer = page(a=lazy(safe_call(killed, fallback=7)), b=lazy(free))
        assert answer == {"a": (7, None), "b": (1, None)}

    def test_a_killed_backend_inside_a_transaction_costs_that_transaction_only(
        self, page, postgres, killed, guard
    ):
        with postgres.atomic():
            postgres.create("lost")
            answer = page(
                a=lazy(free),
                b=lazy(guard(killed)),
                c=lazy(postgres.count),
                d=lazy(with_timeout(postgres.count, 30)),
                e=lazy(safe_call(postgres.count, fallback=7)),
                f=lazy(free),
            )
        failed = dict.fromkeys("bcd", "part_failed")
        assert codes(answer) == {"a": None, **failed, "e": None, "f": None}
        assert answer["b"][1].retryable
        with postgres.atomic():
            postgres.create("kept")
            assert codes(page(a=lazy(guard(postgres.count)))) == {"a": None}
        assert postgres.names() == {"kept"}


class TestADeadlock:
    pytestmark = on_postgres

    @pytest.mark.parametrize("whole", [False, True], ids=["a part each", "a page each"])
    def test_a_deadlock_of_two_transactions_fails_one_part_of_one_page(
        self, deliver, postgres, whole
    ):
        for name in "ab":
            postgres.create(name)
        each_has_one = threading.Barrier(2, timeout=30)

        def lock(request, first, second):
            with postgres.atomic():
                with postgres.connection.cursor() as cursor:
                    cursor.execute("SET LOCAL deadlock_timeout = '10ms'")
                postgres.all.filter(name=first).update(city=f"{first}{second}")
                each_has_one.wait()
                postgres.all.filter(name=second).update(city=f"{first}{second}")

        def ask(first, second):
            try:
                with postgres.atomic() if whole else nullcontext():
                    outcomes = deliver(a=lazy(lock, first, second), b=lazy(postgres.count))
                assert postgres.count() == 2  # this connection is sound
            finally:
                connections.close_all()
            return [str(one.status) for one in outcomes.values()]

        with ThreadPoolExecutor(2) as threads:
            asked = [threads.submit(ask, *names) for names in ("ab", "ba")]
            answers = [one.result(60) for one in asked]
        assert sorted(answers) == [["error", "ok"], ["ok", "ok"]]
        winner = "ab" if answers[0][0] == "ok" else "ba"
        assert set(postgres.all.values_list("city", flat=True)) == {winner}


class TestAPoolOfConnections:
    pytestmark = on_postgres

    @pytest.fixture
    def pooled(self, reached, postgres):
        """Have connections come from a pool of psycopg's: ``pooled(size)`` returns that pool."""

        def made(size):
            options = {"min_size": 0, "max_size": size, "timeout": 30}
            reached(OPTIONS={"pool": options})
            postgres.connection.pool.open()
            return postgres.connection.pool

        return made

    def assert_all_are_back(self, pool):
        taken = [pool.getconn(timeout=30) for _ in range(pool.max_size)]
        for connection in taken:
            pool.putconn(connection)
        stats = pool.get_stats()
        assert stats["pool_available"] == stats["pool_size"] == pool.max_size, stats
        assert stats.get("requests_waiting", 0) == 0, stats

    def test_a_part_that_gets_no_pooled_connection_fails_and_the_next_page_works(
        self, page, postgres, pooled
    ):
        pool = pooled(1)
        parts = {
            "a": lazy(postgres.count),
            "b": lazy(free),
            "c": lazy(with_timeout(postgres.count, 30)),
        }
        with pool.connection():
            pool.timeout = 0.2
            answer = page(**parts)
        pool.timeout = 30
        assert codes(answer) == {"a": "part_failed", "b": None, "c": "part_failed"}
        assert answer["a"][1].retryable
        assert page(a=parts["a"], b=parts["b"]) == {"a": (0, None), "b": (1, None)}
        close_old_connections()
        assert page(b=parts["b"], c=parts["c"]) == {"b": (1, None), "c": (0, None)}
        self.assert_all_are_back(pool)

    def test_the_only_pooled_connection_goes_to_one_of_two_parts_at_once(
        self, deliver, postgres, pooled
    ):
        pool = pooled(1)
        has_it, is_done = threading.Event(), threading.Event()

        def first(request):
            postgres.count()
            has_it.set()
            return is_done.wait(30)

        def second(request):
            has_it.wait(30)
            pool.timeout = 0.2
            try:
                postgres.count()
            finally:
                pool.timeout = 30
                is_done.set()

        outcomes = deliver(concurrency=2, a=lazy(first), b=lazy(second))
        assert [one.status for one in outcomes.values()] == ["ok", "error"]
        close_old_connections()
        self.assert_all_are_back(pool)
        outcomes = deliver(concurrency=2, a=lazy(free), b=lazy(postgres.count))
        assert [one.status for one in outcomes.values()] == ["ok", "ok"]

    def test_guards_and_threads_give_their_pooled_connections_back(self, page, postgres, pooled):
        pool = pooled(4)  # two threads, and two timed calls of theirs
        parts = {"a": postgres.count, "b": with_timeout(postgres.count, 30), "c": postgres.count}
        for _ in range(3):
            answer = page(concurrency=2, **{name: lazy(part) for name, part in parts.items()})
            assert answer == dict.fromkeys("abc", (0, None))
            close_old_connections()
            self.assert_all_are_back(pool)

    def test_a_late_call_gives_its_place_in_the_pool_back_but_not_a_cancelled_connection(
        self, deliver, postgres, pooled, arrived
    ):
        """The cancellation may arrive late, and would hit the next user of that connection."""
        pool = pooled(1)
        cancelled, again = set(), []

        def sleeps(request):
            backend = run(postgres.connection, "SELECT pg_backend_pid()")
            again.append(backend in cancelled)
            arrived.set()
            try:
                run(postgres.connection, "SELECT pg_sleep(60)")
            except OperationalError:
                cancelled.add(backend)

        for _ in range(5):
            arrived.clear()
            outcomes = deliver(a=lazy(with_timeout(sleeps, 0.1)), b=lazy(postgres.count))
            assert [one.status for one in outcomes.values()] == ["timeout", "ok"]
            close_old_connections()
        self.assert_all_are_back(pool)
        assert cancelled
        assert not any(again)


class TestANetworkThatHangs:
    pytestmark = pytest.mark.django_db(transaction=True, databases=services.DATABASES)

    @pytest.fixture(params=services.EACH_DATABASE[1:])
    def distant(self, request):
        """The customers in a database that is reached over the network."""
        yield Customers(request.param)
        connections.close_all()

    @pytest.fixture
    def proxy(self, distant, monkeypatch):
        """A proxy through which every thread reaches that database."""
        settings = distant.connection.settings_dict
        with Proxy(settings["HOST"] or "127.0.0.1", int(settings["PORT"] or 5432)) as proxy:
            distant.connection.close()
            monkeypatch.setitem(settings, "HOST", proxy.host)
            monkeypatch.setitem(settings, "PORT", proxy.port)
            yield proxy
            distant.connection.close()

    @pytest.mark.parametrize("inside", [False, True], ids=["outside", "inside"])
    def test_a_timed_part_ends_at_its_limit_when_the_network_hangs(
        self, deliver, distant, proxy, inside, arrived
    ):
        ended = threading.Event()

        def hangs(request):
            try:
                proxy.stall()
                arrived.set()
                run(distant.connection, "SELECT 1")
            finally:
                ended.set()

        started = time.monotonic()
        with distant.atomic() if inside else nullcontext():
            distant.count()
            outcomes = deliver(a=lazy(with_timeout(hangs, 0.2)), b=lazy(free))
            took = time.monotonic() - started
            proxy.close()
        assert [one.status for one in outcomes.values()] == ["timeout", "ok"]
        assert took < 20
        assert ended.wait(30)
        proxy.open()
        close_old_connections()
        assert deliver(a=lazy(distant.count))["a"].value == 0


@contextmanager
def clock(*, ahead):
    """In the body, this computer's clock is *ahead* by so many seconds."""
    now = time.time
    with mock.patch("time.time", side_effect=lambda: now() + ahead):
        yield


HOUR = 3600


class TestAClockThatIsSet:
    def test_a_rest_cursor_expires_while_the_clock_is_fast_and_is_good_again_after(self, serve):
        pytest.importorskip("rest_framework")
        from django_partstream import ProgressiveView

        class Three(ProgressiveView):
            chunk_size = 1
            cursor_ttl = 60

            def get_parts(self):
                return [(name, lazy(free)) for name in "abc"]

        client = serve(Three)
        cursor = client.get("/").json()["cursor"]
        with clock(ahead=HOUR):
            refused = client.get(f"/?cursor={cursor}")
        assert (refused.status_code, refused.json()["code"]) == (410, "cursor_expired")
        for ahead in (0, -HOUR):
            with clock(ahead=ahead):
                assert client.get(f"/?cursor={cursor}").json()["results"] == [{"b": 1}]

    def test_a_graphql_cursor_expires_while_the_clock_is_fast_and_is_good_again_after(self, serve):
        graphene = pytest.importorskip("graphene")
        pytest.importorskip("graphene_django")
        from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
        from partstream_graphql.http.views import ProgressiveGraphQLView

        class Three(ProgressiveConnection):
            chunk_size = 1
            cursor_ttl = 60
            a, b, c = (Part(graphene.Int, resolver=lambda root, info: 1) for _ in range(3))

        class Query(graphene.ObjectType):
            three = ProgressiveConnectionField(Three)

        schema = graphene.Schema(query=Query)
        client = serve(path("", ProgressiveGraphQLView.as_view(schema=schema)))

        def ask(after):
            query = (
                "query($after: String) { three(after: $after) { pageInfo { endCursor } a b c } }"
            )
            body = {"query": query, "variables": {"after": after}}
            return client.post("/", body, content_type="application/json").json()

        cursor = ask(None)["data"]["three"]["pageInfo"]["endCursor"]
        with clock(ahead=HOUR):
            (error,) = ask(cursor)["errors"]
        assert error["extensions"]["code"] == "CURSOR_EXPIRED"
        for ahead in (0, -HOUR):
            with clock(ahead=ahead):
                assert ask(cursor)["data"]["three"]["b"] == 1

    @pytest.mark.parametrize("step", [HOUR, -HOUR])
    def test_a_clock_that_jumps_changes_neither_time_limits_nor_measured_seconds(
        self, deliver, gate, step
    ):
        ticks = itertools.count(time.time(), step)

        def slow(request):
            gate.wait(30)

        async def aslow(request):
            await asyncio.Event().wait()

        with mock.patch("time.time", side_effect=ticks):
            outcomes = deliver(
                a=lazy(with_timeout(free, 30)),
                b=lazy(with_timeout(slow, 0.05)),
                c=lazy(with_timeout(aslow, 0.05)),
            )
        assert [one.status for one in outcomes.values()] == ["ok", "timeout", "timeout"]
        assert all(0 <= one.seconds < 30 for one in outcomes.values())
        assert all(outcomes[name].seconds >= 0.04 for name in "bc")

    @pytest.fixture
    def redis_keys(self, settings):
        """Set up the cache ``own`` in Redis, and return a function of its keys' seconds to live."""
        prefix = f"partstream-tests-{os.getpid()}-clock"
        settings.CACHES = {**settings.CACHES, "own": services.cache(KEY_PREFIX=prefix)}
        with redis.Redis.from_url(services.REDIS_URL) as client:
            yield lambda: [client.ttl(key) for key in client.scan_iter(f"{prefix}*")]
            for key in client.scan_iter(f"{prefix}*"):
                client.delete(key)

    @pytest.mark.redis
    @pytest.mark.parametrize("ahead", [HOUR, -HOUR])
    def test_a_wrong_clock_on_one_computer_keeps_no_cached_value_longer(
        self, deliver, redis_keys, ahead
    ):
        runs = itertools.count(1)
        part = lazy(cached_for(60, cache="own", key="k")(lambda request: next(runs)))
        with clock(ahead=ahead):
            assert [deliver(a=part)["a"].value for _ in range(2)] == [1, 1]
        assert redis_keys()
        assert all(0 < seconds <= 60 + entries.LEASE for seconds in redis_keys())
        assert deliver(a=part)["a"].value == (1 if ahead > 0 else 2)


class TestAFullDisk:
    @contextmanager
    def full(self):
        """In the body, no file of this process may grow."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    def test_a_full_disk_prevents_caching_and_is_logged_once(
        self, deliver, settings, tmp_path, caplog
    ):
        backend = "django.core.cache.backends.filebased.FileBasedCache"
        settings.CACHES = {**settings.CACHES, "disk": {"BACKEND": backend, "LOCATION": tmp_path}}
        runs = itertools.count(1)
        part = lazy(cached_for(60, cache="disk", key="k")(lambda request: next(runs)))
        with self.full():
            outcomes = [deliver(a=part)["a"] for _ in range(3)]
        assert [(one.status, one.value) for one in outcomes] == [("ok", 1), ("ok", 2), ("ok", 3)]
        assert list(tmp_path.iterdir()) == []
        said = Counter(one.message for one in caplog.records if one.name == "django_partstream")
        assert said
        assert set(said.values()) == {1}
        now = time.monotonic
        with mock.patch("time.monotonic", side_effect=lambda: now() + 60):
            assert [deliver(a=part)["a"].value for _ in range(2)] == [4, 4]


class TestAFork:
    def in_a_child(self, answer):
        """
        The text that ``answer()`` returns in a forked child, and the child's exit code.

        The child ends after 30 seconds at the latest.
        """
        ours, theirs = os.pipe()
        with warnings.catch_warnings():
            # Python 3.12 warns about a fork with threads, which this test needs.
            warnings.filterwarnings(
                "ignore", "This process .* is multi-threaded", category=DeprecationWarning
            )
            child = os.fork()
        if child == 0:
            try:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(30)
                os.write(theirs, answer().encode())
            except BaseException as exc:
                os.write(theirs, repr(exc).encode())
                os._exit(1)
            os._exit(0)
        os.close(theirs)
        with open(ours) as said:
            text = said.read()
        return text, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def test_a_process_forked_after_parts_ran_has_threads_of_its_own(
        self, deliver, settings, gate, arrived
    ):
        settings.PARTSTREAM = {"MAX_ABANDONED_CALLS": 1}
        gate.set()

        def waits(request):
            arrived.set()
            return gate.wait(60)

        def ends():
            both = threading.Barrier(2, timeout=10)
            together = lazy(lambda request: both.wait() >= 0)
            timed = [lazy(with_timeout(part, 10)) for part in (free, waits)]
            outcomes = deliver(concurrency=2, a=together, b=together, c=timed[0], d=timed[1])
            return " ".join(str(one.status) for one in outcomes.values())

        assert ends() == "ok ok ok ok"
        gate.clear()
        assert deliver(a=lazy(with_timeout(waits, 0.01)))["a"].status == "timeout"
        assert ends() == "ok ok ok timeout"  # the parent has reached its ceiling of late calls

        def ends_in_the_child():
            gate.set()
            return ends()

        assert self.in_a_child(ends_in_the_child) == ("ok ok ok ok", 0)
        assert ends() == "ok ok ok timeout"

    def test_a_child_has_locks_of_its_own_when_a_thread_held_the_parents(self, deliver):
        def ends():
            both = threading.Barrier(2, timeout=10)
            together = lazy(lambda request: both.wait() >= 0)
            outcomes = deliver(
                concurrency=2, a=together, b=together, c=lazy(with_timeout(free, 10))
            )
            return " ".join(str(one.status) for one in outcomes.values())

        with calls._lock, threads._lock:
            assert self.in_a_child(ends) == ("ok ok ok", 0)
