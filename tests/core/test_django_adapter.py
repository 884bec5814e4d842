"""
The facts about Django that ``django_partstream._django`` relies on.

A red test here means that a release of Django has changed such a fact. The message names the
function of the adapter to look at.
"""

import asyncio
import gc
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from unittest import mock

import pytest
from django.conf import UserSettingsHolder
from django.conf import settings as django_settings
from django.core.handlers.base import BaseHandler
from django.db import DatabaseError, ProgrammingError, connections, transaction
from django.db.backends.signals import connection_created
from django.db.transaction import TransactionManagementError
from django.db.utils import ConnectionHandler
from django.dispatch import Signal
from django.http import HttpResponse, StreamingHttpResponse
from django.template.response import SimpleTemplateResponse
from django.test import override_settings
from django.urls import ResolverMatch, path
from django.utils.functional import SimpleLazyObject

from django_partstream import _django
from tests import services

#: The mutable attributes that a copy shares with its original on purpose. None of them describes
#: a transaction.
SHARED = {
    "_thread_sharing_lock",
    "client",
    "connection",
    "creation",
    "features",
    "init_commands",
    "introspection",
    "ops",
    "queries_log",
    "settings_dict",
    "validation",
}
#: Values that Django replaces rather than changes.
IMMUTABLE = (str, int, float, type(None), tuple, frozenset, type, BaseException)


def relies(*functions):
    """The message of a fact that *functions* of the adapter rely on."""
    names = " and ".join(f"{function.__name__}()" for function in functions)
    upstream = ", ".join(f"{name} {version(name)}" for name in ("Django", "asgiref"))
    return f"{names} of django_partstream._django relied on this before {upstream}."


@pytest.fixture(autouse=True)
def _databases(django_db_setup, django_db_blocker):
    """The databases of the tests, without a transaction. No test here writes a row."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(params=services.EACH_DATABASE)
def connection(request):
    """This thread's connection to each database in turn."""
    wrapper = connections[request.param]
    yield wrapper
    wrapper.close()
    connections[request.param] = wrapper  # where a test has dropped it


def in_a_thread(func):
    with ThreadPoolExecutor(1) as thread:
        thread.submit(func).result()


def mutable(wrapper):
    return {name for name, value in vars(wrapper).items() if not isinstance(value, IMMUTABLE)}


def run(connection, sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()


class TestACopyOfAWrapper:
    def test_the_mutable_attributes_of_a_fresh_wrapper_are_known(self, connection):
        fresh = connections.create_connection(connection.alias)
        unknown = mutable(fresh) - SHARED - set(_django.TRANSACTION_LISTS)
        assert not unknown, relies(_django.copy_in_transaction)

    def test_a_wrapper_in_a_transaction_shares_known_attributes_with_its_copy(self, connection):
        with transaction.atomic(connection.alias):
            with connection.chunked_cursor() as cursor:
                cursor.execute("SELECT 1")  # by then the wrapper has made its cached properties
            lent = _django.copy_in_transaction(connection)
            ours, theirs = vars(connection), vars(lent)
            both = mutable(connection) & mutable(lent)
            unknown = {name for name in both - SHARED if ours[name] is theirs[name]}
        assert not unknown, relies(_django.copy_in_transaction)

    def test_the_transaction_lists_of_a_wrapper_are_lists(self, connection):
        kinds = {type(getattr(connection, name)) for name in _django.TRANSACTION_LISTS}
        assert kinds == {list}, relies(_django.copy_in_transaction)

    def test_the_transaction_state_of_a_wrapper_is_in_plain_attributes(self, connection):
        fresh = vars(connections.create_connection(connection.alias))
        values = {name: fresh.get(name, "missing") for name in _django.TRANSACTION_STATE}
        assert values == {
            "needs_rollback": False,
            "rollback_exc": None,
            "savepoint_state": 0,
            "closed_in_transaction": False,
            "errors_occurred": False,
        }, relies(_django.copy_state_back)

    def test_database_errors_are_wrapped_by_an_object_that_is_bound_to_a_wrapper(self, connection):
        """It sets ``errors_occurred`` on that wrapper."""
        assert connection.wrap_database_errors.wrapper is connections[connection.alias]
        bound = _django.bound_attributes(connections[connection.alias])
        assert "wrap_database_errors" in bound, relies(_django.bound_attributes)

    def test_atomic_blocks_are_counted_in_the_list_of_a_wrapper(self, connection):
        with transaction.atomic(connection.alias) as _, transaction.atomic(connection.alias):
            assert len(connection.atomic_blocks) == 2, relies(_django.copy_in_transaction)

    def test_execute_wrappers_are_kept_in_the_list_of_a_wrapper(self, connection):
        def wrapper(execute, *args):
            return execute(*args)

        with connection.execute_wrapper(wrapper):
            assert connection.execute_wrappers[-1] is wrapper, relies(_django.copy_in_transaction)

    def test_savepoints_are_numbered_by_the_savepoint_state(self, connection):
        with transaction.atomic(connection.alias):
            before = connection.savepoint_state
            connection.savepoint()
            assert connection.savepoint_state == before + 1, relies(_django.copy_state_back)

    def test_thread_sharing_is_allowed_for_a_copy_alone(self, connection):
        with transaction.atomic(connection.alias):
            lent, allowed = _django.copy_in_transaction(connection), []
            thread = threading.Thread(target=lambda: allowed.append(run(lent, "SELECT 1")))
            thread.start()
            thread.join(30)
        assert allowed == [(1,)], relies(_django.copy_in_transaction)
        assert not connection.allow_thread_sharing, relies(_django.copy_in_transaction)


class TestConnectionsOfThreads:
    def test_a_wrapper_is_set_for_one_thread(self, connection):
        other, seen = connections.create_connection(connection.alias), []

        def use():
            _django.use_in_this_thread(other)
            seen.append(connections[connection.alias])
            _django.drop_from_this_thread(other)
            seen.append(connections[connection.alias])

        thread = threading.Thread(target=use)
        thread.start()
        thread.join(30)
        assert seen[0] is other, relies(_django.use_in_this_thread)
        assert seen[1] not in (other, connection), relies(_django.drop_from_this_thread)
        assert connections[connection.alias] is not other, relies(_django.use_in_this_thread)


class TestIntercepting:
    @pytest.fixture
    def calls(self, connection):
        """The calls that were intercepted on the connection, by method."""
        wrapper, calls = connections[connection.alias], []

        def counted_cursor(name=None):
            calls.append("create_cursor")
            return create_cursor(name)

        def counted_commit():
            calls.append("commit")
            commit()

        create_cursor, commit = _django.intercept(
            wrapper, create_cursor=counted_cursor, commit=counted_commit
        )
        yield calls
        _django.stop_intercepting(wrapper)

    @pytest.mark.parametrize("method", ["cursor", "chunked_cursor"])
    def test_each_cursor_is_made_by_create_cursor_of_the_instance(self, connection, calls, method):
        with transaction.atomic(connection.alias):
            del calls[:]
            with getattr(connection, method)():
                assert calls == ["create_cursor"], relies(_django.intercept)

    def test_atomic_commits_by_commit_of_the_instance(self, connection, calls):
        with transaction.atomic(connection.alias):
            run(connection, "SELECT 1")
            assert "commit" not in calls
        assert calls[-1] == "commit", relies(_django.intercept)

    def test_a_commit_that_is_refused_rolls_the_transaction_back(self, connection, monkeypatch):
        def refuse():
            raise DatabaseError

        monkeypatch.setattr(connections[connection.alias], "commit", refuse)
        with pytest.raises(DatabaseError), transaction.atomic(connection.alias):
            run(connection, "SELECT 1")
        assert not connection.in_atomic_block, relies(_django.intercept)
        assert connection.get_autocommit(), relies(_django.intercept)

    def test_a_replaced_method_is_an_attribute_of_the_instance(self, connection, monkeypatch):
        wrapper = connections.create_connection(connection.alias)
        assert "cursor" not in _django.bound_attributes(wrapper)
        monkeypatch.setattr(wrapper, "cursor", wrapper.cursor)
        assert "cursor" in _django.bound_attributes(wrapper), relies(_django.bound_attributes)


class TestHooksOfSavepoints:
    def test_a_hook_is_dropped_with_a_savepoint_that_was_added(self, connection):
        ran = []
        with transaction.atomic(connection.alias):
            point = connection.savepoint()
            _django.add_savepoint(connection, point)
            transaction.on_commit(lambda: ran.append("undone"), using=connection.alias)
            connection.savepoint_rollback(point)
            _django.remove_savepoint(connection, point)
            transaction.on_commit(lambda: ran.append("kept"), using=connection.alias)
        assert ran == ["kept"], relies(_django.add_savepoint, _django.remove_savepoint)

    def test_hooks_are_kept_in_a_list_with_their_savepoints(self, connection):
        def hook():
            """Do nothing."""

        with transaction.atomic(connection.alias):
            _django.add_savepoint(connection, "point")
            transaction.on_commit(hook, using=connection.alias)
            (entry,) = connection.run_on_commit
            _django.remove_savepoint(connection, "point")
        assert entry[:2] == ({"point"}, hook), relies(
            _django.add_savepoint, _django.copy_in_transaction
        )


class TestBrokenConnections:
    def fail(self, connection):
        """Run a statement that fails for another reason than its data."""
        with pytest.raises(DatabaseError):
            run(connection, "SELECT * FROM no_such_table")

    def test_a_database_error_is_recorded_until_a_check(self, connection):
        run(connection, "SELECT 1")
        assert not _django.is_broken(connection)
        self.fail(connection)
        assert _django.is_broken(connection), relies(_django.is_broken)
        _django.close_if_unusable(connection)
        assert not _django.is_broken(connection), relies(_django.close_if_unusable)

    def test_autocommit_is_off_in_a_transaction(self, connection):
        run(connection, "SELECT 1")
        assert connection.autocommit, relies(_django.is_broken)
        connection.set_autocommit(False)
        self.fail(connection)
        assert not _django.is_broken(connection), relies(_django.is_broken)
        connection.rollback()
        connection.set_autocommit(True)

    def test_a_connection_past_its_age_is_closed(self, connection):
        connection.ensure_connection()
        connection.close_at = time.monotonic() - 1
        raw = connection.connection
        _django.close_if_unusable(connection)
        if not (connection.vendor == "sqlite" and connection.is_in_memory_db()):
            assert connection.connection is not raw, relies(_django.close_if_unusable)

    def test_a_transaction_marked_for_rollback_refuses_statements(self, connection):
        with transaction.atomic(connection.alias):
            connection.set_rollback(True)
            assert connection.needs_rollback, relies(_django.copy_state_back)
            connection.rollback_exc = LookupError("the cause")
            with pytest.raises(TransactionManagementError) as caught:
                run(connection, "SELECT 1")
        assert caught.value.__cause__ is connection.rollback_exc, relies(_django.copy_state_back)

    def test_an_abandoned_transaction_leaves_the_raw_connection_alone(self, connection):
        with transaction.atomic(connection.alias):
            raw = connection.connection
            _django.abandon_transaction(connection)
            for _ in range(2):
                with pytest.raises((ProgrammingError, TransactionManagementError)):
                    run(connection, "SELECT 1")
                connection.set_rollback(False)
        assert run(connection, "SELECT 1") == (1,), relies(_django.abandon_transaction)
        assert connection.connection is not raw, relies(_django.abandon_transaction)
        cursor = raw.cursor()
        cursor.execute("SELECT 2")
        assert cursor.fetchone() == (2,), relies(_django.abandon_transaction)
        raw.close()

    def test_a_connection_to_a_database_in_memory_is_closed(self):
        settings = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        wrapper = ConnectionHandler({"default": settings}).create_connection("default")
        wrapper.ensure_connection()
        raw = wrapper.connection
        wrapper.close()
        assert wrapper.connection is raw, relies(_django.close_also_in_memory)
        _django.close_also_in_memory(wrapper)
        assert wrapper.connection is None, relies(_django.close_also_in_memory)
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            raw.cursor()


class TestPreparedConnections:
    def test_each_use_of_a_connection_begins_with_ensure_connection_of_its_instance(
        self, connection
    ):
        _django.drop_from_this_thread(connection)  # the use by atomic() breaks the next one
        connection, calls = connections[connection.alias], []

        def ensure(before):
            calls.append(connection.connection)
            before()

        undo = _django.prepare_on_use(connection, ensure=ensure, close=lambda before: before())
        try:
            for use in (
                lambda: connection.cursor().close(),
                lambda: connection.chunked_cursor().close(),
                connection.get_autocommit,
                transaction.atomic(connection.alias).__enter__,
            ):
                _django.close_also_in_memory(connection)
                calls.clear()
                use()
                assert calls[:1] == [None], relies(_django.prepare_on_use)
        finally:
            connection.needs_rollback = True
            connection.close()
            undo()
            _django.drop_from_this_thread(connection)
        assert not {"ensure_connection", "_close"} & vars(connection).keys()

    def test_a_raw_connection_is_closed_by_the_close_method_of_its_instance(self, connection):
        closed = []

        def close(before):
            closed.append(connection.connection)
            before()

        run(connection, "SELECT 1")
        raw = connection.connection
        undo = _django.prepare_on_use(connection, ensure=lambda before: before(), close=close)
        _django.close_also_in_memory(connection)
        undo()
        assert closed == [raw], relies(_django.prepare_on_use)

    def test_a_copy_of_a_prepared_connection_is_not_prepared(self, connection):
        with transaction.atomic(connection.alias):
            undo = _django.prepare_on_use(
                connection, ensure=lambda before: before(), close=lambda before: before()
            )
            own = vars(_django.copy_in_transaction(connection)).keys()
            undo()
        assert not {"ensure_connection", "_close"} & own, relies(_django.prepare_on_use)

    def test_the_list_of_execute_wrappers_is_read_for_each_statement(self, connection):
        seen = []

        def wrapper(execute, *args):
            seen.append(args[0])
            return execute(*args)

        connection.ensure_connection()  # MariaDB runs statements of its own for that
        with _django.lend_execute_wrappers(connection, [wrapper]):
            run(connection, "SELECT 1")
        run(connection, "SELECT 2")
        assert seen == ["SELECT 1"], relies(_django.lend_execute_wrappers)

    def test_the_first_execute_wrapper_is_outermost_and_the_last_is_taken_away(self, connection):
        seen = []

        def noting(name):
            return lambda execute, *args: seen.append(name) or execute(*args)

        connection.ensure_connection()
        first = noting("first")
        try:
            with connection.execute_wrapper(noting("last")):
                _django.wrap_outermost(connection, first)
                run(connection, "SELECT 1")
            assert connection.execute_wrappers[0] is first, relies(_django.wrap_outermost)
        finally:
            connection.execute_wrappers.remove(first)
        assert seen == ["first", "last"], relies(_django.wrap_outermost)

    def test_a_connection_is_told_of_when_it_has_been_set_up(self, connection):
        told = []

        def receive(connection, **_):
            told.append(connection.is_usable())

        connection.close()
        connection_created.connect(receive)
        try:
            run(connection, "SELECT 1")
        finally:
            connection_created.disconnect(receive)
        assert told == [True], relies(_django.wrap_outermost)

    @pytest.mark.postgres
    def test_a_backend_forgets_the_state_of_a_session_in_its_own_close_method(self):
        connection = connections["postgres"]
        run(connection, "SELECT 1")
        with mock.patch.object(type(connection), "close", autospec=True) as close:
            _django.close_also_in_memory(connection)
        close.assert_called_once_with(connection)
        assert connection.connection is None, relies(_django.close_also_in_memory)


def test_a_lazy_object_keeps_its_object_after_its_setup():
    made = []
    lazy = SimpleLazyObject(lambda: made.append(1) or made)
    assert _django.wrapped_by(lazy) is made, relies(_django.wrapped_by)
    assert _django.wrapped_by(lazy) == [1], relies(_django.wrapped_by)


class TestMadeConnections:
    """The public ``connections.all()`` gives the same, slowly."""

    @staticmethod
    def assert_equal():
        made = [*_django.made_connections()]
        expected = connections.all(initialized_only=True)
        assert sorted(made, key=id) == sorted(expected, key=id), relies(_django.made_connections)
        return made

    def test_the_connections_of_a_thread_are_found_without_asking_for_each(self, connection):
        connection.ensure_connection()
        assert connection in self.assert_equal()
        with mock.patch.object(ConnectionHandler, "all", side_effect=AssertionError):
            made = _django.made_connections()
        assert connection in made, relies(_django.made_connections)

    def test_a_thread_has_the_connections_that_it_made_replaced_or_dropped(self, connection):
        alias = connection.alias

        def in_new_thread():
            assert self.assert_equal() == []
            own = connections[alias]
            assert self.assert_equal() == [own]
            lent = connections[alias] = connections.create_connection(alias)
            assert self.assert_equal() == [lent]
            del connections[alias]
            assert self.assert_equal() == []

        in_a_thread(in_new_thread)

    def test_a_task_of_an_event_loop_has_connections_of_its_own(self):
        async def task():
            made = connections["default"]
            assert self.assert_equal() == [made]

        def in_new_thread():
            outside = connections["default"]
            asyncio.run(task())
            assert self.assert_equal() == [outside]

        in_a_thread(in_new_thread)

    def test_every_connection_of_a_thread_is_found(self):
        def in_new_thread():
            for alias in connections:
                assert connections[alias] is not None
            assert {made.alias for made in self.assert_equal()} == {*connections}

        in_a_thread(in_new_thread)


class TestResponses:
    def test_a_callback_after_rendering_is_known(self):
        response = SimpleTemplateResponse("missing.html")
        assert not _django.has_render_callbacks(response), relies(_django.has_render_callbacks)
        response.add_post_render_callback(print)
        assert _django.has_render_callbacks(response), relies(_django.has_render_callbacks)

    def test_the_test_client_closes_a_stream_at_the_end_of_its_generator(self, serve):
        closed = []
        response = StreamingHttpResponse(iter([b"a", b"b"]))
        response._resource_closers.append(lambda: closed.append(1))
        serve(path("", lambda request: response)).get("/")
        assert next(response.streaming_content) == b"a"
        _django.close_stream(response)
        assert (closed, list(response.streaming_content)) == ([1], []), relies(_django.close_stream)

    @pytest.mark.parametrize("response", [HttpResponse(), SimpleTemplateResponse("missing.html")])
    def test_a_header_is_found_by_its_name_in_small_letters(self, response):
        names = {"cache-control", "expires"}
        assert not _django.names_headers(response, names), relies(_django.names_headers)
        response.headers["CACHE-Control"] = "public"
        assert _django.names_headers(response, names), relies(_django.names_headers)
        del response["cache-CONTROL"]
        assert not _django.names_headers(response, names), relies(_django.names_headers)

    @pytest.mark.parametrize("response", [HttpResponse(), SimpleTemplateResponse("missing.html")])
    def test_a_header_that_is_set_as_it_is_equals_a_header_that_django_sets(self, response):
        response["Vary"] = "Cookie"
        _django.set_header(response, "Vary", "Accept, Last-Event-ID")
        assert response["vary"] == "Accept, Last-Event-ID", relies(_django.set_header)
        _django.set_header(response, "X-Own", "1")
        set_by_django = HttpResponse()
        set_by_django["Vary"], set_by_django["X-Own"] = "Accept, Last-Event-ID", "1"
        theirs = {name: set_by_django.headers._store[name] for name in ("vary", "x-own")}
        assert {name: response.headers._store[name] for name in theirs} == theirs, relies(
            _django.set_header
        )


class TestReceivers:
    def test_a_signal_without_receivers_is_not_asked_for_each_sender(self):
        signal = Signal()
        with mock.patch.object(Signal, "has_listeners", side_effect=AssertionError):
            assert not _django.has_receivers(signal, str), relies(_django.has_receivers)

    def test_a_receiver_counts_for_its_sender_as_long_as_it_is_connected(self):
        def receiver(**kwargs):
            """Listen."""

        signal = Signal(use_caching=True)
        assert not _django.has_receivers(signal, str)
        signal.connect(receiver, sender=str)
        counts = [_django.has_receivers(signal, sender) for sender in (str, int)]
        assert counts == [True, False], relies(_django.has_receivers)
        del receiver
        gc.collect()
        assert not _django.has_receivers(signal, str), relies(_django.has_receivers)


class TestASetting:
    def test_a_setting_is_found_or_missing_behind_the_settings_object(self, settings):
        with mock.patch.object(type(django_settings), "__getattr__", side_effect=AssertionError):
            assert _django.find_setting("PARTSTREAM") is None, relies(_django.find_setting)
        settings.PARTSTREAM = {"CHUNK_SIZE": 7}
        assert _django.find_setting("PARTSTREAM") == {"CHUNK_SIZE": 7}, relies(_django.find_setting)
        del settings.PARTSTREAM
        assert _django.find_setting("PARTSTREAM") is None, relies(_django.find_setting)

    def test_a_missing_setting_is_looked_for_once_in_the_same_settings(self):
        with override_settings(DEBUG=True):
            assert _django.find_setting("PARTSTREAM") is None
            with mock.patch.object(UserSettingsHolder, "__getattr__", side_effect=AssertionError):
                assert _django.find_setting("PARTSTREAM") is None, relies(_django.find_setting)

    def test_a_missing_setting_is_found_as_soon_as_it_is_set_or_overridden(self):
        with override_settings(DEBUG=True):
            assert _django.find_setting("PARTSTREAM") is None
            with override_settings(PARTSTREAM={"CHUNK_SIZE": 7}):
                found = _django.find_setting("PARTSTREAM")
                with override_settings(DEBUG=False):
                    assert _django.find_setting("PARTSTREAM") == found, relies(_django.find_setting)
            assert found == {"CHUNK_SIZE": 7}, relies(_django.find_setting)
            assert _django.find_setting("PARTSTREAM") is None, relies(_django.find_setting)
            django_settings.PARTSTREAM = {"CHUNK_SIZE": 8}
            found = _django.find_setting("PARTSTREAM")
            assert found == {"CHUNK_SIZE": 8}, relies(_django.find_setting)


class TestTransactionsOfRequests:
    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("without", [None, "default", "another"])
    def test_atomic_aliases_are_those_on_which_django_runs_the_view(self, rf, monkeypatch, without):
        monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)

        def view(request):
            return connections["default"].in_atomic_block

        if without:
            view = transaction.non_atomic_requests(using=without)(view)
        request = rf.get("/")
        request.resolver_match = ResolverMatch(view, (), {})
        is_atomic = BaseHandler().make_view_atomic(view)(request)
        assert is_atomic == ("default" in _django.atomic_aliases(request))
        assert is_atomic == (without != "default")

    def test_a_request_without_a_view_has_the_transactions_of_the_project(self, rf):
        assert _django.atomic_aliases(rf.get("/")) == []
