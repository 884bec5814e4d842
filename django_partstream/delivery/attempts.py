"""
One try at one part: who asks for it, what its guards caught, what its value must become.

A guard (``safe_call``, ``with_timeout``, ``cached_for``) is an ordinary function that may sit
anywhere: in ``lazy()``, on a method, under another guard, inside a lambda. What it has to say
of the part beyond its return value it tells the attempt, which it finds in a context variable.
No attempt is current where a guarded function is called by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import sync_to_async


@dataclass(frozen=True, kw_only=True, slots=True)
class Scope:
    """
    What the parts of one page share.

    *sender* is the view or connection class; *reader* has the user, and is most often the
    request. *vary* gives what a cached value depends on besides its own arguments and its
    reader: URL kwargs, query string, field arguments.
    """

    request: Any
    sender: type
    vary: Callable[[], Any]
    reader: Any

    @property
    def endpoint(self) -> str:
        """The dotted path of the view or connection, for logs and metrics."""
        return f"{self.sender.__module__}.{self.sender.__qualname__}"


@dataclass(frozen=True, slots=True)
class Caught:
    """A failure that ``safe_call`` kept from the page, and whether it had a fallback for it."""

    exc: Exception
    answered: bool


@dataclass(slots=True, eq=False)
class Attempt:
    """
    One try at one part; *scope* is None for a call by hand that must still record.

    *direct* is true while the callable about to run is a guard of the part itself, not one
    called by hand further inside: the guards of a part make its value whole within their own
    reach, so that the database work of a lazy query set is covered by them. A *personal* part is
    made whole for its reader only.
    """

    scope: Scope | None
    name: str
    call: Callable[[], Any]
    whole: Callable[[Any], Any]
    direct: bool = False
    personal: bool = False
    caught: list[Caught] = field(default_factory=list)
    _whole_value: Any = field(default=None, repr=False)

    def run(self) -> Any:
        """Call the part: its value, or what must be awaited for it."""
        return self.call() if self.direct else self.invoke(self.call)

    def invoke(self, call: Callable[[], Any]) -> Any:
        """Make *call*, the part's own function under all of its guards."""
        return call()

    def make_whole(self, value: Any) -> Any:
        """What *value* is once it holds no more work, as the front defines it; once per value."""
        if value is None or value is self._whole_value:
            return value
        self._whole_value = made = self.whole(value)
        return made

    async def amake_whole(self, value: Any) -> Any:
        """The same from a coroutine: the work may be a query, which no event loop may run."""
        if value is None or value is self._whole_value:
            return value
        return await sync_to_async(self.make_whole)(value)

    @property
    def unanswered(self) -> Exception | None:
        """The first failure that was caught where no fallback was given for it."""
        return next((one.exc for one in self.caught if not one.answered), None)

    def accept(self, value: Any) -> Any:
        """Take *value* for whole: it comes from a cache that held it whole."""
        self._whole_value = value
        return value


_current: ContextVar[Attempt | None] = ContextVar("django_partstream.attempt", default=None)


def current_attempt() -> Attempt | None:
    """The attempt that this code runs for, if any."""
    return _current.get()


class attempting:  # noqa: N801 - a context manager; as a class, it costs a part half as much
    """Make *attempt* the current one: ``with attempting(attempt):``."""

    __slots__ = ("_attempt", "_token")

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    def __enter__(self) -> None:
        self._token = _current.set(self._attempt)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
