"""
Resolve the parts of a page: each ends in exactly one :class:`~.outcomes.Outcome`.

Plain parts run in order, or up to ``concurrency`` of them at once in threads; what they leave
to be awaited runs together in one event loop. Inside a transaction they run one after another,
each within savepoints. How an attempt ended is decided by :func:`ended` and :func:`failed`,
however it was run.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from inspect import isawaitable
from secrets import token_hex
from typing import Any

from asgiref.sync import async_to_sync
from django.db.backends.base.base import BaseDatabaseWrapper

from django_partstream.databases import close_broken, open_transactions, savepoints
from django_partstream.delivery import threads
from django_partstream.delivery.attempts import Attempt, Scope, attempting
from django_partstream.guards import is_guard
from django_partstream.outcomes import Failure, Outcome, PartError, Status, meaning_of, told
from django_partstream.signals import part_resolved

logger = logging.getLogger("django_partstream")


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """
    One part to resolve.

    *call* returns its value, or an awaitable of it; *guarded* is the function behind it, which
    may be a guard. *whole* makes the value whole, as the front defines that. *immediate* parts
    have their value already, and no work in it; *personal* ones are made whole for one reader.
    """

    name: str
    call: Callable[[], Any]
    guarded: object = None
    whole: Callable[[Any], Any]
    immediate: bool = False
    personal: bool = False


@dataclass(frozen=True, slots=True)
class _Pending:
    """A part that was called and has left something to await."""

    attempt: Attempt
    started: float
    awaitable: Awaitable[Any]


@dataclass(frozen=True, slots=True)
class _Exit:
    """A ``SystemExit`` or ``KeyboardInterrupt`` on its way out of an event loop."""

    exc: BaseException


def resolve(
    tasks: Sequence[Task], scope: Scope, *, concurrency: int = 1
) -> list[Outcome] | Awaitable[list[Outcome]]:
    """
    The outcomes of *tasks*, in order; to be awaited where an event loop runs in this thread
    and a part is a coroutine.
    """
    transactions = open_transactions()
    if transactions:
        return [_report(scope, _undoable(task, scope, transactions)) for task in tasks]
    started: list[Outcome | _Pending]
    if concurrency > 1 and sum(not task.immediate for task in tasks) > 1:
        calls = [partial(_start, task, scope) for task in tasks]
        started = threads.together(calls, at_once=min(concurrency, len(calls)))
    else:
        started = [_start(task, scope) for task in tasks]
    if any(isinstance(one, _Pending) for one in started):
        return _await(started, scope)
    return [_report(scope, one) for one in started if isinstance(one, Outcome)]


def resolve_now(tasks: Sequence[Task], scope: Scope, *, concurrency: int = 1) -> list[Outcome]:
    """:func:`resolve`, for callers that never run in an event loop's thread."""
    outcomes = resolve(tasks, scope, concurrency=concurrency)
    if not isinstance(outcomes, list):
        raise RuntimeError("Parts that are coroutines were resolved in an event loop's thread.")
    return outcomes


def is_inert(value: Any) -> bool:
    """Whether an immediate part is plain data, with no query set or other work of its own in it."""
    return value is None or isinstance(value, (dict, list, tuple, str, int, float))


def ended(attempt: Attempt, value: Any, started: float) -> Outcome:
    """How an attempt that returned *value* ended: what its guards caught counts too."""
    if value is None and attempt.unanswered:
        return failed(attempt, attempt.unanswered, started)
    for caught in attempt.caught:
        _log(attempt, Status.FALLBACK, logging.WARNING, token_hex(4), caught.exc)
    status = Status.FALLBACK if attempt.caught else Status.OK
    return Outcome(name=attempt.name, status=status, value=value, seconds=_since(started))


def failed(attempt: Attempt, exc: Exception, started: float) -> Outcome:
    """How an attempt that raised *exc* ended."""
    for caught in attempt.caught:
        if caught.exc is not exc:
            _log(attempt, Status.FALLBACK, logging.WARNING, token_hex(4), caught.exc)
    failure, reference = meaning_of(exc), token_hex(4)
    _log(attempt, failure.status, _level(failure), reference, exc)
    error = PartError(
        part=attempt.name,
        code=failure.code,
        message=told(failure, exc),
        retryable=failure.retryable,
        reference=reference,
        extensions=failure.extensions,
    )
    return Outcome(name=attempt.name, status=failure.status, error=error, seconds=_since(started))


def _start(task: Task, scope: Scope) -> Outcome | _Pending:
    """Call a part: its outcome, or what must be awaited for it."""
    direct = is_guard(task.guarded)
    attempt = Attempt(scope, task.name, task.call, task.whole, direct, task.personal)
    started = time.perf_counter()
    with attempting(attempt):
        try:
            value = attempt.run()
            if isawaitable(value):
                return _Pending(attempt, started, value)
            return ended(attempt, attempt.make_whole(value), started)
        except Exception as exc:
            return failed(attempt, exc, started)
        finally:
            close_broken()  # or it would fail the parts after this one


async def _finish(pending: _Pending) -> Outcome | _Exit:
    """Await what a part left; never raises, for an exit would stop the loop of a server."""
    attempt = pending.attempt
    with attempting(attempt):
        try:
            value = await attempt.amake_whole(await pending.awaitable)
            return ended(attempt, value, pending.started)
        except Exception as exc:
            return failed(attempt, exc, pending.started)
        except asyncio.CancelledError as exc:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise  # the page itself was cancelled
            return failed(attempt, _caused_by(exc), pending.started)
        except (SystemExit, KeyboardInterrupt) as exc:
            return _Exit(exc)


def _caused_by(exc: asyncio.CancelledError) -> Exception:
    failure = RuntimeError("What this part awaited was cancelled.")
    failure.__cause__ = exc
    return failure


def _await(
    started: Sequence[Outcome | _Pending], scope: Scope
) -> list[Outcome] | Awaitable[list[Outcome]]:
    """Await all that is pending: here, or where a loop runs already, by the caller."""
    ends: list[Outcome | _Exit | _Pending] = list(started)

    async def finish(index: int, pending: _Pending) -> None:
        try:
            ends[index] = await _finish(pending)
        except asyncio.CancelledError as exc:
            ends[index] = failed(pending.attempt, _caused_by(exc), pending.started)
            raise

    async def finish_all() -> None:
        pending = [(index, one) for index, one in enumerate(ends) if isinstance(one, _Pending)]
        await asyncio.gather(*[finish(*one) for one in pending])

    def told() -> list[Outcome]:
        return [_report(scope, one) for one in ends if not isinstance(one, _Pending)]

    async def later() -> list[Outcome]:
        try:
            await finish_all()
        except BaseException:
            told()
            raise
        return told()

    if in_event_loop():
        return later()
    try:
        async_to_sync(finish_all)()
    except BaseException:
        told()  # the client has gone, and a server cancelled the page: its parts have ended, too
        raise
    return told()


def _undoable(
    task: Task, scope: Scope, transactions: Sequence[BaseDatabaseWrapper]
) -> Outcome | _Exit:
    """Resolve one part in a transaction; if it fails, what it did there is undone."""
    if task.immediate:
        return _in_place(task, scope)[0]
    started = time.perf_counter()
    try:
        with savepoints(transactions):
            outcome, awaited = _in_place(task, scope)
            if isinstance(outcome, _Exit) or outcome.error:
                raise _Undo(outcome)
            if awaited and is_guard(task.guarded) and outcome.status is Status.FALLBACK:
                raise _Undo(outcome)  # safe_call undoes the work of plain functions only
    except _Undo as undone:
        return undone.outcome
    except Exception as exc:
        # The transaction was broken before this part, or by it, behind our back.
        return failed(Attempt(scope, task.name, task.call, task.whole), exc, started)
    return outcome


class _Undo(Exception):
    """Roll back to the savepoints of a part that ended as *outcome*."""

    def __init__(self, outcome: Outcome | _Exit) -> None:
        self.outcome = outcome


def _in_place(task: Task, scope: Scope) -> tuple[Outcome | _Exit, bool]:
    """Resolve one part in this thread, to its end; and whether it was awaited."""
    one = _start(task, scope)
    return (async_to_sync(_finish)(one), True) if isinstance(one, _Pending) else (one, False)


def _report(scope: Scope, outcome: Outcome | _Exit) -> Outcome:
    """Tell those who watch, in the thread of the request."""
    if isinstance(outcome, _Exit):
        raise outcome.exc
    if part_resolved.has_listeners(scope.sender):
        part_resolved.send_robust(
            sender=scope.sender,
            name=outcome.name,
            status=outcome.status,
            seconds=outcome.seconds,
            request=scope.request,
        )
    return outcome


def _level(failure: Failure) -> int:
    """How loudly a failure is logged: what the code of a part means to say is no alarm."""
    if failure.status is Status.DENIED:
        return logging.INFO
    if failure.expected and failure.status is not Status.TIMEOUT:
        return logging.WARNING
    return logging.ERROR


def _log(attempt: Attempt, status: Status, level: int, reference: str, exc: Exception) -> None:
    """One record per failure, with what finds it again."""
    scope = attempt.scope
    logger.log(
        level,
        "Part %r of %s ended %s [%s].",
        attempt.name,
        scope.endpoint if scope else "",
        status,
        reference,
        exc_info=exc,
        extra={
            "part": attempt.name,
            "endpoint": scope.endpoint if scope else "",
            "status": str(status),
            "reference": reference,
        },
    )


def in_event_loop() -> bool:
    """Whether this thread is running an event loop, so that nothing may wait here."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _since(started: float) -> float:
    return time.perf_counter() - started
