"""Database connections, from outside: cancel, close, roll back, give up; savepoints of parts."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from inspect import isroutine
from typing import Any

from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

logger = logging.getLogger("django_partstream")

#: How long the server is given to take a cancellation, in seconds.
CANCEL = 0.05

#: libpq's PQTRANS_ACTIVE: a command is in progress.
ACTIVE = 1


def cancel(raw: Any) -> None:
    """Cancel what runs on a raw connection, where its database can: PostgreSQL, SQLite."""
    with suppress(Exception):
        if hasattr(raw, "cancel_safe"):  # psycopg 3, which may have to wait for the network
            raw.cancel_safe(timeout=CANCEL)
        elif stop := getattr(raw, "interrupt", None) or getattr(raw, "cancel", None):
            stop()


def is_busy(raw: Any) -> bool:
    """Whether a statement or a COPY runs on a raw connection, as far as it can tell."""
    with suppress(Exception):
        return int(raw.info.transaction_status) == ACTIVE  # psycopg
    return False


def shut(cursor: Any) -> None:
    """Close a raw cursor; twice, for a late cancellation may hit the statement that closes it."""
    for _ in range(2):
        with suppress(Exception):
            cursor.close()
            return


def overlaid(wrapper: BaseDatabaseWrapper) -> list[str]:
    """The methods that an instance has of its own, over those of its class, less a loan's."""
    mine = vars(wrapper).keys() - {"create_cursor", "_commit"}
    return [name for name in mine if isroutine(getattr(type(wrapper), name, None))]


def tidy(wrapper: BaseDatabaseWrapper) -> None:
    """Close a connection that is broken or past its ``CONN_MAX_AGE``."""
    try:
        wrapper.close_if_unusable_or_obsolete()
    except Exception:
        logger.warning("The connection %r could not be tidied up.", wrapper.alias, exc_info=True)


def mend() -> None:
    """Close this thread's connections that an error broke, outside transactions."""
    for one in connections.all(initialized_only=True):
        if one.errors_occurred and one.autocommit and not one.in_atomic_block:
            tidy(one)


def close(wrapper: BaseDatabaseWrapper) -> None:
    """Close a connection, whatever its age."""
    try:
        # Not wrapper.close(): SQLite's leaves a database in memory open.
        BaseDatabaseWrapper.close(wrapper)
    except Exception:
        logger.warning("The connection %r could not be closed.", wrapper.alias, exc_info=True)


def roll_back(connection: BaseDatabaseWrapper, point: str | None) -> None:
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
        except Error:
            continue
        return
    connection.needs_rollback = True


def lose(connection: BaseDatabaseWrapper) -> None:
    """Give up a transaction whose raw connection is gone, as Django does when it is closed."""
    connection.closed_in_transaction = True
    connection.needs_rollback = True
    connection.connection = None


def open_transactions() -> list[BaseDatabaseWrapper]:
    """This thread's connections that are inside ``atomic()``."""
    return [one for one in connections.all(initialized_only=True) if one.in_atomic_block]


class Undo:
    """Switch of :func:`savepoints`: call it to undo what the body did."""

    wanted = False

    def __call__(self) -> None:
        """Undo the body, though it does not raise."""
        self.wanted = True


@contextmanager
def savepoints(transactions: Sequence[BaseDatabaseWrapper]) -> Iterator[Undo]:
    """
    Keep what the body does in *transactions*, or undo all of it when it raises or asks for that.
    """
    usable = [one for one in transactions if not one.needs_rollback]
    points = [(one, point) for one in usable if (point := one.savepoint())]
    for connection, point in points:
        connection.savepoint_ids.append(point)
    undo = Undo()
    try:
        yield undo
        if not undo.wanted:
            for connection, point in points:
                connection.savepoint_commit(point)
    except BaseException:
        undo()
        raise
    finally:
        for connection, point in points:
            if undo.wanted:
                connection.needs_rollback = False
                try:
                    connection.savepoint_rollback(point)
                except Error:
                    connection.needs_rollback = True
            if point in connection.savepoint_ids:
                connection.savepoint_ids.remove(point)
