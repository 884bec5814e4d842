"""
The adapter for the database drivers: how a statement is cancelled, and whether it runs.

Each function rests on facts about drivers that Django does not speak of. No other module rests on
such a fact. ``tests/core/test_drivers.py`` has a test of each row, which fails once the fact is no
longer true.

========================== =======================================================================
function                   fact
========================== =======================================================================
:func:`close_raw`          ``wrapper.connection`` is the connection of the driver
:func:`is_closed`          mysqlclient and PyMySQL raise an error if a connection is closed again,
                           and tell by ``open`` whether it is open
:func:`cancellation_of`    psycopg's ``cancel_safe()``, psycopg2's ``cancel()`` and sqlite3's
                           ``interrupt()`` may be called from another thread;
                           pgbouncer 1.18 ends if a connection with a request to cancel is closed
                           before it has answered;
                           mysqlclient and PyMySQL have ``thread_id()``, and mysqlclient refuses it
                           to other threads while a statement runs;
                           ``get_new_connection(get_connection_params())`` of Django's wrapper makes
                           a connection of the driver, and both take the same names of timeouts;
                           PyMySQL has its ``SSLContext`` in ``ctx`` and its socket in ``_sock``;
                           ``KILL QUERY`` takes an expression, ends with the answer of the server,
                           and leaves the next statement alone
:func:`is_busy`            psycopg's ``info.transaction_status``;
                           mysqlclient's ``thread_id()``, as above
========================== =======================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from ssl import SSLSocket
from typing import Any, NamedTuple, cast
from weakref import WeakKeyDictionary

from django.db.backends.base.base import BaseDatabaseWrapper

#: Seconds after which a cancellation that has no answer is given up. A page does not wait so
#: long, but the request must not be dropped earlier: pgbouncer 1.18 ends if it is.
PATIENCE = 10

#: libpq's PQTRANS_ACTIVE: a command is in progress.
ACTIVE = 1

#: The name of a server of MySQL or MariaDB. Behind an address there may be several servers, which
#: number their connections alike.
SERVER = "CONCAT_WS(' ', @@hostname, @@port, @@server_id)"

#: Kill the statement of a connection of the server with that name. No connection has the number 0.
KILL = f"KILL QUERY IF({SERVER} = %s, %s, 0)"

#: What a connection that only kills does without: each costs a round trip to a busy server.
NEEDLESS = ("init_command", "sql_mode")


class Cancellation(NamedTuple):
    """How the running statement of the raw connection *raw* is cancelled."""

    raw: Any
    #: Cancel the statement, and return when the database has been told. It may raise anything.
    send: Callable[[], object]
    #: Whether :attr:`send` asks a server, so that it may take long.
    asks_server: bool


def close_raw(wrapper: BaseDatabaseWrapper) -> None:
    """Close the connection of the driver, so that a pool throws it away when it comes back."""
    with suppress(Exception):  # it is thrown away, so any error of the driver is too
        wrapper.connection.close()


def is_closed(raw: Any) -> bool:
    """Return whether *raw* is closed, for the drivers that raise an error if it is closed again."""
    return not getattr(raw, "open", True)


def cancellation_of(wrapper: BaseDatabaseWrapper) -> Cancellation | None:
    """
    Return how statements on the raw connection of *wrapper* are cancelled, or None if they cannot.

    Call it while no statement runs.
    """
    raw = wrapper.connection
    with suppress(Exception):  # a connection that is closed or broken runs no statement
        for method, cancellation in _CANCELLATIONS.items():
            if hasattr(raw, method):
                return cancellation(wrapper, raw)
    return None


def _of_psycopg(wrapper: BaseDatabaseWrapper, raw: Any) -> Cancellation:
    return Cancellation(raw, partial(raw.cancel_safe, timeout=PATIENCE), asks_server=True)


def _of_psycopg2(wrapper: BaseDatabaseWrapper, raw: Any) -> Cancellation:
    return Cancellation(raw, raw.cancel, asks_server=True)


def _of_sqlite(wrapper: BaseDatabaseWrapper, raw: Any) -> Cancellation:
    return Cancellation(raw, raw.interrupt, asks_server=False)


def _of_mysql(wrapper: BaseDatabaseWrapper, raw: Any) -> Cancellation:
    params = wrapper.get_connection_params()
    params |= dict.fromkeys(("connect_timeout", "read_timeout", "write_timeout"), PATIENCE)
    params["autocommit"] = None  # as the server has it, so that it need not be told
    for name in NEEDLESS:
        params.pop(name, None)
    if hasattr(raw, "ctx"):
        params = _secured_as(raw, params)
    connect = partial(wrapper.get_new_connection, params)
    kill = partial(_kill, connect, _server_of(raw), raw.thread_id())
    return Cancellation(raw, kill, asks_server=True)


def _secured_as(raw: Any, params: dict[str, Any]) -> dict[str, Any]:
    """
    Return the *params* of a connection of PyMySQL that is encrypted as *raw* is.

    PyMySQL else loads the certificates of the system anew, which takes a tenth of a second.
    """
    others = {name: value for name, value in params.items() if not name.startswith("ssl")}
    if isinstance(raw._sock, SSLSocket):
        return {**others, "ssl": raw.ctx}
    return {**others, "ssl_disabled": True}


#: The names of the servers, by raw connection.
_servers: WeakKeyDictionary[Any, str] = WeakKeyDictionary()


def _server_of(raw: Any) -> str:
    """Return the name of the server of *raw*, which is asked once."""
    if raw not in _servers:
        with closing(raw.cursor()) as cursor:
            cursor.execute(f"SELECT {SERVER}")
            ((_servers[raw],),) = cursor.fetchall()
    return _servers[raw]


def _kill(connect: Callable[[], Any], server: str, thread_id: int) -> None:
    """Kill the statement of the connection *thread_id* of *server*, by a connection beside it."""
    with closing(connect()) as side, closing(side.cursor()) as cursor:
        cursor.execute(KILL, (server, thread_id))


#: How statements are cancelled, by a method of the driver's connections. The first match counts,
#: since psycopg's connections have ``cancel`` too. A driver is added here.
_CANCELLATIONS: dict[str, Callable[[BaseDatabaseWrapper, Any], Cancellation]] = {
    "cancel_safe": _of_psycopg,
    "interrupt": _of_sqlite,
    "thread_id": _of_mysql,
    "cancel": _of_psycopg2,
}


def is_busy(wrapper: BaseDatabaseWrapper) -> bool:
    """Return whether a statement or a COPY is known to run on the raw connection."""
    raw = wrapper.connection
    if hasattr(raw, "thread_id"):
        return _is_refused(wrapper, raw.thread_id)
    with suppress(Exception):  # other drivers cannot say, and a closed connection runs nothing
        return int(raw.info.transaction_status) == ACTIVE
    return False


def _is_refused(wrapper: BaseDatabaseWrapper, call: Callable[[], object]) -> bool:
    """Return whether the driver refuses *call*, as mysqlclient does in the midst of another."""
    try:
        call()
    except cast(Any, wrapper).Database.ProgrammingError:
        return True
    except Exception:  # noqa: BLE001 - the connection is closed, so it runs nothing
        return False
    return False
