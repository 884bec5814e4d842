"""
A stream: outcomes of attempts, each when its part ends or is pending.

A :class:`Stream` takes the steps of a page (:mod:`.steps`) for each attempt. The rules:

- Plain parts run in the pool (:mod:`.turns`): up to ``concurrency`` of a page at the same time, and
  a part a turn, so that all streams of a process share the pool fairly. Coroutines begin at once
  and run together (:mod:`.coroutines`). Values that are there already need neither. :mod:`.lanes`
  decides on the order.
- A pending part has not ended. Its outcome, which has ``pending``, is handed over, so that the
  consumer can tell of progress. The stream tries the attempt again after the ``retry_after`` of
  that outcome (:mod:`.waits`), and hands over the next one, until the part ends. The consumer
  keeps what it needs for the attempt until then. Meanwhile the part has no thread and no lane.
- Inside a transaction, which the thread of the request is asked for before the first part, parts
  run one after another in that thread, between savepoints. Pending parts come after all others.
- The surroundings of a part are those of the thread that made the stream, when it made it. The
  body of a response runs after the middlewares, which have taken theirs away.
- The stream has ended when each attempt has, or when none runs, none is pending and none may begin.
  In a thread of the server, or inside a transaction, it ends, too, when nothing but pending parts
  has been left for :data:`PATIENCE` seconds. :attr:`Stream.pending` then has the attempts that have
  not ended.
- A heartbeat is due when no part has ended for :data:`HEARTBEAT` seconds. Pending parts do not
  count, for the consumer may have nothing new to tell of them.
- An early end (:meth:`Stream.close`, a closed or cancelled iterator, a client that has gone)
  begins nothing more, and tries nothing again. It cancels coroutines and statements, and ends each
  wait of a timed call. Failures from then on are logged for debugging only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from asgiref.sync import sync_to_async

from django_partstream._django import atomic_aliases
from django_partstream.carried.surroundings import Surroundings
from django_partstream.databases import close_obsolete, open_transactions
from django_partstream.delivery import loops
from django_partstream.delivery.attempts import Attempt
from django_partstream.delivery.coroutines import HelperPlace, ServerPlace
from django_partstream.delivery.in_turn import advance_in_turn
from django_partstream.delivery.lanes import Lanes
from django_partstream.delivery.watching import Pulse, socket_watch
from django_partstream.delivery.workload import Ended, Workload
from django_partstream.tenancy import prepares_sessions
from django_partstream.timed.loans import GRACE
from django_partstream.timed.revocable import Grace

logger = logging.getLogger("django_partstream")

#: Seconds after which a heartbeat is due, if no part has ended.
HEARTBEAT = 15.0

#: Seconds after which a stream gives its thread back, if nothing but pending parts is left.
PATIENCE = 15.0

#: Seconds between two looks at the socket of a client.
LOOK = 0.5

#: The tasks that end streams whose own task was cancelled meanwhile.
_ending: set[asyncio.Task[None]] = set()


def always(name: str) -> bool:
    """Let each part begin."""
    return True


class Stream:
    """
    The outcomes of attempts, each when its part ends or is pending, from threads and coroutines.

    Make it in the view, before it returns: parts see what the view sees. Iterate it once, by
    ``for`` in a thread, or by ``async for`` in an event loop. It gives :class:`Ended`, and None
    for a heartbeat.

    *is_gone* tells whether the client has gone. It is asked twice a second in a thread; by default
    gunicorn's socket is looked at. A loop is told by the server. In a thread coroutines run in
    *loop* if it is given, which goes on after the stream.

    Raises:
        ImproperlyConfigured: ``TENANCY`` or ``THREAD_LOCALS`` cannot be used.
        Exception: ``TENANCY.capture()`` raised it.
    """

    def __init__(
        self,
        request: Any,
        *,
        is_gone: Callable[[], bool] | None = None,
        loop: loops.kept_loop | None = None,
    ) -> None:
        self._request, self._loop = request, loop
        self._surroundings = Surroundings(request)
        self._is_gone = socket_watch(request) if is_gone is None else is_gone
        self._work = Workload(self._surroundings, atomic=atomic_aliases(request))
        self._is_iterated = False
        self._place: HelperPlace | ServerPlace | None = None

    def add(
        self,
        attempts: Sequence[Attempt],
        *,
        concurrency: int,
        may_begin: Callable[[str], bool] = always,
    ) -> None:
        """
        Add the *attempts* of a page, also while the stream runs.

        Up to *concurrency* of its plain parts run at the same time. A part begins once
        *may_begin* is true for its name. That is asked in declared order, by the thread or task
        that iterates: before the first part, and after each outcome that was handed over.
        """
        self._work.add(Lanes(attempts, concurrency=concurrency, may_begin=may_begin))

    def close(self) -> None:
        """
        End the stream: nothing more is begun, and all that runs is cancelled.

        It returns when the statements that ran have ended, or cannot be cancelled. In an event
        loop close the iterator instead.
        """
        is_running = self._work.close()
        if isinstance(self._place, HelperPlace):
            self._place.end()
        if is_running:
            self._revoke()

    @property
    def pending(self) -> list[Attempt]:
        """The attempts that were found pending and have not ended, also after the iteration."""
        return self._work.waits.attempts

    def __iter__(self) -> Generator[Ended | None, None, None]:
        """Iterate in a thread, as a WSGI server does."""
        self._begin_iteration()
        self._work.waits.patience = PATIENCE
        if open_transactions():
            yield from self._each_in_turn()
            return
        self._leave_connections()
        place = HelperPlace(
            self._surroundings, self._work.departure, failed=self._work.fail, loop=self._loop
        )
        self._place, self._work.begin_coroutine = place, place.begin
        try:
            yield from self._each(self._work.advance)
        finally:
            self.close()
            place.join(GRACE)

    async def __aiter__(self) -> AsyncGenerator[Ended | None, None]:
        """Iterate in an event loop, as an ASGI server does. Close the iterator at the end."""
        self._begin_iteration()
        place = ServerPlace(self._surroundings, self._work.departure)
        self._place, self._work.begin_coroutine = place, place.begin
        news = asyncio.Event()
        self._work.wake = _waking(news)
        try:
            in_turn = not await sync_to_async(place.open)()
            if in_turn:  # work is asked for when the transaction ends
                self._work.waits.patience = PATIENCE
            pulse = Pulse(HEARTBEAT)
            while await self._advance_in_loop(news, in_turn=in_turn):
                ended = await self._wait_for_end_in_loop(news, pulse)
                if ended is not None:
                    yield ended
                if _beats(pulse, ended):
                    yield None
        finally:
            await self._end_in_loop(place)

    def _begin_iteration(self) -> None:
        if self._is_iterated:
            raise RuntimeError("A Stream is iterated once: its parts have begun.")
        self._is_iterated = True

    # In a thread.

    def _each(self, advance: Callable[[], bool]) -> Iterator[Ended | None]:
        """Wait in this thread for the outcomes of what *advance* begins."""
        pulse = Pulse(HEARTBEAT)
        while advance():
            ended = self._wait_for_end(pulse)
            if not _has_ended(ended) and self._is_gone is not None and self._is_gone():
                return
            if ended is not None:
                yield ended
            if _beats(pulse, ended):
                yield None

    def _each_in_turn(self) -> Iterator[Ended | None]:
        """Run the attempts one after another in this thread, which has an open transaction."""
        try:
            with self._loop or loops.one_loop():
                yield from self._each(partial(advance_in_turn, self._work))
        finally:
            self.close()

    def _leave_connections(self) -> None:
        """
        Close the connections of this thread that the end of its request would close.

        Parts have others. Those that ``CONN_MAX_AGE`` keeps stay, and so does each that the project
        has prepared for a tenant: a receiver of a signal may ask it.
        """
        if not prepares_sessions():
            close_obsolete()

    def _wait_for_end(self, pulse: Pulse) -> Ended | None:
        ended = self._work.take()
        if ended is None:
            seconds = self._seconds_left(pulse)
            self._work.wait(seconds if self._is_gone is None else min(LOOK, seconds))
            ended = self._work.take()
        return ended

    def _seconds_left(self, pulse: Pulse) -> float:
        """The seconds until a heartbeat is due, or a pending attempt."""
        return min(pulse.seconds_left, self._work.waits.seconds_left)

    def _revoke(self) -> None:
        """Cancel the statements that run, and refuse later ones."""
        grace = Grace(GRACE)
        self._work.revoke(grace)
        if self._place is not None:
            self._place.connections.revoke(grace)

    # In an event loop.

    async def _advance_in_loop(self, news: asyncio.Event, *, in_turn: bool) -> bool:
        news.clear()  # first: another thread may add a page while this one runs
        if in_turn:
            return await loops.in_request_thread(advance_in_turn, self._work)
        return self._work.advance()

    async def _wait_for_end_in_loop(self, news: asyncio.Event, pulse: Pulse) -> Ended | None:
        ended = self._work.take()
        if ended is None:
            await _wait(news, self._seconds_left(pulse))
            ended = self._work.take()
        return ended

    async def _end_in_loop(self, place: ServerPlace) -> None:
        """End the stream, also where this task is cancelled meanwhile."""
        is_running = self._work.close()
        task = asyncio.get_running_loop().create_task(self._end(place, is_running=is_running))
        _ending.add(task)
        task.add_done_callback(_ending.discard)
        await asyncio.shield(task)

    async def _end(self, place: ServerPlace, *, is_running: bool) -> None:
        place.cancel()
        try:
            if is_running:
                await asyncio.to_thread(self._revoke)
            await place.end()
        finally:
            await sync_to_async(place.leave)()


def _has_ended(ended: Ended | None) -> bool:
    """Whether a part has ended: it is not pending."""
    return ended is not None and ended.outcome.pending is None


def _beats(pulse: Pulse, ended: Ended | None) -> bool:
    """Note a sign of life: that a part has *ended*, or a heartbeat. Return whether it is that."""
    is_due = not _has_ended(ended) and pulse.is_due
    if is_due or _has_ended(ended):
        pulse.beat()
    return is_due


def _waking(news: asyncio.Event) -> Callable[[], None]:
    """A function that sets *news* of this loop from any thread."""
    loop = asyncio.get_running_loop()

    def wake() -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(news.set)

    return wake


async def _wait(news: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await news.wait()
