"""
Permissions and throttles of a connection, declared as on a view of Django REST framework.

DRF itself is not imported. A permission is any object with ``has_permission(request, connection)``.
A throttle has ``allow_request(request, connection)``, and ``wait()``: the seconds until the next
request, or None.

Of DRF's undocumented APIs only the attributes ``op1`` and ``op2`` are read (DRF 3.18.3), the
operands of a permission such as ``A & B``. Without them an ``async def`` permission within such an
expression would allow everything.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from typing import Any

from asgiref.sync import iscoroutinefunction


def answer_of(answer: Any, asked: str = "has_permission") -> bool:
    """
    The *answer* of the method *asked* as a bool.

    Raises:
        TypeError: it is awaitable, which would be true whatever the method says.
    """
    if isawaitable(answer):
        if isinstance(answer, Coroutine):
            answer.close()
        raise _is_async(asked)
    return bool(answer)


def _is_async(asked: str) -> TypeError:
    return TypeError(f"{asked}() cannot be async: nothing awaits its answer.")


def allows(permission: Any, request: Any, connection: Any) -> bool:
    """
    Whether *permission* allows *request* to read *connection*.

    Raises:
        TypeError: the permission is ``async def``.
    """
    _refuse_async(permission)
    return answer_of(permission.has_permission(request, connection))


def operands_of(permission: Any) -> list[Any]:
    """The permissions that DRF's ``A & B``, ``A | B`` or ``~A`` consists of."""
    return [getattr(permission, name) for name in ("op1", "op2") if hasattr(permission, name)]


def _refuse_async(permission: Any) -> None:
    """Refuse an ``async def`` permission, also as an operand, where its answer is out of reach."""
    if iscoroutinefunction(getattr(permission, "has_permission", None)):
        raise _is_async("has_permission")
    for operand in operands_of(permission):
        _refuse_async(operand)


def refused_by(throttles: Iterable[Any], request: Any, connection: Any) -> list[Any]:
    """
    The *throttles* that do not allow *request* another page of *connection*.

    Each is asked, as in DRF, so that each counts the request.

    Raises:
        TypeError: a throttle is ``async def``.
    """
    return [
        throttle
        for throttle in throttles
        if not answer_of(throttle.allow_request(request, connection), "allow_request")
    ]


def seconds_to_wait(refusing: Iterable[Any]) -> float | None:
    """The longest wait that throttles ask for, in seconds; None if no throttle knows."""
    waits = [throttle.wait() for throttle in refusing]
    return max((wait for wait in waits if wait is not None), default=None)


@contextmanager
def as_read(request: Any) -> Iterator[None]:
    """
    Give *request* the method GET within the body, if it is a POST.

    A query may arrive as a POST, and DRF's permissions tell reads from writes by the method.
    """
    if getattr(request, "method", None) != "POST":
        yield
        return
    request.method = "GET"
    try:
        yield
    finally:
        request.method = "POST"
