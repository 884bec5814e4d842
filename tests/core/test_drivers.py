"""
The facts about database drivers that ``django_partstream._drivers`` relies on.

A red test here means that a release of a driver has changed such a fact. The message names the
function of the adapter to look at.
"""

import socket
import sqlite3
import ssl
import threading
import time
from contextlib import closing, contextmanager
from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace
from unittest import mock

import psycopg
import pymysql
import pytest
from django.db import DatabaseError, connections, transaction

from django_partstream import _drivers, databases
from tests import services
from tests.core.conftest import ENDLESS


def installed():
    """The drivers that are installed, with their versions."""
    for name in ("psycopg", "PyMySQL", "mysqlclient"):
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue


def relies(*functions):
    """The message of a fact that *functions* of the adapter rely on."""
    names = " and ".join(f"{function.__name__}()" for function in functions)
    return f"{names} of django_partstream._drivers relied on this before {', '.join(installed())}."


@pytest.fixture(autouse=True)
def _databases(django_db_setup, django_db_blocker):
    """The databases of the tests, without a transaction. No test here writes a row."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(params=services.EACH_DATABASE)
def connection(request):
    """This thread's connection to each database in turn."""
    yield connections[request.param]
    connections[request.param].close()


@pytest.fixture
def mariadb():
    yield connections["mariadb"]
    connections["mariadb"].close()


def run(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


@contextmanager
def cancelled_in_the_body(cancellation):
    """Cancel the statements of the body, again and again, in another thread."""
    ended, raised = threading.Event(), []

    def cancel_until_ended():
        while not ended.wait(0.01):
            try:
                cancellation.send()
            except Exception as exc:
                raised.append(exc)
                return

    thread = threading.Thread(target=cancel_until_ended)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(30)
    assert raised == []


class TestClosing:
    def test_the_connection_of_the_driver_is_closed(self, connection):
        wrapper = connections.create_connection(connection.alias)
        wrapper.ensure_connection()
        raw = wrapper.connection
        _drivers.close_raw(wrapper)
        with pytest.raises(wrapper.Database.Error):
            raw.cursor().execute("SELECT 1")

    @pytest.mark.mysql
    def test_the_drivers_of_mariadb_tell_that_a_connection_is_closed(self, mariadb):
        mariadb.ensure_connection()
        raw = mariadb.connection
        assert not _drivers.is_closed(raw), relies(_drivers.is_closed)
        raw.close()
        assert _drivers.is_closed(raw), relies(_drivers.is_closed)
        with pytest.raises(mariadb.Database.Error):
            raw.close()
        databases.close(connections["mariadb"])


class TestCancelling:
    def test_a_running_statement_is_cancelled_from_another_thread(self, connection):
        connection.ensure_connection()
        cancellation = _drivers.cancellation_of(connections[connection.alias])
        with cancelled_in_the_body(cancellation), pytest.raises(DatabaseError):
            run(connection, ENDLESS[connection.vendor])
        assert run(connection, "SELECT 1") == (1,), relies(_drivers.cancellation_of)

    def test_each_driver_has_the_method_that_cancels(self):
        assert hasattr(psycopg.Connection, "cancel_safe"), relies(_drivers.cancellation_of)
        assert hasattr(sqlite3.Connection, "interrupt"), relies(_drivers.cancellation_of)
        assert hasattr(pymysql.Connection, "thread_id"), relies(_drivers.cancellation_of)

    def test_only_servers_are_asked_to_cancel(self, connection):
        connection.ensure_connection()
        cancellation = _drivers.cancellation_of(connections[connection.alias])
        assert cancellation.asks_server is (connection.vendor != "sqlite")
        assert cancellation.raw is connection.connection

    def test_a_connection_that_was_never_made_has_no_cancellation(self, connection):
        assert _drivers.cancellation_of(connections.create_connection(connection.alias)) is None

    def test_a_connection_of_an_unknown_driver_has_no_cancellation(self, connection):
        wrapper = connections.create_connection(connection.alias)
        wrapper.connection = object()
        assert _drivers.cancellation_of(wrapper) is None
        assert not _drivers.is_busy(wrapper)

    @pytest.mark.parametrize(
        ("error", "is_busy"),
        [(None, False), ("ProgrammingError", True), ("OperationalError", False)],
    )
    def test_a_connection_that_refuses_its_number_is_busy(self, connection, error, is_busy):
        wrapper = connections.create_connection(connection.alias)
        raised = error and getattr(wrapper.Database, error)("refused")
        wrapper.connection = SimpleNamespace(thread_id=mock.Mock(side_effect=raised))
        assert _drivers.is_busy(wrapper) is is_busy


@pytest.mark.mysql
class TestKilling:
    def side_connections(self, mariadb, monkeypatch):
        """The parameters and the connections that are made beside *mariadb* from now on."""
        wrapper, made = connections["mariadb"], []
        connect = wrapper.get_new_connection

        def counted(params):
            made.append((params, connect(params)))
            return made[-1][1]

        monkeypatch.setattr(wrapper, "get_new_connection", counted)
        return made

    def test_a_statement_is_killed_from_a_connection_beside_that_is_closed(
        self, mariadb, monkeypatch
    ):
        mariadb.ensure_connection()
        made = self.side_connections(mariadb, monkeypatch)
        _drivers.cancellation_of(connections["mariadb"]).send()
        ((params, side),) = made
        with pytest.raises(mariadb.Database.Error):
            side.cursor().execute("SELECT 1")
        limits = {name: value for name, value in params.items() if name.endswith("_timeout")}
        assert limits == dict.fromkeys(
            ("connect_timeout", "read_timeout", "write_timeout"), _drivers.PATIENCE
        )

    def test_a_kill_that_comes_between_two_statements_leaves_the_next_alone(self, mariadb):
        mariadb.ensure_connection()
        _drivers.cancellation_of(connections["mariadb"]).send()
        assert run(mariadb, "SELECT 1") == (1,), relies(_drivers.cancellation_of)

    def test_a_kill_that_reaches_another_server_kills_nothing_there(self, mariadb, monkeypatch):
        """Servers behind one address number their connections alike."""
        mariadb.ensure_connection()
        monkeypatch.setitem(_drivers._servers, mariadb.connection, "elsewhere 3306 1")
        cancellation, refused = _drivers.cancellation_of(connections["mariadb"]), []

        def kill():
            with pytest.raises(mariadb.Database.Error, match="Unknown thread id: 0"):
                cancellation.send()
            refused.append(True)

        thread = threading.Thread(target=kill)
        thread.start()
        assert run(mariadb, "SELECT SLEEP(0.2)") == (0,)
        thread.join(30)
        assert refused, relies(_drivers.cancellation_of)

    def test_a_side_connection_is_spared_the_commands_of_the_project(self, mariadb, monkeypatch):
        options = {"init_command": "SELECT no_such_column", "sql_mode": "ANSI"}
        mariadb.ensure_connection()
        wrapper = connections["mariadb"]
        monkeypatch.setitem(wrapper.settings_dict, "OPTIONS", options)
        made = self.side_connections(mariadb, monkeypatch)
        _drivers.cancellation_of(wrapper).send()
        ((params, _),) = made
        assert params["autocommit"] is None
        assert not options.keys() & params.keys()

    def test_a_side_connection_of_pymysql_loads_no_certificates(self, mariadb):
        """Loading the certificates of the system takes longer than a page can wait."""
        info = services.mariadb()
        raw = pymysql.connect(
            host=info["HOST"], port=int(info["PORT"]), user=info["USER"], password=info["PASSWORD"]
        )
        wrapper = connections.create_connection("mariadb")
        with closing(raw):
            wrapper.connection = raw
            params = _drivers.cancellation_of(wrapper).send.args[0].args[0]
            encrypted = isinstance(raw._sock, ssl.SSLSocket)
            assert encrypted or params["ssl_disabled"], relies(_drivers.cancellation_of)
            assert params.get("ssl") is (raw.ctx if encrypted else None)

    def test_a_side_connection_of_pymysql_is_encrypted_as_its_statement_is(self):
        context = ssl.create_default_context()
        raw = SimpleNamespace(
            ctx=context, _sock=context.wrap_socket(socket.socket(), server_hostname="x")
        )
        with closing(raw._sock):
            params = _drivers._secured_as(raw, {"user": "x", "ssl_ca": "y", "ssl": {}})
        assert params == {"user": "x", "ssl": context}
        with closing(pymysql.connect(defer_connect=True, ssl=context)) as side:
            assert side.ctx is context, relies(_drivers.cancellation_of)

    def test_a_statement_of_a_kept_connection_asks_once_which_server_it_is(self, mariadb):
        mariadb.ensure_connection()
        _drivers.cancellation_of(connections["mariadb"])
        before = run(mariadb, "SHOW SESSION STATUS LIKE 'Questions'")
        _drivers.cancellation_of(connections["mariadb"])
        after = run(mariadb, "SHOW SESSION STATUS LIKE 'Questions'")
        assert int(after[1]) == int(before[1]) + 1  # the question itself


class TestBusyConnections:
    @pytest.mark.postgres
    def test_psycopg_tells_that_a_statement_runs(self):
        connection, seen = connections["postgres"], []
        with transaction.atomic("postgres"), connection.cursor() as cursor:
            assert not _drivers.is_busy(connection), relies(_drivers.is_busy)
            for _ in cursor.stream("SELECT generate_series(1, 2)"):
                seen.append(_drivers.is_busy(connection))
        assert seen[0], relies(_drivers.is_busy)
        assert psycopg.pq.TransactionStatus.ACTIVE == _drivers.ACTIVE, relies(_drivers.is_busy)

    @pytest.mark.mysql
    def test_mysqlclient_tells_that_a_statement_runs(self, mariadb):
        pytest.importorskip("MySQLdb._mysql", reason="PyMySQL cannot tell that a statement runs")
        mariadb.ensure_connection()
        wrapper = connections["mariadb"]
        cancellation = _drivers.cancellation_of(wrapper)

        def runs_until_it_is_killed():
            with pytest.raises(wrapper.Database.Error):
                wrapper.connection.cursor().execute(ENDLESS["mysql"])

        thread = threading.Thread(target=runs_until_it_is_killed)
        assert not _drivers.is_busy(wrapper), relies(_drivers.is_busy)
        thread.start()
        end = time.monotonic() + 30
        while not _drivers.is_busy(wrapper):
            assert time.monotonic() < end, relies(_drivers.is_busy)
        while thread.is_alive():
            cancellation.send()
        assert not _drivers.is_busy(wrapper), relies(_drivers.is_busy)

    def test_sqlite_cannot_tell_that_a_statement_runs(self):
        assert not _drivers.is_busy(connections.create_connection("default"))

    def test_a_closed_connection_is_not_busy(self, connection):
        wrapper = connections.create_connection(connection.alias)
        wrapper.ensure_connection()
        wrapper.connection.close()
        assert not _drivers.is_busy(wrapper)
