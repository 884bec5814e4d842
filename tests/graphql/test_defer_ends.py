"""How an incremental response begins and ends: its media type, its loop, its heartbeats."""

import asyncio
import threading
from contextlib import contextmanager
from threading import Event

import graphene
import graphql
import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.test import AsyncClient, RequestFactory
from django.urls import path
from graphene.types.generic import GenericScalar

if not hasattr(graphql, "ExecutionContext"):
    pytest.skip("Nothing is deferred with graphql-core 3.3.", allow_module_level=True)

from django_partstream.delivery import streams
from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    ProgressiveGraphQLView,
    defer_directives,
)
from partstream_graphql.http.incremental import BOTH, IDS, PATHS, shape_for
from tests.graphql.multipart import SHAPES, Frames, Merged, ask, payloads_of

GATE, LOOPS, SEEN = Event(), [], []


class Board(ProgressiveConnection):
    waits = Part(graphene.Int)
    counts = Part(graphene.Int)

    def resolve_waits(self, info):
        GATE.wait(20)
        return 1

    def resolve_counts(self, info):
        SEEN.append(connection.in_atomic_block)
        return get_user_model().objects.count()


class Query(graphene.ObjectType):
    board = ProgressiveConnectionField(Board)
    later = graphene.Int()
    counts = graphene.Int()

    async def resolve_later(self, info):
        LOOPS.append(asyncio.get_running_loop())
        return 2

    def resolve_counts(self, info):
        SEEN.append(connection.in_atomic_block)
        return get_user_model().objects.count()


SCHEMA = graphene.Schema(query=Query, directives=defer_directives())


@pytest.fixture
def post(serve):
    client = serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA)))
    GATE.clear()
    LOOPS.clear()
    SEEN.clear()

    def posted(text, client=client):
        return ask(client, text)

    yield posted
    GATE.set()


@pytest.mark.parametrize(
    ("accept", "shape"),
    [
        ("multipart/mixed", BOTH),
        ("Multipart/Mixed", BOTH),
        ('multipart/mixed; boundary="graphql"', BOTH),
        ("application/json, text/event-stream, multipart/mixed", BOTH),
        ("multipart/mixed;deferSpec=20220824,application/json;q=0.9", PATHS),
        ('multipart/mixed; DeferSpec="20220824"', PATHS),
        ("multipart/mixed;incrementalSpec=v0.2", IDS),
        ('application/json, multipart/mixed; incrementalSpec="v0.2"', IDS),
        ("multipart/mixed;deferSpec=20220824;q=0.5, multipart/mixed;q=0.8", BOTH),
        ("multipart/mixed;q=0.8, multipart/mixed;deferSpec=20220824;q=0.5", BOTH),
        ("multipart/mixed, multipart/mixed;deferSpec=20220824, a/b", PATHS),
        ("multipart/mixed;deferSpec=20220824, multipart/mixed;incrementalSpec=v0.2", IDS),
        ("multipart/mixed;incrementalSpec=v0.2, multipart/mixed;deferSpec=20220824", IDS),
        ("application/json;q=1, multipart/mixed;q=0.1", BOTH),
        ("multipart/mixed;q=0, application/json", None),
        ("multipart/mixed;deferSpec=20200101", None),
        ("multipart/mixed;incrementalSpec=v0.1", None),
        ('multipart/mixed;boundary="graphql";subscriptionSpec=1.0', None),
        ("multipart/mixed;subscriptionSpec=1.0, multipart/mixed", BOTH),
        ("multipart/*", None),
        ("*/*", None),
        ("application/json", None),
        ("", None),
        ("multipart/mixed;;;q", BOTH),
        (";;,,", None),
    ],
)
def test_the_shape_is_that_of_the_accept_header(accept, shape):
    assert shape_for(RequestFactory().get("/", headers={"accept": accept})) is shape


def test_a_request_without_an_accept_header_asks_for_no_shape():
    assert shape_for(RequestFactory().get("/")) is None


def test_a_payload_says_that_the_connection_is_alive(post, monkeypatch, transactional_db):
    monkeypatch.setattr(streams, "HEARTBEAT", 0.01)
    chunks, frames = iter(post("{ board { totalCount ... @defer { waits } } }")), Frames()
    first = frames.feed(next(chunks))
    assert frames.feed(next(chunks)) == [{"hasNext": True}]
    GATE.set()
    rest = [payload for chunk in chunks for payload in frames.feed(chunk)]
    assert Merged([*first, *rest]).data == {"board": {"totalCount": 1, "waits": 1}}
    assert frames.is_over


def loop_threads():
    return [one for one in threading.enumerate() if one.name.startswith("partstream-loop")]


class TestTheLoop:
    TEXT = "{ later ... @defer { x: later } ... @defer { y: later } }"

    def test_async_resolvers_of_all_payloads_run_in_the_same_loop(self, post):
        merged = Merged(payloads_of(b"".join(post(self.TEXT)).decode()))
        assert merged.data == {"later": 2, "x": 2, "y": 2}
        assert len(LOOPS) == 3
        assert len(set(map(id, LOOPS))) == 1
        assert not loop_threads()

    def test_the_loop_ends_with_a_response_that_is_never_read(self, post, transactional_db):
        response = post(self.TEXT)
        assert loop_threads()
        response.close()
        assert not loop_threads()

    def test_the_loop_ends_with_a_response_that_is_left(self, post, transactional_db):
        response = post(self.TEXT)
        next(iter(response))
        response.close()
        assert not loop_threads()


class TestTransactions:
    TEXT = "{ ... @defer { counts } board { totalCount ... @defer { counts } } }"

    @pytest.mark.django_db
    def test_a_test_case_has_its_rows_in_each_payload(self, post):
        get_user_model().objects.create_user("ada")
        merged = Merged(payloads_of(b"".join(post(self.TEXT)).decode()))
        assert (merged.data["counts"], merged.data["board"]["counts"]) == (1, 1)
        assert SEEN == [True, True]

    def test_where_requests_are_atomic_each_fragment_has_a_transaction(
        self, post, transactional_db, monkeypatch
    ):
        monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
        body = post(self.TEXT)
        assert not transaction.get_connection().in_atomic_block
        Merged(payloads_of(b"".join(body).decode()))
        assert SEEN == [True, True]


TENANTS = []


class Tenancy:
    """Notes the tenant of each connection, and of the thread in which a field is resolved."""

    current = threading.local()

    def capture(self, request):
        return request.headers["x-tenant"]

    @contextmanager
    def thread(self, tenant):
        before = getattr(self.current, "tenant", None)
        self.current.tenant = tenant
        yield
        self.current.tenant = before

    @contextmanager
    def connection(self, tenant, connection):
        TENANTS.append(tenant)
        yield


def read(response):
    async def all_of_it():
        return b"".join([chunk async for chunk in response])

    body = async_to_sync(all_of_it)() if response.is_async else b"".join(response)
    return payloads_of(body.decode())


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_each_field_that_comes_later_has_the_tenant_of_the_view(
    serve, settings, transactional_db, is_async
):
    settings.PARTSTREAM = {"TENANCY": f"{__name__}.Tenancy"}
    TENANTS.clear()

    class Tenants(graphene.ObjectType):
        board = ProgressiveConnectionField(lambda: Parts)
        tenant = graphene.String()
        users = graphene.Int()

        def resolve_tenant(self, info):
            return Tenancy.current.tenant

        def resolve_users(self, info):
            return get_user_model().objects.count()

    class Parts(ProgressiveConnection):
        plain = Part(Tenants)
        awaited = Part(Tenants)

        def resolve_plain(self, info):
            return Tenants()

        async def resolve_awaited(self, info):
            assert await get_user_model().objects.acount() == 0
            return Tenants()

    schema = graphene.Schema(query=Tenants, directives=defer_directives())
    client = serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=schema)))
    own = "tenant users"
    parts = f"board {{ ... @defer {{ plain {{ {own} }} awaited {{ {own} }} }} }}"
    sent = {
        "path": "/graphql/",
        "data": {"query": f"{{ __typename ... @defer {{ {own} }} {parts} }}"},
        "content_type": "application/json",
        "headers": {"accept": SHAPES["both"], "x-tenant": "a"},
    }
    response = async_to_sync(AsyncClient().post)(**sent) if is_async else client.post(**sent)
    told = {"tenant": "a", "users": 0}
    board = {"plain": told, "awaited": told}
    assert Merged(read(response)).data == {"__typename": "Tenants", "board": board, **told}
    assert set(TENANTS) == {"a"}


def test_gzip_middleware_holds_no_payload_back(post, client, settings, transactional_db):
    settings.MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware", *settings.MIDDLEWARE]
    response = client.get(
        "/graphql/",
        {"query": "{ board { totalCount ... @defer { waits } } }"},
        headers={"accept-encoding": "gzip", "accept": SHAPES["both"]},
    )
    (first,) = Frames().feed(next(iter(response)))  # while the part waits
    assert first["data"] == {"board": {"totalCount": 1}}
    assert response["Content-Encoding"] == "identity"
    response.close()


@pytest.mark.parametrize(("is_async", "error"), [(False, TypeError), (True, RuntimeError)])
def test_a_payload_that_cannot_be_encoded_is_an_error_that_says_so(
    serve, transactional_db, recwarn, is_async, error
):
    class Unencodable(graphene.ObjectType):
        value = GenericScalar()

        def resolve_value(self, info):
            return object()

    schema = graphene.Schema(query=Unencodable, directives=defer_directives())
    client = serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=schema)))
    sent = {
        "path": "/graphql/",
        "data": {"query": "{ __typename ... @defer { value } }"},
        "content_type": "application/json",
        "headers": {"accept": SHAPES["both"]},
    }
    response = async_to_sync(AsyncClient().post)(**sent) if is_async else client.post(**sent)
    with pytest.raises(error, match="encoded|JSON serializable"):
        read(response)
    assert not [one for one in recwarn if "iterators" in str(one.message)]
