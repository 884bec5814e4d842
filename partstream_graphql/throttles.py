"""
Throttles of a connection, declared as on a view of Django REST framework.

DRF itself is not imported. A throttle is any object with ``allow_request(request, connection)``
and ``wait()``, the seconds until the next request or None.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from inspect import isawaitable
from typing import Any


def refused_by(throttles: Iterable[Any], request: Any, connection: Any) -> list[Any]:
    """
    The *throttles* that do not allow *request* another page of *connection*.

    Each is asked, as in DRF, so that each counts the request.

    Raises:
        TypeError: a throttle is ``async def``.
    """
    return [one for one in throttles if not _allows(one.allow_request(request, connection))]


def seconds_to_wait(refusing: Iterable[Any]) -> float | None:
    """The longest wait that throttles ask for, in seconds; None if no throttle knows."""
    waits = [throttle.wait() for throttle in refusing]
    return max((wait for wait in waits if wait is not None), default=None)


def _allows(answer: Any) -> bool:
    """
    The *answer* of an ``allow_request()`` as a bool.

    Raises:
        TypeError: it is awaitable, which would be true whatever the throttle says.
    """
    if isawaitable(answer):
        if isinstance(answer, Coroutine):
            answer.close()
        raise TypeError("allow_request() cannot be async: nothing awaits its answer.")
    return bool(answer)
