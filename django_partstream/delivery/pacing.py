"""
The hold of a page on which nothing has ended.

A client that knows nothing of ``pending`` asks for the next page at once, and again, until the
pending parts have ended. So a page with nothing but pending parts, in a walk that has waited for
them already, is held for a moment. Then its parts are tried once more. The rules:

- A page is held where other threads serve other requests meanwhile. The server says so by
  ``wsgi.multithread``, which Django sets for ASGI, too.
- At most two pages of a process are held at the same time, and each request once.
- No page is held in a transaction, for its locks would be held as well.
- In the thread of an event loop a page is held only if it can be awaited.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from threading import Semaphore
from typing import Any, TypeAlias

from django_partstream.databases import open_transactions
from django_partstream.delivery import loops, running
from django_partstream.delivery.attempts import Attempt
from django_partstream.outcomes import Outcome, Wait

#: The seconds that a page is held at most, and the number of such pages in a process.
LONGEST, PLACES = 1.0, 2

#: Gives the waits of a page on which nothing has ended, from its outcomes; none for another page.
Waits: TypeAlias = Callable[[Sequence[Outcome]], Collection[Wait]]

#: The key in the ``META`` of a request that was held.
_HELD = "django_partstream.held"

_places = Semaphore(PLACES)


def _forget_places() -> None:
    """Start a forked child anew: no page of its parent is held there."""
    global _places  # noqa: PLW0603 - the places of a process
    _places = Semaphore(PLACES)


os.register_at_fork(after_in_child=_forget_places)


def resolve(
    attempts: Sequence[Attempt], *, concurrency: int, request: Any, waits: Waits
) -> list[Outcome] | Awaitable[list[Outcome]]:
    """
    The outcomes of *attempts*, in their order, for a page that may be held.

    Up to *concurrency* of them run together. *waits* gives the waits of a page on which nothing has
    ended. Return an awaitable as :func:`running.resolve` does.
    """
    return _Tries(attempts, concurrency, request, waits).resolve()


class _Tries:
    """The first try at *attempts*, and the second of those that are pending after a hold."""

    def __init__(
        self, attempts: Sequence[Attempt], concurrency: int, request: Any, waits: Waits
    ) -> None:
        self._attempts, self._concurrency = attempts, concurrency
        self._request, self._waits = request, waits
        self._found: dict[Attempt, Outcome] = {}

    def resolve(self) -> list[Outcome] | Awaitable[list[Outcome]]:
        with loops.one_loop():  # for both tries
            left = self._run(self._attempts)
            if left is not None:
                return self._resolve_later(left)
            with self._held(here=not running.in_event_loop()) as seconds:
                if seconds:
                    time.sleep(seconds)
            if seconds:
                self._run(self._pending())
        return self._outcomes()

    async def _resolve_later(self, left: Awaitable[None]) -> list[Outcome]:
        await left
        with self._held() as seconds:
            if seconds:
                await asyncio.sleep(seconds)
        if seconds:
            again = self._run(self._pending())
            if again is not None:
                await again
        return self._outcomes()

    def _run(self, attempts: Sequence[Attempt]) -> Awaitable[None] | None:
        return running.run(attempts, self._found.__setitem__, concurrency=self._concurrency)

    def _pending(self) -> list[Attempt]:
        return [attempt for attempt in self._attempts if self._found[attempt].pending]

    def _outcomes(self) -> list[Outcome]:
        return [self._found[attempt] for attempt in self._attempts]

    @contextmanager
    def _held(self, *, here: bool = True) -> Iterator[float]:
        """Take a place for the body, which waits for so many seconds; for 0 without a place."""
        seconds = self._seconds() if here else 0.0
        places = _places
        if not seconds or not places.acquire(blocking=False):
            yield 0.0
            return
        self._request.META[_HELD] = True
        try:
            yield seconds
        finally:
            places.release()

    def _seconds(self) -> float:
        """The seconds for which the page is to be held; 0 for a page that is sent at once."""
        meta = getattr(self._request, "META", {})
        if not meta.get("wsgi.multithread") or _HELD in meta or open_transactions():
            return 0.0
        waits = self._waits(self._outcomes())
        return min([LONGEST, *[wait.retry_after for wait in waits]]) if waits else 0.0
