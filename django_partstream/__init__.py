"""
Deliver an API response part by part: fast parts first, slow parts when the client asks for them.

The public names of the core are the names here, the modules
:mod:`django_partstream.testing`, :mod:`~django_partstream.exceptions` and
:mod:`~django_partstream.signals`, and ``register()`` in :mod:`~django_partstream.failures`.
Everything else is private.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from django_partstream.caching.cached import cached_for
from django_partstream.exceptions import PartstreamError
from django_partstream.guards import safe_call, with_timeout
from django_partstream.jobs.functions import background
from django_partstream.jobs.work import progress
from django_partstream.outcomes import Status
from django_partstream.parts import Plan, lazy

if TYPE_CHECKING:
    from partstream_rest.views import ProgressiveView

__version__ = "0.1.0"

__all__ = [
    "PartstreamError",
    "Plan",
    "ProgressiveView",
    "Status",
    "background",
    "cached_for",
    "lazy",
    "progress",
    "safe_call",
    "with_timeout",
]


def __getattr__(name: str) -> Any:
    # The core imports no front, so the name of the REST front is imported when it is asked for.
    if name != "ProgressiveView":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        view = import_module("partstream_rest.views").ProgressiveView
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] != "rest_framework":
            raise
        raise ImportError(
            "ProgressiveView needs Django REST framework: pip install 'django-partstream[rest]'."
        ) from None
    globals()[name] = view
    return view
