"""The engine that the setting ``BACKGROUND`` names, and how it is asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, TypeAlias

from django.core.exceptions import ImproperlyConfigured

from django_partstream.conf import ENGINES, setting
from django_partstream.tenancy import named
from django_partstream.timed.calls import call_within

Enqueue: TypeAlias = Callable[[dict[str, Any]], None]

#: Seconds that a broker has to take a message.
DEADLINE = 2.0


@dataclass(frozen=True, slots=True)
class Engine:
    """
    A way to have work done.

    *is_local* tells whether ``enqueue()`` asks no broker: it keeps the message in this process, or
    does the work at once. *at_once* tells whether work has ended when ``enqueue()`` returns, also
    that of other threads.
    """

    enqueue: Enqueue
    is_local: Callable[[], bool]
    at_once: bool = False


#: An engine that takes the place of every other, for tests.
stand_in: Engine | None = None


def current_engine() -> Engine:
    """
    The engine that ``BACKGROUND`` names.

    Raises:
        ImproperlyConfigured: there is none, or a package that it needs is missing.
    """
    if stand_in is not None:
        return stand_in
    configured = setting("BACKGROUND")
    if configured in ENGINES:
        module = _module_of(configured)
        return Engine(module.enqueue, module.is_local)
    return Engine(_function_at(configured), lambda: False)


def enqueue(message: dict[str, Any], request: Any) -> None:
    """
    Have the current engine take *message*, within ``DEADLINE``. *request* has asked for it.

    Raises:
        ImproperlyConfigured: as :func:`current_engine`.
        PartTimeout: the broker does not answer.
        Exception: the engine has not taken the message.
    """
    engine = current_engine()
    if engine.is_local():
        engine.enqueue(message)
    else:
        call_within(DEADLINE, partial(engine.enqueue, message), of=engine.enqueue, request=request)


def works_in_transactions() -> bool:
    """Whether the engine may be asked in an open transaction: in tests, which never commit."""
    return stand_in is not None


def works_at_once() -> bool:
    """Whether work has ended when the engine was asked."""
    return stand_in is not None and stand_in.at_once


def _module_of(name: str) -> Any:
    try:
        return import_module(f"django_partstream.engines.{name}")
    except ModuleNotFoundError as exc:
        raise ImproperlyConfigured(
            f"PARTSTREAM['BACKGROUND'] is {name!r}, which needs a package: {exc}. "
            f"pip install 'django-partstream[{name}]'"
        ) from exc


def _function_at(path: Any) -> Enqueue:
    function = named(path, "BACKGROUND") if isinstance(path, str) else path
    if not callable(function):
        raise ImproperlyConfigured(
            f"PARTSTREAM['BACKGROUND'] names {path!r}, which is no function. Name 'thread', "
            "'tasks', 'celery', or a function enqueue(message)."
        )
    return function  # type: ignore[no-any-return]
