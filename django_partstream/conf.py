"""
The ``PARTSTREAM`` setting, read on each use, and the class attributes that win over it.

The settings of the core are here. A front adds its own to :data:`SETTINGS` in its ``conf``
module, when it is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from django_partstream._django import find_setting


@dataclass(frozen=True, slots=True)
class Setting:
    """A key of ``PARTSTREAM``: its default, a test of values, and that test in words."""

    default: Any
    accepts: Callable[[Any], bool]
    wants: str

    @classmethod
    def count(cls, default: int, of: str) -> Setting:
        """A setting that is a whole number *of* something, 1 or more."""
        return cls(default, _is_count, f"a whole number of {of}, 1 or more")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_switch(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _is_path(value: Any) -> bool:
    """Whether *value* is a dotted path: names with dots between them."""
    return isinstance(value, str) and "." in value and all(map(str.isidentifier, value.split(".")))


def _is_tenancy(value: Any) -> bool:
    return value is None or not isinstance(value, (str, bytes, Collection)) or _is_path(value)


def _is_engine(value: Any) -> bool:
    return value in ENGINES or _is_path(value)


def _is_list_of_paths(value: Any) -> bool:
    return value is None or (isinstance(value, (list, tuple)) and all(map(_is_path, value)))


#: The names of the engines that carry background work.
ENGINES = ("thread", "tasks", "celery")

#: Every setting, by its key.
SETTINGS: dict[str, Setting] = {
    "CHUNK_SIZE": Setting.count(2, "parts"),
    "CURSOR_TTL": Setting.count(3600, "seconds"),
    "MAX_CURSOR_LENGTH": Setting(
        2048,
        lambda value: _is_count(value) and value >= 256,
        "a whole number of characters, 256 or more",
    ),
    "CONCURRENCY": Setting.count(1, "threads"),
    "MAX_THREADS": Setting.count(16, "threads"),
    "MAX_ABANDONED_CALLS": Setting.count(16, "calls"),
    "TENANCY": Setting(None, _is_tenancy, "the dotted path of a class or object, or None"),
    "BACKGROUND": Setting(
        "thread",
        _is_engine,
        "'thread', 'tasks', 'celery', or the dotted path of a function enqueue(message)",
    ),
    "THREAD_LOCALS": Setting(
        None, _is_list_of_paths, "a list of dotted paths of threading.local objects, or None"
    ),
    "SERVER_TIMING": Setting(None, _is_switch, "True, False, or None to follow DEBUG"),
}


def setting(name: str) -> Any:
    """The value of a key of ``PARTSTREAM``, or its default."""
    configured = find_setting("PARTSTREAM")
    if configured and name in configured:
        return configured[name]
    return SETTINGS[name].default


def option(owner: object, name: str) -> int:
    """
    The class attribute *name* of a view or connection, else the setting of that name.

    Raises:
        ImproperlyConfigured: the setting does not accept the value.
    """
    key = name.upper()
    own = getattr(owner, name, None)
    value, known = setting(key) if own is None else own, SETTINGS[key]
    if value is not known.default and not known.accepts(value):
        where = f"PARTSTREAM[{key!r}]" if own is None else f"{type(owner).__qualname__}.{name}"
        raise ImproperlyConfigured(f"{where} is {value!r}; it must be {known.wants}.")
    return int(value)
