"""Walks of a client over the pages of the site."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from tests.server.servers import Answer, Asking

#: The longest time of a walk, in seconds.
PATIENCE = 30.0

#: The seconds between two looks at a pending part: less than the server asks for.
PAUSE = 0.1


@dataclass
class Walk:
    """A walk over all pages of a response: its parts, its error codes and the answers."""

    parts: dict[str, Any] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    errors: dict[str, Any] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)


def page(server: Asking, parts: str, **query: Any) -> Answer:
    """Ask for a page of those *parts*."""
    answer = server.get("/", parts=parts, **query)
    assert answer.status == 200, answer.body
    return answer


def pending(answer: Answer) -> list[str]:
    """The names of the pending parts of a page."""
    return [wait["part"] for wait in answer.body.get("pending", ())]


def walk(server: Asking, parts: str, *, cursor: str | None = None, **query: Any) -> Walk:
    """
    Walk on from *cursor*, or from the start, until each of *parts* has come.

    A part that comes twice fails the test.
    """
    taken, ends = Walk(), time.monotonic() + PATIENCE
    while True:
        answer = page(server, parts, **query, **({"cursor": cursor} if cursor else {}))
        taken.answers.append(answer)
        assert not taken.parts.keys() & answer.parts.keys(), (taken, answer)
        taken.parts |= answer.parts
        taken.codes |= answer.codes
        taken.errors |= {error["part"]: error for error in answer.body.get("errors", ())}
        cursor = answer.cursor
        if cursor is None:
            return taken
        assert time.monotonic() < ends, (
            f"{pending(answer)} never came, in {len(taken.answers)} pages"
        )
        if pending(answer):
            time.sleep(PAUSE)


def walking(server: Asking, parts: str, **query: Any) -> Future[Walk]:
    """Begin a :func:`walk` in a thread of its own."""
    future: Future[Walk] = Future()

    def go() -> None:
        try:
            future.set_result(walk(server, parts, **query))
        except BaseException as exc:
            future.set_exception(exc)

    threading.Thread(target=go, daemon=True).start()
    return future


def poll(holds: Callable[[], Any]) -> None:
    """Wait until *holds* returns something true."""
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends
        time.sleep(PAUSE)
