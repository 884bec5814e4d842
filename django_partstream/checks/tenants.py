"""The checks of what a project has besides: tenants, thread-locals, row-level security."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections

from django_partstream.carried.thread_locals import carried_locals
from django_partstream.checks.options import is_good
from django_partstream.conf import setting
from django_partstream.tenancy import tenancy

#: The tables with a policy that reads a setting of the session, itself or in a function.
_POLICIES = """
    SELECT DISTINCT policy.polrelid::regclass::text
    FROM pg_policy policy
    LEFT JOIN pg_depend used ON used.classid = 'pg_policy'::regclass
        AND used.objid = policy.oid AND used.refclassid = 'pg_proc'::regclass
    LEFT JOIN pg_proc func ON func.oid = used.refobjid
    WHERE concat(
        pg_get_expr(policy.polqual, policy.polrelid),
        pg_get_expr(policy.polwithcheck, policy.polrelid),
        func.prosrc
    ) LIKE '%current_setting%'
    ORDER BY 1
"""


def check_tenancy(**_: Any) -> list[CheckMessage]:
    """Name a ``TENANCY`` or ``THREAD_LOCALS`` that cannot be imported or used."""
    errors: list[CheckMessage] = []
    for key, use in [("TENANCY", tenancy), ("THREAD_LOCALS", carried_locals)]:
        if not is_good(key):
            continue  # check_settings() says so
        try:
            use()
        except ImproperlyConfigured as exc:
            message, _dot, hint = str(exc).rpartition(". ")
            errors.append(Error(f"{message}.", hint=hint, id="partstream.E004"))
    return errors


def check_thread_locals(**_: Any) -> list[CheckMessage]:
    """Warn of each ``threading.local`` in the module of a middleware that is not carried."""
    if not is_good("THREAD_LOCALS"):
        return []
    try:
        carried = carried_locals()
    except ImproperlyConfigured:
        return []  # check_tenancy() says so
    listed = list(setting("THREAD_LOCALS") or ())
    return [
        CheckWarning(
            f"{path} is a threading.local. Parts in other threads find nothing there: those with "
            "with_timeout() and concurrency, and coroutines.",
            hint=(
                f"PARTSTREAM = {{'THREAD_LOCALS': {[*listed, path]!r}}} carries it. To leave it, "
                "silence partstream.W005."
            ),
            id="partstream.W005",
        )
        for path, value in _locals_of_middleware()
        if not any(value is each for each in carried)
    ]


def check_policies(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Warn of row-level security by a session setting that no ``TENANCY.connection()`` makes."""
    try:
        found = tenancy() if is_good("TENANCY") else None
    except ImproperlyConfigured:
        found = None  # check_tenancy() says so
    if found and found.has_connection:
        return []
    return [
        CheckWarning(
            f"Policies of the database {alias!r} read a setting of the session ({table}). The "
            "connections of parts in other threads do not have that setting.",
            hint=(
                "Define connection(self, tenant, connection) on PARTSTREAM['TENANCY'], which makes "
                "the setting."
            ),
            id="partstream.W006",
        )
        for alias in databases or ()
        if connections[alias].vendor == "postgresql"
        for table in _table_with_policy(alias)
    ]


def _locals_of_middleware() -> Iterator[tuple[str, threading.local]]:
    """The thread-locals of the project's middleware, each once, with its dotted path."""
    seen: set[int] = set()
    for path, owner in _homes_of_middleware():
        for attribute, value in list(vars(owner).items()):
            if isinstance(value, threading.local) and id(value) not in seen:
                seen.add(id(value))
                yield f"{path}.{attribute}", value


def _homes_of_middleware() -> Iterator[tuple[str, Any]]:
    """The modules and classes in which a middleware may keep its state, with dotted paths."""
    for path in settings.MIDDLEWARE or ():
        name, _dot, attribute = path.rpartition(".")
        with suppress(ImportError, ValueError):  # Django says so when it loads the middleware
            module = import_module(name)
            yield name, module
            made: Any = getattr(module, attribute, None)
            if isinstance(made, type):
                yield path, made
            # It may be imported here, and keep its state in the module that defines it.
            home = getattr(made, "__module__", "")
            if home in sys.modules:
                yield home, sys.modules[home]


def _table_with_policy(alias: str) -> list[str]:
    """The first table with a policy that reads a setting of the session, in a list; or none."""
    with suppress(DatabaseError), connections[alias].cursor() as cursor:
        cursor.execute(_POLICIES)
        return [table for (table,) in cursor.fetchall()[:1]]
    return []
