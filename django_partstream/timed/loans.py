"""
Database connections that a timed call may use until its time is up, and not after.

A late call cannot be stopped, but its database work can: the statement it is in is cancelled,
and each later one is refused. That holds for the connections of its own thread, and inside a
transaction for the caller's, which it is lent so that it sees the transaction's rows.

What is lent is a copy of Django's wrapper round the same raw connection, with a transaction
state of its own. Its cursors take a lock for each call and look whether the loan was revoked.
So when revoking has the lock, the raw connection is the caller's again, to roll back to a
savepoint. Lending the wrapper itself fails: a late ``atomic()`` of the call would corrupt it.

Where the statement cannot be cancelled in time (other databases, a network that has gone), the
connection is left to the late call, which closes it at its end, and the transaction is lost.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from weakref import WeakSet

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_partstream.databases import (
    cancel,
    close,
    is_busy,
    lose,
    open_transactions,
    overlaid,
    roll_back,
    shut,
    tidy,
)

#: How long statements that run are given to be cancelled, and how often it is tried, in seconds.
GRACE = 0.15
RETRY = 0.01

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
        self._revoked = False  # no more statements of the call
        self._over = False  # nor anything else: the connection is the lender's again
        self._cancelled = False  # a statement was, so the connection is not fit for a pool
        self._ended = False  # the call has returned
        self._left = False  # the connection is the call's to close, when it returns
        self._end = threading.Lock()
        self._cursors: WeakSet[Any] = WeakSet()
        own: Any = wrapper
        self._create_cursor, self._commit = own.create_cursor, own._commit
        own.create_cursor, own._commit = self._guarded_cursor, self._guarded_commit

    @classmethod
    def of_transaction(cls, connection: BaseDatabaseWrapper, point: str | None) -> Loan:
        """Lend the raw connection of *connection*, which is inside ``atomic()``, at *point*."""
        lent = copy.copy(connection)
        # What is bound to the original: methods that a test or a tool put there, and this.
        for name in ["wrap_database_errors", *overlaid(connection)]:
            lent.__dict__.pop(name, None)
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
        self._revoked = self._over = True

    def revoke(self, deadline: float) -> bool:
        """
        Refuse each later statement and cancel the one that runs, until *deadline*, by
        ``time.monotonic()``. True: nothing runs or is left open on the raw connection.
        """
        self._revoked = True
        while not self._lock.acquire(timeout=RETRY):
            self._cancel()
            if time.monotonic() > deadline:
                return False
        try:
            # Its own work, or a COPY, takes the raw connection without our lock.
            while is_busy(self.wrapper.connection):
                self._cancel()
                if time.monotonic() > deadline:
                    return False
                time.sleep(RETRY)
            # SQLite goes on interrupting while a cursor is open.
            for cursor in list(self._cursors):
                shut(cursor)
            self._over = True
        finally:
            self._lock.release()
        return True

    def _cancel(self) -> None:
        with self._end:  # never the next statement of whoever has the connection after the call
            if not self._ended:
                self._cancelled = True
                cancel(self.wrapper.connection)

    def leave(self) -> bool:
        """Leave the raw connection to the call, which closes it; False if that has ended."""
        with self._end:
            self._left = not self._ended
        return self._left

    def end(self) -> None:
        """In the thread of the call, when it has returned."""
        with self._end:
            self._ended = True
        if self._left:
            close(self.wrapper)

    def keep(self) -> None:
        """The same for a connection of this thread: keep it for the next call, or close it."""
        self.end()
        del self.wrapper.create_cursor, self.wrapper._commit  # type: ignore[attr-defined]
        if self._cancelled:
            with suppress(Exception):
                self.wrapper.connection.close()  # so that no pool hands it on
        elif self.wrapper.settings_dict["CONN_MAX_AGE"] != 0 and not self.wrapper.in_atomic_block:
            tidy(self.wrapper)
            return
        close(self.wrapper)
        del connections[self.wrapper.alias]

    def _guarded_cursor(self, name: str | None = None) -> Any:
        with self.held():
            cursor = self._create_cursor(name)
            self._cursors.add(cursor)
        return LentCursor(self, cursor)

    def _guarded_commit(self) -> None:
        with self.held():
            self._commit()

    def shut(self, cursor: Any) -> None:
        """Close a raw cursor, unless the connection is no longer the call's."""
        with self._lock:
            if not self._revoked:
                cursor.close()
            elif not self._over:
                shut(cursor)

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

    def __setattr__(self, name: str, value: Any) -> None:
        if name in {"_loan", "_cursor"}:
            super().__setattr__(name, value)
        else:
            setattr(self._cursor, name, value)

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
        """Close it; when the loan is over it was closed."""
        self._loan.shut(self._cursor)


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
        self._begun = threading.Lock()
        self._late = False

    @contextmanager
    def taken(self) -> Iterator[None]:
        """
        In the thread of the call: have it use them.

        Raises:
            Revoked: it is late before it began.
        """
        aliases = {loan.wrapper.alias for loan in self._lent}
        try:
            for loan in self._lent:
                loan.take()
            with self._begun:
                if self._late:
                    raise Revoked("The time of this call was up before it began.")
                for wrapper in [connections[one] for one in connections if one not in aliases]:
                    tidy(wrapper)
                    self._own.append(Loan(wrapper))
            yield
        finally:
            for loan in self._lent:
                del connections[loan.wrapper.alias]
                loan.end()
            for loan in self._own:
                loan.keep()

    def give_back(self, *, keep: bool) -> None:
        """The call has ended; *keep* what it did in the transactions, or undo it."""
        for connection, loan, point in self._each():
            loan.give_back(connection)
            if not keep:
                roll_back(connection, point)
            elif point:
                connection.savepoint_commit(point)

    def revoke(self) -> None:
        """The call is late: take all from it, and undo what it did in the transactions."""
        with self._begun:
            self._late = True
        deadline = time.monotonic() + GRACE
        for connection, loan, point in self._each():
            if loan.revoke(deadline) or not loan.leave():
                roll_back(connection, point)
            else:
                lose(connection)
        for loan in self._own:
            loan.revoke(deadline)

    def _each(self) -> Iterator[tuple[BaseDatabaseWrapper, Loan, str | None]]:
        return zip(self._transactions, self._lent, self._points, strict=True)
