"""
The cost of a part on the server: its time, its SQL statements, its cache, the place where it ran.

Statements are counted by a wrapper on each database connection of the process, so that the log
record of a failure has the figures in production, too. The rules:

- The wrapper is put on a connection when that connects, and stays. A connection of another thread
  that is older than the import of this module has it once it connects anew.
- The wrapper is the first of its connection, and so outside of all others: the time of a statement
  is what the part has waited for. The last one would be taken away when a
  ``connection.execute_wrapper()`` ends.
- A statement counts for the current recorder, which is that of the part: also in another thread and
  in a coroutine, as the context variable is carried there. Elsewhere nothing is counted.
- ``executemany()`` is a single statement. The beginning and the end of a transaction or savepoint
  is none, for the library sets savepoints of its own. Nor is what a backend runs to connect.
- A part has ended with its outcome. A late statement of a timed call counts for nothing, and one
  that still runs counts up to then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal, TypeAlias

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from django_partstream._django import made_connections, wrap_outermost
from django_partstream.conf import setting
from django_partstream.recorders import Statement, current

#: The first words of statements that are not counted, as Django's backends write them.
TRANSACTIONAL = ("SAVEPOINT ", "RELEASE SAVEPOINT ", "ROLLBACK TO SAVEPOINT ", "BEGIN")


#: The place where a part runs: in the thread of the request, on its connection; in another thread,
#: on a connection of that; in an event loop; inside the open transaction of the request.
Ran: TypeAlias = Literal["request", "thread", "loop", "transaction"]

#: The cost as an attempt keeps it: when the part could begin, began and ended, its statements,
#: whether its value was cached, and where it ran. A :class:`Cost` takes ten times as long to make.
Spent: TypeAlias = tuple[float, float, float, list[Statement], bool | None, Ran]

NOTHING: Spent = (0.0, 0.0, 0.0, [], None, "request")


@dataclass(kw_only=True, slots=True)
class Cost:
    """
    The cost of a part on the server; times are wall clock, in seconds.

    *queries* is the number of SQL statements, and *sql_seconds* their time, added up. *cached*
    tells whether ``cached_for`` had the value; None if the part does not ask it. *waited* is the
    time from when the page or stream could have begun the part to when it did.
    """

    seconds: float
    queries: int
    sql_seconds: float
    cached: bool | None
    ran: Ran
    waited: float

    @classmethod
    def of(cls, spent: Spent) -> Cost:
        """The cost of what was *spent*: up to the end, whatever statements have come later."""
        ready, started, ended, statements, cached, ran = spent
        took = [each.seconds(ended) for each in list(statements) if each.started < ended]
        return cls(
            seconds=ended - started,
            queries=len(took),
            sql_seconds=sum(took, 0.0),  # a float for no statement, too: an attribute has one type
            cached=cached,
            ran=ran,
            waited=max(started - ready, 0.0),
        )

    def timing(self, status: str) -> dict[str, Any]:
        """The cost of a part that ended with *status*, as JSON; times in milliseconds."""
        return {
            "ms": _milliseconds(self.seconds),
            "status": str(status),
            "cached": self.cached,
            "queries": self.queries,
            "sql_ms": _milliseconds(self.sql_seconds),
            "ran": self.ran,
            "waited_ms": _milliseconds(self.waited),
        }


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)


def are_told() -> bool:
    """Whether responses tell what their parts cost: in ``DEBUG``, or by ``SERVER_TIMING``."""
    told: bool | None = setting("SERVER_TIMING")
    return settings.DEBUG if told is None else told


class StatementCounter:
    """Counts the statements on a *raw* connection for the current recorder; an execute wrapper."""

    __slots__ = ("raw",)

    def __init__(self) -> None:
        self.raw: Any = None

    def __call__(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any
    ) -> Any:
        """Run a statement, and count it."""
        recorder = current.get()
        if recorder is None or not recorder.is_open or not self._counts(sql, context["connection"]):
            return execute(sql, params, many, context)
        statement = Statement(perf_counter())
        recorder.statements.append(statement)
        try:
            return execute(sql, params, many, context)
        finally:
            statement.ended = perf_counter()

    def _counts(self, sql: Any, connection: Any) -> bool:
        """Whether *sql* is of the part: a connection that is being made sets itself up."""
        is_transactional = isinstance(sql, str) and sql.startswith(TRANSACTIONAL)
        return connection.connection is self.raw and not is_transactional


def wrappers_of(connection: BaseDatabaseWrapper) -> tuple[Any, ...]:
    """The execute wrappers of *connection* but the one that counts."""
    wrappers = connection.execute_wrappers
    return tuple(each for each in wrappers if not isinstance(each, StatementCounter))


def _count_on(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Have the statements on *connection* counted, which has just connected."""
    counters = (one for one in connection.execute_wrappers if isinstance(one, StatementCounter))
    counter = next(counters, None)
    if counter is None:
        counter = StatementCounter()
        wrap_outermost(connection, counter)
    counter.raw = connection.connection


connection_created.connect(_count_on, dispatch_uid="django_partstream.costs")
if settings.configured:
    for _made in made_connections():
        _count_on(_made)
