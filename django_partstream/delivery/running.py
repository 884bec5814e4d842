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
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from inspect import isawaitable
from typing import Any, NamedTuple, TypeAlias

from django.db.backends.base.base import BaseDatabaseWrapper

from django_partstream.carried.surroundings import Surroundings
from django_partstream.carried.thread_locals import ThreadLocals, stepped
from django_partstream.databases import (
    broken_connections,
    close_if_obsolete,
    open_transactions,
    savepoints,
)
from django_partstream.delivery import loops, threads
from django_partstream.delivery.attempts import Attempt, current, recording
from django_partstream.delivery.reports import announce, is_observed
from django_partstream.delivery.threads import Enter, enter_nothing
from django_partstream.outcomes import Outcome, Status
from django_partstream.tenancy import prepares_sessions

logger = logging.getLogger("django_partstream")

#: Types of which no value is awaitable, found without asking each abstract class.
_DATA = frozenset({type(None), bool, int, float, str, list, tuple, dict})

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
        SystemExit, KeyboardInterrupt: from a part, when the threads and coroutines that run
            beside it have ended. A coroutine that is not running yet is closed.
    """
    transactions = open_transactions()
    if transactions:
        with loops.one_loop():
            for attempt in attempts:
                _tell(attempt, _run_undoable(attempt, transactions), ended)
        return None

    begun: dict[Attempt, _Rest] = {}

    def begin(attempt: Attempt, enter: Enter) -> None:
        end = _begin(attempt, enter)
        if isinstance(end, Outcome):
            _tell(attempt, end, ended, enter)
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
        for rest in begun.values():
            if isinstance(rest.awaitable, Coroutine):
                rest.awaitable.close()  # nothing will await it
        raise
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


class _Rest(NamedTuple):
    """The rest of a part that has begun: an awaitable, and the thread-locals of its steps."""

    awaitable: Awaitable[Any]
    held: ThreadLocals


def _tell(attempt: Attempt, outcome: Outcome, ended: Ended, enter: Enter = enter_nothing) -> None:
    """Announce *outcome*, and tell it to *ended*."""
    try:
        if is_observed(attempt.scope):
            _announce(attempt, outcome, enter)
    except Exception:  # as an exception of a receiver, it does not reach the page
        logger.exception("The end of part %r could not be signalled.", attempt.name)
    finally:
        ended(attempt, outcome)


def _announce(attempt: Attempt, outcome: Outcome, enter: Enter = enter_nothing) -> None:
    """Send the signal in the surroundings of the part. A receiver may break a connection, too."""
    with enter():
        announce(attempt.scope, outcome)
    _close_broken(enter)


def _begin(attempt: Attempt, enter: Enter) -> Outcome | _Rest:
    """Call a part in the surroundings of *enter*. Return its outcome, or the rest that it left."""
    token = current.set(attempt)
    try:
        with enter():
            end = _called(attempt)
        return end if isinstance(end, _Rest) else attempt.returned(end)
    except Exception as exc:  # noqa: BLE001 - no exception of a part escapes
        return attempt.raised(exc)
    finally:
        current.reset(token)
        _close_broken(enter)


def _called(attempt: Attempt) -> Any | _Rest:
    """Call a part. Return its value, whole, or the rest that it left."""
    value = attempt.begin()
    if type(value) not in _DATA and isawaitable(value):
        return _Rest(value, ThreadLocals.of_this_thread())
    return attempt.make_whole(value)


def _close_broken(enter: Enter) -> None:
    """
    Close the broken connections of this thread, which would fail the parts that follow.

    Where the project prepares the sessions of its tenants, the connection of the request is left
    alone. A new one would have no tenant, and would answer the next part wrongly.
    """
    broken = broken_connections()
    if broken and (enter is not enter_nothing or not prepares_sessions()):
        for connection in broken:
            close_if_obsolete(connection)


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
    begun: Sequence[tuple[Attempt, _Rest]],
    finish: Callable[[Attempt, Awaitable[Any]], Awaitable[Outcome | BaseException]],
) -> list[Outcome | BaseException]:
    """
    Await the rest of several parts together. Return the end of each.

    A cancelled page cancels all of them, waits for them, and is cancelled then.
    """
    return await asyncio.gather(
        *[stepped(finish(attempt, rest.awaitable), rest.held) for attempt, rest in begun]
    )


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
    end = _begin(attempt, enter_nothing)
    if isinstance(end, Outcome):
        return end, False
    (outcome,) = loops.run(_finish_all, [(attempt, end)], _finish)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome, True
