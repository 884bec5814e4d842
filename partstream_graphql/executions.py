"""
The current execution of a document, and the progressive pages that it answers with.

The view asks for them after the execution: errors below a connection are masked, and a page for a
single reader is private.

No field waits for background work but in the resolver of a part. During an execution the view says
so. On another view the call stack tells, for nothing would end there what was said.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLResolveInfo

from django_partstream.endpoints import Endpoint
from django_partstream.jobs.functions import finders, no_waiting
from partstream_graphql._graphql_core import is_executing

#: Where code runs that is no resolver of a part.
_PLACE = "a GraphQL field that is no part"


@dataclass(slots=True)
class Execution:
    """
    An execution: the *paths* of its progressive connections, and the *endpoints* of their pages.

    *failed* once a part has failed, *pending* once a part is.
    """

    paths: list[list[Any]] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)
    failed: bool = False
    pending: bool = False

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
