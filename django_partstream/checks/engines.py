"""
The checks of background functions: their engine, their caches, and the broker of Celery.

A test run is left alone. Its settings often have no broker and a cache in memory, and tests compute
with :func:`~django_partstream.testing.background_now`. With ``DEBUG`` a single process serves, so
what matters to several processes is not said there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core import mail
from django.core.cache import caches
from django.core.cache.backends.base import InvalidCacheBackendError
from django.core.cache.backends.dummy import DummyCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning
from django.core.exceptions import ImproperlyConfigured
from django.urls import get_resolver

from django_partstream.checks.options import is_good
from django_partstream.conf import setting
from django_partstream.jobs.engine import current_engine
from django_partstream.jobs.functions import Background, declared, is_of_installed_app

#: Options of ``broker_transport_options`` without which Celery may wait for ever, by the scheme of
#: the broker's address, each with a value that suits: a number of retries, and seconds.
_LIMITS = {
    "redis": {"max_retries": 0, "socket_timeout": 1, "socket_connect_timeout": 1},
    "amqp": {"max_retries": 0},
}
_KINDS = {"rediss": "redis", "sentinel": "redis", "amqps": "amqp", "pyamqp": "amqp"}

_SHARED = "Configure a cache in CACHES that all processes share, such as Redis."


def check_engine(**_: Any) -> list[CheckMessage]:
    """Name an engine that cannot be used, and warn of an engine that has no workers."""
    if not is_good("BACKGROUND"):
        return []  # check_settings() says so
    try:
        is_local = _is_local()
    except ImproperlyConfigured as exc:
        message, _dot, hint = str(exc).rpartition(". ")
        return [Error(f"{message}.", hint=hint, id="partstream.E007")]
    name = setting("BACKGROUND")
    if name == "thread" or not is_local or settings.DEBUG or _is_test_run():
        return []
    return [
        CheckWarning(
            f"PARTSTREAM['BACKGROUND'] is {name!r}, which is configured to do the work of a "
            "background function in the request that asks for it, or never.",
            hint=(
                "Configure TASKS['default'] with a backend that has workers."
                if name == "tasks"
                else "Set task_always_eager = False in the settings of Celery."
            ),
            id="partstream.W010",
        )
    ]


def check_functions(**_: Any) -> list[CheckMessage]:
    """Name each background function that a worker would not find."""
    if not is_good("BACKGROUND"):
        return []
    return [
        Error(
            f"{function.path} is a background function outside of the apps in INSTALLED_APPS, so "
            "a worker would not find it.",
            hint="Move it to a module of an app, or add its package to INSTALLED_APPS.",
            id="partstream.E013",
        )
        for function in _functions()
        if not is_of_installed_app(function.func.__module__)
    ]


def check_background_caches(**_: Any) -> list[CheckMessage]:
    """Name each cache of a background function that does not share its values."""
    if not _has_engine() or _is_test_run():
        return []
    return [message for alias in _aliases() for message in _problems_of_cache(alias)]


def check_celery(**_: Any) -> list[CheckMessage]:
    """Warn where messages for Celery go nowhere, or wait for the broker without a limit."""
    if setting("BACKGROUND") != "celery" or not _has_engine() or _is_test_run():
        return []
    app = _app_of_celery()
    if app is not None:
        return list(_problems_of_broker(app))
    return [
        CheckWarning(
            "PARTSTREAM['BACKGROUND'] is 'celery', and no Celery app was made in this process.",
            hint=(
                "Import the module of the app in the __init__ of your project's package, as "
                '"First steps with Django" in the documentation of Celery says.'
            ),
            id="partstream.W011",
        )
    ]


def _is_local() -> bool:
    """
    Whether the engine asks no broker.

    Raises:
        ImproperlyConfigured: there is no usable engine.
    """
    engine = current_engine()
    # Without an app of the project, an engine that is asked has Celery make another app.
    is_without_app = setting("BACKGROUND") == "celery" and _app_of_celery() is None
    return not is_without_app and engine.is_local()


def _has_engine() -> bool:
    """Whether there is a usable engine; if not, :func:`check_engine` says so."""
    if is_good("BACKGROUND"):
        with suppress(ImproperlyConfigured):
            _is_local()
            return True
    return False


def _is_test_run() -> bool:
    """Whether Django has set up the environment of a test run, in which mail has an outbox."""
    return hasattr(mail, "outbox")


def _functions() -> list[Background[..., Any]]:
    with suppress(Exception):  # Django's own check of the URLs says so
        _ = get_resolver().url_patterns  # imports the modules that serve, and so their functions
    return declared()


def _aliases() -> list[str]:
    """The caches of the functions that are known; if there is none, that of functions to come."""
    aliases = {function.cache for function in _functions()}
    if not aliases and setting("BACKGROUND") != "thread":
        return ["default"]
    return sorted(aliases)


def _problems_of_cache(alias: str) -> Iterator[CheckMessage]:
    try:
        cache = caches[alias]
    except InvalidCacheBackendError as exc:
        yield _error(f"A background function has the cache {alias!r}: {exc}")
        return
    if isinstance(cache, DummyCache):
        yield _error(
            f"A background function has the cache {alias!r}, which keeps nothing.",
            "" if _has_workers() else " On a single process, as of runserver, LocMemCache will do.",
        )
    elif isinstance(cache, LocMemCache):
        yield from _problems_of_own_cache(alias)


def _problems_of_own_cache(alias: str) -> Iterator[CheckMessage]:
    """The problems with the cache *alias*, of which each process has its own."""
    if _has_workers():
        yield _error(
            f"A background function has the cache {alias!r}, of which each process has its own. "
            "A value that a worker computes never reaches the server."
        )
    elif not settings.DEBUG:
        yield CheckWarning(
            f"A background function has the cache {alias!r}, of which each process has its own. "
            "Each process of the server computes each value again.",
            hint=f"{_SHARED} If a single process serves, silence partstream.W009.",
            id="partstream.W009",
        )


def _has_workers() -> bool:
    """Whether other processes than those of the server do the work, as far as is known."""
    return setting("BACKGROUND") in ("celery", "tasks") and not _is_local()


def _error(message: str, more: str = "") -> Error:
    return Error(message, hint=f"{_SHARED}{more}", id="partstream.E008")


def _app_of_celery() -> Any:
    """The Celery app by which every thread of this process sends; None if none was made."""
    from celery.app import default_app  # noqa: PLC0415 - an optional package

    app = default_app._get_current_object()
    # Celery makes an app of that name itself where the project has none.
    return None if app is None or app.main == "default" else app


def _scheme_of_broker(app: Any) -> str:
    """
    The kind of the broker of *app*, which is not asked.

    Raises:
        Exception: there is no such kind, or its client library is missing.
    """
    connection = app.connection_for_write()
    _ = connection.transport  # imports the client library
    scheme: str = connection.transport_cls
    return scheme


def _problems_of_broker(app: Any) -> Iterator[CheckMessage]:
    if app.conf.task_always_eager:
        return
    try:
        scheme = _scheme_of_broker(app)
    except Exception as exc:  # noqa: BLE001 - a transport raises what its client library raises
        yield Error(
            f"The broker of Celery cannot be used: {type(exc).__name__}: {exc}",
            hint="Mend broker_url, or install its client, as in pip install 'celery[redis]'.",
            id="partstream.E007",
        )
        return
    limits = _LIMITS.get(_KINDS.get(scheme, scheme), {})
    options = app.conf.broker_transport_options or {}
    lacking = {name: value for name, value in limits.items() if options.get(name) is None}
    if lacking:
        yield CheckWarning(
            "A request may wait for the broker of Celery for ever: broker_transport_options has "
            f"no {' and no '.join(lacking)}.",
            hint=f"Add to broker_transport_options: {str(lacking)[1:-1]}.",
            id="partstream.W012",
        )
