"""
Drop kept values: all values of a function, by its name, or all values of a reader.

A value is dropped by a mark (:mod:`.caching.keys`, :mod:`.jobs.places`), so no key is looked for,
and no other value of the cache is touched. A cache that each process has for itself is refused, for
the marks of this process are not those of a server.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.base import InvalidCacheBackendError
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.urls import get_resolver

from django_partstream.caching import cached
from django_partstream.caching.cached import Store
from django_partstream.jobs import functions
from django_partstream.jobs.functions import Background
from django_partstream.jobs.states import mark_of


class Refused(Exception):
    """Values cannot be dropped in this way; the text says why, and how to drop them."""


class NotDropped(Exception):
    """The cache has not dropped values; the text says which."""


@dataclass(frozen=True, slots=True)
class Kept:
    """
    The kept values of the function *name* in the cache *alias*, under the *mark*.

    *drop* changes the mark.
    """

    name: str
    alias: str
    mark: str
    drop: Callable[[], None]

    def clear(self) -> None:
        """
        Drop the values.

        Raises:
            NotDropped: the cache failed.
        """
        try:
            cache = caches[self.alias]
            before = cache.get(self.mark)
            self.drop()
            after = cache.get(self.mark)
        except Exception as exc:
            raise NotDropped(
                f"The cache {self.alias!r} did not answer ({type(exc).__name__}: {exc}), so the "
                f"values of {self.name} are still there."
            ) from exc
        if after is None or after == before:  # some backends keep silent where they fail
            raise NotDropped(
                f"The cache {self.alias!r} did not keep that the values of {self.name} are dropped."
            )


def clear_function(name: str, user: Any = None) -> list[Kept]:
    """
    Drop the values of the function called *name*: all of them, or only those of *user*.

    *name* is a dotted path, or ``key:NAME`` for a function with a ``key=``.

    Raises:
        Refused: there is no such function, or its values cannot be dropped in this way.
        NotDropped: the cache failed.
    """
    kept = [_kept(found, user) for found in _found(name)]
    for each in kept:
        each.clear()
    return kept


def clear_user(user: Any) -> tuple[list[Kept], list[str]]:
    """
    Drop the values of *user*, of every function that is known in this process.

    Return the values, and why the values of other functions were left.

    Raises:
        Refused: there are none to drop.
        NotDropped: a cache failed.
    """
    kept: list[Kept] = []
    left: list[str] = []
    stores = [store for store in _stores() if store.keys.per_user]
    for store in sorted(stores, key=lambda store: store.keys.name):
        try:
            each = _kept(store, user)
        except Refused as exc:
            left.append(str(exc))
            continue
        each.clear()
        kept.append(each)
    if not kept:
        known = " ".join(left) or "None keeps values for each reader."
        raise Refused(f"Nothing was dropped, of the functions that are known here. {known}")
    return kept, left


def known_names() -> list[str]:
    """The names of the functions that keep values, as far as they are known in this process."""
    stores = {store.keys.name for store in _stores()}
    return sorted(stores | {function.path for function in functions.declared()})


def _stores() -> list[Store]:
    with suppress(Exception):  # Django's own check of the URLs says so
        _ = get_resolver().url_patterns  # imports the modules that serve, and so their functions
    return cached.declared()


def _found(name: str) -> list[Store] | list[Background[..., Any]]:
    """
    The function called *name*, or its values in each cache that it is decorated for.

    Raises:
        Refused: there is none.
    """
    problem = f"{name} is decorated with neither cached_for() nor background()."
    found: Any = None
    if not name.startswith("key:"):
        try:
            found = pkgutil.resolve_name(name)
        except (ImportError, AttributeError, ValueError) as exc:
            problem = f"{name!r} is not found: {exc}."
    while found is not None and not isinstance(found, Background):
        store = getattr(getattr(found, "invalidate", None), "__self__", None)
        if isinstance(store, Store):
            name = store.keys.name
        found = getattr(found, "__wrapped__", None)
    if found is not None:
        return [found]
    stores = [store for store in _stores() if store.keys.name == name]
    if not stores:
        known = ", ".join(known_names()) or "none"
        raise Refused(
            f"{problem} Functions that are known here: {known}. A function that a view decorates "
            "at each request is known to the processes of the server alone."
        )
    return stores


def _kept(found: Store | Background[..., Any], user: Any) -> Kept:
    """
    The values of *found*, or only those of *user*.

    Raises:
        Refused: they cannot be dropped in this process, or not for a user alone.
    """
    if isinstance(found, Background):
        name, alias, shares = found.path, found.cache, True
    else:
        name, alias, shares = found.keys.name, found.alias, not found.keys.per_user
    _check_cache(name, alias)
    if user is not None:
        _check_reader(name, shares=shares)
    if isinstance(found, Background):
        return Kept(name, alias, mark_of(name), found.invalidate)
    return Kept(name, alias, found.keys.mark_of(user), partial(found.invalidate, user))


def _check_reader(name: str, *, shares: bool) -> None:
    if shares:
        raise Refused(
            f"Readers share the values of {name}. Leave out --user to drop them for all readers."
        )
    if _has_identities(name):
        raise Refused(
            f"Readers of {name} are told apart by a cache_identity(), which a user is not. "
            "Call invalidate(identity) of the function in manage.py shell."
        )


def _check_cache(name: str, alias: str) -> None:
    try:
        cache = caches[alias]
    except InvalidCacheBackendError as exc:
        raise Refused(f"The cache {alias!r} of {name} cannot be used: {exc}") from exc
    if isinstance(cache, DummyCache):
        raise Refused(f"The cache {alias!r} of {name} keeps nothing.")
    if isinstance(cache, LocMemCache):
        raise Refused(
            f"The cache {alias!r} of {name} is a LocMemCache, of which each process has its own, "
            "so a command drops nothing of a running server. Restart the server, or configure a "
            "cache in CACHES that all processes share, such as Redis."
        )


def _has_identities(name: str) -> bool:
    """Whether a class with the method *name*, or a subclass of it, has a ``cache_identity()``."""
    try:
        owner = pkgutil.resolve_name(name.rpartition(".")[0])
    except (ImportError, AttributeError, ValueError):
        return False
    return isinstance(owner, type) and any(
        hasattr(kind, "cache_identity") for kind in (owner, *_subclasses(owner))
    )


def _subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    for each in type.__subclasses__(kind):
        yield each
        yield from _subclasses(each)
