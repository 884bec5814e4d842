"""A page that is cancelled, or left by an exit: the page ends, and each of its parts is reported."""

import asyncio
import inspect
import threading

import pytest
from asgiref.sync import async_to_sync

from django_partstream import lazy
from django_partstream.signals import part_resolved


@pytest.fixture
def reported():
    """The parts of which ``part_resolved`` tells: name and status."""
    parts = []

    def hear(name, status, **_):
        parts.append((name, str(status)))

    part_resolved.connect(hear)
    yield parts
    part_resolved.disconnect(hear)


async def never_ends(request):
    await asyncio.Event().wait()


async def cancels_the_page(request):
    """Cancel the page, as a server does when its client has left, and wait for the end of that."""
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(0)


@pytest.mark.parametrize("exc", [SystemExit, KeyboardInterrupt])
def test_an_exit_in_a_thread_of_the_pool_is_raised_in_the_thread_of_the_request(deliver, exc):
    here, both = threading.current_thread(), threading.Barrier(2)

    def part(request):
        both.wait(30)
        if threading.current_thread() is not here:
            raise exc(3)
        return 1

    with pytest.raises(exc):
        deliver(concurrency=2, a=lazy(part), b=lazy(part))


def test_an_exit_of_a_plain_part_closes_the_coroutine_that_is_not_running_yet(deliver):
    coroutine = never_ends(None)

    def leaves(request):
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        deliver(a=lazy(lambda request: coroutine), b=lazy(leaves))
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED


def test_the_parts_of_a_page_that_is_cancelled_in_its_own_loop_are_reported(deliver, reported):
    with pytest.raises(asyncio.CancelledError):
        deliver(a=lazy(lambda r: 1), b=lazy(never_ends), c=lazy(cancels_the_page))
    assert reported == [("a", "ok"), ("b", "error"), ("c", "error")]


def test_the_parts_of_a_page_that_is_cancelled_in_a_servers_loop_are_reported(
    attempts_of, reported, caplog
):
    begun = None

    async def begins(request):
        begun.set()
        await never_ends(request)

    async def main():
        nonlocal begun
        begun = asyncio.Event()
        endpoint, attempts = attempts_of(a=lazy(lambda r: 1), b=lazy(begins))
        page = asyncio.ensure_future(endpoint.resolve(attempts))
        await begun.wait()
        page.cancel()
        await asyncio.wait([page])
        assert page.cancelled()

    asyncio.run(main())
    assert reported == [("a", "ok"), ("b", "error")]
    (record,) = [one for one in caplog.records if one.name == "django_partstream"]
    assert record.part == "b"
    assert isinstance(record.exc_info[1].__cause__, asyncio.CancelledError)


@pytest.mark.django_db
def test_a_page_that_is_cancelled_in_a_transaction_runs_no_later_part(deliver, reported):
    ran = []
    with pytest.raises(asyncio.CancelledError):
        deliver(a=lazy(lambda r: 1), b=lazy(cancels_the_page), c=lazy(ran.append))
    assert reported == [("a", "ok")]
    assert ran == []


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_page_that_must_be_awaited_is_refused_to_a_caller_that_cannot_await(attempts_of):
    async def part(request):
        return 1

    async def main():
        endpoint, attempts = attempts_of(a=lazy(part))
        with pytest.raises(RuntimeError, match="in the thread of an event loop"):
            endpoint.resolve_now(attempts)

    async_to_sync(main)()
