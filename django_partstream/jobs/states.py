"""The states of a job, the times for which each is believed, and the cache that has them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from django.core.cache import BaseCache
from django.core.cache.backends.dummy import DummyCache
from django.core.exceptions import ImproperlyConfigured

from django_partstream._current import cache_of
from django_partstream.caching.keys import PREFIX
from django_partstream.canonical import digest
from django_partstream.failures import Failure

#: Seconds after which work that was asked for, and has not begun, is asked for again.
ASKED = 60

#: Seconds after which a worker that gives no sign is taken for dead, and between two signs.
LEASE, BEAT = 15, 5.0

#: Workers that a job may kill.
DEATHS = 3

#: Seconds for which a failure is kept: of the function; of an engine that does not take the work.
FAILED, REFUSED = 15, 3

#: Seconds for which a value is kept at least, so that readers who wait come in time to have it.
SEEN = 15

#: Seconds for which a job that has killed its workers is kept from killing more, at most.
POISONED = 300

#: Seconds before each further look for a value that was kept: a replica may have it later.
LOOKS = (0.05, 0.2, 0.5, 1.0)

#: A cache that takes the place of every other, for tests.
stand_in: BaseCache | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """The *value* of the function, as it returned it."""

    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    """The work has failed. If it *is_buried* it has killed its workers, and is not begun."""

    failure: Failure
    is_buried: bool = False


@dataclass(frozen=True, slots=True)
class Underway:
    """The work was asked for, or *begun* by a worker, *age* seconds ago."""

    age: float
    progress: float | None
    begun: bool = False


@dataclass(frozen=True, slots=True)
class Deadly:
    """Each worker that has begun the work has died."""


State: TypeAlias = Kept | Failed | Underway | Deadly | None


def mark_of(function: str) -> str:
    """The key of the mark of all values of the function at the path *function*."""
    return f"{PREFIX}{digest(f'mark of background {function}')}"


def usable_cache(alias: str) -> BaseCache:
    """
    The cache *alias*, in this thread.

    Raises:
        ImproperlyConfigured: it keeps nothing.
        InvalidCacheBackendError: there is no such cache.
    """
    cache = cache_of(alias) if stand_in is None else stand_in
    if isinstance(cache, DummyCache):
        raise ImproperlyConfigured(
            f"Background functions keep their values in the cache {alias!r}, which keeps nothing. "
            "Configure another backend in CACHES: Redis, or for a single process LocMemCache; "
            "in a test, use django_partstream.testing.background_now()."
        )
    return cache


def plain(failure: Failure) -> Failure:
    """*failure* with the text and details as plain data, which every process can read."""
    details = {name: value for name, value in failure.details.items() if _is_plain(value)}
    return replace(failure, message=str(failure.message), details=details)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_plain(item) for name, item in value.items())
    return value is None or type(value) in (str, int, float, bool)
