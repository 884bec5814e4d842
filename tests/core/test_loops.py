"""A page awaits everything in one event loop, and its coroutines query on its own connection."""

import asyncio
import contextvars
import gc
import subprocess
import sys
import threading
from importlib.util import find_spec

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.db import connection, transaction

from django_partstream import cached_for, lazy, safe_call, with_timeout
from django_partstream.delivery import loops
from django_partstream.outcomes import Status
from django_partstream.signals import part_resolved
from example_schema.models import Customer


class Client:
    """A stand-in for a client or data loader: it belongs to the loop of its first use."""

    def __init__(self):
        self.loop = None

    async def get(self, value=None):
        loop = asyncio.get_running_loop()
        self.loop = self.loop or loop
        if loop is not self.loop:
            raise RuntimeError("This client is attached to a different loop.")
        await asyncio.sleep(0)
        return value


@pytest.fixture
def client():
    return Client()


def values(outcomes):
    assert [one.error for one in outcomes.values() if one.error] == []
    return [one.value for one in outcomes.values()]


def test_async_parts_share_a_client(deliver, client, transacted):
    async def part(request, number):
        return await client.get(number)

    outcomes = deliver(a=lazy(part, 1), b=lazy(lambda r: 2), c=lazy(part, 3), d=lazy(part, 4))
    assert values(outcomes) == [1, 2, 3, 4]


def test_guards_of_each_kind_keep_to_the_loop_of_the_page(deliver, client, transacted):
    async def part(request, number):
        return await client.get(number)

    def plain(request, number):
        return part(request, number)

    outcomes = deliver(
        a=lazy(safe_call(part, fallback=0), 1),
        b=lazy(with_timeout(part, 30), 2),
        c=lazy(with_timeout(plain, 30), 3),
        d=lazy(cached_for(60, key="loops part")(part), 4),
        e=lazy(cached_for(60, key="loops plain")(plain), 5),
        f=lazy(safe_call(with_timeout(cached_for(60, key="loops all")(part), 30)), 6),
    )
    assert values(outcomes) == [1, 2, 3, 4, 5, 6]


def test_plain_parts_in_threads_leave_their_awaitables_to_the_loop_of_the_page(
    deliver, client, transacted
):
    def plain(request, number):
        return client.get(number)

    outcomes = deliver(concurrency=3, a=lazy(plain, 1), b=lazy(plain, 2), c=lazy(plain, 3))
    assert values(outcomes) == [1, 2, 3]


def test_a_client_may_be_used_in_the_thread_of_a_coroutine(deliver, client, transacted):
    def in_thread():
        return async_to_sync(client.get)("nested")

    async def part(request):
        return [await client.get("direct"), await sync_to_async(in_thread)()]

    outcomes = deliver(a=lazy(part), b=lazy(part))
    assert values(outcomes) == [["direct", "nested"]] * 2


@pytest.mark.django_db
def test_async_parts_in_a_transaction_are_undone_alone(deliver, client):
    async def write(request, name, *, fails=False):
        await client.get()
        await Customer.objects.acreate(name=name, email=f"{name}@example.com", city="x")
        if fails:
            raise ValueError
        return await Customer.objects.acount()

    outcomes = deliver(
        a=lazy(write, "kept"),
        b=lazy(write, "undone", fails=True),
        c=lazy(safe_call(write, fallback="fell back"), "undone too", fails=True),
        d=lazy(write, "kept too"),
    )
    assert [one.value for one in outcomes.values()] == [1, None, "fell back", 2]
    assert set(Customer.objects.values_list("name", flat=True)) == {"kept", "kept too"}


def test_async_parts_query_in_the_thread_and_on_the_connection_of_the_request(
    deliver, client, transacted
):
    def here():
        return threading.get_ident(), id(connection._connections[connection._alias])

    async def part(request):
        await client.get()
        return [await sync_to_async(here)(), await Customer.objects.acount()]

    assert values(deliver(a=lazy(part), b=lazy(part))) == [[here(), 0]] * 2


def test_receivers_of_the_signal_run_in_the_thread_of_the_request(deliver, client, transacted):
    threads = []

    def receive(**_):
        threads.append(threading.get_ident())

    async def part(request):
        return await client.get()

    part_resolved.connect(receive)
    try:
        deliver(a=lazy(part), b=lazy(part))
    finally:
        part_resolved.disconnect(receive)
    assert threads == [threading.get_ident()] * 2


def test_a_page_within_a_page_uses_the_loop_of_the_outer_page(deliver, client, transacted):
    async def inner(request):
        return await client.get("inner")

    def page():
        return values(deliver(a=lazy(inner)))

    async def outer(request):
        await client.get()
        return await sync_to_async(page)()

    outcomes = deliver(a=lazy(outer), b=lazy(outer))
    assert values(outcomes) == [["inner"]] * 2


@pytest.mark.django_db
def test_a_page_within_a_plain_part_of_a_transaction_uses_the_loop_of_the_outer_page(
    deliver, client
):
    async def inner(request):
        return await client.get("inner")

    def plain(request):
        return values(deliver(a=lazy(inner)))

    outcomes = deliver(a=lazy(plain), b=lazy(inner), c=lazy(plain))
    assert values(outcomes) == [["inner"], "inner", ["inner"]]


def test_context_variables_set_by_a_part_reach_the_caller_as_with_async_to_sync(
    deliver, transacted
):
    variable = contextvars.ContextVar("variable")

    async def part(request):
        variable.set("told")

    async def main():
        variable.set("told")

    async_to_sync(main)()
    assert variable.get() == "told"
    assert values(deliver(a=lazy(part))) == [None]


class TestTheLoopOfAsgiref:
    def test_a_page_beside_a_running_loop_awaits_in_that_loop(self, deliver, client, transacted):
        async def part(request):
            return await client.get(asyncio.get_running_loop())

        async def main():
            return asyncio.get_running_loop(), await sync_to_async(deliver)(
                a=lazy(part), b=lazy(part)
            )

        loop, outcomes = async_to_sync(main)()
        assert values(outcomes) == [loop, loop]

    def test_a_loop_that_has_ended_does_not_count(self, deliver, client, transacted):
        async def part(request):
            return await client.get(1)

        async def main():
            await sync_to_async(lambda: None)()

        async_to_sync(main)()  # asgiref still has its loop
        assert values(deliver(a=lazy(part), b=lazy(part))) == [1, 1]

    def test_no_loop_is_left_to_the_thread_after_a_page(self, deliver, client, transacted):
        async def part(request):
            return await client.get(asyncio.get_running_loop())

        (ours,) = values(deliver(a=lazy(part)))
        assert ours.is_closed()
        assert async_to_sync(Client().get)(1) == 1
        assert values(deliver(a=lazy(lambda request: Client().get(2)))) == [2]


async def loop_of():
    return asyncio.get_running_loop()


class TestTheEndOfTheLoop:
    def test_a_page_without_coroutines_starts_no_loop(self, deliver, transacted, monkeypatch):
        monkeypatch.setattr(loops, "_Loop", None)
        assert values(deliver(a=lazy(lambda request: 1), b=2)) == [1, 2]

    def test_no_thread_is_left_after_a_page(self, deliver, client, transacted):
        before = set(threading.enumerate())
        values(deliver(a=lazy(lambda request: client.get())))
        assert set(threading.enumerate()) <= before

    def test_tasks_that_are_left_are_cancelled(self, deliver, transacted):
        ends = []

        async def forever():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ends.append("cancelled")
                raise

        tasks = set()

        async def part(request):
            tasks.add(asyncio.create_task(forever()))
            await asyncio.sleep(0)
            return 1

        assert values(deliver(a=lazy(part), b=lazy(lambda request: 2))) == [1, 2]
        assert ends == ["cancelled"]

    @pytest.mark.parametrize("exc", [SystemExit, KeyboardInterrupt])
    def test_an_exit_of_a_task_is_raised_in_the_thread_of_the_request(
        self, deliver, transacted, exc
    ):
        async def leave():
            raise exc

        tasks = set()

        async def part(request):
            tasks.add(asyncio.create_task(leave()))
            await asyncio.sleep(60)

        async def after(request):
            return 1

        with pytest.raises(exc):
            deliver(a=lazy(part), b=lazy(after))
        assert [type(task.exception()) for task in tasks] == [exc]

    def test_a_part_that_cancels_every_task_of_its_loop_does_not_end_the_loop(
        self, deliver, transacted
    ):
        loops_seen, told = [], []

        async def cancels(request):
            for task in asyncio.all_tasks():
                task.cancel()
            try:
                await asyncio.sleep(0)
            except asyncio.CancelledError:
                told.append(await sync_to_async(threading.get_ident)())
                loops_seen.append(asyncio.get_running_loop())
                raise

        with loops.one_loop():
            with pytest.raises(asyncio.CancelledError):
                deliver(a=lazy(cancels))
            assert loops_seen[0].is_running()
            assert loops.run(loop_of) is loops_seen[0]
        assert told == [threading.get_ident()]

    def test_a_loop_of_another_kind_keeps_its_clock(self, deliver, client, monkeypatch):
        class Loop(asyncio.SelectorEventLoop):
            def __setattr__(self, name, value):
                if name == "time":
                    raise AttributeError(name)  # as an extension type does
                super().__setattr__(name, value)

        monkeypatch.setattr(asyncio, "new_event_loop", Loop)
        monkeypatch.setattr("asyncio.events.new_event_loop", Loop)
        assert values(deliver(a=lazy(lambda request: client.get(1)))) == [1]


class TestStopIteration:
    """``StopIteration`` cannot be set on the future of a coroutine, which would never end."""

    @pytest.fixture(autouse=True)
    def _limited(self, transacted):
        """Both ways in which a page runs its parts."""

    def stop(self, value):
        if value == "stop":
            raise StopIteration
        return value

    def test_an_async_part_whose_value_raises_stop_iteration_fails(self, deliver):
        async def part(request, value):
            return value

        outcomes = deliver(whole=self.stop, a=lazy(part, "stop"), b=lazy(part, "fine"))
        assert [one.status for one in outcomes.values()] == [Status.ERROR, Status.OK]
        assert outcomes["a"].error.code == "part_failed"

    def test_guards_see_the_failure_of_such_a_value(self, deliver):
        async def part(request):
            return "stop"

        def plain(request):
            return part(request)

        wrap = [
            safe_call(part, fallback=7),
            safe_call(plain, fallback=7),
            safe_call(with_timeout(part, 30), fallback=7),
            safe_call(cached_for(60, key="stops")(part), fallback=7),
        ]
        outcomes = deliver(
            whole=self.stop, **{f"p{number}": lazy(func) for number, func in enumerate(wrap)}
        )
        assert [(one.status, one.value) for one in outcomes.values()] == [("fallback", 7)] * 4

    def test_a_plain_part_whose_value_raises_stop_iteration_fails(self, deliver):
        outcomes = deliver(whole=self.stop, a=lazy(lambda request: "stop"), b="stop", c="fine")
        assert [one.status for one in outcomes.values()] == ["error", "error", "ok"]

    def test_a_cached_part_whose_identity_raises_stop_iteration_fails(self, deliver):
        class Owner:
            def get_parts(self):
                return []

            def cache_identity(self, reader):
                raise StopIteration

            @cached_for(60)
            async def part(self, request):
                return 1

        outcomes = deliver(a=lazy(Owner().part), b=lazy(lambda request: 2))
        assert [one.status for one in outcomes.values()] == [Status.ERROR, Status.OK]


def test_loops_of_several_threads_are_apart(deliver, transactional_db):
    barrier = threading.Barrier(4)
    found = []

    async def part(request):
        await asyncio.sleep(0)
        return asyncio.get_running_loop()

    def page():
        with transaction.atomic():
            one, two = values(deliver(a=lazy(part), b=lazy(part)))
        connection.close()
        found.append((one, one is two))
        barrier.wait(30)

    pages = [threading.Thread(target=page) for _ in range(4)]
    for thread in pages:
        thread.start()
    for thread in pages:
        thread.join()
    assert len({id(loop) for loop, _ in found}) == 4
    assert all(same for _, same in found)


GREENLETS = """
from gevent import monkey

monkey.patch_all()

import asyncio, threading

import django
import gevent
from asgiref.sync import sync_to_async
from django.conf import settings

settings.configure(SECRET_KEY="-")
django.setup()

from django_partstream.delivery import loops


def here(number):
    gevent.sleep(0.01)
    return threading.get_ident(), number


async def part(number):
    await asyncio.sleep(0.05)
    return asyncio.get_running_loop(), await sync_to_async(here)(number)


def page(number):
    with loops.one_loop():
        (one, seen), (two, again) = loops.run(part, number), loops.run(part, number)
    assert one is two
    assert seen == again == (threading.get_ident(), number)
    return one


greenlets = [gevent.spawn(page, number) for number in range(20)]
gevent.joinall(greenlets, timeout=60)
print(len({id(greenlet.get(block=False)) for greenlet in greenlets}))
"""


@pytest.mark.skipif(find_spec("gevent") is None, reason="gevent is not installed")
def test_greenlets_of_gevent_await_at_the_same_time_each_in_a_loop_of_its_own():
    run = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", GREENLETS],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "20"


def test_a_kept_loop_that_is_forgotten_ends():
    before = set(threading.enumerate())
    loop = loops.kept_loop()
    with loop:
        loops.run(asyncio.sleep, 0)
    (thread,) = set(threading.enumerate()) - before
    del loop
    gc.collect()
    thread.join(20)
    assert not thread.is_alive()
