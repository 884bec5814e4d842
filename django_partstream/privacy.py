"""The ``Cache-Control`` of a private response, for both fronts."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.utils.cache import patch_cache_control


def mark_private(response: Any) -> None:
    """Mark *response* as private: it is for a single reader, or has a failure."""
    response.is_private = True


def keep_private(response: Any) -> bool:
    """
    Say ``private, no-store`` in a private response. Return whether this was done.

    A response with a ``Cache-Control`` of its own keeps it.
    """
    if not getattr(response, "is_private", False) or response.has_header("Cache-Control"):
        return False
    patch_cache_control(response, private=True, no_store=True)
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
