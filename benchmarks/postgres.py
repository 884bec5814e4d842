"""The PostgreSQL of the rows that ask it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import OperationalError, connections

from benchmarks import needs
from benchmarks.site.slow import DATABASE, TABLE

URL = os.environ.get(
    "PARTSTREAM_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)


@contextmanager
def orders() -> Iterator[None]:
    """
    Add the database, with the table that the queries ask, and remove both.

    Django looks at each of its databases in each request, so the other rows do without.

    Raises:
        LackingError: PostgreSQL does not answer, or its driver is missing.
    """
    alone = connections.settings
    connections.settings = connections.configure_settings(
        {**settings.DATABASES, DATABASE: _database()}
    )
    drop = "DROP TABLE IF EXISTS benchmark_order"
    try:
        try:
            connections[DATABASE].ensure_connection()
        except OperationalError as exc:
            raise needs.LackingError(
                "No PostgreSQL at PARTSTREAM_TEST_POSTGRES_URL, by default on port 5432: "
                "docker run -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres."
            ) from exc
        _execute(drop, TABLE, "ANALYZE benchmark_order")
        yield
        _execute(drop)
        connections[DATABASE].close()
    finally:
        connections.settings = alone


def _database() -> dict[str, object]:
    try:
        from psycopg.conninfo import conninfo_to_dict
    except ImportError as exc:
        raise needs.LackingError("No psycopg: pip install 'psycopg[binary]'.") from exc
    info = conninfo_to_dict(URL)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": info.get("dbname", "postgres"),
        "USER": info.get("user", ""),
        "PASSWORD": info.get("password", ""),
        "HOST": info.get("host", ""),
        "PORT": info.get("port", ""),
        "CONN_MAX_AGE": 60,
    }


def _execute(*statements: str) -> None:
    with connections[DATABASE].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
