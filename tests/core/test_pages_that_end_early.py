"""A page that is cancelled, or left by an exit: what its parts did until then is reported."""

import asyncio
import inspect
import threading

import pytest
from asgiref.current_thread_executor import CurrentThreadExecutor
from asgiref.sync import async_to_sync

from django_partstream import lazy, with_timeout
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


def test_a_page_that_is_cancelled_in_its_own_loop_has_reported_the_parts_before(deliver, reported):
    with pytest.raises(asyncio.CancelledError):
        deliver(a=lazy(lambda r: 1), b=lazy(never_ends), c=lazy(cancels_the_page))
    assert reported[0] == ("a", "ok")


def test_a_page_that_is_cancelled_in_a_servers_loop_is_no_failure_of_its_parts(
    attempts_of, reported, caplog, traces
):
    caplog.set_level("DEBUG", "django_partstream")
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
    assert reported == [("a", "ok")]
    (record,) = [one for one in caplog.records if one.name == "django_partstream"]
    assert (record.part, record.levelname) == ("b", "DEBUG")
    assert isinstance(record.exc_info[1].__cause__, asyncio.CancelledError)
    assert traces.told("b") == {"partstream.part.status": "abandoned"}


@pytest.mark.parametrize("part", [never_ends, with_timeout(never_ends, 30)])
def test_a_signal_to_the_thread_of_a_page_does_not_wait_for_its_coroutines(
    deliver, reported, caplog, monkeypatch, part
):
    def interrupted(executor, future):
        """Raise where the thread waits for the coroutine, as the handler of a signal does."""
        monkeypatch.undo()
        raise KeyboardInterrupt

    def page():
        with pytest.raises(KeyboardInterrupt):
            deliver(a=lazy(lambda r: 1), b=lazy(part))
        ended.set()

    ended = threading.Event()
    monkeypatch.setattr(CurrentThreadExecutor, "run_until_future", interrupted)
    threading.Thread(target=page, daemon=True).start()
    assert ended.wait(30), "the page waits for a coroutine that waits for its thread"
    assert reported == [("a", "ok")]
    assert caplog.records == []


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
