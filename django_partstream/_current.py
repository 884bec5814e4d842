"""
The adapter for the current cache, language, time zone and host.

Each function returns the same as a documented function of Django, in a fraction of the time.
``tests/core/test_current_adapter.py`` has a test of each row.

======================== ================================================================
function                 fact
======================== ================================================================
:func:`cache_of`         the caches of a thread are in the ``Local`` of asgiref
                         ``caches._connections``, which has its values in a context
                         variable ``_storage._data``: in a dict; since asgiref 3.12 the dict
                         is tagged with its thread
:func:`language`         the translation of a thread is in ``trans_real._active``, with
                         its language as ``to_language()``; a new thread has no translation
:func:`time_zone_name`   the zone of a thread is in ``timezone._active``; a new thread has no
                         zone, and the name of the default zone is ``TIME_ZONE``
:func:`host_of`          the ``get_host()`` in ``django.http.request`` returns what
                         ``_get_raw_host()`` returns, or refuses it by ``ALLOWED_HOSTS``
                         and ``DEBUG``
======================== ================================================================
"""

from __future__ import annotations

import threading
from datetime import tzinfo
from typing import Any

from asgiref.local import Local
from django.conf import settings
from django.core.cache import BaseCache, caches
from django.http import request as http_request
from django.utils import timezone
from django.utils.translation import trans_real

#: The number of hosts that are remembered. With ``ALLOWED_HOSTS = ["*"]`` a client may send any.
MOST_HOSTS = 256

#: The hosts that were allowed, each with the settings that allowed it.
_allowed: set[tuple[Any, ...]] = set()


def cache_of(alias: str) -> BaseCache:
    """
    The cache *alias* of this thread.

    Raises:
        InvalidCacheBackendError: there is no such cache, or its class cannot be imported.
    """
    made: BaseCache | None = _value_of(caches._connections, alias)  # type: ignore[attr-defined]
    return caches[alias] if made is None else made


def language() -> str | None:
    """The current language: the same as ``translation.get_language()``."""
    active = _value_of(trans_real._active, "value")  # type: ignore[attr-defined]
    to_language = getattr(active, "to_language", None)
    return to_language() if to_language else settings.LANGUAGE_CODE


def time_zone_name() -> str:
    """The name of the current time zone; empty where none is set, with ``TIME_ZONE = None``."""
    zone: tzinfo | None = _value_of(timezone._active, "value")  # type: ignore[attr-defined]
    if zone is None:
        return settings.TIME_ZONE or ""
    return zone.tzname(None) or str(zone)


def host_of(request: Any) -> str | None:
    """
    The host of *request*: the same as its ``get_host()``; None if it has no such method.

    Django's method spends most of its time on the comparison with ``ALLOWED_HOSTS``. So each
    allowed host is remembered, together with the settings that allowed it.

    Raises:
        SuspiciousOperation: the host is not allowed.
    """
    get_host = getattr(request, "get_host", None)
    if get_host is None:
        return None
    code = getattr(get_host, "__code__", None)
    if code is None or code.co_filename != http_request.__file__:
        return str(get_host())
    host: str = get_host.__self__._get_raw_host()
    known = (host, settings.DEBUG, *settings.ALLOWED_HOSTS)
    if known not in _allowed:
        get_host()
        if len(_allowed) >= MOST_HOSTS:
            _allowed.clear()
        _allowed.add(known)
    return host


def _value_of(values: Local, name: str) -> Any:
    """
    The value *name* of *values* in this context; None if there is none.

    ``getattr(values, name, None)`` takes ten times as long, the more so if there is none.
    """
    try:
        storage = values._storage._data.get(None)
        if storage is None:
            return None
        if type(storage) is not dict:
            storage = storage.data if storage.thread_id == threading.get_ident() else {}
        return storage.get(name)
    except AttributeError:  # another release of asgiref
        return getattr(values, name, None)
