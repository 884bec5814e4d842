"""A page on which nothing has ended is held for a moment, where that costs other requests nothing."""

import asyncio
import os
import threading
import time
from types import SimpleNamespace

import pytest
from django.db import transaction

from django_partstream import lazy
from django_partstream.cursors import Cursor
from django_partstream.delivery import pacing
from django_partstream.endpoints import Endpoint
from django_partstream.exceptions import PartPending
from tests.pending import Work

pytestmark = pytest.mark.usefixtures("sleeps")


@pytest.fixture(autouse=True)
def _no_jitter(monkeypatch):
    monkeypatch.setattr("random.uniform", lambda low, high: 1.0)


class Sleeps(list):
    """The sleeps of pages, in seconds, none of which takes time; *meanwhile* is called in each."""

    def meanwhile(self):
        pass

    def sleep(self, seconds):
        self.append(seconds)
        self.meanwhile()

    async def asleep(self, seconds):
        await asyncio.sleep(0)
        self.sleep(seconds)


@pytest.fixture
def sleeps(monkeypatch):
    sleeps = Sleeps()
    monkeypatch.setattr(pacing, "time", SimpleNamespace(sleep=sleeps.sleep))
    monkeypatch.setattr(pacing, "asyncio", SimpleNamespace(sleep=sleeps.asleep))
    return sleeps


@pytest.fixture
def threaded(request_of):
    """Make a request of a server that has threads."""

    def made():
        request = request_of()
        request.META["wsgi.multithread"] = True
        return request

    return made


class Dashboard:
    concurrency = 1

    def __init__(self, parts):
        self._parts = parts

    def get_parts(self):
        return self._parts


def asked(request, *, size=2, owed=("a",), **parts):
    """The endpoint, and attempts at a page behind the parts *owed*, which the walk owes."""
    endpoint = Endpoint(Dashboard([*parts.items()]), request, address=[])
    now = int(time.time())
    place = len(owed) - 1
    after = Cursor(after=owed[-1], position=place, owed=dict.fromkeys(owed, now)) if owed else None
    page = endpoint.take(after=after, size=size)
    return endpoint, endpoint.attempts(page, whole=lambda value: value)


def statuses(outcomes):
    return {outcome.name: str(outcome.status) for outcome in outcomes}


@pytest.fixture
def work():
    return Work({"a": 1, "b": 1, "c": 1})


def looks(work, name, **options):
    return lazy(lambda request: work.look(name, **options))


class TestAHeldPage:
    def test_it_is_tried_again_after_the_wait(self, threaded, sleeps, work):
        endpoint, attempts = asked(threaded(), a=looks(work, "a"))
        assert statuses(endpoint.resolve(attempts)) == {"a": "ok"}
        assert (sleeps, work.looks["a"]) == ([0.5], 2)

    def test_it_is_tried_again_once(self, threaded, sleeps):
        work = Work({"a": 10})
        endpoint, attempts = asked(threaded(), a=looks(work, "a"))
        assert statuses(endpoint.resolve(attempts)) == {"a": "pending"}
        assert (len(sleeps), work.looks["a"]) == (1, 2)

    @pytest.mark.parametrize(("ages", "seconds"), [((3, 8), 0.75), ((100, 50), 1.0)])
    def test_it_is_held_for_the_shortest_wait_and_a_second_at_most(
        self, threaded, sleeps, work, ages, seconds
    ):
        parts = {name: looks(work, name, age=age) for name, age in zip("ab", ages, strict=True)}
        endpoint, attempts = asked(threaded(), owed=("a", "b"), **parts)
        endpoint.resolve(attempts)
        assert sleeps == [seconds]

    def test_only_its_pending_parts_are_tried_again(self, threaded, sleeps):
        """It ends before a part that the cursor cannot owe, behind which another was ready."""
        a, b = "a" * 200, "b" * 200
        work = Work({a: 1, b: 1, "c": 0})
        parts = {name: looks(work, name) for name in (a, b, "c")}
        endpoint, attempts = asked(threaded(), owed=(a,), **parts)
        assert statuses(endpoint.resolve(attempts)) == {a: "ok", b: "ok", "c": "ok"}
        assert (len(sleeps), work.looks) == (1, {a: 2, b: 2, "c": 1})

    def test_it_ends_with_the_failure_of_the_second_try(self, threaded, sleeps):
        tries = iter([PartPending("a", limit=600), ValueError()])

        def part(request):
            raise next(tries)

        endpoint, attempts = asked(threaded(), a=lazy(part))
        assert statuses(endpoint.resolve(attempts)) == {"a": "error"}
        assert len(sleeps) == 1

    def test_its_coroutines_run_in_the_same_loop_before_and_after(self, threaded, work):
        loops = []

        async def part(request):
            loops.append(asyncio.get_running_loop())
            return work.look("a")

        endpoint, attempts = asked(threaded(), a=lazy(part))
        assert statuses(endpoint.resolve(attempts)) == {"a": "ok"}
        assert len(loops) == 2
        assert loops[0] is loops[1]

    def test_its_parts_run_together_again(self, threaded, sleeps, work):
        met = threading.Barrier(2)

        def part(request, name):
            met.wait(10)
            return work.look(name)

        parts = {name: lazy(part, name) for name in "ab"}
        endpoint, attempts = asked(threaded(), owed=("a", "b"), **parts)
        endpoint.owner.concurrency = 2
        assert statuses(endpoint.resolve(attempts)) == {"a": "ok", "b": "ok"}
        assert len(sleeps) == 1


class TestAPageThatIsNotHeld:
    def test_a_first_look_is_not_held(self, threaded, sleeps, work):
        endpoint, attempts = asked(threaded(), owed=(), a=looks(work, "a"))
        assert statuses(endpoint.resolve(attempts)) == {"a": "pending"}
        assert sleeps == []

    def test_a_page_with_an_ended_part_is_not_held(self, threaded, sleeps, work):
        endpoint, attempts = asked(threaded(), a=looks(work, "a"), b=1)
        assert statuses(endpoint.resolve(attempts)) == {"a": "pending", "b": "ok"}
        assert sleeps == []

    def test_a_page_that_owes_another_part_is_not_held(self, threaded, sleeps, work):
        endpoint, attempts = asked(threaded(), a=looks(work, "a"), b=looks(work, "b"))
        assert statuses(endpoint.resolve(attempts)) == {"a": "pending", "b": "pending"}
        assert sleeps == []

    def test_a_page_without_a_part_is_not_held(self, threaded, sleeps):
        endpoint = Endpoint(Dashboard([("a", 1), ("b", 2)]), threaded(), address=[])
        place = Cursor(after="b", position=1, owed={"a": 1})
        page = endpoint.take(after=place, size=2, only=["b"])
        assert endpoint.resolve(endpoint.attempts(page, whole=str)) == []
        assert sleeps == []

    @pytest.mark.parametrize("meta", [{"wsgi.multithread": False}, {}])
    def test_a_server_without_threads_holds_no_page(self, request_of, sleeps, work, meta):
        request = request_of()
        request.META = meta
        endpoint, attempts = asked(request, a=looks(work, "a"))
        assert statuses(endpoint.resolve(attempts)) == {"a": "pending"}
        assert sleeps == []

    @pytest.mark.parametrize("context", [None, {}, SimpleNamespace(user=None)])
    def test_a_context_that_is_no_request_holds_no_page(self, sleeps, work, context):
        endpoint, attempts = asked(context, a=looks(work, "a"))
        assert statuses(endpoint.resolve(attempts)) == {"a": "pending"}
        assert sleeps == []

    @pytest.mark.django_db(transaction=True)
    def test_a_page_in_a_transaction_is_not_held(self, threaded, sleeps, work):
        endpoint, attempts = asked(threaded(), a=looks(work, "a"))
        with transaction.atomic():
            assert statuses(endpoint.resolve(attempts)) == {"a": "pending"}
        assert sleeps == []

    def test_a_request_is_held_once(self, threaded, sleeps):
        work, request = Work({"a": 10, "b": 10}), threaded()
        for name in "ab":
            endpoint, attempts = asked(request, owed=(name,), **{name: looks(work, name)})
            endpoint.resolve(attempts)
        assert (len(sleeps), work.looks) == (1, {"a": 2, "b": 1})


class TestPlaces:
    def resolve(self, request):
        work = Work({"a": 10})
        endpoint, attempts = asked(request, a=looks(work, "a"))
        endpoint.resolve(attempts)
        return work.looks["a"]

    def test_a_third_page_is_not_held_beside_two(self, threaded, sleeps):
        tries = []
        sleeps.meanwhile = lambda: tries.append(self.resolve(threaded()))
        assert self.resolve(threaded()) == 2
        assert len(sleeps) == pacing.PLACES == 2
        assert tries == [1, 2]  # the innermost page, which has found no place, ends first

    def test_a_page_gives_its_place_back(self, threaded, sleeps):
        for _ in range(3):
            assert self.resolve(threaded()) == 2
        assert len(sleeps) == 3

    def test_an_exit_while_a_page_is_held_gives_its_place_back(self, threaded, sleeps):
        def leave():
            raise SystemExit

        sleeps.meanwhile = leave
        for _ in range(3):
            with pytest.raises(SystemExit):
                self.resolve(threaded())
        del sleeps.meanwhile
        assert self.resolve(threaded()) == 2

    def test_a_forked_child_has_all_places(self, threaded, sleeps, monkeypatch):
        monkeypatch.setattr(pacing, "_places", threading.Semaphore(0))
        assert self.resolve(threaded()) == 1
        child = os.fork()
        if not child:  # pragma: no cover - in the child
            os._exit(self.resolve(threaded()))
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 2


class TestAnEventLoop:
    """The page is resolved in the thread of an event loop, which nothing may block."""

    def test_an_awaitable_page_is_held_in_the_loop(self, threaded, sleeps, work):
        async def part(request):
            return work.look("a")

        async def main():
            endpoint, attempts = asked(threaded(), a=lazy(part))
            return await endpoint.resolve(attempts)

        assert statuses(asyncio.run(main())) == {"a": "ok"}
        assert (sleeps, work.looks["a"]) == ([0.5], 2)

    def test_a_plain_part_may_be_ready_after_the_hold_and_need_no_loop(self, threaded, sleeps):
        tries = iter([True, False])

        async def pends():
            raise PartPending("a", limit=600)

        def part(request):
            return pends() if next(tries) else "a"

        async def main():
            endpoint, attempts = asked(threaded(), a=lazy(part))
            return await endpoint.resolve(attempts)

        assert statuses(asyncio.run(main())) == {"a": "ok"}
        assert len(sleeps) == 1

    def test_a_page_that_cannot_be_awaited_is_not_held(self, threaded, sleeps, work):
        async def main():
            endpoint, attempts = asked(threaded(), a=looks(work, "a"))
            return endpoint.resolve(attempts)

        assert statuses(asyncio.run(main())) == {"a": "pending"}
        assert sleeps == []

    def test_a_cancelled_page_gives_its_place_back(self, threaded, monkeypatch):
        held = []

        async def sleep(seconds):
            held.append(seconds)
            await asyncio.Event().wait()

        monkeypatch.setattr(pacing, "asyncio", SimpleNamespace(sleep=sleep))

        async def main():
            async def part(request):
                raise PartPending("a", limit=600)

            for number in range(1, 4):
                endpoint, attempts = asked(threaded(), a=lazy(part))
                page = asyncio.ensure_future(endpoint.resolve(attempts))
                while len(held) < number:
                    assert not page.done()
                    await asyncio.sleep(0)
                page.cancel()
                await asyncio.wait([page])
                assert page.cancelled()

        asyncio.run(main())
        assert len(held) == 3
