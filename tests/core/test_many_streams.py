"""Many streams at a time, each left somewhere, leave nothing behind."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.db import connections

from django_partstream import lazy, safe_call, with_timeout
from django_partstream.delivery import streams
from django_partstream.exceptions import PartPending
from tests import services
from tests.core.streaming import wait_for_the_pool
from tests.core.test_loans import wait_for_late_calls

STREAMS, TOGETHER = 24, 6


def query(request, seconds):
    with connections["postgres"].cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


async def aquery(request, seconds):
    await sync_to_async(query)(request, seconds)


def awaitable(request, seconds):
    query(request, 0)
    return asyncio.sleep(seconds)


def pending(request, seconds):
    query(request, 0)
    raise PartPending("work", limit=600)


async def apending(request, seconds):
    await sync_to_async(pending)(request, seconds)


KINDS = [
    query,
    pending,
    apending,
    aquery,
    awaitable,
    with_timeout(query, 30),
    safe_call(with_timeout(aquery, 30), fallback=None),
]


@pytest.fixture
def random_stream(stream_of):
    """Make a stream of parts that take up to a minute, by the number of the stream."""

    def made(number):
        chance = random.Random(number)
        parts = {
            f"part{place}": lazy(chance.choice(KINDS), chance.choice([0, 0.01, 60]))
            for place in range(6)
        }
        return stream_of(concurrency=chance.randint(1, 3), value=1, **parts)

    return made


def is_left(number, ends):
    """Whether the client of the stream of that number leaves after that many signs of life."""
    return ends > number % 5


def leave_in_threads(make):
    def consume(number):
        iterator = iter(make(number))
        for ends, _ in enumerate(iterator):
            if is_left(number, ends):
                break
        iterator.close()

    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(consume, range(STREAMS)))


def leave_in_a_loop(make):
    async def consume(number):
        async with ThreadSensitiveContext():
            iterator = aiter(await sync_to_async(make)(number))
            ends = 0
            async for _ in iterator:
                ends += 1
                if is_left(number, ends):
                    break
            await iterator.aclose()

    async def main():
        for first in range(0, STREAMS, TOGETHER):
            await asyncio.gather(*map(consume, range(first, first + TOGETHER)))
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


@pytest.mark.postgres
@pytest.mark.usefixtures("_nothing_is_left", "at_once")
@pytest.mark.django_db(transaction=True, databases=services.DATABASES)
@pytest.mark.parametrize("atomic", [False, True], ids=["autocommit", "atomic"])
@pytest.mark.parametrize("leave", [leave_in_threads, leave_in_a_loop])
def test_streams_that_are_left_leave_no_thread_task_statement_or_coroutine(
    random_stream, leave, atomic, monkeypatch, recwarn
):
    monkeypatch.setattr(streams, "HEARTBEAT", 0.02)
    monkeypatch.setitem(connections.settings["postgres"], "ATOMIC_REQUESTS", atomic)
    leave(random_stream)
    wait_for_the_pool()
    wait_for_late_calls()
    with connections["postgres"].cursor() as cursor:
        cursor.execute(
            "SELECT query FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active'"
        )
        assert cursor.fetchall() == []
    assert [each for each in recwarn if "never awaited" in str(each.message)] == []
