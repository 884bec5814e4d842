"""
Database connections that a timed call may use until its time is up, and not after.

A late call cannot be stopped, but its database work can: the statement it is in is cancelled,
and each later one is refused. That holds for the connections of its own thread, and inside a
transaction for the caller's, which it is lent so that it sees the transaction's rows.

What is lent is a copy of Django's wrapper round the same raw connection, with a transaction
state of its own. Its cursors take a lock for each call and look whether the loan was revoked.
So when revoking has the lock, the raw connection is the caller's again, to roll back to a
savepoint. Lending the wrapper itself fails: a late ``atomic()`` of the call would corrupt it.
"""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_partstream.savepoints import open_transactions

#: How long to wait for a cancelled statement before it is cancelled again, in seconds.
RETRY = 0.01
TRIES = 5

#: What a wrapper knows of its transaction, which the lender takes over at the end.
_STATE = (
    "needs_rollback",
    "savepoint_state",
    "closed_in_transaction",
    "errors_occurred",
    "rollback_exc",
)


class Revoked(DatabaseError):
    """The time of this call is up: it may not use the database any more."""


class Loan:
    """One connection, for the use of one thread, until :meth:`revoke`."""

    def __init__(self, wrapper: BaseDatabaseWrapper) -> None:
        self.wrapper = wrapper
        self._lock = threading.Lock()
        self._revoked = False
        self._cursors: WeakSet[Any] = WeakSet()
        self._create_cursor = wrapper.create_cursor
        wrapper.create_cursor = self._guarded_cursor  # type: ignore[method-assign]

    @classmethod
    def of_transaction(cls, connection: BaseDatabaseWrapper, point: str | None) -> Loan:
        """Lend the raw connection of *connection*, which is inside ``atomic()``, at *point*."""
        lent = copy.copy(connection)
        lent.__dict__.pop("wrap_database_errors", None)  # it is bound to the original
        # With the point, on_commit() knows which of its hooks are undone with the call.
        lent.savepoint_ids = [*connection.savepoint_ids, *([point] if point else [])]
        lent.atomic_blocks = list(connection.atomic_blocks)
        lent.run_on_commit = list(connection.run_on_commit)
        lent.execute_wrappers = list(connection.execute_wrappers)
        return cls(lent)

    def take(self) -> None:
        """Make this the connection of the current thread."""
        self.wrapper._thread_ident = threading.get_ident()  # type: ignore[attr-defined]
        connections[self.wrapper.alias] = self.wrapper

    def give_back(self, connection: BaseDatabaseWrapper) -> None:
        """Have *connection* go on where the loan has got to."""
        for name in _STATE:
            if hasattr(self.wrapper, name):
                setattr(connection, name, getattr(self.wrapper, name))
        connection.run_on_commit = self.wrapper.run_on_commit
        self._revoked = True

    def stop(self) -> None:
        """Refuse each later statement, and try to cancel the one that runs."""
        self._revoked = True
        for _ in range(TRIES):
            if self._lock.acquire(timeout=RETRY):
                self._lock.release()
                return
            _cancel(self.wrapper.connection)

    def revoke(self) -> None:
        """The same, and wait: on return nothing runs or is left open on the raw connection."""
        self._revoked = True
        while not self._lock.acquire(timeout=RETRY):
            _cancel(self.wrapper.connection)
        try:
            # SQLite goes on interrupting while a cursor is open.
            for cursor in list(self._cursors):
                with suppress(Exception):
                    cursor.close()
        finally:
            self._lock.release()

    def _guarded_cursor(self, name: str | None = None) -> Any:
        with self.held():
            cursor = self._create_cursor(name)
        self._cursors.add(cursor)
        return LentCursor(self, cursor)

    @contextmanager
    def held(self) -> Iterator[None]:
        """
        Keep the loan for the body.

        Raises:
            Revoked: it is over.
        """
        with self._lock:
            if self._revoked:
                raise Revoked("The time of this call is up.")
            yield


class LentCursor:
    """A raw cursor, each call of which is made while the loan is held."""

    def __init__(self, loan: Loan, cursor: Any) -> None:
        self._loan, self._cursor = loan, cursor

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._cursor, name)
        if not callable(value):
            return value

        def held(*args: Any, **kwargs: Any) -> Any:
            with self._loan.held():
                return value(*args, **kwargs)

        return held

    def __iter__(self) -> Iterator[Any]:
        with self._loan.held():
            rows = iter(self._cursor)
        while True:
            with self._loan.held():
                try:
                    row = next(rows)
                except StopIteration:
                    return
            yield row

    def __enter__(self) -> LentCursor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; a revoked one was closed."""
        with suppress(Revoked), self._loan.held():
            self._cursor.close()


def _cancel(raw: Any) -> None:
    """Cancel what runs on a raw connection, where its database can: PostgreSQL, SQLite."""
    stop = getattr(raw, "interrupt", None) or getattr(raw, "cancel", None)
    if stop is not None:
        with suppress(Exception):
            stop()


class Loans:
    """All connections of one timed call: those it is lent, and those of its own thread."""

    def __init__(self) -> None:
        self._transactions = open_transactions()
        self._points = [
            None if one.needs_rollback else one.savepoint() for one in self._transactions
        ]
        self._lent = [
            Loan.of_transaction(one, point)
            for one, point in zip(self._transactions, self._points, strict=True)
        ]
        self._own: list[Loan] = []

    @contextmanager
    def taken(self) -> Iterator[None]:
        """In the thread of the call: have it use them, and leave none behind."""
        aliases = {loan.wrapper.alias for loan in self._lent}
        try:
            for loan in self._lent:
                loan.take()
            self._own += [Loan(connections[one]) for one in connections if one not in aliases]
            yield
        finally:
            for alias in aliases:
                del connections[alias]
            for loan in self._own:
                # Not loan.wrapper.close(): SQLite's leaves a database in memory open.
                BaseDatabaseWrapper.close(loan.wrapper)

    def give_back(self, *, keep: bool) -> None:
        """The call has ended; *keep* what it did in the transactions, or undo it."""
        for connection, loan, point in self._each():
            loan.give_back(connection)
            if not keep:
                _roll_back(connection, point)
            elif point:
                connection.savepoint_commit(point)

    def revoke(self) -> None:
        """The call is late: take all from it, and undo what it did in the transactions."""
        for loan in self._own:
            loan.stop()
        for connection, loan, point in self._each():
            loan.revoke()
            _roll_back(connection, point)

    def _each(self) -> Iterator[tuple[BaseDatabaseWrapper, Loan, str | None]]:
        return zip(self._transactions, self._lent, self._points, strict=True)


def _roll_back(connection: BaseDatabaseWrapper, point: str | None) -> None:
    """
    Take a transaction back to *point*, or mark it for rollback where that cannot be done.

    A cancellation may arrive late and hit the rollback itself, so it is tried again.
    """
    connection.needs_rollback = False
    for _ in range(3):
        try:
            if point is None:
                break
            connection.savepoint_rollback(point)
            connection.savepoint_commit(point)
        except DatabaseError:
            continue
        return
    connection.needs_rollback = True
