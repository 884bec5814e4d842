"""The cost of a part: its own statements, wherever they ran, its cache, its place, its wait."""

import asyncio
import logging
import threading
from contextvars import copy_context
from types import SimpleNamespace

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from django_partstream import cached_for, lazy, safe_call, with_timeout
from django_partstream.costs import wrappers_of
from django_partstream.delivery import attempts
from django_partstream.exceptions import PartTimeout
from django_partstream.outcomes import Status
from django_partstream.signals import part_resolved
from tests import services
from tests.core.conftest import ENDLESS
from tests.core.streaming import Waiting, in_thread
from tests.core.test_loans import wait_for_late_calls

outside = pytest.mark.django_db(transaction=True, databases=services.DATABASES)
inside = pytest.mark.django_db(databases=services.DATABASES)


def run(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.fixture
def counting(customers):
    """Make the function of a part that counts customers *n* times: ``counting(n)``."""

    def made(n):
        return lambda request: [customers.count() for _ in range(n)]

    return made


@pytest.fixture
def acounting(customers):
    """Make a coroutine function that does so; before the first two it waits for *others*."""

    def made(n, others=None):
        async def count(request):
            for number in range(n):
                if others is not None and number < 2:
                    await others.wait()
                await customers.all.acount()

        return count

    return made


def queries(outcomes):
    return {name: outcome.cost.queries for name, outcome in outcomes.items()}


def places(outcomes):
    return {name: outcome.cost.ran for name, outcome in outcomes.items()}


@outside
class TestStatements:
    def test_each_part_has_its_own(self, deliver, counting):
        outcomes = deliver(a=lazy(counting(2)), b=lazy(counting(0)), c=lazy(counting(3)), d=1)
        assert queries(outcomes) == {"a": 2, "b": 0, "c": 3, "d": 0}
        assert set(places(outcomes).values()) == {"request"}

    def test_their_time_is_within_that_of_the_part(self, deliver, counting):
        outcomes = deliver(a=lazy(counting(3)), b=lazy(counting(0)))
        assert 0 < outcomes["a"].cost.sql_seconds < outcomes["a"].cost.seconds
        assert outcomes["b"].cost.sql_seconds == 0

    def test_a_part_has_those_that_make_its_value_whole(self, deliver, customers):
        outcomes = deliver(a=lazy(lambda request: customers.all), whole=list)
        assert queries(outcomes) == {"a": 1}

    def test_a_failed_part_has_those_until_it_failed(self, deliver, customers):
        def part(request):
            customers.count()
            raise ValueError

        outcomes = deliver(a=lazy(part), b=lazy(safe_call(part, fallback=1)))
        assert queries(outcomes) == {"a": 1, "b": 1}

    def test_a_statement_that_fails_counts(self, deliver, customers):
        outcomes = deliver(
            a=lazy(lambda request: run(customers.connection, "SELECT nonsense FROM"))
        )
        assert (outcomes["a"].status, queries(outcomes)) == (Status.ERROR, {"a": 1})

    def test_those_of_several_databases_are_added_up(self, deliver):
        aliases = sorted(services.DATABASES)

        def part(request):
            for alias in aliases:
                run(connections[alias], "SELECT 1")

        assert queries(deliver(a=lazy(part))) == {"a": len(aliases)}

    def test_executemany_is_a_single_one(self, deliver, customers):
        def part(request):
            with customers.connection.cursor() as cursor:
                cursor.executemany("DELETE FROM example_schema_customer WHERE id = %s", [[1], [2]])

        assert queries(deliver(a=lazy(part))) == {"a": 1}

    def test_a_transaction_and_a_savepoint_are_none(self, deliver, customers):
        def part(request):
            with customers.atomic(), customers.atomic():
                customers.count()

        assert queries(deliver(a=lazy(part))) == {"a": 1}

    def test_a_new_connection_sets_itself_up_unseen(self, deliver, customers):
        def part(request):
            customers.connection.close()
            customers.count()

        assert queries(deliver(a=lazy(part), b=lazy(part))) == {"a": 1, "b": 1}

    def test_threads_of_a_page_count_for_their_parts(self, deliver, counting):
        together = threading.Barrier(3)

        def after(call):
            return lambda request: together.wait(30) is None or call(request)

        parts = {name: lazy(after(counting(n))) for name, n in [("a", 1), ("b", 2), ("c", 3)]}
        outcomes = deliver(concurrency=3, **parts)
        assert queries(outcomes) == {"a": 1, "b": 2, "c": 3}
        assert sorted(places(outcomes).values()) == ["request", "thread", "thread"]

    def test_a_timed_call_counts_for_its_part(self, deliver, counting):
        inner, outer = with_timeout(counting(2), 30), with_timeout(counting(1), 30)
        outcomes = deliver(
            a=lazy(inner),
            b=lazy(with_timeout(lambda request: outer(request), 30)),
            c=lazy(safe_call(inner)),
        )
        assert queries(outcomes) == {"a": 2, "b": 1, "c": 2}
        assert set(places(outcomes).values()) == {"thread"}

    def test_a_timed_helper_does_not_move_its_part(self, deliver, counting):
        helper = with_timeout(counting(2), 30)
        outcomes = deliver(a=lazy(lambda request: helper(request)))
        assert (queries(outcomes), places(outcomes)) == ({"a": 2}, {"a": "request"})

    def test_coroutines_on_one_connection_count_for_their_own_parts(self, deliver, acounting):
        others = asyncio.Barrier(2)
        outcomes = deliver(
            a=lazy(acounting(2, others)), b=lazy(acounting(3, others)), c=lazy(acounting(0))
        )
        assert queries(outcomes) == {"a": 2, "b": 3, "c": 0}
        assert set(places(outcomes).values()) == {"loop"}

    def test_threads_of_a_coroutine_count_for_its_part(self, deliver, customers):
        def count():
            customers.count()
            customers.connection.close()

        async def part(request):
            await asyncio.gather(*(asyncio.to_thread(count) for _ in range(3)))

        assert queries(deliver(a=lazy(part))) == {"a": 3}

    def test_what_a_part_leaves_behind_with_its_context_is_not_recorded(
        self, attempts_of, customers
    ):
        left = []

        def part(request):
            customers.count()
            left.append(copy_context())

        endpoint, (attempt,) = attempts_of(a=lazy(part))
        (outcome,) = endpoint.resolve([attempt])
        for _ in range(3):
            left[0].run(customers.count)
        assert (outcome.cost.queries, len(attempt.statements)) == (1, 1)

    def test_what_a_receiver_of_the_signal_runs_is_not_of_the_part(self, deliver, customers):
        costs = []

        def receive(cost, **_):
            customers.count()
            costs.append(cost)

        part_resolved.connect(receive)
        try:
            outcomes = deliver(a=lazy(customers.count), b=lazy(customers.count))
        finally:
            part_resolved.disconnect(receive)
        assert queries(outcomes) == {"a": 1, "b": 1}
        assert [cost.queries for cost in costs] == [1, 1]


@outside
class TestLateCalls:
    @pytest.fixture(autouse=True)
    def _on_a_busy_machine(self, arrived):
        self.arrived = arrived

    def test_a_statement_that_is_cancelled_counts_for_its_part_alone(self, deliver, customers):
        def late(request):
            self.arrived.set()
            run(customers.connection, ENDLESS[customers.connection.vendor])

        limits = {name: lazy(with_timeout(late, 0.5)) for name in "ab"}
        outcomes = deliver(**limits, c=lazy(customers.count))
        wait_for_late_calls()
        assert [one.status for one in outcomes.values()][:2] == [Status.TIMEOUT] * 2
        assert queries(outcomes) == {"a": 1, "b": 1, "c": 1}
        for name in "ab":
            cost = outcomes[name].cost
            assert 0.1 < cost.sql_seconds <= cost.seconds

    def test_later_statements_of_a_late_call_count_for_nothing(self, deliver, customers):
        go_on, tried = threading.Event(), threading.Event()

        def late(request):
            with customers.connection.cursor() as cursor:
                self.arrived.set()
                go_on.wait(30)
                try:
                    cursor.execute("SELECT 1")
                finally:
                    tried.set()

        def next_part(request):
            go_on.set()
            assert tried.wait(30)
            return customers.count()

        outcomes = deliver(a=lazy(with_timeout(late, 0.1)), b=lazy(next_part))
        wait_for_late_calls()
        assert outcomes["a"].status is Status.TIMEOUT
        assert queries(outcomes) == {"a": 0, "b": 1}


@inside
class TestInsideATransaction:
    def test_savepoints_of_the_library_are_not_counted(self, deliver, counting, acounting):
        def broken(request):
            counting(1)(request)
            raise ValueError

        outcomes = deliver(
            plain=lazy(counting(2)),
            broken=lazy(broken),
            safe=lazy(safe_call(broken)),
            timed=lazy(with_timeout(counting(1), 30)),
            awaited=lazy(acounting(2)),
        )
        wanted = {"plain": 2, "broken": 1, "safe": 1, "timed": 1, "awaited": 2}
        assert queries(outcomes) == wanted
        assert set(places(outcomes).values()) == {"transaction"}

    def test_the_statements_of_a_part_are_those_that_django_counts(self, deliver, customers):
        connection = customers.connection
        with CaptureQueriesContext(connection) as captured:
            outcomes = deliver(a=lazy(customers.count), b=lazy(lambda request: customers.names()))
        selects = [one for one in captured.captured_queries if one["sql"].startswith("SELECT")]
        assert len(selects) == sum(queries(outcomes).values()) == 2


@inside
def test_execute_wrappers_of_the_project_are_left_alone(deliver, customers):
    seen = []

    def note(execute, sql, *args):
        seen.append(sql)
        return execute(sql, *args)

    def part(request):
        with customers.connection.execute_wrapper(note):
            return customers.count()

    with customers.connection.execute_wrapper(note):
        outcomes = deliver(a=lazy(customers.count), b=lazy(part))
    assert queries(outcomes) == {"a": 1, "b": 1}
    assert sum(sql.startswith("SELECT") for sql in seen) == 3
    assert wrappers_of(customers.connection) == ()


def test_a_statement_outside_of_a_part_is_counted_nowhere(deliver, db):
    outcomes = deliver(a=lazy(lambda request: 1))
    run(connections["default"], "SELECT 1")
    assert queries(outcomes) == {"a": 0}


@outside
class TestStreams:
    def test_each_part_has_its_own_statements(self, stream_of, ends_of, counting, acounting):
        def make():
            return stream_of(
                concurrency=2,
                a=lazy(counting(1)),
                b=lazy(counting(2)),
                c=lazy(acounting(3)),
                d=lazy(acounting(1)),
                e=lazy(with_timeout(counting(2), 30)),
                f=1,
            )

        outcomes = {end.outcome.name: end.outcome for end in ends_of(make)}
        assert queries(outcomes) == {"a": 1, "b": 2, "c": 3, "d": 1, "e": 2, "f": 0}
        wanted = {**dict.fromkeys("abe", "thread"), **dict.fromkeys("cd", "loop"), "f": "request"}
        assert places(outcomes) == wanted

    def test_a_part_has_no_statement_that_begins_its_own_transaction(
        self, stream_of, ends_of, counting, customers, monkeypatch
    ):
        monkeypatch.setitem(connections.settings[customers.alias], "ATOMIC_REQUESTS", True)
        (end,) = ends_of(lambda: stream_of(a=lazy(counting(2))))
        assert end.outcome.cost.queries == 2


@inside
def test_a_stream_inside_a_transaction_runs_its_parts_there(stream_of, counting):
    ends = in_thread(lambda: stream_of(a=lazy(counting(1)), b=lazy(counting(2))))
    outcomes = {end.outcome.name: end.outcome for end in ends}
    assert (queries(outcomes), places(outcomes)) == (
        {"a": 1, "b": 2},
        dict.fromkeys("ab", "transaction"),
    )


@inside
class TestCached:
    def test_a_miss_has_the_statements_and_a_hit_has_none(self, deliver, customers):
        kept = cached_for(60, key="kept")(customers.count)
        for is_hit in (False, True):
            cost = deliver(a=lazy(kept))["a"].cost
            assert (cost.cached, cost.queries) == (is_hit, 0 if is_hit else 1)

    def test_a_coroutine_tells_of_hit_and_miss_too(self, deliver, acounting):
        kept = cached_for(60, key="kept")(acounting(2))
        costs = [deliver(a=lazy(kept))["a"].cost for _ in range(2)]
        assert [(cost.cached, cost.queries) for cost in costs] == [(False, 2), (True, 0)]

    def test_a_value_that_has_no_key_is_a_miss(self, deliver, customers):
        kept = cached_for(60, key="keyless")(lambda request, given: customers.count())
        cost = deliver(a=lazy(kept, object()))["a"].cost
        assert (cost.cached, cost.queries) == (False, 1)

    def test_a_part_without_cached_for_is_neither(self, deliver, customers):
        helper = cached_for(60, key="helper")(customers.count)
        outcomes = deliver(a=lazy(customers.count), b=lazy(lambda request: helper(request)), c=1)
        assert [one.cost.cached for one in outcomes.values()] == [None, None, None]

    def test_a_miss_of_a_helper_called_by_hand_counts_for_the_part(self, deliver, customers):
        helper = cached_for(60, key="by hand")(lambda request: customers.count())
        outcomes = deliver(a=lazy(lambda request: helper(None)))
        assert queries(outcomes) == {"a": 1}


class TestTimes:
    @pytest.fixture
    def clock(self, monkeypatch):
        """A clock that a part puts forward: ``clock.now += 5``."""
        clock = SimpleNamespace(now=100.0)
        monkeypatch.setattr(
            attempts,
            "time",
            SimpleNamespace(perf_counter=lambda: clock.now, time=attempts.time.time),
        )
        return clock

    def test_a_part_waits_while_those_before_it_run(self, deliver, clock):
        def part(request, seconds):
            clock.now += seconds

        outcomes = deliver(a=lazy(part, 5), b=lazy(part, 2), c=lazy(part, 1))
        costs = {name: (one.cost.waited, one.cost.seconds) for name, one in outcomes.items()}
        assert costs == {"a": (0, 5), "b": (5, 2), "c": (7, 1)}

    def test_a_coroutine_waits_while_the_plain_parts_of_its_page_run(self, deliver, clock):
        async def coroutine(request):
            clock.now += 1

        def begun_before(request):
            clock.now += 2
            return coroutine(request)

        def plain(request):
            clock.now += 5

        outcomes = deliver(a=lazy(begun_before), b=lazy(plain))
        cost = outcomes["a"].cost
        assert (cost.waited, cost.seconds, outcomes["b"].cost.seconds) == (5, 3, 5)

    def test_the_time_between_two_tries_of_a_pending_part_is_no_wait(self, stream_of, ends_of):
        waiting = Waiting(0.5, value=1)
        ended = ends_of(lambda: stream_of(a=lazy(waiting)))[-1].outcome
        assert (ended.status, ended.value) == (Status.OK, 1)
        assert ended.cost.waited < 0.5

    def test_a_try_does_not_count_what_an_earlier_one_did(self, db, stream_of, ends_of):
        waiting = Waiting(0.5, value=1)

        def part(request):
            run(connections["default"], "SELECT 1")
            return waiting(request)

        ends = ends_of(lambda: stream_of(a=lazy(part)))
        assert [end.outcome.cost.queries for end in ends] == [1, 1]


class TestReports:
    def test_the_log_record_of_a_failure_has_the_cost(self, db, deliver, caplog):
        def part(request):
            run(connections["default"], "SELECT 1")
            raise ValueError

        kept = cached_for(60, key="failing")(part)
        deliver(a=lazy(kept))
        (record,) = caplog.records
        assert (record.part, record.status, record.queries) == ("a", "error", 1)
        assert (record.cached, record.ran) == (False, "transaction")
        assert min(record.ms, record.sql_ms, record.waited_ms) >= 0
        assert record.getMessage().startswith("Part 'a' of ")

    def test_the_log_record_of_a_fallback_has_the_cost_so_far(self, db, deliver, caplog):
        def part(request):
            run(connections["default"], "SELECT 1")
            raise ValueError

        deliver(a=lazy(safe_call(part, fallback=1)))
        (record,) = caplog.records
        assert (record.levelno, record.status, record.queries) == (logging.WARNING, "fallback", 1)

    def test_the_log_record_of_a_fallback_has_the_code_of_the_failure_behind_it(
        self, deliver, caplog
    ):
        def late(request):
            raise PartTimeout(1)

        deliver(a=lazy(safe_call(late, fallback=1)))
        (record,) = caplog.records
        assert (record.status, record.error_code) == ("fallback", "part_timed_out")

    def test_a_receiver_that_knows_no_cost_is_called_as_before(self, deliver):
        told = []

        def receive(sender, name, status, seconds, request, **kwargs):
            told.append((name, seconds, kwargs["cost"].seconds))

        part_resolved.connect(receive)
        try:
            deliver(a=1)
        finally:
            part_resolved.disconnect(receive)
        ((name, seconds, again),) = told
        assert name == "a"
        assert seconds == again >= 0
