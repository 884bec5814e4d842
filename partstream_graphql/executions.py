"""
The current execution of a document, and the progressive pages that it answers with.

The view asks for them after the execution: errors below a connection are masked, a page for a
single reader is private, and ``extensions.partstream`` tells what parts cost, where that is told.

No field waits for background work but in the resolver of a part. During an execution the view says
so. On another view the call stack tells, for nothing would end there what was said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from graphql import GraphQLResolveInfo

from django_partstream.endpoints import Endpoint
from django_partstream.jobs.functions import finders, no_waiting
from django_partstream.outcomes import Outcome
from partstream_graphql._graphql_core import is_executing

#: What a part cost: the response path of its connection, and the entry of the part as JSON.
Timing: TypeAlias = tuple[str, dict[str, Any]]

#: Where code runs that is no resolver of a part.
_PLACE = "a GraphQL field that is no part"


@dataclass(slots=True)
class Execution:
    """
    An execution: the *paths* of its progressive connections, and the *endpoints* of their pages.

    *failed* once a part has failed, *pending* once a part is. *timings* are yet to be told.
    """

    paths: list[list[Any]] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)
    failed: bool = False
    pending: bool = False
    timings: list[Timing] = field(default_factory=list)

    @property
    def is_private(self) -> bool:
        """Whether a page is for a single reader, has a failure, or lacks a part."""
        return (
            self.failed or self.pending or any(endpoint.is_personal for endpoint in self.endpoints)
        )


_current: ContextVar[Execution | None] = ContextVar("partstream_graphql.execution", default=None)


@contextmanager
def watched_execution() -> Iterator[Execution]:
    """Yield an execution that notes the pages resolved in the body, where no field waits."""
    execution = Execution()
    token, place = _current.set(execution), no_waiting.set(_PLACE)
    try:
        yield execution
    finally:
        no_waiting.reset(place)
        _current.reset(token)


def _place() -> str | None:
    return _PLACE if is_executing() else None


finders.append(_place)


def note_connection(info: GraphQLResolveInfo) -> None:
    """Note the path of a progressive connection in the response."""
    if (execution := _current.get()) is not None:
        execution.paths.append(info.path.as_list())


def note_page(endpoint: Endpoint, *, failed: bool, pending: bool) -> None:
    """Note a page of *endpoint*; *failed* if a part of it failed, *pending* if it lacks a part."""
    if (execution := _current.get()) is not None:
        execution.endpoints.append(endpoint)
        execution.failed = execution.failed or failed
        execution.pending = execution.pending or pending


def note_timings(timings: Iterable[Timing]) -> None:
    """Note what the parts of a page cost."""
    if (execution := _current.get()) is not None:
        execution.timings += timings


def timing_of(info: GraphQLResolveInfo, field_name: str, outcome: Outcome) -> Timing:
    """What the part of *outcome* cost, of the connection that *info* resolves."""
    path = ".".join(map(str, info.path.as_list()))
    return path, {"name": field_name, **outcome.timing}


def extensions_of(timings: Iterable[Timing]) -> dict[str, Any]:
    """The ``extensions`` of a response that tells *timings*."""
    told: dict[str, list[dict[str, Any]]] = {}
    for path, entry in timings:
        told.setdefault(path, []).append(entry)
    return {"partstream": {"timing": told}}
