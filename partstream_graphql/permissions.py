"""
Permissions of a connection, declared as on a view of Django REST framework.

DRF itself is not imported. Of its undocumented APIs only the attributes ``op1`` and ``op2`` are
read (DRF 3.18.3), the operands of a permission such as ``A & B``. Without them an ``async def``
permission within such an expression would allow everything.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from inspect import isawaitable
from typing import Any

from asgiref.sync import iscoroutinefunction

_IS_ASYNC = "has_permission() cannot be async: nothing awaits its answer."


def allows(permission: Any, request: Any, connection: Any) -> bool:
    """
    Whether *permission* allows *request* to read *connection*.

    Raises:
        TypeError: the permission is ``async def``.
    """
    _refuse_async(permission)
    return answer_of(permission.has_permission(request, connection))


def answer_of(answer: Any) -> bool:
    """
    The *answer* of a ``has_permission()`` as a bool.

    Raises:
        TypeError: it is awaitable, which would be true whatever the permission says.
    """
    if isawaitable(answer):
        if isinstance(answer, Coroutine):
            answer.close()
        raise TypeError(_IS_ASYNC)
    return bool(answer)


def operands_of(permission: Any) -> list[Any]:
    """The permissions that DRF's ``A & B``, ``A | B`` or ``~A`` consists of."""
    return [getattr(permission, name) for name in ("op1", "op2") if hasattr(permission, name)]


def _refuse_async(permission: Any) -> None:
    """Refuse an ``async def`` permission, also as an operand, where its answer is out of reach."""
    if iscoroutinefunction(getattr(permission, "has_permission", None)):
        raise TypeError(_IS_ASYNC)
    for operand in operands_of(permission):
        _refuse_async(operand)


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
