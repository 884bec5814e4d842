"""
The recorder of a call: the failures that guards caught in it, and the SQL statements that it ran.

Code finds the current recorder in a context variable, so it reaches the threads and coroutines that
are given a copy of the context.
"""

from __future__ import annotations

from contextvars import ContextVar


class Statement:
    """An SQL statement that *started* and, unless it still runs, *ended*: by ``perf_counter()``."""

    __slots__ = ("ended", "started")

    def __init__(self, started: float) -> None:
        self.started = started
        self.ended: float | None = None

    def seconds(self, end: float) -> float:
        """How long it took; up to *end*, if it ran then."""
        return min(self.ended or end, end) - self.started


class Recorder:
    """
    The record of a call.

    A call within another notes its failures for itself, and its statements for the *outer* one,
    too.
    """

    #: Whether the call goes on, so that its statements count. A task that it leaves behind, with
    #: its context, may go on for ever.
    is_open = True

    def __init__(self, outer: Recorder | None = None) -> None:
        self.caught: list[Exception] = []
        self.unanswered: Exception | None = None
        #: Threads may add to the list at the same time.
        self.statements: list[Statement] = [] if outer is None else outer.statements

    def catch(self, exc: Exception, *, answered: bool) -> None:
        """Record that a guard caught *exc*, and whether it *answered* with a fallback."""
        self.caught.append(exc)
        if not answered and self.unanswered is None:
            self.unanswered = exc


current: ContextVar[Recorder | None] = ContextVar("django_partstream.recorder", default=None)


def current_recorder() -> Recorder | None:
    """The recorder that a guard in this code reports to, if any."""
    return current.get()


class recording:  # noqa: N801 - a context manager; a class costs a part half as much
    """
    Make *recorder* the current recorder: ``with recording(attempt):``.

    With None nothing is recorded.
    """

    __slots__ = ("_recorder", "_token")

    def __init__(self, recorder: Recorder | None) -> None:
        self._recorder = recorder

    def __enter__(self) -> None:
        self._token = current.set(self._recorder)

    def __exit__(self, *_: object) -> None:
        current.reset(self._token)
