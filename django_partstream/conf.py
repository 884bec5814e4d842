"""The ``PARTSTREAM`` setting, read on each use, and the class attributes that win over it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of ``PARTSTREAM``: its default, and what a value must be."""

    default: Any
    accepts: Callable[[Any], bool]
    wants: str


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_switch(value: Any) -> bool:
    return value is None or isinstance(value, bool)


SETTINGS = {
    "CHUNK_SIZE": Setting(2, _is_count, "a whole number of parts, 1 or more"),
    "MAX_CHUNK_SIZE": Setting(50, _is_count, "a whole number of parts, 1 or more"),
    "CURSOR_TTL": Setting(3600, _is_count, "a whole number of seconds, 1 or more"),
    "MAX_CURSOR_LENGTH": Setting(
        2048,
        lambda value: _is_count(value) and value >= 256,
        "a whole number of characters, 256 or more",
    ),
    "CONCURRENCY": Setting(1, _is_count, "a whole number of threads, 1 or more"),
    "MAX_THREADS": Setting(16, _is_count, "a whole number of threads, 1 or more"),
    "MAX_ABANDONED_CALLS": Setting(16, _is_count, "a whole number of calls, 1 or more"),
    "MAX_QUERY_LENGTH": Setting(50_000, _is_count, "a whole number of characters, 1 or more"),
    "MAX_QUERY_TOKENS": Setting(2_000, _is_count, "a whole number of tokens, 1 or more"),
    "MAX_QUERY_DEPTH": Setting(20, _is_count, "a whole number of levels, 1 or more"),
    "MAX_QUERY_CONNECTIONS": Setting(10, _is_count, "a whole number of connections, 1 or more"),
    "MAX_QUERY_RUNS": Setting(10, _is_count, "a whole number of runs, 1 or more"),
    "MAX_QUERY_PARTS": Setting(100, _is_count, "a whole number of parts, 1 or more"),
    "MAX_DOCUMENTS": Setting(1_000, _is_count, "a whole number of documents, 1 or more"),
    "SERVER_TIMING": Setting(None, _is_switch, "True, False, or None to follow DEBUG"),
}


def setting(name: str) -> Any:
    """The value of one key of ``PARTSTREAM``, or its default."""
    configured = getattr(settings, "PARTSTREAM", None)
    if configured and name in configured:
        return configured[name]
    return SETTINGS[name].default


def option(owner: object, name: str) -> int:
    """
    The class attribute *name* of a view or connection, else the setting of that name.

    Raises:
        ImproperlyConfigured: the value is not one that the setting accepts.
    """
    known = SETTINGS[name.upper()]
    value = getattr(owner, name, None)
    where = f"{type(owner).__qualname__}.{name}"
    if value is None:
        value = setting(name.upper())
        where = f"PARTSTREAM[{name.upper()!r}]"
    if not known.accepts(value):
        raise ImproperlyConfigured(f"{where} is {value!r}; it must be {known.wants}.")
    return int(value)
