"""
The PostgreSQL and Redis of the tests: their addresses, or the reasons that they cannot be used.

Their addresses are ``PARTSTREAM_TEST_POSTGRES_URL`` and ``PARTSTREAM_TEST_REDIS_URL``, by default
on loopback. A test that needs such a service is marked ``@pytest.mark.postgres`` or
``@pytest.mark.redis``. It is skipped where the service is missing, and fails in CI. A test that
fails while PostgreSQL runs short of connections says so.
"""

from __future__ import annotations

import os
from typing import Any

import psycopg
import pytest
import redis
from psycopg.conninfo import conninfo_to_dict

POSTGRES_URL = os.environ.get(
    "PARTSTREAM_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)
REDIS_URL = os.environ.get("PARTSTREAM_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")

START = {
    "postgres": "docker run -p 127.0.0.1:5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres",
    "redis": "docker run -p 127.0.0.1:6379:6379 redis",
}


#: As many connections to PostgreSQL as a test needs at once.
CONNECTIONS = 6

#: The beginnings of PostgreSQL's refusals of one connection too many.
REFUSALS = ("sorry, too many clients already", "remaining connection slots are reserved")


#: The max_connections that PostgreSQL had last; with all of them in use it cannot be asked.
_max_connections: list[int] = []


def _ask_postgres() -> None:
    _connections()


def _connections() -> tuple[int, int]:
    """PostgreSQL's max_connections, and the number of connections that are in use."""
    with psycopg.connect(POSTGRES_URL, connect_timeout=2) as connection:
        most, used = connection.execute(
            "SELECT current_setting('max_connections')::int, count(*)"
            " FROM pg_stat_activity WHERE backend_type = 'client backend'"
        ).fetchone() or (0, 0)
    _max_connections[:] = [most]
    return most, used - 1  # without this connection


def shortage_of_connections() -> str | None:
    """A message with the connections in use, if PostgreSQL has too few left for a test."""
    try:
        most, used = _connections()
    except psycopg.OperationalError as exc:
        if not any(refusal in str(exc) for refusal in REFUSALS):
            return None
        most = _max_connections[0] if _max_connections else "unknown"
        counted = f"all are in use (max_connections = {most})"
    else:
        if most - used >= CONNECTIONS:
            return None
        counted = f"{used} are in use (max_connections = {most})"
    return (
        f"PostgreSQL at {POSTGRES_URL} runs short of connections: {counted}, and a test needs up "
        f"to {CONNECTIONS}. Close other programs' connections, or raise max_connections."
    )


def _ask_redis() -> None:
    with redis.Redis.from_url(REDIS_URL, socket_connect_timeout=2, socket_timeout=2) as one:
        one.ping()


def _lacking() -> dict[str, str]:
    """The services that do not answer, each with a message that says how to start it."""
    lacking = {}
    for name, url, ask in [
        ("postgres", POSTGRES_URL, _ask_postgres),
        ("redis", REDIS_URL, _ask_redis),
    ]:
        try:
            ask()
        except (psycopg.Error, redis.RedisError) as exc:
            short = shortage_of_connections() if name == "postgres" else None
            lacking[name] = short or (
                f"needs {name} at {url} (PARTSTREAM_TEST_{name.upper()}_URL names another): "
                f"{START[name]} [{str(exc).splitlines()[0]}]"
            )
    return lacking


LACKING = _lacking()


def database(**options: Any) -> dict[str, Any]:
    """The settings of a Django database in that PostgreSQL, with a test database per process."""
    info = conninfo_to_dict(POSTGRES_URL)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": info.get("dbname", "postgres"),
        "USER": info.get("user", ""),
        "PASSWORD": info.get("password", ""),
        "HOST": info.get("host", ""),
        "PORT": info.get("port", ""),
        "TEST": {"NAME": f"partstream_tests_{os.getpid()}"},
        **options,
    }


def cache(**options: Any) -> dict[str, Any]:
    """The settings of a Django cache in that Redis, with a key prefix per process."""
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": f"partstream-tests-{os.getpid()}",
        "OPTIONS": {"socket_connect_timeout": 2, "socket_timeout": 2},
        **options,
    }


#: The databases that a test on each database asks for, and the parameters of such a test.
DATABASES = ["default"] if "postgres" in LACKING else ["default", "postgres"]
EACH_DATABASE = [
    pytest.param("default", id="sqlite"),
    pytest.param("postgres", id="postgresql", marks=pytest.mark.postgres),
]
