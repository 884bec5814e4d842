"""
The work of a stream: the attempts that wait, that run, that are pending, and that have ended.

Threads of the pool, coroutines and the consumer of the stream share it. The rules:

- The consumer alone admits attempts (:meth:`Workload.advance`) and takes ends out. An attempt that
  is pending waits from then on (:mod:`.waits`), and is admitted again when it is due.
- Any thread puts ends in, and then begins plain attempts that are admitted, so that lanes go on
  while the consumer is busy.
- ``changed`` is held for each change. No part and no statement is waited for under it.
- Once it is closed nothing is admitted, begun or put in, also of what is pending.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from django_partstream.carried.surroundings import Surroundings
from django_partstream.carried.thread_locals import stepped
from django_partstream.delivery import steps, threads
from django_partstream.delivery.attempts import Attempt
from django_partstream.delivery.lanes import Lanes
from django_partstream.delivery.reports import is_observed
from django_partstream.delivery.running import in_event_loop
from django_partstream.delivery.steps import Rest
from django_partstream.delivery.threads import enter_nothing
from django_partstream.delivery.turns import End, Turn
from django_partstream.delivery.waits import Waits
from django_partstream.outcomes import Outcome
from django_partstream.timed.deadlines import Departure
from django_partstream.timed.revocable import Grace

logger = logging.getLogger("django_partstream")


class Ended(NamedTuple):
    """An attempt, and the outcome with which it has ended; or has not, if it is pending."""

    attempt: Attempt
    outcome: Outcome


class Workload:
    """
    The work of a stream that was made in *surroundings*.

    A plain part has a transaction of its own on each of the databases *atomic*.
    """

    def __init__(self, surroundings: Surroundings, *, atomic: Sequence[str]) -> None:
        self.surroundings, self._atomic = surroundings, atomic
        self.departure = Departure()
        self.changed = threading.Condition()
        #: Called, with ``changed`` held, when there is something new for the consumer.
        self.wake: Callable[[], None] = self.changed.notify_all
        #: Runs a coroutine in the place for coroutines. It may raise an ``Exception``.
        self.begin_coroutine: Callable[[Callable[[], Coroutine[Any, Any, None]]], None]
        #: The waits for pending parts; the consumer alone uses them.
        self.waits = Waits()
        self._lanes: list[Lanes] = []
        self._lanes_of: dict[Attempt, Lanes] = {}
        self._running: set[Attempt] = set()
        self._turns: dict[Turn, Lanes] = {}
        #: The awaitables that plain parts have left, until each is awaited.
        self._rests: dict[Attempt, Rest] = {}
        self._ends: deque[Ended | BaseException] = deque()
        self._is_closed = self._has_news = False

    def add(self, lanes: Lanes) -> None:
        """Add the attempts of a page."""
        with self.changed:
            if not self._is_closed:
                self._lanes.append(lanes)
                self._lanes_of.update(dict.fromkeys(lanes.attempts, lanes))
                self._tell_consumer()

    # In the thread of the consumer.

    @property
    def goes_on(self) -> bool:
        """Whether the outcome of an attempt is to come."""
        with self.changed:
            is_any = self._ends or self._running or self.waits.is_any_awaited
            return not self._is_closed and bool(is_any)

    def admit_one(self) -> Attempt | None:
        """Admit the next attempt of a stream that runs them in turn; pending attempts come last."""
        with self.changed:
            self._has_news = False
            admitted = (lanes.admit_one() for lanes in self._lanes)
            fresh = next((attempt for attempt in admitted if attempt is not None), None)
            return fresh or self._due(is_all=True)

    def advance(self) -> bool:
        """Begin all that may begin. Return whether the outcome of an attempt is to come."""
        with self.changed:
            at_once = [attempt for lanes in self._lanes for attempt in lanes.admit()]
            self._running.update(at_once)
            due = partial(self._due, is_all=self._is_all_pending())
            again = [each for each in iter(due, None) if self._lanes_of[each].needs_none(each)]
            self._running.update(again)
            self._has_news = False
        for attempt in (*at_once, *again):
            if attempt.immediate:
                self._run_here(attempt)
            else:
                self._run_awaited(attempt, partial(steps.run_awaited, self.put, attempt))
        self._fill_lanes()
        return self.goes_on

    def _is_all_pending(self) -> bool:
        """Whether nothing but pending parts is left: nothing else runs, and nothing may begin."""
        if not self.waits:
            return False
        ended = (end.attempt for end in self._ends if isinstance(end, Ended))
        in_line = (attempt for lanes in self._lanes for attempt in lanes.line)
        return all(attempt in self.waits for attempt in chain(self._running, ended, in_line))

    def _due(self, *, is_all: bool) -> Attempt | None:
        """The next pending attempt that is due; *is_all* says whether nothing else is left."""
        if self._is_closed:
            return None
        self.waits.look(is_all=is_all)
        return self.waits.take_due()

    def take(self) -> Ended | None:
        """
        Take out the first end, or None if there is none. A pending attempt waits from now on.

        Raises:
            SystemExit, KeyboardInterrupt: a part raised it.
        """
        with self.changed:
            end = self._ends.popleft() if self._ends else None
            if isinstance(end, Ended):
                self.waits.note(*end)
        if isinstance(end, BaseException):
            raise end
        return end

    def wait(self, timeout: float) -> None:
        """Wait up to *timeout* seconds for something new."""
        with self.changed:
            self.changed.wait_for(lambda: self._ends or self._has_news or self._is_closed, timeout)

    def _run_here(self, attempt: Attempt) -> None:
        """Make the value of an immediate part whole in this thread."""
        end = self.surroundings.call(steps.begin, attempt, enter_nothing)
        if isinstance(end, Rest):
            self._await_rest(attempt, end)
        elif is_observed(attempt.scope) and in_event_loop():  # a receiver may use the ORM
            self._run_awaited(attempt, partial(self._tell, attempt, end))
        else:
            self.surroundings.call(steps.tell, attempt, end, self.put)

    # In any thread.

    def fail(self, exc: BaseException) -> None:
        """Have the consumer raise *exc*; where the stream has ended, log it."""
        with self.changed:
            if not self._is_closed:
                self._ends.append(exc)
                self._tell_consumer()
                return
        logger.error("The surroundings of a stream could not be left.", exc_info=exc)

    def close(self) -> bool:
        """
        Begin nothing more, and abandon the attempts that run.

        Return whether this has left something running, of which statements are to be cancelled.
        """
        with self.changed:
            if self._is_closed:
                return False
            self._is_closed = True
            for lanes in self._lanes:
                lanes.close()
            for attempt in self._running:
                attempt.abandon()
            for attempt, rest in self._rests.items():
                steps.drop(attempt, rest)
            self._rests.clear()
            self._ends.clear()
            self.departure.take()
            self._tell_consumer()
            return bool(self._running)

    def revoke(self, grace: Grace) -> None:
        """Cancel the statements of plain parts, and refuse later ones."""
        with self.changed:
            turns = list(self._turns)
        for turn in turns:
            turn.connections.revoke(grace)

    def _run_awaited(
        self,
        attempt: Attempt,
        run: Callable[[], Coroutine[Any, Any, Outcome | BaseException | None]],
    ) -> None:
        """Have *attempt*, or its rest, run by a coroutine."""

        async def awaited() -> None:
            try:
                end = await run()
            except BaseException as exc:  # noqa: BLE001 - raised where the stream is iterated
                end = exc
            if not isinstance(end, Outcome):
                self.put(attempt, end)

        try:
            self.begin_coroutine(awaited)
        except Exception as exc:  # noqa: BLE001 - the place could not be prepared
            self.put(attempt, attempt.raised(exc))

    def _await_rest(self, attempt: Attempt, rest: Rest) -> None:
        """Have the rest of a part run by a coroutine, unless the stream has ended."""
        with self.changed:
            if self._is_closed:
                steps.drop(attempt, rest)
                return
            self._rests[attempt] = rest
        self._run_awaited(attempt, partial(self._finish, attempt))

    def _fill_lanes(self) -> None:
        """Put turns for plain attempts at the end of the line for the pool."""
        with self.changed:
            turns = [
                self._turn(attempt, lanes) for lanes in self._lanes for attempt in lanes.take()
            ]
        for turn in turns:
            try:
                threads.submit(turn)
            except RuntimeError as exc:  # the interpreter is ending
                self.fail(exc)

    def _turn(self, attempt: Attempt, lanes: Lanes) -> Turn:
        turn = Turn(
            attempt,
            self.surroundings,
            self.departure,
            atomic=self._atomic,
            ended=self._end_turn,
        )
        self._turns[turn] = lanes
        self._running.add(attempt)
        return turn

    def _end_turn(self, turn: Turn, end: End) -> None:
        with self.changed:
            self._turns.pop(turn).give_back()
        if isinstance(end, Rest):
            self._await_rest(turn.attempt, end)
        else:
            self.put(turn.attempt, end)
        self._fill_lanes()

    async def _tell(self, attempt: Attempt, outcome: Outcome) -> Outcome:
        await steps.tell_from_coroutine(self.put, attempt, outcome)
        return outcome

    async def _finish(self, attempt: Attempt) -> Outcome | BaseException | None:
        with self.changed:
            rest = self._rests.pop(attempt, None)
        if rest is None:  # the stream has ended
            return None
        finished = steps.finish_and_tell(self.put, attempt, rest.awaitable)
        return await stepped(finished, rest.held)

    def put(self, attempt: Attempt, end: Outcome | BaseException | None) -> None:
        """Put in the *end* of *attempt*: an outcome, or an exit; None if it did not begin."""
        with self.changed:
            self._running.discard(attempt)
            if self._is_closed or end is None:
                return
            self._ends.append(Ended(attempt, end) if isinstance(end, Outcome) else end)
            self._tell_consumer()

    def _tell_consumer(self) -> None:
        self._has_news = True
        self.wake()
