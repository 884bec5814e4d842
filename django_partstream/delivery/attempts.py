"""
An attempt at a part: its function, its guards, the failures they caught, its outcome.

A guard (``safe_call``, ``with_timeout``, ``cached_for``) is an ordinary function. It may sit in
``lazy()``, on a method, under another guard or inside a lambda. It reports the failures that it
caught to the current :class:`~..recorders.Recorder`:

- While a page resolves a part, the current recorder is the part's :class:`Attempt`.
- ``cached_for`` called by hand makes a plain recorder, so that it keeps no fallback.
- Otherwise there is none.

The *own* guards of a part are the guards between the page and the part's function. They make
the value whole within their own reach, so that ``safe_call`` and ``with_timeout`` cover the
database work of a lazy query set. A guarded helper that the function calls is not an own guard,
and returns its value as it is.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from secrets import token_hex
from typing import Any, TypeAlias

from asgiref.sync import iscoroutinefunction

from django_partstream.costs import Cost, Ran, Spent
from django_partstream.delivery.loops import in_request_thread
from django_partstream.delivery.reports import Scope, level_of, log_failure
from django_partstream.exceptions import BackgroundTimeout, PartPending
from django_partstream.failures import failure_of, public_message
from django_partstream.outcomes import Outcome, PartError, Status, Wait
from django_partstream.recorders import Recorder, current
from django_partstream.telemetry import PartSpan

#: Own guards of a part, outermost first.
Guards: TypeAlias = tuple[Callable[..., Any], ...]

#: Asks for work elsewhere. Return whether its value may be there already.
Ask: TypeAlias = Callable[[], bool]

#: Functions that run in place of a part's own function, by part name: for tests.
stand_ins: dict[str, Callable[[], Any]] = {}


class Attempt(Recorder):
    """
    An attempt at the part *name*, made by a front. A part that was pending is tried again.

    *call* returns the value of the part, or an awaitable of it. *guarded* is the function behind
    *call*, which may be a guard. *whole* makes a value whole, as the front defines that.
    *immediate* says whether the value is there already and holds no work; it is asked where that
    matters. A *personal* part is made whole for its reader only, so its value must not be shared.
    """

    #: Whether the client left, or an exit ended the page, before the part ended. So its failure is
    #: of no interest.
    is_abandoned = False
    #: When the part left an awaitable.
    _paused = 0.0
    #: The span of the try that is under way, where spans are made.
    span: PartSpan | None = None

    def __init__(
        self,
        scope: Scope,
        name: str,
        call: Callable[[], Any],
        *,
        whole: Callable[[Any], Any],
        guarded: object = None,
        immediate: Callable[[], bool] | None = None,
        personal: bool = False,
    ) -> None:
        super().__init__()
        self.scope, self.name = scope, name
        self._immediate, self.personal = immediate, personal
        #: Whether a front has left a promise in the value, which no cache may keep.
        self.is_promised = False
        #: When the part could begin, and when it did.
        self.ready = self.started = time.perf_counter()
        #: Where the part runs.
        self.ran: Ran = "request"
        #: Whether the value came out of the cache of ``cached_for``; None if that is not asked.
        self.is_cached: bool | None = None
        self._call, self._whole, self._guarded = call, whole, guarded
        self._whole_value: Any = None
        #: The own guards that are not entered, outermost first.
        self._guards: Guards = () if guarded is None else guards_of(guarded)
        self.is_guarded = bool(self._guards)
        #: The work elsewhere that the part waits for, and that is to be asked for.
        self.asks: list[Ask] = []
        #: How often the attempt has asked.
        self.looks = 0

    @property
    def immediate(self) -> bool:
        """Whether the value is there already and holds no work."""
        return self._immediate is not None and self._immediate()

    @property
    def is_coroutine(self) -> bool:
        """Whether the part's function is a coroutine function, so that a call cannot block."""
        return is_coroutine_function(self._guarded)

    @property
    def limit(self) -> float | None:
        """The limit of the ``with_timeout`` round the part's function, in seconds, if any."""
        func = self._guarded
        while isinstance(func, partial):
            func = func.func
        limit: float | None = getattr(func, "partstream_limit", None)
        return limit

    def note_thread(self) -> None:
        """Note that a guard has the part run in another thread than its page does."""
        if self.ran == "request":
            self.ran = "thread"

    def abandon(self) -> None:
        """Let a failure of the part be logged for debugging only, and no signal be sent."""
        self.is_abandoned = True

    def begin(self) -> Any:
        """Call the part. Return its value, or an awaitable of it."""
        self.is_open, self.started = True, time.perf_counter()
        return self._call() if self.is_guarded else self.invoke(self._call)

    def pause(self) -> None:
        """Note that the part has left an awaitable, which the page awaits when it comes to that."""
        self._paused = time.perf_counter()

    def go_on(self) -> None:
        """Note that the awaitable is awaited: until now the part has waited, and done nothing."""
        self.started += time.perf_counter() - self._paused

    def enter(self, guard: Callable[..., Any]) -> Guards | None:
        """The own guards inside *guard*; None if it is not the next own guard of the part."""
        if self._guards and self._guards[0] is guard:
            return self._guards[1:]
        return None

    def call_under(self, inner: Guards, call: Callable[[], Any]) -> Any:
        """Make the *call* of an own guard that has *inner* inside; it may call more than once."""
        self._guards = inner
        return call() if inner else self.invoke(call)

    def invoke(self, call: Callable[[], Any]) -> Any:
        """Make *call*, which is the part's own function under all of its guards."""
        stand_in = stand_ins.get(self.name)
        return call() if stand_in is None else stand_in()

    def make_whole(self, value: Any) -> Any:
        """Make *value* whole, as the front defines that; once for each value."""
        if value is None or value is self._whole_value:
            return value
        self._whole_value = made = self._whole(value)
        return made

    async def amake_whole(self, value: Any) -> Any:
        """Make *value* whole from a coroutine: in a thread, for it may query the database."""
        if value is None or value is self._whole_value:
            return value
        return await in_request_thread(self.make_whole, value)

    def accept(self, value: Any) -> Any:
        """Return *value*, which a cache kept whole."""
        self._whole_value, self.is_cached = value, True
        return value

    def returned(self, value: Any) -> Outcome:
        """The outcome of an attempt that returned *value*, given the failures that were caught."""
        if value is None and self.unanswered is not None:
            return self.raised(self.unanswered)
        status = Status.FALLBACK if self.caught else Status.OK
        if self.caught:
            self._log_caught()
        return Outcome(name=self.name, status=status, value=value, spent=self._spent())

    def raised(self, exc: Exception) -> Outcome:
        """The outcome of an attempt that raised *exc*."""
        self._log_caught(but=exc)
        failure, spent = failure_of(exc), self._spent()
        reference = failure.reference or token_hex(4)
        self._log(exc, failure.status, level_of(failure), failure.code, reference, spent)
        error = PartError(
            part=self.name,
            code=failure.code,
            message=public_message(failure, exc),
            retryable=failure.retryable,
            reference=reference,
            details=failure.details,
        )
        return Outcome(name=self.name, status=failure.status, error=error, spent=spent)

    def pended(self, wait: PartPending) -> Outcome:
        """
        The outcome of an attempt that waits for work elsewhere.

        Once the walk has waited for longer than the limit of that work, the part ends ``timeout``.
        """
        waited = time.time() - self.scope.first_owed(self.name) - 1  # told in whole seconds
        if waited >= wait.limit:
            return self.raised(BackgroundTimeout(wait.name, wait.limit, begun=wait.begun))
        spent, pending = self._spent(), Wait(retry_after=wait.retry_after, progress=wait.progress)
        self._forget()
        self.ready = time.perf_counter() + pending.retry_after
        return Outcome(name=self.name, status=Status.PENDING, pending=pending, spent=spent)

    def _forget(self) -> None:
        """Forget this try. The failures that guards caught are logged by the try that ends."""
        self.caught, self.unanswered, self.statements = [], None, []
        self._whole_value, self.is_promised, self.is_cached = None, False, None
        self._guards = () if self._guarded is None else guards_of(self._guarded)

    def _spent(self) -> Spent:
        """The cost of this try, which has ended now."""
        self.is_open, now = False, time.perf_counter()
        return self.ready, self.started, now, self.statements, self.is_cached, self.ran

    def _log_caught(self, *, but: Exception | None = None) -> None:
        """Log each failure that a guard caught, once."""
        for exc in self.caught:
            if exc is not but:
                code = failure_of(exc).code
                self._log(exc, Status.FALLBACK, logging.WARNING, code, token_hex(4), self._spent())
        self.caught.clear()

    def _log(
        self, exc: Exception, status: Status, level: int, code: str, reference: str, spent: Spent
    ) -> None:
        level = logging.DEBUG if self.is_abandoned else level
        if self.span is not None:
            self.span.note_failure(exc, level=level, reference=reference)
        log_failure(
            *(self.scope, self.name, exc),
            status=status,
            level=level,
            code=code,
            reference=reference,
            cost=Cost.of(spent),
        )


def guards_of(func: Any) -> Guards:
    """
    The guards that *func* consists of, outermost first; none if it is not guarded.

    A guard is a function with itself as ``partstream_guard``. Only having the attribute does
    not count: a decorator with ``functools.wraps`` copies the attribute to its own function.
    """
    while isinstance(func, partial):
        func = func.func
    function: Any = getattr(func, "__func__", func)  # of a method
    guard: Any = getattr(function, "partstream_guard", None)
    if guard is None or guard is not function:
        return ()
    return (guard, *guards_of(guard.__wrapped__))


def is_coroutine_function(func: Any) -> bool:
    """Whether *func* is a coroutine function, also behind a partial or as a callable object."""
    while isinstance(func, partial):
        func = func.func
    call = getattr(type(func), "__call__", None)  # noqa: B004 - its kind is asked, not its presence
    return iscoroutinefunction(func) or iscoroutinefunction(call)


def current_attempt() -> Attempt | None:
    """The attempt that this code runs for, if any."""
    recorder = current.get()
    return recorder if isinstance(recorder, Attempt) else None
