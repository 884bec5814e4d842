"""
The surroundings of a thread: captured where work is handed over, entered where it is done.

================================= =================================================================
carried                           how
================================= =================================================================
context variables                 a copy of the context; the values of asgiref's ``Local`` in it
                                  are made this thread's
language, time zone, urlconf,     set by Django's own functions
script prefix
thread-locals                     :mod:`.thread_locals`: copied whole, restored after
``execute_wrappers``              lent to the connections of the other thread
the schema of django-tenants      ``connection.tenant``, set before the work if it is another
the tenant of ``TENANCY``         captured in the handing thread, given to ``thread()`` and
                                  ``connection()`` in the other
================================= =================================================================

The first two are entered once for each thread (:meth:`Surroundings.call`), since they end with the
context. The others are entered for each part (:meth:`Surroundings.entered`), so that no part finds
the leavings of another. A connection that is lent out of a transaction is the caller's. It has its
schema and its tenant already, and only lacks ``execute_wrappers`` that were taken away meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from contextvars import Context
from functools import lru_cache, partial
from typing import Any, ParamSpec, TypeVar

from django.db import connections
from django.db.utils import load_backend
from django.urls import (
    get_script_prefix,
    get_urlconf,
    set_script_prefix,
    set_urlconf,
)
from django.utils import timezone, translation

from django_partstream import _asgiref, _django, clocks
from django_partstream.carried.connections import PreparedConnection
from django_partstream.carried.thread_locals import ThreadLocals
from django_partstream.costs import wrappers_of
from django_partstream.tenancy import Tenancy, capture, carrying, standing_in, tenancy

P = ParamSpec("P")
T = TypeVar("T")

#: The surroundings of the current thread: there is nothing to enter.
HERE: AbstractContextManager[None] = nullcontext()


class Surroundings:
    """
    The surroundings of the thread that makes this, for the parts of *request*.

    Raises:
        ImproperlyConfigured: ``TENANCY`` or ``THREAD_LOCALS`` cannot be used.
        Exception: ``TENANCY.capture()`` raised it.
    """

    def __init__(self, request: Any) -> None:
        self._request, self._tenancy = request, tenancy()
        self._tenant = capture(request)
        self._locals = ThreadLocals.of_this_thread()
        self._wrappers: dict[str, tuple[Any, ...]] = {}
        self._schemas: dict[str, tuple[Any, Any]] = {}
        connection: Any
        for connection in connections.all(initialized_only=True):
            if wrappers := wrappers_of(connection):
                self._wrappers[connection.alias] = wrappers
            if hasattr(connection, "set_tenant"):
                schema = connection.tenant, connection.include_public_schema
                self._schemas[connection.alias] = schema
        self._context = _asgiref.copy_context()
        self._language = translation.get_language()
        self._zone = clocks.time_zone()
        self._urlconf, self._prefix = get_urlconf(), get_script_prefix()

    def call(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call *func* in this thread, which is another, in a copy of the captured context."""
        return self._context.copy().run(self._call, partial(func, *args, **kwargs))

    def context(self) -> Context:
        """A context with the first half of the surroundings, in which code may be run at will."""
        return self.call(_asgiref.copy_context)

    def _call(self, call: Callable[[], T]) -> T:
        _asgiref.adopt_locals(self._context)
        set_urlconf(self._urlconf)
        set_script_prefix(self._prefix)
        with translation.override(self._language), timezone.override(self._zone):
            return call()

    def entered(self, *, lent: Collection[str] = ()) -> AbstractContextManager[None]:
        """
        The rest of the surroundings, round a part in this thread, which is another.

        The connections to the databases *lent* are not this thread's own.
        """
        if not (self._tenancy or self._locals or self._wrappers or _has_schemas()):
            return HERE
        return _Entered(partial(self._enter, lent))

    def _enter(self, lent: Collection[str], stack: ExitStack) -> None:
        # The connections come first, for the others may query the database.
        for connection in connections.all():
            is_own = connection.alias not in lent
            if is_own:
                self._set_schema(connection)
            if wrappers := self._wrappers.get(connection.alias):
                stack.enter_context(_django.lend_execute_wrappers(connection, wrappers))
            if is_own and self._tenancy and self._tenancy.has_connection:
                made = partial(self._tenancy.connection, self._tenant, connection)
                stack.enter_context(PreparedConnection(connection, made))
        if self._locals:
            stack.enter_context(self._locals.entered())
        if self._tenancy and self._tenancy.has_thread:
            stack.enter_context(self._tenancy.thread(self._tenant))
        if self._tenancy:
            stack.enter_context(carrying(self._tenant, self._request))

    def _set_schema(self, connection: Any) -> None:
        """Set the schema of a connection of django-tenants; public, where the caller has none."""
        if not hasattr(connection, "set_tenant"):
            return
        schema = self._schemas.get(connection.alias)
        if schema is None:
            connection.set_schema_to_public()
        elif (connection.tenant, connection.include_public_schema) != schema:
            connection.set_tenant(*schema)


def current_schemas() -> dict[str, str]:
    """The schema of django-tenants on each connection of this thread that has one, by database."""
    if not _has_schemas():
        return {}
    return {
        connection.alias: connection.schema_name  # type: ignore[attr-defined]
        for connection in connections.all(initialized_only=True)
        if hasattr(connection, "set_tenant")
    }


def entered_for(tenant: Any, schemas: Mapping[str, str]) -> AbstractContextManager[None]:
    """
    The surroundings of work for *tenant* and *schemas* in a process without their request.

    They are as :meth:`Surroundings.entered` makes them. Without a schema a connection has the
    public one.

    Raises:
        ImproperlyConfigured: ``TENANCY`` cannot be used.
    """
    found = tenancy()
    if found is None and not _has_schemas():
        return HERE
    return _Entered(partial(_enter_for, found, tenant, schemas))


def _enter_for(
    found: Tenancy | None, tenant: Any, schemas: Mapping[str, str], stack: ExitStack
) -> None:
    connection: Any
    for connection in connections.all():
        if hasattr(connection, "set_tenant"):
            _set_schema_for_work(connection, schemas.get(connection.alias), stack)
        if found and found.has_connection and not connection.in_atomic_block:
            made = partial(found.connection, tenant, connection)
            stack.enter_context(PreparedConnection(connection, made))
    if found and found.has_thread:
        stack.enter_context(found.thread(tenant))
    if found:
        stack.enter_context(standing_in(tenant))


def _set_schema_for_work(connection: Any, schema: str | None, stack: ExitStack) -> None:
    """Set the schema of a connection, and have *stack* set the one before again."""
    before = connection.tenant, connection.include_public_schema
    stack.callback(connection.set_tenant, *before)
    if schema is None:
        connection.set_schema_to_public()
    else:
        connection.set_schema(schema)


def _has_schemas() -> bool:
    """Whether a database of the project has the schemas of django-tenants."""
    return any(_sets_schema(configured["ENGINE"]) for configured in connections.settings.values())


@lru_cache(maxsize=8)
def _sets_schema(engine: str) -> bool:
    return hasattr(load_backend(engine).DatabaseWrapper, "set_tenant")


class _Entered(AbstractContextManager[None]):
    """The context managers that *enter* enters. They never swallow an exception of the body."""

    def __init__(self, enter: Callable[[ExitStack], None]) -> None:
        self._enter_on = enter

    def __enter__(self) -> None:
        with ExitStack() as stack:
            self._enter_on(stack)
            self._stack = stack.pop_all()

    def __exit__(self, *raised: Any) -> None:
        self._stack.__exit__(*raised)
