"""Canaries: facts about asgiref on which ``django_partstream/_asgiref.py`` relies (3.13 was read)."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.local import Local
from asgiref.sync import ThreadSensitiveContext, async_to_sync, sync_to_async

from django_partstream import _asgiref


async def running():
    return asyncio.get_running_loop()


@pytest.fixture
def other_loop():
    """An event loop that runs in another thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_a_thread_beside_no_loop_has_no_loop():
    assert _asgiref.loop() is None


def test_a_thread_of_sync_to_async_has_the_loop_that_called_it():
    async def main():
        return await sync_to_async(_asgiref.loop)() is asyncio.get_running_loop()

    assert async_to_sync(main)()
    assert asyncio.run(main())
    assert _asgiref.loop() is None  # it has ended, though asgiref still has it


def test_async_to_sync_runs_coroutines_in_the_loop_that_was_set(other_loop):
    _asgiref.set_loop(other_loop)
    try:
        assert _asgiref.loop() is other_loop
        assert async_to_sync(running)() is other_loop
    finally:
        _asgiref.set_loop(None)
    assert _asgiref.loop() is None
    assert async_to_sync(running)() is not other_loop


def test_the_loop_of_another_process_does_not_count(other_loop, monkeypatch):
    _asgiref.set_loop(other_loop)
    try:
        monkeypatch.setattr("os.getpid", lambda: 0)
        assert _asgiref.loop() is None
        assert async_to_sync(running)() is not other_loop
    finally:
        _asgiref.set_loop(None)


def test_the_loop_that_was_set_calls_back_in_the_thread_that_set_it(other_loop):
    async def called():
        return await sync_to_async(threading.get_ident)()

    _asgiref.set_loop(other_loop)
    try:
        assert async_to_sync(called)() == threading.get_ident()
    finally:
        _asgiref.set_loop(None)


class TestLocalsOfAsgiref:
    def test_the_values_of_a_local_are_carried_to_another_thread_and_not_back(self):
        values, seen = Local(), []
        values.tenant = "ann"
        context = _asgiref.copy_context()

        def use():
            _asgiref.adopt_locals(context)
            seen.append(values.tenant)
            values.tenant = "bob"
            seen.append(values.tenant)

        thread = threading.Thread(target=context.run, args=(use,))
        thread.start()
        thread.join(30)
        assert seen == ["ann", "bob"]
        assert values.tenant == "ann"

    def test_a_local_that_is_set_after_the_hand_over_is_not_set_in_the_other_thread(self):
        values = Local()
        values.tenant = "ann"
        context = _asgiref.copy_context()
        values.tenant = "bob"

        def use():
            _asgiref.adopt_locals(context)
            return values.tenant

        with ThreadPoolExecutor(1) as thread:
            seen = thread.submit(context.run, use).result(30)
        assert seen == "ann"


class TestTasksWithTheContextOfAnotherThread:
    async def threads_of(self, context):
        """The threads of plain code that is awaited here, and in a task with *context*."""
        loop = asyncio.get_running_loop()
        here = await sync_to_async(threading.get_ident)()
        made = _asgiref.task_context(context)
        there = await loop.create_task(sync_to_async(threading.get_ident)(), context=made)
        return here, there

    @pytest.mark.parametrize("sensitive", [True, False])
    def test_plain_code_runs_in_the_thread_that_it_runs_in_here(self, sensitive):
        async def main():
            context = await sync_to_async(_asgiref.copy_context)()
            if not sensitive:
                return await self.threads_of(context)
            async with ThreadSensitiveContext():
                return await self.threads_of(context)

        assert len(set(asyncio.run(main()))) == 1

    def test_plain_code_does_not_go_to_a_thread_that_waits_no_more(self):
        async def inner():
            return await sync_to_async(_asgiref.copy_context)()

        async def main():
            # As with a sync middleware round an async one: its thread waits for the view alone.
            context = await sync_to_async(async_to_sync(inner))()
            async with ThreadSensitiveContext():
                return await self.threads_of(context)

        assert len(set(asyncio.run(main()))) == 1

    def test_the_values_of_a_local_are_carried_to_the_task(self):
        values = Local()

        def set_it():
            values.tenant = "ann"
            return _asgiref.copy_context()

        async def read():
            return values.tenant

        async def main():
            context = await sync_to_async(set_it)()
            del values.tenant  # which asgiref has set here, too
            loop = asyncio.get_running_loop()
            return await loop.create_task(read(), context=_asgiref.task_context(context))

        assert asyncio.run(main()) == "ann"
