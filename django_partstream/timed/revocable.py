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

Locks, never held together:

* ``_use_lock`` is held by the call's thread for each use of the raw connection, and by the
  waiting thread on the way from REFUSED to TAKEN. So a connection that is TAKEN is not in use.
  REFUSED is set without the lock, because the statement to cancel holds it.
* ``_end_lock`` is held by the call's thread when it ends, and by the waiting thread for LEFT. So a
  connection is never LEFT to a call that has already ended.

A cancellation is asynchronous: it may arrive after its statement, and hit the next one. So the
waiting thread does not take the connection, and the call's thread does not end, before the
``_canceller`` is quiet. Some servers answer before the statement is hit. So rollbacks and the
closing of cursors are tried again, and ``cancelled`` says that no pool may hand the connection on.
"""

from __future__ import annotations

import enum
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from django_partstream._django import intercept
from django_partstream._drivers import close_raw, is_busy
from django_partstream.databases import close, close_cursor
from django_partstream.timed.cancelling import Canceller

#: Seconds between two looks at a running statement, and two interruptions of SQLite.
RETRY = 0.01


class Grace:
    """
    The *seconds* that the running statements of a late call have to end.

    They are counted in waits, not read from a clock, because a cancellation takes longer on a busy
    machine, and so does each wait.
    """

    def __init__(self, seconds: float) -> None:
        self._waits = round(seconds / RETRY)

    def wait(self, is_ready: Callable[[float], bool], cancel: Callable[[], None]) -> bool:
        """
        Return True once ``is_ready(timeout)`` is true, or False if no time is left.

        Call *cancel* each time that it was false.
        """
        while not is_ready(RETRY):
            cancel()
            self._waits -= 1
            if self._waits < 0:
                return False
        return True


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
        self._ended = False
        self._use_lock = threading.Lock()
        self._end_lock = threading.Lock()
        self._cursors: WeakSet[Any] = WeakSet()
        self._create_cursor, self._commit = intercept(
            wrapper, create_cursor=self._guarded_cursor, commit=self._guarded_commit
        )
        self._canceller = Canceller(wrapper, self._outer_canceller())

    @property
    def cancelled(self) -> bool:
        """Whether a statement may have been cancelled on the raw connection."""
        return self._canceller.used

    def _outer_canceller(self) -> Canceller | None:
        """Return the canceller of the call that has lent this connection, if it was lent itself."""
        lender = getattr(self._create_cursor, "__self__", None)
        return lender._canceller if isinstance(lender, RevocableConnection) else None

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
        self._canceller.stop()
        with self._end_lock:
            self._ended = True
        if self.state is State.LEFT:
            close_raw(self.wrapper)  # a late cancellation must not hit its next user
            close(self.wrapper)

    def _guarded_cursor(self, name: str | None = None) -> RevocableCursor:
        with self.held():
            cursor = self._create_cursor(name)
            self._cursors.add(cursor)
            self._canceller.aim()  # the wrapper may have connected anew
        return RevocableCursor(self, cursor)

    def _guarded_commit(self) -> None:
        with self.held():
            self._commit()

    # In the waiting thread.

    def revoke(self, grace: Grace) -> bool:
        """
        Refuse later statements, and cancel the running statement until it ends.

        Return whether the raw connection is free, or False if that is not so within *grace*.
        """
        self.state = State.REFUSED
        self._canceller.begin()
        if not grace.wait(self._lock_use, self._canceller.cancel):
            return False
        try:
            if not grace.wait(self._is_idle, self._cancel_work_without_cursor):
                return False
            if not grace.wait(self._canceller.is_quiet, lambda: None):
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

    def _lock_use(self, timeout: float) -> bool:
        """Take the lock, for which a running statement may have to end within *timeout* seconds."""
        return self._use_lock.acquire(timeout=timeout)

    def _is_idle(self, timeout: float) -> bool:
        """
        Return whether the raw connection is idle, or becomes so in *timeout* seconds.

        A COPY, a stream and work on the raw connection take no lock of ours.
        """
        if is_busy(self.wrapper):
            time.sleep(timeout)
        return not is_busy(self.wrapper)

    def _cancel_work_without_cursor(self) -> None:
        self._canceller.aim()  # the raw connection may be newer than the last cursor
        self._canceller.cancel()


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
