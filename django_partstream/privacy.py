"""The ``Cache-Control`` of a private response, for both fronts."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any


def mark_private(response: Any) -> None:
    """Mark *response* as private: it is for a single reader, or has a failure."""
    response.is_private = True


def keep_private(response: Any) -> bool:
    """
    Say ``private, no-store`` in a private response. Return whether this was done.

    A response with a ``Cache-Control`` of its own keeps it, unless it is *momentary*: it lacks a
    part that it will have in a moment, or values that its client has, so no cache may keep it
    whatever its view says.
    """
    if not getattr(response, "is_private", False):
        return False
    if response.has_header("Cache-Control") and not getattr(response, "is_momentary", False):
        return False
    response["Cache-Control"] = "private, no-store"
    return True


def with_privacy(view: Callable[..., Any]) -> Callable[..., Any]:
    """
    The function *view*, which keeps its private responses private.

    The header is added after the whole view, so that a decorator of ``dispatch()`` can set it
    first.
    """

    def private(request: Any, *args: Any, **kwargs: Any) -> Any:
        response = view(request, *args, **kwargs)
        keep_private(response)
        return response

    return update_wrapper(private, view)
