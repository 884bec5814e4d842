"""
System checks of the ``PARTSTREAM`` setting, and of the state that a project keeps outside of it.

================= ==================================================================
id                meaning
================= ==================================================================
partstream.E001   ``PARTSTREAM`` is not a dict
partstream.E002   an unknown key
partstream.E003   a bad value
partstream.E004   ``TENANCY`` or ``THREAD_LOCALS`` names an object that cannot be used
partstream.W005   a ``threading.local`` of a middleware is not carried
partstream.W006   policies of PostgreSQL read a session setting, without a
                  ``TENANCY.connection()``
================= ==================================================================
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections

from django_partstream.carried.thread_locals import carried_locals
from django_partstream.conf import SETTINGS, setting
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


def check_settings(**_: Any) -> list[CheckMessage]:
    """Name each key of ``PARTSTREAM`` that is unknown or has a bad value."""
    _import_fronts()
    configured = getattr(settings, "PARTSTREAM", {})
    if not isinstance(configured, dict):
        return [
            Error(
                f"PARTSTREAM is a {type(configured).__name__}; it must be a dict.",
                hint="PARTSTREAM = {'CHUNK_SIZE': 3}",
                id="partstream.E001",
            )
        ]
    errors: list[CheckMessage] = []
    for key, value in configured.items():
        known = SETTINGS.get(key)
        if known is None:
            near = get_close_matches(str(key).upper(), SETTINGS, n=1)
            errors.append(
                Error(
                    f"PARTSTREAM has the unknown key {key!r}.",
                    hint=f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(SETTINGS)}.",
                    id="partstream.E002",
                )
            )
        elif not known.accepts(value):
            errors.append(
                Error(
                    f"PARTSTREAM[{key!r}] is {value!r}.",
                    hint=f"It must be {known.wants}.",
                    id="partstream.E003",
                )
            )
    return errors


def check_tenancy(**_: Any) -> list[CheckMessage]:
    """Name a ``TENANCY`` or ``THREAD_LOCALS`` that cannot be imported or used."""
    errors: list[CheckMessage] = []
    for key, use in [("TENANCY", tenancy), ("THREAD_LOCALS", carried_locals)]:
        if not _is_good(key):
            continue  # check_settings() says so
        try:
            use()
        except ImproperlyConfigured as exc:
            message, _dot, hint = str(exc).rpartition(". ")
            errors.append(Error(f"{message}.", hint=hint, id="partstream.E004"))
    return errors


def check_thread_locals(**_: Any) -> list[CheckMessage]:
    """Warn of each ``threading.local`` in the module of a middleware that is not carried."""
    if not _is_good("THREAD_LOCALS"):
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
        found = tenancy() if _is_good("TENANCY") else None
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


def _is_good(key: str) -> bool:
    """Whether the setting *key* has a value of the right shape."""
    configured = getattr(settings, "PARTSTREAM", {})
    return isinstance(configured, dict) and SETTINGS[key].accepts(setting(key))


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


def _import_fronts() -> None:
    """Import each front that can be imported, so that the settings of all are known."""
    for front in ("partstream_rest", "partstream_graphql"):
        with suppress(ImportError, ImproperlyConfigured):
            import_module(front)
