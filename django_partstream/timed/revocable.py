"""
A database connection that a call may use until it is revoked.

A late call cannot be stopped, but its database work can be: the running statement is cancelled,
and each later statement is refused. Two threads meet at a connection: the *call's thread*, which
runs statements, and the *waiting thread*, which waits for the call and revokes the connection
when the time is up.

States, which only the waiting thread changes::

    OPEN ──► REFUSED ──► TAKEN      the call is late, and its statement was cancelled
      │         └──────► LEFT       the call is late, and its statement could not be cancelled
      └────────────────► TAKEN      the call returned in time

* OPEN: the call may run statements and commit.
* REFUSED: each later statement and commit raises :class:`Revoked`. A running statement is being
  cancelled, so the raw connection may still be in use.
* TAKEN: no statement runs and no cursor is open. The raw connection is free for its next user.
* LEFT: the raw connection belongs to the call, which closes it when it ends.

Apart from the state, ``_ended`` says that the call has returned. Only the call's thread sets it.

Locks, always taken in this order:

1. ``_use_lock`` is held by the call's thread for each use of the raw connection, and by the
   waiting thread on the way from REFUSED to TAKEN. So a connection that is TAKEN is not in use.
   REFUSED is set without the lock, because the statement to cancel holds it.
2. ``_end_lock`` is held by the call's thread when it ends, and by the waiting thread for each
   cancellation and for LEFT. So a cancellation never hits the next user of the connection, and a
   connection is never LEFT to a call that has already ended.

A cancellation is asynchronous: it may arrive after its statement. So rollbacks and the closing
of cursors are tried again, and ``cancelled`` says that no pool may hand the connection on.
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from django_partstream._django import cancel_statement, close_raw, intercept, is_busy
from django_partstream.clocks import monotonic
from django_partstream.databases import close, close_cursor

#: Seconds between two attempts to cancel a statement.
RETRY = 0.01


class Revoked(DatabaseError):
    """A late call tried to use a database connection that was taken from it."""


class State(enum.Enum):
    """The right of a call to use its connection. The module's docstring has the rules."""

    OPEN = enum.auto()
    REFUSED = enum.auto()
    TAKEN = enum.auto()
    LEFT = enum.auto()


class RevocableConnection:
    """
    A connection for the use of one call, until :meth:`revoke`.

    *wrapper* is Django's, and its cursors and commits go through this object.
    """

    def __init__(self, wrapper: BaseDatabaseWrapper) -> None:
        self.wrapper = wrapper
        self.state = State.OPEN
        self.cancelled = False
        self._ended = False
        self._use_lock = threading.Lock()
        self._end_lock = threading.Lock()
        self._cursors: WeakSet[Any] = WeakSet()
        self._create_cursor, self._commit = intercept(
            wrapper, create_cursor=self._guarded_cursor, commit=self._guarded_commit
        )

    # In the call's thread.

    @contextmanager
    def held(self) -> Iterator[None]:
        """
        Hold the raw connection for the body.

        Raises:
            Revoked: the call is late.
        """
        with self._use_lock:
            if self.state is not State.OPEN:
                raise Revoked("This call is past its time limit and may not use the database.")
            yield

    def discard(self, cursor: Any) -> None:
        """Close a raw cursor of the call, unless the connection was taken from the call."""
        with self._use_lock:
            if self.state is State.OPEN:
                cursor.close()
            elif self.state is not State.TAKEN:
                close_cursor(cursor)

    def end(self) -> None:
        """Record that the call has returned, and close a connection that was left to it."""
        with self._end_lock:
            self._ended = True
        if self.state is State.LEFT:
            close_raw(self.wrapper)  # a late cancellation must not hit its next user
            close(self.wrapper)

    def _guarded_cursor(self, name: str | None = None) -> RevocableCursor:
        with self.held():
            cursor = self._create_cursor(name)
            self._cursors.add(cursor)
        return RevocableCursor(self, cursor)

    def _guarded_commit(self) -> None:
        with self.held():
            self._commit()

    # In the waiting thread.

    def revoke(self, deadline: float) -> bool:
        """
        Refuse later statements, and cancel the running statement until it ends.

        Return whether the raw connection is free, or False if that is not so by *deadline*, a
        time of ``clocks.monotonic()``.
        """
        self.state = State.REFUSED
        if not self._lock_use(deadline):
            return False
        try:
            if not self._cancel_work_without_lock(deadline):
                return False
            for cursor in list(self._cursors):  # SQLite interrupts until all are closed
                close_cursor(cursor)
            self.state = State.TAKEN
        finally:
            self._use_lock.release()
        return True

    def take(self) -> None:
        """Take the connection back from a call that has ended in time."""
        self.state = State.TAKEN

    def leave_to_call(self) -> bool:
        """Leave the raw connection to the call, or return False if the call has ended."""
        with self._end_lock:
            if not self._ended:
                self.state = State.LEFT
        return self.state is State.LEFT

    def _lock_use(self, deadline: float) -> bool:
        """Take the lock from the running statement, by cancelling that."""
        while not self._use_lock.acquire(timeout=RETRY):
            self._cancel()
            if monotonic() > deadline:
                return False
        return True

    def _cancel_work_without_lock(self, deadline: float) -> bool:
        """Cancel a COPY, a stream or work on the raw connection, which take no lock of ours."""
        while is_busy(self.wrapper):
            self._cancel()
            if monotonic() > deadline:
                return False
            time.sleep(RETRY)
        return True

    def _cancel(self) -> None:
        with self._end_lock:
            if not self._ended:
                self.cancelled = True
                cancel_statement(self.wrapper)


class RevocableCursor:
    """A raw cursor that holds its connection for each call of its methods."""

    def __init__(self, connection: RevocableConnection, cursor: Any) -> None:
        self._connection, self._cursor = connection, cursor

    def __setattr__(self, name: str, value: Any) -> None:
        if name in {"_connection", "_cursor"}:
            super().__setattr__(name, value)
        else:
            setattr(self._cursor, name, value)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._cursor, name)
        if not callable(value):
            return value

        def method(*args: Any, **kwargs: Any) -> Any:
            with self._connection.held():
                return value(*args, **kwargs)

        return method

    def __iter__(self) -> Iterator[Any]:
        with self._connection.held():
            rows = iter(self._cursor)
        while True:
            with self._connection.held():
                try:
                    row = next(rows)
                except StopIteration:
                    return
            yield row

    def __enter__(self) -> RevocableCursor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the cursor, if it was not closed when the connection was taken."""
        self._connection.discard(self._cursor)
