"""What PostgreSQL knows of the connections of a server, called as the server is."""

from __future__ import annotations

import time
from typing import Any

import psycopg

from tests import services
from tests.server.servers import PATIENCE

_OURS = "FROM pg_stat_activity WHERE application_name = %s"


class Sessions:
    """A connection that watches others, in the tests' database of PostgreSQL or in *database*."""

    def __init__(self, database: str | None = None) -> None:
        more = {} if database is None else {"dbname": database}
        self._watching = psycopg.connect(services.POSTGRES_URL, autocommit=True, **more)

    def __enter__(self) -> Sessions:
        return self

    def __exit__(self, *_: object) -> None:
        self._watching.close()

    def count(self, name: str) -> int:
        """How many connections *name* has."""
        return self._value(f"SELECT count(*) {_OURS}", name)

    def in_transaction(self, name: str) -> int:
        """How many of them stand in a transaction that nothing is done in."""
        return self._value(f"SELECT count(*) {_OURS} AND state LIKE 'idle in%%'", name)

    def left(self, name: str, *, at_most: int = 0) -> int:
        """How many are left, once there are no more than *at_most* or time is up."""
        end = time.monotonic() + PATIENCE
        # A session ends a moment after its client has gone, and nothing tells when: ask again.
        while (count := self.count(name)) > at_most and time.monotonic() < end:
            pass
        return count

    def terminate(self, name: str) -> int:
        """End them all, and return when they have ended; how many there were."""
        cut = self._value(
            f"SELECT coalesce(array_agg(pid) FILTER (WHERE pg_terminate_backend(pid)), '{{}}') {_OURS}",
            name,
        )
        end = time.monotonic() + PATIENCE
        # PostgreSQL can wait for it, too, but looks every 100 ms only.
        there = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY(%s)"
        while self._value(there, cut) and time.monotonic() < end:
            pass
        return len(cut)

    def wait_until_hung(self, run: str) -> None:
        """Return when the ``hangs_in_sql`` of that run hangs no more."""
        self._value(f"SET lock_timeout = '{PATIENCE:.0f}s'", fetch=False)
        self._value("SELECT pg_advisory_lock(hashtext(%s))", run)
        self._value("SELECT pg_advisory_unlock(hashtext(%s))", run)

    def statements(self, run: str) -> int:
        """How many statements of that run are executed now."""
        return self._value(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
            "AND query LIKE %s AND pid <> pg_backend_pid()",
            f"%{run}%",
        )

    def _value(self, query: str, *params: Any, fetch: bool = True) -> Any:
        found = self._watching.execute(query, params or None)
        return found.fetchone()[0] if fetch else None
