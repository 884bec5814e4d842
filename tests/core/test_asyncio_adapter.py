"""Canaries: facts about asyncio on which ``django_partstream/_asyncio.py`` relies (3.11 to 3.13)."""

import asyncio

import pytest

from django_partstream._asyncio import is_lone_task


async def asked():
    await asyncio.sleep(0)  # the task that began this may wait for it now
    return is_lone_task()


async def by_await():
    return await asyncio.create_task(asked())


async def by_gather():
    (found,) = await asyncio.gather(asked())
    return found


async def by_wait():
    (done,), _ = await asyncio.wait([asyncio.create_task(asked())])
    return done.result()


async def by_group():
    async with asyncio.TaskGroup() as group:
        task = group.create_task(asked())
    return task.result()


@pytest.mark.parametrize("wait", [asked, by_await, by_gather, by_wait, by_group])
def test_a_task_that_something_waits_for_is_not_alone(wait):
    assert asyncio.run(wait()) is False


def test_a_task_that_nothing_waits_for_is_alone():
    async def main():
        found = asyncio.get_running_loop().create_future()

        async def tell():
            found.set_result(await asked())

        task = asyncio.create_task(tell())
        assert await found is True
        await task

    asyncio.run(main())


def test_a_thread_without_a_loop_has_no_task():
    assert is_lone_task() is False
