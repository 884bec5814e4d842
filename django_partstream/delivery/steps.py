"""
The steps of a part: it begins, what it left is awaited, its end is told.

Pages (:mod:`.running`) and streams (:mod:`.streams`) take the same steps. They differ in where and
when a part begins. The rules:

- A part that runs in a thread other than its caller's is given the function that enters the
  surroundings of the caller there.
- Inside a transaction a part runs between savepoints, so that a failed part is undone alone.
- No ``Exception`` of a part escapes. A ``SystemExit`` or ``KeyboardInterrupt`` does from plain
  functions; from a coroutine it is returned.
- A part may have noted work that is to be asked for elsewhere. That is done when the savepoints of
  the part have ended, since their rollback would undo the hook that asks. A pending part is then
  tried again, if the work may be done already.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from inspect import isawaitable
from typing import Any, NamedTuple, TypeAlias

from django.db.backends.base.base import BaseDatabaseWrapper

from django_partstream.carried.thread_locals import ThreadLocals, stepped
from django_partstream.databases import broken_connections, close_if_obsolete, savepoints
from django_partstream.delivery import loops
from django_partstream.delivery.attempts import Attempt
from django_partstream.delivery.reports import announce, end_span, is_observed, observe
from django_partstream.delivery.threads import Enter, enter_nothing
from django_partstream.exceptions import pending_in
from django_partstream.outcomes import Outcome, Status
from django_partstream.recorders import current, recording
from django_partstream.telemetry import is_on
from django_partstream.tenancy import prepares_sessions

logger = logging.getLogger("django_partstream")

#: Types of which no value is awaitable, found without asking each abstract class.
_DATA = frozenset({type(None), bool, int, float, str, list, tuple, dict})

#: The looks of a part at work that it has just asked for. A part that asks for other work at each
#: try, by a time among the arguments for example, would not end.
MAX_LOOKS = 20

#: Takes the outcome of an attempt, in the thread or task in which the part ended.
Told: TypeAlias = Callable[[Attempt, Outcome], None]


class Rest(NamedTuple):
    """The rest of a part that has begun: an awaitable, and the thread-locals of its steps."""

    awaitable: Awaitable[Any]
    held: ThreadLocals

    def close(self) -> None:
        """Close a coroutine that nothing will await."""
        if isinstance(self.awaitable, Coroutine):
            self.awaitable.close()


def drop(attempt: Attempt, rest: Rest) -> None:
    """Let *attempt*, which has left *rest*, come to no end."""
    rest.close()
    end_span(attempt)


def tell(attempt: Attempt, outcome: Outcome, ended: Told, enter: Enter = enter_nothing) -> None:
    """Announce *outcome*, if the client is there, and tell it to *ended*."""
    try:
        if _is_announced(attempt, outcome):
            _announce(attempt, outcome, enter)
    except Exception:  # as an exception of a receiver, it does not reach the page
        logger.exception("The end of part %r could not be signalled.", attempt.name)
    finally:
        ended(attempt, outcome)


def _is_announced(attempt: Attempt, outcome: Outcome) -> bool:
    """Whether a receiver is to hear of *outcome*: not of a pending part, which has not ended."""
    has_ended = outcome.pending is None and not attempt.is_abandoned
    return has_ended and is_observed(attempt.scope)


def _announce(attempt: Attempt, outcome: Outcome, enter: Enter = enter_nothing) -> None:
    """Send the signal in the surroundings of the part. A receiver may break a connection, too."""
    with enter():
        announce(attempt.scope, outcome)
    _close_broken(enter)


def begin(attempt: Attempt, enter: Enter) -> Outcome | Rest:
    """Call a part in the surroundings of *enter*. Return its outcome, or the rest that it left."""
    if not is_on():
        return _begin_and_ask(attempt, enter)
    with observe(attempt) as observed:
        end = _begin_and_ask(attempt, enter)
        observed.end = end if isinstance(end, Outcome) else None
        return end


def _begin_and_ask(attempt: Attempt, enter: Enter) -> Outcome | Rest:
    end = _begin(attempt, enter)
    while attempt.asks and isinstance(end, Outcome) and _is_worth_a_look(attempt, end):
        end = _begin(attempt, enter)
    return end


def _is_worth_a_look(attempt: Attempt, outcome: Outcome) -> bool:
    """Ask for the work that *attempt* has noted. Return whether the part is to be tried again."""
    asks, attempt.asks = attempt.asks, []
    may_be_done = [ask() for ask in asks]
    attempt.looks += 1
    return outcome.pending is not None and any(may_be_done) and attempt.looks < MAX_LOOKS


def _outcome_of(attempt: Attempt, exc: BaseException) -> Outcome:
    """
    The outcome of an attempt that raised *exc*.

    Raises:
        BaseException: *exc*, if it ends the whole page.
    """
    wait = pending_in(exc)
    if wait is not None:
        return attempt.pended(wait)
    if isinstance(exc, Exception):
        return attempt.raised(exc)
    raise exc


def _begin(attempt: Attempt, enter: Enter) -> Outcome | Rest:
    token, end = current.set(attempt), None
    if enter is not enter_nothing:
        attempt.ran = "thread"
    try:
        with enter():
            end = _called(attempt)
        return end if isinstance(end, Rest) else attempt.returned(end)
    except BaseException as exc:  # noqa: BLE001 - raised again, if it ends the page
        if isinstance(end, Rest):  # the surroundings could not be left
            end.close()
        return _outcome_of(attempt, exc)
    finally:
        current.reset(token)
        _close_broken(enter)


def _called(attempt: Attempt) -> Any | Rest:
    """Call a part. Return its value, whole, or the rest that it left."""
    value = attempt.begin()
    if type(value) not in _DATA and isawaitable(value):
        attempt.pause()
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
    if not is_on():
        return await _finish_and_ask(attempt, awaitable)
    with observe(attempt) as observed:
        observed.end = end = await _finish_and_ask(attempt, awaitable)
        return end


async def _finish_and_ask(attempt: Attempt, awaitable: Awaitable[Any]) -> Outcome | BaseException:
    end = await _finish(attempt, awaitable)
    while attempt.asks and isinstance(end, Outcome):
        if not await loops.in_request_thread(_is_worth_a_look, attempt, end):
            return end
        end = await _run_again(attempt)
    return end


async def _run_again(attempt: Attempt) -> Outcome | BaseException:
    """Run a part again, which was pending, in an event loop."""
    if attempt.is_coroutine:
        end = _begin(attempt, enter_nothing)
    else:  # it may block
        end = await loops.in_request_thread(_begin, attempt, enter_nothing)
    return await _finish(attempt, end.awaitable) if isinstance(end, Rest) else end


async def _finish(attempt: Attempt, awaitable: Awaitable[Any]) -> Outcome | BaseException:
    attempt.go_on()
    if attempt.ran != "transaction":
        attempt.ran = "loop"
    with recording(attempt):
        try:
            return attempt.returned(await attempt.amake_whole(await awaitable))
        except asyncio.CancelledError as exc:  # the awaited task, or the whole page, was cancelled
            failure = RuntimeError("The part was cancelled, or a task that it awaited.")
            failure.__cause__ = exc
            return attempt.raised(failure)
        except (SystemExit, KeyboardInterrupt) as exc:
            return exc
        except BaseException as exc:  # noqa: BLE001 - raised again, if it ends the page
            return _outcome_of(attempt, exc)


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
        if _is_announced(attempt, outcome):
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

    A cancelled page abandons and cancels all of them, waits for them, and is cancelled then.
    """
    ends = asyncio.gather(
        *[stepped(finish(attempt, rest.awaitable), rest.held) for attempt, rest in begun]
    )
    try:
        return await asyncio.shield(ends)  # so that parts are abandoned before they are cancelled
    except asyncio.CancelledError:
        _abandon(begun)
        ends.cancel()
        with suppress(asyncio.CancelledError):
            await ends
        raise


def finish_here(
    begun: Sequence[tuple[Attempt, Rest]],
    finish: Callable[[Attempt, Awaitable[Any]], Awaitable[Outcome | BaseException]],
) -> list[Outcome | BaseException]:
    """
    Await the rest of several parts in the loop of the page, in a thread that runs no loop.

    Raises:
        SystemExit, KeyboardInterrupt: a signal to this thread. The parts are cancelled, and tell
            nothing: this thread, in which receivers hear of parts, would not answer.
    """
    with loops.one_loop():  # which waits for its tasks at the end
        try:
            return loops.run(finish_all, begun, finish)
        except BaseException:
            _abandon(begun)
            raise


def _abandon(begun: Sequence[tuple[Attempt, Rest]]) -> None:
    for attempt, _ in begun:
        attempt.abandon()


def run_undoable(attempt: Attempt, transactions: Sequence[BaseDatabaseWrapper]) -> Outcome:
    """Run an attempt in *transactions*. If it fails or is pending, undo its work there."""
    if not is_on():
        return _run_undoable_and_ask(attempt, transactions)
    with observe(attempt) as observed:
        observed.end = outcome = _run_undoable_and_ask(attempt, transactions)
        return outcome


def _run_undoable_and_ask(attempt: Attempt, transactions: Sequence[BaseDatabaseWrapper]) -> Outcome:
    attempt.ran = "transaction"
    outcome = _run_undoable(attempt, transactions)
    while attempt.asks and _is_worth_a_look(attempt, outcome):
        outcome = _run_undoable(attempt, transactions)
    return outcome


def _run_undoable(attempt: Attempt, transactions: Sequence[BaseDatabaseWrapper]) -> Outcome:
    if attempt.immediate:
        return _run_in_place(attempt)[0]
    try:
        with savepoints(transactions) as undo:
            outcome, awaited = _run_in_place(attempt)
            # safe_call undoes the work of plain functions, and not of coroutines.
            fell_back = attempt.is_guarded and outcome.status is Status.FALLBACK
            if outcome.error or outcome.pending or (awaited and fell_back):
                undo()
    except Exception as exc:  # noqa: BLE001 - the part, or its caller, broke the transaction
        return attempt.raised(exc)
    return outcome


def _run_in_place(attempt: Attempt) -> tuple[Outcome, bool]:
    """Run an attempt to its end in this thread. Return whether it was awaited, too."""
    end = _begin(attempt, enter_nothing)
    if isinstance(end, Outcome):
        return end, False
    (outcome,) = finish_here([(attempt, end)], _finish)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome, True
