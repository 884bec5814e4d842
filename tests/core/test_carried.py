"""State that a request ran in, seen by its parts in other threads and in coroutines."""

import asyncio
import threading
from contextlib import contextmanager
from contextvars import ContextVar

import pytest
from asgiref.local import Local
from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections, transaction
from django.utils import translation

from django_partstream import lazy, with_timeout
from django_partstream.carried import surroundings
from django_partstream.costs import wrappers_of
from django_partstream.databases import close
from django_partstream.exceptions import PartTimeout
from django_partstream.outcomes import Status
from django_partstream.signals import part_resolved
from django_partstream.timed import calls
from tests import services

state = threading.local()
kept = Local()
critical = Local(thread_critical=True)
variable = ContextVar("variable", default="unset")


class Holder:
    state = threading.local()


@pytest.fixture
def carried(settings):
    settings.PARTSTREAM = {"THREAD_LOCALS": [f"{__name__}.state", f"{__name__}.Holder.state"]}
    yield
    vars(state).clear()
    vars(Holder.state).clear()


@pytest.fixture
def elsewhere(deliver):
    """Run functions in other threads: with a time limit, in the pool, and nested in both."""

    def run(function):
        barrier, here = threading.Barrier(2), threading.current_thread()

        def pooled(request):
            barrier.wait(30)
            return "here" if threading.current_thread() is here else function(request)

        def nested(request):
            barrier.wait(30)
            return with_timeout(function, 30)(request)

        found = [
            deliver(a=lazy(with_timeout(function, 30)))["a"],
            *deliver(concurrency=2, a=lazy(pooled), b=lazy(pooled)).values(),
            *deliver(concurrency=2, a=lazy(nested), b=lazy(nested)).values(),
        ]
        assert {one.status for one in found} == {Status.OK}
        return [one.value for one in found if one.value != "here"]

    return run


class TestLocals:
    def test_a_local_of_asgiref_and_a_context_variable_are_seen_in_other_threads(self, elsewhere):
        kept.tenant = "ann"
        variable.set("ann")
        try:
            seen = elsewhere(lambda request: (kept.tenant, variable.get()))
        finally:
            del kept.tenant
            variable.set("unset")
        assert seen == [("ann", "ann")] * 4

    def test_a_local_that_a_part_sets_is_not_set_for_the_request(self, elsewhere):
        kept.tenant = "ann"

        def part(request):
            kept.tenant = "bob"
            translation.activate("de")

        try:
            elsewhere(part)
            assert (kept.tenant, translation.get_language()) == ("ann", "en-us")
        finally:
            del kept.tenant

    def test_a_late_part_cannot_change_a_local_of_the_request(self):
        kept.tenant, go_on, ended = "ann", threading.Event(), threading.Event()

        def late(request):
            go_on.wait(30)
            kept.tenant = "bob"
            ended.set()

        try:
            with pytest.raises(PartTimeout):
                with_timeout(late, 0.01)(None)
            go_on.set()
            assert ended.wait(30)
            assert kept.tenant == "ann"
        finally:
            del kept.tenant

    @pytest.mark.usefixtures("carried")
    def test_thread_locals_that_are_named_are_seen_in_other_threads(self, elsewhere):
        state.tenant, Holder.state.role = "ann", "editor"
        seen = elsewhere(lambda request: (vars(state).copy(), Holder.state.role))
        assert seen == [({"tenant": "ann"}, "editor")] * 4

    @pytest.mark.usefixtures("carried")
    def test_thread_locals_are_taken_out_again_after_a_part(self, elsewhere):
        state.tenant = "ann"
        elsewhere(lambda request: setattr(state, "left", "ann"))
        assert vars(state) == {"tenant": "ann"}
        vars(state).clear()
        assert elsewhere(lambda request: vars(state).copy()) == [{}] * 4

    def test_a_thread_local_that_is_not_named_is_not_carried(self, elsewhere):
        state.tenant = "ann"
        try:
            assert elsewhere(lambda request: vars(state).copy()) == [{}] * 4
        finally:
            vars(state).clear()

    @pytest.mark.parametrize("name", ["variable", "critical.tenant", "missing"])
    def test_an_object_that_is_no_thread_local_is_refused(self, settings, name):
        settings.PARTSTREAM = {"THREAD_LOCALS": [f"{__name__}.{name}"]}
        with pytest.raises(ImproperlyConfigured, match=rf"THREAD_LOCALS.*{name}.*Name a"):
            with_timeout(lambda request: 1, 30)(None)

    def test_a_local_of_asgiref_that_is_named_is_accepted(self, settings):
        settings.PARTSTREAM = {"THREAD_LOCALS": [f"{__name__}.kept"]}
        assert with_timeout(lambda request: 1, 30)(None) == 1


@pytest.mark.usefixtures("carried")
class TestCoroutines:
    def in_steps(self, turn, wait):
        """A part that reads and changes the thread-local in each of its steps."""

        async def part(request):
            seen = [state.tenant, threading.get_ident()]
            state.tenant = f"{state.tenant}!"
            turn.append(1)
            await wait()
            return [*seen, state.tenant]

        return part

    def test_a_coroutine_has_the_thread_locals_of_its_request_in_each_step(self, deliver):
        state.tenant = "ann"
        seen = deliver(a=lazy(self.in_steps([], lambda: asyncio.sleep(0))))["a"].value
        assert seen == ["ann", seen[1], "ann!"]
        assert seen[1] != threading.get_ident()
        assert state.tenant == "ann"

    def test_coroutines_of_two_requests_on_an_event_loop_never_see_each_other(self, attempts_of):
        async def page(tenant, gate):
            turn = []
            state.tenant = tenant
            endpoint, attempts = attempts_of(a=lazy(self.in_steps(turn, gate.wait)))
            left = endpoint.resolve(attempts)
            del state.tenant
            return left

        async def both():
            gate = asyncio.Event()
            pages = [asyncio.ensure_future(await page(name, gate)) for name in ("ann", "bob")]
            await asyncio.sleep(0)
            assert vars(state) == {}  # both wait, with their thread-locals taken out
            gate.set()
            return [outcome.value for (outcome,) in await asyncio.gather(*pages)]

        ann, bob = asyncio.run(both())
        assert (ann[0], ann[2], bob[0], bob[2]) == ("ann", "ann!", "bob", "bob!")
        assert vars(state) == {}

    @pytest.mark.usefixtures("carried")
    def test_a_timed_call_in_a_task_of_a_coroutine_has_the_thread_locals_of_its_creator(
        self, deliver
    ):
        def tenant(request):
            return getattr(state, "tenant", None)

        async def task(request):
            return with_timeout(tenant, 30)(request)

        async def part(request):
            first = await asyncio.gather(task(request), task(request))
            state.tenant = "bob"
            return [*first, *await asyncio.gather(task(request), task(request))]

        state.tenant = "ann"
        assert deliver(a=lazy(part))["a"].value == ["ann", "ann", "bob", "bob"]
        assert tenant(None) == "ann"

    def test_the_value_of_a_coroutine_is_made_whole_with_its_thread_locals(self, attempts_of):
        async def page():
            state.tenant = "ann"

            async def part(request):
                return 1

            endpoint, attempts = attempts_of(a=lazy(part), whole=lambda value: state.tenant)
            left = endpoint.resolve(attempts)
            del state.tenant
            return [outcome.value for outcome in await left]

        assert asyncio.run(page()) == ["ann"]

    def test_a_coroutine_that_fails_and_one_that_is_cancelled_leave_no_thread_locals(
        self, deliver, attempts_of
    ):
        async def failing(request):
            await asyncio.sleep(0)
            raise ValueError(state.tenant)

        state.tenant = "ann"
        assert deliver(a=lazy(failing))["a"].status is Status.ERROR
        del state.tenant
        cleaned = []

        async def waiting(request):
            try:
                await asyncio.Event().wait()
            finally:
                cleaned.append(state.tenant)

        async def cancelled():
            state.tenant = "ann"
            endpoint, attempts = attempts_of(a=lazy(waiting))
            left = asyncio.ensure_future(endpoint.resolve(attempts))
            del state.tenant
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            left.cancel()
            await asyncio.wait([left])

        asyncio.run(cancelled())
        assert (cleaned, vars(state)) == (["ann"], {})

    def test_a_timed_coroutine_has_the_thread_locals_of_its_request(self, deliver):
        async def part(request):
            await asyncio.sleep(0)
            return state.tenant

        state.tenant = "ann"
        assert deliver(a=lazy(with_timeout(part, 30)))["a"].value == "ann"

    def test_the_orm_thread_of_a_coroutine_has_the_thread_locals_of_its_request(self, deliver):
        async def part(request):
            return await sync_to_async(lambda: state.tenant)()

        state.tenant = "ann"
        assert deliver(a=lazy(part))["a"].value == "ann"


class Sessions:
    """A tenancy that notes on which connection it is entered and left."""

    def __init__(self, *, fails_entering=False, fails_leaving=False, statement=None):
        self.log = []
        self.fails_entering, self.fails_leaving = fails_entering, fails_leaving
        self.statement = statement

    def capture(self, request):
        return getattr(state, "tenant", None)

    @contextmanager
    def connection(self, tenant, connection):
        if self.statement:
            with connection.cursor() as cursor:
                cursor.execute(self.statement)
        if self.fails_entering:
            raise DatabaseError("entering")
        raw = connection.connection
        self.log.append(("entered", tenant, connection.alias, id(raw)))
        yield
        if self.fails_leaving:
            raise DatabaseError("leaving")
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        self.log.append(("left", tenant, connection.alias, id(raw)))

    def steps(self, alias):
        return [(step, tenant) for step, tenant, on, _ in self.log if on == alias]


@pytest.fixture(params=services.EACH_DATABASE)
def alias(request):
    return request.param


@pytest.fixture
def sessions(settings):
    def use(**options):
        tenancy = Sessions(**options)
        settings.PARTSTREAM = {"TENANCY": tenancy}
        return tenancy

    yield use
    vars(state).clear()


def select(alias, sql="SELECT 1"):
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


@pytest.mark.django_db(transaction=True, databases=services.DATABASES)
class TestConnections:
    @pytest.fixture(autouse=True)
    def _kept(self, alias, monkeypatch):
        """Connections of other threads that are kept from call to call."""
        monkeypatch.setitem(connections[alias].settings_dict, "CONN_MAX_AGE", 60)
        yield
        for jobs in list(calls._idle):  # the threads close what they kept
            calls._idle.remove(jobs)
            jobs.put(lambda jobs: False)

    def test_a_connection_is_entered_before_its_first_statement_and_left_after_the_part(
        self, sessions, alias
    ):
        tenancy, seen = sessions(), []
        state.tenant = "ann"

        def part(request):
            seen.append(list(tenancy.log))
            select(alias)
            select(alias)
            seen.append(tenancy.steps(alias))

        with_timeout(part, 30)(None)
        assert seen == [[], [("entered", "ann")]]
        assert tenancy.steps(alias) == [("entered", "ann"), ("left", "ann")]

    def test_statements_that_prepare_a_connection_do_not_count_for_the_part(
        self, sessions, alias, deliver
    ):
        tenancy = sessions(statement="SELECT 1")
        outcome = deliver(a=lazy(with_timeout(lambda request: select(alias), 30)))["a"]
        assert [step for step, _ in tenancy.steps(alias)] == ["entered", "left"]
        assert outcome.cost.queries == 1

    def test_a_connection_is_entered_before_a_transaction(self, sessions, alias):
        tenancy = sessions()

        def part(request):
            with transaction.atomic(alias):
                steps = tenancy.steps(alias)
                transaction.set_rollback(True, alias)
            return steps

        assert with_timeout(part, 30)(None) == [("entered", None)]
        assert tenancy.steps(alias) == [("entered", None), ("left", None)]

    def test_a_kept_connection_is_entered_for_each_part_also_without_a_tenant(
        self, sessions, alias
    ):
        tenancy = sessions()
        for tenant in ("ann", None):
            state.tenant = tenant
            with_timeout(lambda request: select(alias), 30)(None)
        assert tenancy.steps(alias) == [
            (step, tenant) for tenant in ("ann", None) for step in ("entered", "left")
        ]
        assert len({raw for *_, raw in tenancy.log}) == 1

    def test_a_connection_that_a_part_closes_is_left_before_and_its_successor_entered(
        self, sessions, alias
    ):
        tenancy = sessions()

        def part(request):
            select(alias)
            connections[alias].close()
            steps = tenancy.steps(alias)
            select(alias)
            return steps

        assert with_timeout(part, 30)(None) == [("entered", None), ("left", None)]
        assert tenancy.steps(alias) == 2 * [("entered", None), ("left", None)]

    def test_a_connection_that_a_part_does_not_use_is_not_entered(self, sessions, alias):
        tenancy = sessions()
        with_timeout(lambda request: 1, 30)(None)
        assert tenancy.log == []

    def test_the_lent_connection_of_a_transaction_is_not_entered(self, sessions, alias):
        tenancy = sessions()
        with transaction.atomic(alias):
            with_timeout(lambda request: select(alias), 30)(None)
        assert tenancy.steps(alias) == []

    def test_an_error_while_entering_fails_the_part_and_closes_the_connection(
        self, sessions, alias
    ):
        tenancy = sessions(fails_entering=True)

        def part(request):
            with pytest.raises(DatabaseError, match="entering"):
                select(alias)
            return connections[alias].connection

        assert with_timeout(part, 30)(None) is None
        with pytest.raises(DatabaseError, match="entering"):
            with_timeout(lambda request: select(alias), 30)(None)
        assert tenancy.log == []

    def test_an_error_while_leaving_closes_the_connection(self, sessions, alias):
        tenancy = sessions(fails_leaving=True)
        for _ in range(2):
            assert with_timeout(lambda request: select(alias), 30)(None) == 1
            assert with_timeout(lambda request: connections[alias].connection, 30)(None) is None
        assert tenancy.steps(alias) == [("entered", None)] * 2

    @pytest.mark.parametrize("concurrency", [1, 2])
    def test_a_connection_in_an_open_transaction_is_closed_and_not_left(
        self, sessions, alias, deliver, concurrency
    ):
        tenancy = sessions()
        here, barrier = threading.current_thread(), threading.Barrier(2)

        def leaving(request):
            """Leave a transaction open in another thread."""
            select(alias)
            transaction.atomic(alias).__enter__()
            return connections[alias].in_atomic_block

        def pooled(request):
            barrier.wait(30)
            return True if threading.current_thread() is here else leaving(request)

        if concurrency == 1:
            assert with_timeout(leaving, 30)(None)
        else:
            outcomes = deliver(concurrency=2, a=lazy(pooled), b=lazy(pooled))
            assert [one.value for one in outcomes.values()] == [True, True]
        assert tenancy.steps(alias) == [("entered", None)]
        tenancy.log.clear()
        assert with_timeout(lambda request: connections[alias].in_atomic_block, 30)(None) is False

    def test_a_context_manager_that_begins_a_transaction_is_refused(self, settings, alias):
        class Atomic:
            def connection(self, tenant, connection):
                return transaction.atomic(connection.alias)

        def part(request):
            with pytest.raises(ImproperlyConfigured, match="left a transaction open"):
                select(alias)
            return connections[alias].connection

        settings.PARTSTREAM = {"TENANCY": Atomic()}
        assert with_timeout(part, 30)(None) is None

    def test_the_lost_connection_of_a_request_is_not_replaced_by_one_without_a_tenant(
        self, sessions, alias, deliver
    ):
        def lose(request):
            connections[alias].connection.close()
            return select(alias)

        parts = {"a": lazy(lose), "b": lazy(lambda request: select(alias))}
        statuses = lambda: [one.status for one in deliver(**parts).values()]  # noqa: E731
        assert statuses() == [Status.ERROR, Status.OK]
        sessions()
        try:
            assert statuses() == [Status.ERROR, Status.ERROR]
        finally:
            close(connections[alias])

    def test_execute_wrappers_of_the_request_see_the_statements_of_other_threads(self, alias):
        seen = []

        def wrapper(execute, sql, params, many, context):
            seen.append(sql)
            return execute(sql, params, many, context)

        def part(request):
            select(alias, "SELECT 7")
            return list(wrappers_of(connections[alias]))

        with connections[alias].execute_wrapper(wrapper):
            assert with_timeout(part, 30)(None) == [wrapper]
        assert "SELECT 7" in seen
        assert with_timeout(part, 30)(None) == []

    def test_an_execute_wrapper_of_the_other_thread_stays_there(self, alias):
        own = lambda execute, *args: execute(*args)  # noqa: E731
        added = lambda request: connections[alias].execute_wrappers.append(own)  # noqa: E731
        with connections[alias].execute_wrapper(lambda execute, *args: execute(*args)):
            with_timeout(added, 30)(None)
        found = with_timeout(lambda request: list(wrappers_of(connections[alias])), 30)(None)
        assert found in ([own], [])  # the thread was the same, or another

    def test_a_receiver_of_the_signal_has_the_surroundings_of_the_part(
        self, settings, alias, deliver, attempts_of
    ):
        settings.PARTSTREAM = {"THREAD_LOCALS": [f"{__name__}.state"]}
        seen, barrier = [], threading.Barrier(2)

        def receive(**_):
            seen.append(state.tenant)

        endpoint, attempts = attempts_of(
            concurrency=2, **{name: lazy(lambda request: barrier.wait(30)) for name in "ab"}
        )
        part_resolved.connect(receive, sender=endpoint.sender)
        state.tenant = "ann"
        try:
            endpoint.resolve(attempts)
        finally:
            part_resolved.disconnect(receive, sender=endpoint.sender)
            vars(state).clear()
        assert seen == ["ann", "ann"]


def test_a_caller_without_a_connection_has_the_public_schema(deliver, monkeypatch):
    # The schemas of django-tenants themselves are tested where that is installed.
    public, outcomes = [], []
    wrapper = type(connections["default"])
    monkeypatch.setattr(surroundings, "_has_schemas", lambda: True)
    monkeypatch.setattr(wrapper, "set_tenant", None, raising=False)
    monkeypatch.setattr(
        wrapper, "set_schema_to_public", lambda self: public.append(self.alias), raising=False
    )
    part = lazy(with_timeout(lambda request: list(public), 30))
    thread = threading.Thread(target=lambda: outcomes.append(deliver(a=part)["a"]))
    thread.start()
    thread.join(30)
    assert "default" in outcomes[0].value


def test_a_part_with_nothing_to_carry_enters_nothing():
    from django_partstream.carried.surroundings import HERE, Surroundings

    assert Surroundings(None).entered() is HERE
