"""
The steps of a part: it begins, what it left is awaited, its end is told.

Pages (:mod:`.running`) and streams (:mod:`.streams`) take the same steps. They differ in where and
when a part begins. The rules:

- A part that runs in a thread other than its caller's is given the function that enters the
  surroundings of the caller there.
- Inside a transaction a part runs between savepoints, so that a failed part is undone alone.
- No ``Exception`` of a part escapes. A ``SystemExit`` or ``KeyboardInterrupt`` does from plain
  functions; from a coroutine it is returned.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from inspect import isawaitable
from typing import Any, NamedTuple, TypeAlias

from django.db.backends.base.base import BaseDatabaseWrapper

from django_partstream.carried.thread_locals import ThreadLocals, stepped
from django_partstream.databases import broken_connections, close_if_obsolete, savepoints
from django_partstream.delivery import loops
from django_partstream.delivery.attempts import Attempt, current, recording
from django_partstream.delivery.reports import announce, is_observed
from django_partstream.delivery.threads import Enter, enter_nothing
from django_partstream.outcomes import Outcome, Status
from django_partstream.tenancy import prepares_sessions

logger = logging.getLogger("django_partstream")

#: Types of which no value is awaitable, found without asking each abstract class.
_DATA = frozenset({type(None), bool, int, float, str, list, tuple, dict})

#: Takes the outcome of an attempt, in the thread or task in which the part ended.
Told: TypeAlias = Callable[[Attempt, Outcome], None]


class Rest(NamedTuple):
    """The rest of a part that has begun: an awaitable, and the thread-locals of its steps."""

    awaitable: Awaitable[Any]
    held: ThreadLocals

    def drop(self) -> None:
        """Close a coroutine that nothing will await."""
        if isinstance(self.awaitable, Coroutine):
            self.awaitable.close()


def tell(attempt: Attempt, outcome: Outcome, ended: Told, enter: Enter = enter_nothing) -> None:
    """Announce *outcome*, if the client is there, and tell it to *ended*."""
    try:
        if is_observed(attempt.scope) and not attempt.is_abandoned:
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


def begin(attempt: Attempt, enter: Enter) -> Outcome | Rest:
    """Call a part in the surroundings of *enter*. Return its outcome, or the rest that it left."""
    token, end = current.set(attempt), None
    try:
        with enter():
            end = _called(attempt)
        return end if isinstance(end, Rest) else attempt.returned(end)
    except Exception as exc:  # noqa: BLE001 - no exception of a part escapes
        if isinstance(end, Rest):  # the surroundings could not be left
            end.drop()
        return attempt.raised(exc)
    finally:
        current.reset(token)
        _close_broken(enter)


def _called(attempt: Attempt) -> Any | Rest:
    """Call a part. Return its value, whole, or the rest that it left."""
    value = attempt.begin()
    if type(value) not in _DATA and isawaitable(value):
        return Rest(value, ThreadLocals.of_this_thread())
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


async def finish(attempt: Attempt, awaitable: Awaitable[Any]) -> Outcome | BaseException:
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


async def run_awaited(ended: Told, attempt: Attempt) -> Outcome | BaseException:
    """
    Call a part whose function is a coroutine function, in an event loop, and await the rest.

    An exit is returned, as by :func:`finish`.
    """
    try:
        end = begin(attempt, enter_nothing)
    except (SystemExit, KeyboardInterrupt) as exc:
        return exc
    if isinstance(end, Rest):
        return await finish_and_tell(ended, attempt, end.awaitable)
    await tell_from_coroutine(ended, attempt, end)
    return end


async def finish_and_tell(
    ended: Told, attempt: Attempt, awaitable: Awaitable[Any]
) -> Outcome | BaseException:
    """Await the rest of a part, and tell its outcome to receivers in the request's thread."""
    end = await finish(attempt, awaitable)
    if isinstance(end, Outcome):
        await tell_from_coroutine(ended, attempt, end)
    return end


async def tell_from_coroutine(ended: Told, attempt: Attempt, outcome: Outcome) -> None:
    """Announce *outcome* in the request's thread, and tell it to *ended*."""
    try:
        if is_observed(attempt.scope) and not attempt.is_abandoned:
            await loops.in_request_thread(_announce, attempt, outcome)
    except Exception:  # as an exception of a receiver, it does not reach the page
        logger.exception("The end of part %r could not be signalled.", attempt.name)
    finally:
        ended(attempt, outcome)


async def finish_all(
    begun: Sequence[tuple[Attempt, Rest]],
    finish: Callable[[Attempt, Awaitable[Any]], Awaitable[Outcome | BaseException]],
) -> list[Outcome | BaseException]:
    """
    Await the rest of several parts together. Return the end of each.

    A cancelled page cancels all of them, waits for them, and is cancelled then.
    """
    return await asyncio.gather(
        *[stepped(finish(attempt, rest.awaitable), rest.held) for attempt, rest in begun]
    )


def run_undoable(attempt: Attempt, transactions: Sequence[BaseDatabaseWrapper]) -> Outcome:
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
    end = begin(attempt, enter_nothing)
    if isinstance(end, Outcome):
        return end, False
    (outcome,) = loops.run(finish_all, [(attempt, end)], finish)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome, True
