"""
The services of the tests: their addresses, or the reasons that they cannot be used.

The services are PostgreSQL, MariaDB (or MySQL), Redis and RabbitMQ. Their addresses are
``PARTSTREAM_TEST_POSTGRES_URL``, ``PARTSTREAM_TEST_MYSQL_URL``, ``PARTSTREAM_TEST_REDIS_URL`` and
``PARTSTREAM_TEST_RABBITMQ_URL``, by default on loopback. ``pgbouncer`` is a program, which a test
starts itself. A test that needs one of them has the marker ``postgres``, ``mysql``, ``redis``,
``rabbitmq`` or ``pgbouncer``. It is skipped where the service is missing, and fails in CI. A test
that fails while PostgreSQL runs short of connections says so.

The driver of MariaDB is mysqlclient where it is installed, else PyMySQL in its place.
"""

from __future__ import annotations

import os
import shutil
import socket
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
import pymysql
import pytest
import redis
from psycopg.conninfo import conninfo_to_dict

if not find_spec("MySQLdb"):
    pymysql.install_as_MySQLdb()

import MySQLdb

POSTGRES_URL = os.environ.get(
    "PARTSTREAM_TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres"
)
MYSQL_URL = os.environ.get("PARTSTREAM_TEST_MYSQL_URL", "mysql://root@127.0.0.1:3306/mysql")
REDIS_URL = os.environ.get("PARTSTREAM_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")
RABBITMQ_URL = os.environ.get("PARTSTREAM_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672//")

#: The program, which Debian keeps apart from the programs of an ordinary user.
PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")

START = {
    "postgres": "docker run -p 127.0.0.1:5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres",
    "mysql": "docker run -p 127.0.0.1:3306:3306 -e MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1 mariadb",
    "redis": "docker run -p 127.0.0.1:6379:6379 redis",
    "rabbitmq": "docker run -p 127.0.0.1:5672:5672 rabbitmq",
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


def _ask_mysql() -> None:
    info = _mysql_info()
    MySQLdb.connect(
        host=info["HOST"],
        port=int(info["PORT"]),
        user=info["USER"],
        password=info["PASSWORD"],
        connect_timeout=2,
    ).close()


def _mysql_info() -> dict[str, str]:
    url = urlsplit(MYSQL_URL)
    return {
        "NAME": url.path.removeprefix("/") or "mysql",
        "USER": unquote(url.username or "root"),
        "PASSWORD": unquote(url.password or ""),
        "HOST": url.hostname or "127.0.0.1",
        "PORT": str(url.port or 3306),
    }


def _ask_redis() -> None:
    with redis.Redis.from_url(REDIS_URL, socket_connect_timeout=2, socket_timeout=2) as one:
        one.ping()


def _ask_rabbitmq() -> None:
    """Say the first words of AMQP 0-9-1. Its server answers with a frame, of type 1."""
    url = urlsplit(RABBITMQ_URL)
    with socket.create_connection((url.hostname, url.port or 5672), timeout=2) as one:
        one.settimeout(2)
        one.sendall(b"AMQP\x00\x00\x09\x01")
        if one.recv(1) != b"\x01":
            raise ConnectionError("This is no RabbitMQ.")


def _lacking() -> dict[str, str]:
    """The services that do not answer, each with a message that says how to start it."""
    lacking = {}
    for name, url, ask in [
        ("postgres", POSTGRES_URL, _ask_postgres),
        ("mysql", MYSQL_URL, _ask_mysql),
        ("redis", REDIS_URL, _ask_redis),
        ("rabbitmq", RABBITMQ_URL, _ask_rabbitmq),
    ]:
        try:
            ask()
        except (psycopg.Error, MySQLdb.Error, redis.RedisError, OSError) as exc:
            short = shortage_of_connections() if name == "postgres" else None
            lacking[name] = short or (
                f"needs {name} at {url} (PARTSTREAM_TEST_{name.upper()}_URL names another): "
                f"{START[name]} [{str(exc).splitlines()[0]}]"
            )
    if not PGBOUNCER:
        lacking["pgbouncer"] = "needs pgbouncer: apt-get install pgbouncer"
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


def mariadb(**options: Any) -> dict[str, Any]:
    """The settings of a Django database in that MariaDB, with a test database per process."""
    return {
        "ENGINE": "django.db.backends.mysql",
        **_mysql_info(),
        # PyMySQL loads the certificates of the system for each connection that may be encrypted.
        "OPTIONS": {"ssl_disabled": True} if MySQLdb is pymysql else {},
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
DATABASES = [
    "default",
    *(["postgres"] if "postgres" not in LACKING else []),
    *(["mariadb"] if "mysql" not in LACKING else []),
]
EACH_DATABASE = [
    pytest.param("default", id="sqlite"),
    pytest.param("postgres", id="postgresql", marks=pytest.mark.postgres),
    pytest.param("mariadb", id="mariadb", marks=pytest.mark.mysql),
]
