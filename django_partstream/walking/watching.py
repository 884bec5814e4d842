"""
What the parts of a walk do in this process: their timing, their statements, their plans.

Nothing of that costs a page anything while no walk is watched. A watch

- receives ``signals.part_resolved``;
- stands as an ``execute_wrapper()`` round each statement, in the threads of parts, too;
- takes the place of ``Endpoint.plan``, to time ``get_parts()``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self
from unittest import mock

from django.db import connections

from django_partstream.costs import TRANSACTIONAL
from django_partstream.delivery.attempts import current_attempt
from django_partstream.endpoints import Endpoint
from django_partstream.jobs.functions import no_waiting
from django_partstream.parts import Plan, is_lazy
from django_partstream.signals import part_resolved


@dataclass(frozen=True, slots=True)
class Statement:
    """
    An SQL statement of the part *part*; of ``get_parts()`` if it *is_planning*.

    *params* are equal for equal parameters on the same database.
    """

    sql: str
    params: int
    part: str | None
    is_planning: bool


@dataclass(slots=True)
class Planned:
    """A call of ``get_parts()``: its time, its parts that are not lazy, the functions of others."""

    seconds: float
    queries: int
    immediate: list[str]
    functions: dict[str, Any]


@dataclass(slots=True, weakref_slot=True)
class Watch:
    """A watch over a walk. *function_of* gives the function of a part, as its front knows it."""

    function_of: Callable[[Any, str, Any], Any]
    statements: list[Statement] = field(default_factory=list)
    plans: list[Planned] = field(default_factory=list)
    _timings: dict[str, dict[str, Any]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        part_resolved.connect(self._hear)
        self._stack.callback(part_resolved.disconnect, self._hear)
        for connection in connections.all():
            self._stack.enter_context(connection.execute_wrapper(self._note))
        self._stack.enter_context(mock.patch.object(Endpoint, "plan", self._watched_plan()))
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    def timing_of(self, name: str) -> dict[str, Any] | None:
        """The timing of the part that a response calls *name*, which may spell it otherwise."""
        with self._lock:
            return self._timings.get(_plain(name))

    def limit_of(self, name: str) -> float | None:
        """The limit of the ``with_timeout`` round the part called *name*, in seconds, if any."""
        for planned in self.plans:
            for each, function in planned.functions.items():
                limit: float | None = getattr(function, "partstream_limit", None)
                if limit is not None and _plain(each) == _plain(name):
                    return limit
        return None

    def _hear(self, sender: type, **told: Any) -> None:
        with self._lock:
            self._timings[_plain(told["name"])] = told["cost"].timing(told["status"])

    def _note(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        attempt = current_attempt()
        if not str(sql).startswith(TRANSACTIONAL):
            statement = Statement(
                str(sql),
                hash((context["connection"].alias, repr(params))),
                None if attempt is None else attempt.name,
                is_planning=attempt is None and no_waiting.get() == "get_parts()",
            )
            with self._lock:
                self.statements.append(statement)
        return execute(sql, params, many, context)

    def _watched_plan(self) -> Any:
        original: Any = vars(Endpoint)["plan"]

        def plan(endpoint: Endpoint) -> Plan:
            before, started = len(self.statements), time.perf_counter()
            made: Plan = original.func(endpoint)
            seconds = time.perf_counter() - started
            functions = {
                name: value.func
                if is_lazy(value)
                else self.function_of(endpoint.owner, name, value)
                for name, value in zip(made.names, made.values, strict=True)
            }
            immediate = [
                name
                for name, value in zip(made.names, made.values, strict=True)
                if functions[name] is None and value is not None
            ]
            queries = sum(each.is_planning for each in self.statements[before:])
            self.plans.append(Planned(seconds, queries, immediate, functions))
            return made

        watched = cached_property(plan)
        watched.__set_name__(Endpoint, "plan")
        return watched


def _plain(name: str) -> str:
    """*name* as snake case and camel case share it."""
    return name.replace("_", "").lower()
