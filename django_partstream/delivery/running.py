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
- No ``Exception`` of a part escapes. A ``SystemExit`` or ``KeyboardInterrupt`` does, in the
  caller's thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from inspect import isawaitable
from typing import Any, TypeAlias

from django.db.backends.base.base import BaseDatabaseWrapper

from django_partstream.databases import close_broken, open_transactions, savepoints
from django_partstream.delivery import loops, threads
from django_partstream.delivery.attempts import Attempt, recording
from django_partstream.delivery.reports import announce, is_observed
from django_partstream.outcomes import Outcome, Status

#: Takes the outcome of an attempt, in the thread or task in which the part ended.
Ended: TypeAlias = Callable[[Attempt, Outcome], None]


def run(
    attempts: Sequence[Attempt], ended: Ended, *, concurrency: int = 1
) -> Awaitable[None] | None:
    """
    Run *attempts* and call *ended* with the outcome of each when its part ends.

    Return None when all parts have ended. Where an event loop runs in this thread and a part is
    a coroutine, return an awaitable of that instead; the plain parts have ended by then.

    Raises:
        SystemExit, KeyboardInterrupt: from a part, when the coroutines and threads beside it
            have ended.
    """
    transactions = open_transactions()
    if transactions:
        with loops.one_loop():
            for attempt in attempts:
                _tell(attempt, _run_undoable(attempt, transactions), ended)
        return None

    begun: dict[Attempt, Awaitable[Any]] = {}

    def begin(attempt: Attempt) -> None:
        end = _begin(attempt)
        if isinstance(end, Outcome):
            _tell(attempt, end, ended)
        else:
            begun[attempt] = end

    if concurrency > 1 and sum(not attempt.immediate for attempt in attempts) > 1:
        threads.together([partial(begin, attempt) for attempt in attempts], at_once=concurrency)
    else:
        for attempt in attempts:
            begin(attempt)
    if not begun:
        return None
    left = [(attempt, begun[attempt]) for attempt in attempts if attempt in begun]
    finish_all = partial(_finish_all, left, partial(_finish_and_tell, ended))
    if in_event_loop():
        return _raise_exit_later(finish_all())
    _raise_exit(loops.run(finish_all))
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


def _tell(attempt: Attempt, outcome: Outcome, ended: Ended) -> None:
    if is_observed(attempt.scope):
        _announce(attempt, outcome)
    ended(attempt, outcome)


def _announce(attempt: Attempt, outcome: Outcome) -> None:
    """Send the signal. A receiver may break a connection, as a part may."""
    announce(attempt.scope, outcome)
    close_broken()


def _begin(attempt: Attempt) -> Outcome | Awaitable[Any]:
    """Call a part. Return its outcome, or the awaitable that it left."""
    with recording(attempt):
        try:
            value = attempt.begin()
            if isawaitable(value):
                return value
            return attempt.returned(attempt.make_whole(value))
        except Exception as exc:  # noqa: BLE001 - no exception of a part escapes
            return attempt.raised(exc)
        finally:
            close_broken()  # or it would fail the parts that follow


async def _finish(attempt: Attempt, awaitable: Awaitable[Any]) -> Outcome | BaseException:
    """
    Await the rest of a part. Return its outcome.

    An exit is returned, too: raised in a coroutine it would stop the event loop of a server.
    """
    with recording(attempt):
        try:
            return attempt.returned(await attempt.amake_whole(await awaitable))
        except Exception as exc:  # noqa: BLE001 - no exception of a part escapes
            return attempt.raised(exc)
        except asyncio.CancelledError as exc:  # the awaited task, or the whole page, was cancelled
            failure = RuntimeError("The part was cancelled, or a task that it awaited.")
            failure.__cause__ = exc
            return attempt.raised(failure)
        except (SystemExit, KeyboardInterrupt) as exc:
            return exc


async def _finish_and_tell(
    ended: Ended, attempt: Attempt, awaitable: Awaitable[Any]
) -> Outcome | BaseException:
    """Await the rest of a part, and tell its outcome to receivers in the request's thread."""
    end = await _finish(attempt, awaitable)
    if isinstance(end, Outcome):
        try:
            if is_observed(attempt.scope):
                await loops.in_request_thread(_announce, attempt, end)
        finally:
            ended(attempt, end)
    return end


async def _finish_all(
    begun: Sequence[tuple[Attempt, Awaitable[Any]]],
    finish: Callable[[Attempt, Awaitable[Any]], Awaitable[Outcome | BaseException]],
) -> list[Outcome | BaseException]:
    """
    Await the rest of several parts together. Return the end of each.

    A cancelled page cancels all of them, waits for them, and is cancelled then.
    """
    return await asyncio.gather(*[finish(attempt, awaitable) for attempt, awaitable in begun])


def _raise_exit(ends: Sequence[Outcome | BaseException]) -> None:
    for end in ends:
        if isinstance(end, BaseException):
            raise end


async def _raise_exit_later(ends: Awaitable[list[Outcome | BaseException]]) -> None:
    _raise_exit(await ends)


def _run_undoable(attempt: Attempt, transactions: Sequence[BaseDatabaseWrapper]) -> Outcome:
    """Run an attempt in *transactions*. If it fails, undo its work there."""
    if attempt.immediate:
        return _run_in_place(attempt)[0]
    try:
        with savepoints(transactions) as undo:
            outcome, awaited = _run_in_place(attempt)
            # safe_call undoes the work of plain functions, and not of coroutines.
            fell_back = attempt.is_guarded and outcome.status is Status.FALLBACK
            if outcome.error or (awaited and fell_back):
                undo()
    except Exception as exc:  # noqa: BLE001 - the part, or its caller, broke the transaction
        return attempt.raised(exc)
    return outcome


def _run_in_place(attempt: Attempt) -> tuple[Outcome, bool]:
    """Run an attempt to its end in this thread. Return whether it was awaited, too."""
    end = _begin(attempt)
    if isinstance(end, Outcome):
        return end, False
    (outcome,) = loops.run(_finish_all, [(attempt, end)], _finish)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome, True
