"""Stand-ins: for the function of a part, for background work, and a cursor that has expired."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Any
from unittest import mock

from django.core.cache.backends.locmem import LocMemCache

from django_partstream import cursors
from django_partstream.delivery.attempts import current_attempt, stand_ins
from django_partstream.exceptions import PartTimeout
from django_partstream.jobs import engine, states, work


def expired(cursor: str) -> str:
    """The same cursor, past its ``cursor_ttl``."""
    return cursors.expire(cursor)


@contextmanager
def part_fails(name: str, exc: Exception | None = None) -> Iterator[None]:
    """
    Make the function of the part *name* raise *exc* (a ``RuntimeError``) within the body.

    The guards of the part stay in place: with a fallback of ``safe_call`` it ends ``fallback``.

    Raises:
        AssertionError: at the end of the body, if no page ran such a part.
    """
    with _instead_of(name, lambda: exc or RuntimeError(f"The part {name!r} fails in this test.")):
        yield


@contextmanager
def part_hangs(name: str, seconds: float = 1.0) -> Iterator[None]:
    """
    Make the part *name* reach the limit of its ``with_timeout`` at once, within the body.

    Raises:
        AssertionError: at the end of the body, if no page ran such a part, or if its function has
            no ``with_timeout``, so that nothing would end it.
    """
    is_endless = False

    def late() -> Exception:
        nonlocal is_endless
        attempt = current_attempt()
        is_endless = attempt is None or attempt.limit is None
        return PartTimeout(seconds)

    with _instead_of(name, late):
        yield
    if is_endless:
        raise AssertionError(
            f"The part {name!r} has no with_timeout, so it would hang for ever. Give its function "
            f"one: ({name!r}, lazy(with_timeout(func, {seconds:g})))."
        )


@contextmanager
def background_now() -> Iterator[None]:
    """
    Have background work done at once, within the body: in the thread and transaction that asks.

    So no part is pending. Values are kept for the body only, in a cache of its own.
    """
    with _engine(work.run_message, at_once=True):
        yield


@contextmanager
def background_never() -> Iterator[None]:
    """Have no background work done within the body, so that parts which call it stay pending."""
    with _engine(lambda message: None):
        yield


@contextmanager
def background_fails(exc: Exception | None = None) -> Iterator[None]:
    """
    Have background work raise *exc* (a ``RuntimeError``), within the body, at once.

    Raises:
        AssertionError: at the end of the body, if nothing asked for background work.
    """
    ran = False

    def fail() -> Any:
        nonlocal ran
        ran = True
        raise exc or RuntimeError("Background work fails in this test.")

    with _engine(work.run_message, at_once=True), mock.patch.object(work, "stand_in", fail):
        yield
    if not ran:
        raise AssertionError("Nothing asked for background work.")


@contextmanager
def _engine(take: Callable[[dict[str, Any]], None], *, at_once: bool = False) -> Iterator[None]:
    """Have *take* take messages, a single message at a time, with a cache of its own."""
    turn = threading.RLock()

    def enqueue(message: dict[str, Any]) -> None:
        with turn:  # parts in several threads may ask for the same work
            take(message)

    taken = engine.Engine(enqueue, lambda: True, at_once=at_once)
    cache = LocMemCache(f"partstream-{token_hex(8)}", {})
    with (
        mock.patch.object(engine, "stand_in", taken),
        mock.patch.object(states, "stand_in", cache),
    ):
        yield
    cache.clear()


@contextmanager
def _instead_of(name: str, failure: Callable[[], Exception]) -> Iterator[None]:
    """Raise *failure* in place of the function of the part *name*."""
    ran = False

    def fail() -> Any:
        nonlocal ran
        ran = True
        raise failure()

    with mock.patch.dict(stand_ins, {name: fail}):
        yield
    if not ran:
        raise AssertionError(f"No page ran a part called {name!r}.")
