"""
The database connections of a timed call: how it gets them, and how they end.

Outside transactions a call uses connections of its own thread. Inside ``atomic()`` they would
see none of the transaction's rows, so the call is lent the caller's connection instead. The lent
wrapper is a copy of Django's wrapper: the same raw connection, with a transaction state of its
own. The wrapper itself cannot be lent, since a late ``atomic()`` would corrupt its state.

The caller sets a savepoint before it lends. It does not use the raw connection until the loan
ends. It ends in three ways:

* The call returns: its transaction state is copied back. Its work is kept, or undone if it failed.
* The call is late: its statement is cancelled, and its work is undone.
* The call is late, and its statement cannot be cancelled within ``GRACE`` (another database, a
  network that has gone): the raw connection is left to the call, and the transaction is lost.

A connection of the call's own thread is kept for the next call or closed, as ``CONN_MAX_AGE``
says. It is always closed if a statement on it was cancelled.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from django_partstream._django import (
    INTERCEPTED,
    abandon_transaction,
    add_savepoint,
    copy_in_transaction,
    copy_state_back,
    drop_from_this_thread,
    stop_intercepting,
    use_in_this_thread,
)
from django_partstream._drivers import close_raw
from django_partstream.databases import (
    close,
    close_if_obsolete,
    is_intact,
    open_transactions,
    roll_back,
)
from django_partstream.timed.revocable import Grace, RevocableConnection, Revoked

#: Seconds within which the running statements of a late call must be cancelled, where the machine
#: is not too busy for a wait of a hundredth to take as long.
GRACE = 0.2


class LentConnection(RevocableConnection):
    """The caller's *connection*, which is inside ``atomic()``, lent to the call's thread."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._lender = connection
        self._point = connection.savepoint() if is_intact(connection) else None
        lent = copy_in_transaction(connection)
        if self._point:
            add_savepoint(lent, self._point)
        super().__init__(lent)

    # In the call's thread.

    def begin(self) -> None:
        """Make the lent connection the current connection of the call's thread."""
        use_in_this_thread(self.wrapper)

    def end(self) -> None:
        """Take the lent connection from the call's thread."""
        drop_from_this_thread(self.wrapper)
        super().end()

    # In the waiting thread.

    def give_back(self, *, keep: bool) -> None:
        """Let the lender go on after the call; *keep* the call's work, or undo it."""
        copy_state_back(self.wrapper, self._lender)
        self.take()
        if not keep:
            roll_back(self._lender, self._point)
        elif self._point:
            self._lender.savepoint_commit(self._point)

    def take_back(self, grace: Grace) -> None:
        """Undo the work of a late call, or abandon the transaction if *grace* is too short."""
        if self.revoke(grace) or not self.leave_to_call():
            roll_back(self._lender, self._point)
        else:
            abandon_transaction(self._lender)


class OwnConnection(RevocableConnection):
    """The connection of the call's own thread to the database *alias*."""

    def __init__(self, alias: str) -> None:
        connection = connections[alias]
        close_if_obsolete(connection)
        super().__init__(connection)

    def end(self) -> None:
        """Keep the connection for the next call of the thread, or close it."""
        super().end()
        stop_intercepting(self.wrapper)
        if self._may_be_kept():
            close_if_obsolete(self.wrapper)
            return
        if self.cancelled:
            close_raw(self.wrapper)
        close(self.wrapper)
        drop_from_this_thread(self.wrapper)

    def _may_be_kept(self) -> bool:
        persistent = self.wrapper.settings_dict["CONN_MAX_AGE"] != 0
        return persistent and not self.cancelled and not self.wrapper.in_atomic_block


class RequestConnection(OwnConnection):
    """
    The connection of the request's thread, which coroutines of a stream use until they end.

    The wrapper stays the current connection of the thread, whatever happens.
    """

    def __init__(self, alias: str) -> None:
        own = vars(connections[alias])
        self._replaced = {name: own[name] for name in INTERCEPTED if name in own}
        super().__init__(alias)

    def end(self) -> None:
        """Give the connection back to the request, closed if a statement was cancelled."""
        RevocableConnection.end(self)
        stop_intercepting(self.wrapper)
        vars(self.wrapper).update(self._replaced)
        if self.cancelled:
            close_raw(self.wrapper)
            close(self.wrapper)
        elif not self.wrapper.in_atomic_block:
            close_if_obsolete(self.wrapper)


class CallConnections:
    """
    All connections of a timed call. Made in the waiting thread, which lends its own.

    Work for a stream is handed over outside transactions, so nothing is *lent* for it. The *own*
    connections are of the thread that enters :meth:`in_use`.

    ``_begin_lock`` is held while the call's thread opens its connections, and while the call is
    marked late. So a late call has all of its connections revoked, or never begins.
    """

    def __init__(self, *, lent: bool = True, own: type[OwnConnection] = OwnConnection) -> None:
        self._own_kind = own
        lenders = open_transactions() if lent else ()
        self._lent = [LentConnection(connection) for connection in lenders]
        self._own: list[OwnConnection] = []
        self._begin_lock = threading.Lock()
        self._late = False

    @property
    def lent(self) -> set[str]:
        """The aliases of the connections that are lent."""
        return {connection.wrapper.alias for connection in self._lent}

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """
        Let the body, in the call's thread, use the connections.

        Raises:
            Revoked: the call was late before it began.
        """
        try:
            for lent in self._lent:
                lent.begin()
            self._open_own()
            yield
        finally:
            for connection in [*self._lent, *self._own]:
                connection.end()

    def _open_own(self) -> None:
        lent = self.lent
        with self._begin_lock:
            if self._late:
                raise Revoked("This call was past its time limit before it began.")
            for alias in connections:
                if alias not in lent:
                    self._own.append(self._own_kind(alias))

    def give_back(self, *, keep: bool) -> None:
        """End the loans of a call that has ended; *keep* its work in transactions, or undo it."""
        for lent in self._lent:
            lent.give_back(keep=keep)

    def revoke(self, grace: Grace | None = None) -> None:
        """
        Take all connections from a late call, and undo its work in transactions.

        Statements have *grace* to end; by default ``GRACE`` seconds.
        """
        with self._begin_lock:
            self._late = True
        grace = Grace(GRACE) if grace is None else grace
        for lent in self._lent:
            lent.take_back(grace)
        for own in self._own:
            own.revoke(grace)
