"""
Parts inside a transaction (``TestCase``, ``ATOMIC_REQUESTS``): one that fails is undone alone.

On PostgreSQL a failed statement otherwise aborts the transaction for every part after it. A
savepoint is used, not a nested ``atomic()``: that would break ``atomic(durable=True)`` in the
code of a part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper


def open_transactions() -> list[BaseDatabaseWrapper]:
    """This thread's connections that are inside ``atomic()``."""
    return [one for one in connections.all(initialized_only=True) if one.in_atomic_block]


@contextmanager
def savepoints(transactions: Sequence[BaseDatabaseWrapper]) -> Iterator[None]:
    """
    Keep what the body does in *transactions*, or undo all of it when it raises.

    A transaction that is to be rolled back anyway is left alone.

    Raises:
        django.db.Error: a transaction was broken before, or the
            body broke it and hid that. It is then back where the body began.
    """
    usable = [one for one in transactions if not one.needs_rollback]
    points = [(one, point) for one in usable if (point := one.savepoint())]
    for connection, point in points:
        # As atomic() does: it is how on_commit() knows which of its hooks are undone with it.
        connection.savepoint_ids.append(point)
    try:
        yield
        for connection, point in points:
            connection.savepoint_commit(point)
    except BaseException:
        for connection, point in points:
            connection.needs_rollback = False
            try:
                connection.savepoint_rollback(point)
            except Error:
                connection.needs_rollback = True  # nothing in it can be trusted any more
        raise
    finally:
        for connection, point in points:
            if point in connection.savepoint_ids:
                connection.savepoint_ids.remove(point)
