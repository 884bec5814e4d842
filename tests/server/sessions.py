"""The connections of a server as PostgreSQL sees them, found by the server's name."""

from __future__ import annotations

import time
from typing import Any

import psycopg

from tests import services
from tests.server.servers import PATIENCE

_OURS = "FROM pg_stat_activity WHERE application_name = %s"


class Sessions:
    """A connection that watches the others in PostgreSQL, in the tests' database or *database*."""

    def __init__(self, database: str | None = None) -> None:
        more = {} if database is None else {"dbname": database}
        self._watching = psycopg.connect(services.POSTGRES_URL, autocommit=True, **more)

    def __enter__(self) -> Sessions:
        return self

    def __exit__(self, *_: object) -> None:
        self._watching.close()

    def count(self, name: str) -> int:
        """The number of connections of the server *name*."""
        return self._value(f"SELECT count(*) {_OURS}", name)

    def in_transaction(self, name: str) -> int:
        """The number of connections of *name* that are idle in a transaction."""
        return self._value(f"SELECT count(*) {_OURS} AND state LIKE 'idle in%%'", name)

    def left(self, name: str, *, at_most: int = 0, within: float = PATIENCE) -> int:
        """The number of connections left, once it is at most *at_most*, or in *within* seconds."""
        end = time.monotonic() + within
        # A session ends a moment after its client has gone, without a notice: ask again.
        while (count := self.count(name)) > at_most and time.monotonic() < end:
            pass
        return count

    def terminate(self, name: str) -> int:
        """End all connections of *name*, wait for their ends, and return their number."""
        cut = self._value(
            f"SELECT coalesce(array_agg(pid) FILTER (WHERE pg_terminate_backend(pid)), '{{}}') {_OURS}",
            name,
        )
        end = time.monotonic() + PATIENCE
        # PostgreSQL can wait for the end, too, but looks every 100 ms only.
        there = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)"
        while self._value(there, cut) and time.monotonic() < end:
            pass
        return len(cut)

    def wait_until_hung(self, run: str) -> None:
        """Wait until the part ``hangs_in_sql`` of *run* hangs no more."""
        self._value(f"SET lock_timeout = '{PATIENCE:.0f}s'", fetch=False)
        self._value("SELECT pg_advisory_lock(hashtext(%s))", run)
        self._value("SELECT pg_advisory_unlock(hashtext(%s))", run)

    def statements(self, run: str) -> int:
        """The number of statements of *run* that are executed now."""
        return self._value(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
            "AND query LIKE %s AND pid <> pg_backend_pid()",
            f"%{run}%",
        )

    def _value(self, query: str, *params: Any, fetch: bool = True) -> Any:
        found = self._watching.execute(query, params or None)
        return found.fetchone()[0] if fetch else None
