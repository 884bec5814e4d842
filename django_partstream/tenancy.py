"""
The tenancy of a project: the object that the setting ``TENANCY`` names.

The object has up to three methods::

    class Tenancy:
        def capture(self, request): ...  # a JSON value, or None where there is no tenant
        def thread(self, tenant): ...  # a context manager round a part in another thread
        def connection(self, tenant, connection): ...  # a context manager round a connection

The value that ``capture()`` returned is the *tenant* here. It is whatever divides the readers of a
project besides their identity: an organisation, a role, a region. ``thread()`` and ``connection()``
are called with None as well, so that a thread or a connection that is used again forgets its last
tenant.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from inspect import iscoroutine, isgenerator
from pkgutil import resolve_name
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.base import BaseDatabaseWrapper

from django_partstream.conf import setting

#: The methods that a tenancy may have.
METHODS = ("capture", "thread", "connection")

#: The types that are JSON values without a look inside.
_SCALARS = (str, int, bool, type(None))


def named(path: str, key: str) -> Any:
    """
    The object at the dotted *path*, which is in the setting *key*.

    Raises:
        ImproperlyConfigured: there is no such object, or its module cannot be imported.
    """
    try:
        return resolve_name(path)
    except (ImportError, AttributeError, ValueError) as exc:
        raise ImproperlyConfigured(
            f"PARTSTREAM[{key!r}] names {path!r}, which cannot be imported: {exc}. "
            "Name an object by its module and its name, as in 'package.module.name'."
        ) from exc


def tenancy() -> Tenancy | None:
    """
    The tenancy of the project, or None without the setting.

    Raises:
        ImproperlyConfigured: the setting names no object with one of the methods.
    """
    configured = setting("TENANCY")
    if configured is None:
        return None
    target = named(configured, "TENANCY") if isinstance(configured, str) else configured
    made = _instance_of(target) if isinstance(target, type) else target
    if not any(callable(getattr(made, method, None)) for method in METHODS):
        raise ImproperlyConfigured(
            f"PARTSTREAM['TENANCY'] names {target!r}, which has none of the methods "
            f"{', '.join(f'{method}()' for method in METHODS)}. Define at least one of them."
        )
    return Tenancy(made)


#: The tenant that was carried to this thread, if ``capture()`` does not find it here.
_unseen: ContextVar[Any] = ContextVar("django_partstream.tenant", default=None)


def capture(request: Any) -> Any:
    """
    The tenant of *request*, as the project's tenancy captures it in this thread; None without.

    In a thread to which a tenant was carried, ``capture()`` may look at a place that is empty
    there. Then the carried tenant counts.

    Raises:
        ImproperlyConfigured: the tenant is no JSON value.
        Exception: ``capture()`` of the project raised it.
    """
    found = tenancy()
    if found is None:
        return None
    tenant = found.capture(request)
    return _unseen.get() if tenant is None else tenant


@contextmanager
def carrying(tenant: Any, request: Any) -> Iterator[None]:
    """
    Let :func:`capture` give the carried *tenant* in the body, if the project's method cannot.

    A method that finds the tenant when the body begins is believed in the body, too: there it
    gives None only after the part has left its tenant on purpose.
    """
    found = tenancy()
    is_seen = tenant is None or found is None or found.capture(request) is not None
    token = _unseen.set(None if is_seen else tenant)
    try:
        yield
    finally:
        _unseen.reset(token)


@contextmanager
def standing_in(tenant: Any) -> Iterator[None]:
    """Let :func:`capture` give *tenant* in the body wherever the project's method finds none."""
    token = _unseen.set(tenant)
    try:
        yield
    finally:
        _unseen.reset(token)


def prepares_sessions() -> bool:
    """
    Whether the project prepares database connections for its tenants.

    Raises:
        ImproperlyConfigured: as :func:`tenancy`.
    """
    found = tenancy()
    return found is not None and found.has_connection


@lru_cache(maxsize=8)
def _instance_of(kind: type) -> Any:
    return kind()


@dataclass(frozen=True, slots=True)
class Tenancy:
    """The project's object, with its methods checked for the mistakes that would be silent."""

    target: Any

    @property
    def has_thread(self) -> bool:
        """Whether the project has a ``thread()`` method."""
        return callable(getattr(self.target, "thread", None))

    @property
    def has_connection(self) -> bool:
        """Whether the project has a ``connection()`` method."""
        return callable(getattr(self.target, "connection", None))

    def capture(self, request: Any) -> Any:
        """
        The tenant of *request*, which is None for a guard that is called by hand.

        Raises:
            ImproperlyConfigured: the tenant is no JSON value.
            Exception: the project's method raised it.
        """
        method = getattr(self.target, "capture", None)
        if method is None:
            return None
        try:
            tenant = method(request)
        except Exception as exc:
            if request is None:
                exc.add_note(
                    f"{_name(method)} got no request: the guard was called by hand. Return None "
                    "for that, or read the tenant from the place where the project keeps it."
                )
            raise
        return tenant if type(tenant) in _SCALARS else _plain(tenant, method)

    def thread(self, tenant: Any) -> AbstractContextManager[Any]:
        """
        The context manager round a part of *tenant* in another thread.

        Raises:
            ImproperlyConfigured: the project's method returned something else.
        """
        method = self.target.thread
        return _manager(method(tenant), method)

    def connection(
        self, tenant: Any, connection: BaseDatabaseWrapper
    ) -> AbstractContextManager[Any]:
        """
        The context manager round the use of *connection* for *tenant*.

        Raises:
            ImproperlyConfigured: the project's method returned something else.
        """
        method = self.target.connection
        return _manager(method(tenant, connection), method)


def _plain(tenant: Any, method: Callable[..., Any]) -> Any:
    """*tenant* as a worker in another process would get it: as the JSON of it says."""
    _close(tenant)
    try:
        return json.loads(json.dumps(tenant, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as exc:
        remedy = "Return the key of the tenant, such as tenant.pk or str(tenant.uuid)"
        if isinstance(tenant, AbstractContextManager):
            remedy = (
                "Look the tenant up and return it here; thread() makes the context manager, and "
                "runs in the other thread, where this thread's locals are empty"
            )
        raise ImproperlyConfigured(
            f"{_name(method)} returned {tenant!r}, which is no JSON value. {remedy}."
        ) from exc


def _manager(made: Any, method: Callable[..., Any]) -> AbstractContextManager[Any]:
    if isinstance(made, AbstractContextManager):
        return made
    _close(made)
    remedy = "Return a context manager; contextlib.nullcontext() where there is nothing to do"
    if isgenerator(made):
        remedy = "Decorate it with contextlib.contextmanager"
    if iscoroutine(made):
        remedy = "Make it a plain function"
    raise ImproperlyConfigured(f"{_name(method)} returned {made!r}. {remedy}.")


def _close(made: Any) -> None:
    """Close a generator or coroutine, which would otherwise warn that nothing awaited it."""
    if isgenerator(made) or iscoroutine(made):
        made.close()


def _name(method: Callable[..., Any]) -> str:
    return f"{getattr(method, '__qualname__', repr(method))}()"
