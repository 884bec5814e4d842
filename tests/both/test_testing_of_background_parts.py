"""Tests of a project: background work is done at once, never, or fails; and a walk does not wait."""

import threading

import graphene
import pytest
from asgiref.sync import async_to_sync
from django.core.cache import caches
from django.db import connection
from django.http import Http404
from django.test import AsyncClient, Client, TestCase
from django.urls import path
from graphene_django.views import GraphQLView

from django_partstream import ProgressiveView, lazy, safe_call
from django_partstream.jobs import places, states
from django_partstream.received import READERS
from django_partstream.testing import (
    background_fails,
    background_never,
    background_now,
    walk,
    walk_connection,
    walk_stream,
)
from example_schema.models import Customer
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from tests.core import jobs


@pytest.fixture(autouse=True)
def _no_calls():
    jobs.forget()


class Board:
    chunk_size = 2

    def get_parts(self):
        return [
            ("fast", lazy(lambda request: {"store": 0})),
            ("forecast", lazy(self.get_forecast)),
            ("later", lazy(lambda request: {"store": 9})),
        ]

    def get_forecast(self, request):
        return jobs.forecast(1)


class BoardView(Board, ProgressiveView):
    pass


class Store(graphene.ObjectType):
    store = graphene.Int()


class BoardConnection(Board, ProgressiveConnection):
    fast, forecast, later = Part(Store), Part(Store), Part(Store)


class Query(graphene.ObjectType):
    board = ProgressiveConnectionField(BoardConnection)


QUERY = """query ($after: String) { board(after: $after) {
  pageInfo { hasNextPage endCursor } %s
  edges { node { name error { code reference } fast { store } forecast { store } later { store } } }
} }"""

STORES = {"fast": {"store": 0}, "forecast": {"store": 1, "days": 7}, "later": {"store": 9}}


@pytest.fixture
def board(serve):
    """A client of the board over REST, at ``/``, and over GraphQL."""
    view = GraphQLView.as_view(schema=graphene.Schema(query=Query))
    return serve(path("", BoardView.as_view()), path("graphql/", view))


def over_rest(client):
    return walk(client, "/")


def over_graphql(client):
    return walk_connection(client, QUERY % "pending { name }")


def by_stream(client):
    return walk_stream(client, "/")


each_way = pytest.mark.parametrize("way", [over_rest, over_graphql, by_stream])


class TestBackgroundNow:
    @pytest.mark.django_db
    @each_way
    def test_a_walk_has_the_value_of_background_work(self, board, way):
        with background_now():
            walked = way(board)
        assert walked.names == ["fast", "forecast", "later"]
        assert walked.parts["forecast"]["store"] == 1
        assert jobs.calls == [("forecast", 1, 7)]

    @pytest.mark.usefixtures("transacted")
    def test_the_value_goes_with_the_body(self, board):
        with background_now():
            over_rest(board)
        with background_now():
            over_rest(board)
        assert jobs.calls == [("forecast", 1, 7)] * 2
        assert not caches["default"]._cache  # that of a LocMemCache

    @pytest.mark.django_db(transaction=True)
    def test_work_is_done_in_the_transaction_of_the_request(self, serve, monkeypatch):
        class View(ProgressiveView):
            def get_parts(self):
                Customer.objects.create(name="Ann", email="ann@example.com", city="x")
                return [("names", lazy(lambda request: jobs.customers()))]

        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        with background_now():
            (row,) = walk(serve(View), "/").parts["names"]
        assert row["name"] == "Ann"
        assert Customer.objects.count() == 1

    @pytest.mark.django_db(transaction=True)
    def test_a_part_waits_for_the_work_that_another_thread_does(self, serve, monkeypatch):
        class Two(ProgressiveView):
            concurrency = 2

            def get_parts(self):
                return [("first", lazy(self.get_first)), ("second", lazy(self.get_second))]

            def get_first(self, request):
                return jobs.gated("shared")

            def get_second(self, request):
                assert jobs.begun.wait(30)
                seconds.add(threading.get_ident())
                return jobs.gated("shared")

        def noted(place):
            state = look(place)
            if threading.get_ident() in seconds:
                assert isinstance(state, (states.Underway, states.Kept))
                jobs.gate.set()
            return state

        seconds, look = set(), places.Place.look
        monkeypatch.setattr(places.Place, "look", noted)
        with background_now():
            walked = walk(serve(Two), "/")
        assert walked.parts == {"first": "shared", "second": "shared"}
        assert jobs.calls == [("gated", "shared")]

    @pytest.mark.django_db
    def test_coroutines_and_asynchronous_clients_have_their_values(self, serve):
        class Awaited(ProgressiveView):
            def get_parts(self):
                return [("a", lazy(self.value, "a")), ("b", lazy(self.value, "b"))]

            async def value(self, request, text):
                return await jobs.awaited(text)

        serve(Awaited)
        with background_now():
            page = async_to_sync(AsyncClient().get)("/").json()
            assert page["results"] == [{"a": "a"}, {"b": "b"}]
            assert walk(Client(), "/").parts == {"a": "a", "b": "b"}
        assert jobs.calls == [("awaited", "a"), ("awaited", "b")]


class TestNever:
    @pytest.mark.django_db
    @each_way
    def test_a_walk_names_the_parts_that_are_pending_and_the_remedy(self, board, way):
        with (
            background_never(),
            pytest.raises(AssertionError, match=r"pending: forecast\. .*background_now\(\)"),
        ):
            way(board)
        assert jobs.calls == []

    @pytest.mark.django_db
    def test_a_walk_that_does_not_select_pending_fails_on_a_page_without_edges(self, board):
        with background_never(), pytest.raises(AssertionError, match="select pending"):
            walk_connection(board, QUERY % "")

    @pytest.mark.django_db
    def test_a_page_tells_of_the_part_and_goes_on(self, board):
        with background_never():
            page = board.get("/").json()
        assert page["results"] == [{"fast": {"store": 0}}]
        assert [entry["part"] for entry in page["pending"]] == ["forecast"]

    @pytest.mark.django_db
    def test_the_innermost_of_nested_helpers_counts(self, board):
        with background_now():
            with background_never():
                assert "pending" in board.get("/").json()
            with background_fails():
                assert "errors" in board.get("/").json()
            assert over_rest(board).parts == STORES
        assert jobs.calls == [("forecast", 1, 7)]


@pytest.mark.parametrize("accept", READERS)
def test_a_walk_by_streams_does_not_wait_either(accept):
    class Stream:
        """A client whose stream tells of a pending part."""

        status_code, headers = 200, {"Content-Type": accept}

        def stream(self, method, url, **request):
            return self

        def __enter__(self):
            return self

        def __exit__(self, *exc):
            self.is_closed = True

        def iter_raw(self):
            if accept == "text/event-stream":
                yield b'event: progress\ndata: {"name":"forecast"}\n\n'
            else:
                yield b'{"progress":{"name":"forecast"}}\n'
            raise AssertionError("The walk waits.")

    client = Stream()
    with pytest.raises(AssertionError, match=r"pending: forecast\. .*background_now\(\)"):
        walk_stream(client, "/", accept=accept)
    assert client.is_closed


class TestFails:
    @pytest.mark.django_db
    @each_way
    def test_background_work_fails_with_the_message_of_a_failure(self, board, way, caplog):
        with background_fails():
            walked = way(board)
        assert walked.parts["forecast"] is None
        (error,) = walked.errors
        assert (error["part"], error["code"]) == ("forecast", "part_failed")
        assert jobs.calls == []
        references = {getattr(record, "reference", None) for record in caplog.records}
        assert error["reference"] in references

    @pytest.mark.django_db
    def test_an_exception_of_the_test_has_its_own_meaning(self, board):
        with background_fails(Http404()):
            (error,) = over_rest(board).errors
        assert error["code"] == "not_found"

    @pytest.mark.django_db
    def test_guards_of_the_part_stay_in_place(self, serve):
        class Guarded(ProgressiveView):
            def get_parts(self):
                guarded = safe_call(lambda request: jobs.forecast(1), fallback="none")
                return [("forecast", lazy(guarded))]

        with background_fails():
            assert walk(serve(Guarded), "/").parts == {"forecast": "none"}

    def test_work_that_is_not_asked_for_fails_the_test(self):
        with (
            pytest.raises(AssertionError, match="Nothing asked for background work"),
            background_fails(),
        ):
            pass


@pytest.mark.usefixtures("board")
class InATestCase(TestCase):
    """As a project writes it; Django wraps the test in a transaction."""

    def test_background_work_is_done_in_the_transaction_of_the_test(self):
        before = threading.active_count()
        with background_now():
            assert over_rest(self.client).parts == STORES
        assert threading.active_count() == before
