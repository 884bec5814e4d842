"""
Run the attempts of a response, and hand over each outcome when its part ends.

:func:`run` hands over outcomes in the order in which the parts end. :func:`resolve` collects
them for a page, in the order of the parts. There is no second path. The rules:

- Plain functions run in order in the caller's thread, or up to ``concurrency`` of them at the
  same time in threads.
- The awaitables that functions return run together in an event loop: the loop of the caller if
  its thread runs one, else the loop of the page (:mod:`.loops`).
- Inside a transaction parts run one after another in the caller's thread, each between
  savepoints, so that a failed part is undone alone. What they await is awaited in the same loop.
- A part in another thread has the surroundings of the caller's thread (:mod:`..carried`), and the
  steps of a coroutine have the thread-locals of the thread in which it began.
- No ``Exception`` of a part escapes. A ``SystemExit`` or ``KeyboardInterrupt`` does, in the
  caller's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from functools import partial

from django_partstream.carried.surroundings import Surroundings
from django_partstream.databases import open_transactions
from django_partstream.delivery import loops, steps, threads
from django_partstream.delivery.attempts import Attempt
from django_partstream.delivery.steps import Rest, Told
from django_partstream.delivery.threads import Enter, enter_nothing
from django_partstream.outcomes import Outcome


def run(
    attempts: Sequence[Attempt], ended: Told, *, concurrency: int = 1
) -> Awaitable[None] | None:
    """
    Run *attempts* and call *ended* with the outcome of each when its part ends.

    Return None when all parts have ended. Where an event loop runs in this thread and a part is
    a coroutine, return an awaitable of that instead; the plain parts have ended by then.

    Raises:
        SystemExit, KeyboardInterrupt: from a part, when the threads and coroutines that run
            beside it have ended. A coroutine that is not running yet is closed.
    """
    transactions = open_transactions()
    if transactions:
        with loops.one_loop():
            for attempt in attempts:
                steps.tell(attempt, steps.run_undoable(attempt, transactions), ended)
        return None

    begun: dict[Attempt, Rest] = {}

    def begin(attempt: Attempt, enter: Enter) -> None:
        end = steps.begin(attempt, enter)
        if isinstance(end, Outcome):
            steps.tell(attempt, end, ended, enter)
        else:
            begun[attempt] = end

    try:
        if concurrency > 1 and sum(not attempt.immediate for attempt in attempts) > 1:
            surroundings = Surroundings(attempts[0].scope.request)
            calls = [partial(begin, attempt) for attempt in attempts]
            threads.together(calls, surroundings, at_once=concurrency)
        else:
            for attempt in attempts:
                begin(attempt, enter_nothing)
    except BaseException:
        for attempt, rest in begun.items():
            steps.drop(attempt, rest)
        raise
    if not begun:
        return None
    left = [(attempt, begun[attempt]) for attempt in attempts if attempt in begun]
    finish = partial(steps.finish_and_tell, ended)
    if in_event_loop():
        return _raise_exit_later(steps.finish_all(left, finish))
    _raise_exit(steps.finish_here(left, finish))
    return None


def resolve(
    attempts: Sequence[Attempt], *, concurrency: int = 1
) -> list[Outcome] | Awaitable[list[Outcome]]:
    """
    The outcomes of *attempts*, in their order.

    Return an awaitable where an event loop runs in this thread and a part is a coroutine.
    """
    outcomes: dict[Attempt, Outcome] = {}
    left = run(attempts, outcomes.__setitem__, concurrency=concurrency)

    def collected() -> list[Outcome]:
        return [outcomes[attempt] for attempt in attempts]

    async def later(left: Awaitable[None]) -> list[Outcome]:
        await left
        return collected()

    return collected() if left is None else later(left)


def in_event_loop() -> bool:
    """Whether this thread is running an event loop, so that nothing may wait here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _raise_exit(ends: Sequence[Outcome | BaseException]) -> None:
    for end in ends:
        if isinstance(end, BaseException):
            raise end


async def _raise_exit_later(ends: Awaitable[list[Outcome | BaseException]]) -> None:
    _raise_exit(await ends)
