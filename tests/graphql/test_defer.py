"""``@defer`` over HTTP: what our view sends, and when; merged it is the ordinary response."""

import json
from unittest import mock

import graphene
import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from django.urls import path
from graphql import execution

if not hasattr(execution, "ExecutionContext"):
    pytest.skip("Nothing is deferred with graphql-core 3.3.", allow_module_level=True)

from partstream_graphql import (
    Part,
    ProgressiveConnection,
    ProgressiveConnectionField,
    ProgressiveGraphQLView,
    TrustedDocuments,
    defer_directives,
)
from tests.graphql.multipart import SHAPES, Merged, payloads_of

RAN = []


class Item(graphene.ObjectType):
    n = graphene.Int()
    must = graphene.Int(required=True)
    secret = graphene.Int()

    def resolve_must(self, info):
        raise ValueError("must")

    def resolve_secret(self, info):
        raise ValueError("secret text")


class Board(ProgressiveConnection):
    chunk_size = 3
    a = Part(graphene.Int, by=graphene.Int())
    b = Part(Item)
    c = Part(graphene.List(Item))
    d = Part(graphene.Int)

    def resolve_a(self, info, by=1):
        RAN.append("a")
        return by

    def resolve_b(self, info):
        RAN.append("b")
        return Item(n=2)

    async def resolve_c(self, info):
        RAN.append("c")
        return [Item(n=3), Item(n=4)]

    def resolve_d(self, info):
        RAN.append("d")
        raise ValueError("secret text")


class Query(graphene.ObjectType):
    board = ProgressiveConnectionField(Board)
    other = ProgressiveConnectionField(Board)
    n = graphene.Int()
    later = graphene.Int()
    item = graphene.Field(Item)
    fails = graphene.Int()

    def resolve_n(self, info):
        return 1

    async def resolve_later(self, info):
        return 2

    def resolve_item(self, info):
        return Item(n=5)

    def resolve_fails(self, info):
        raise ValueError("told as ever")


SCHEMA = graphene.Schema(query=Query, directives=defer_directives())


class Client:
    """Posts queries, sync or async: ``client(text, accept=…)`` is the response, read whole."""

    def __init__(self, client, *, is_async):
        self.is_async, self._client = is_async, AsyncClient() if is_async else client

    def __call__(self, text, *, accept=SHAPES["both"], method="post", **variables):
        sent = self._send if self.is_async else self._send_now
        return (async_to_sync(sent) if self.is_async else sent)(method, text, accept, variables)

    def merged(self, text, **options):
        response = self(text, **options)
        assert response["Content-Type"].startswith("multipart/mixed"), response.body_text
        return Merged(payloads_of(response.body_text))

    def _request(self, method, text, accept, variables):
        options = {"headers": {"accept": accept}}
        if method == "get":
            return getattr(self._client, method)("/graphql/", {"query": text}, **options)
        body = {"query": text, "variables": variables}
        return self._client.post("/graphql/", body, content_type="application/json", **options)

    def _send_now(self, *arguments):
        response = self._request(*arguments)
        response.body_text = b"".join(response).decode()
        return response

    async def _send(self, *arguments):
        response = await self._request(*arguments)
        if not response.streaming:
            response.body_text = response.content.decode()
        else:
            response.body_text = b"".join([chunk async for chunk in response]).decode()
        return response


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def ask(request, serve):
    """``ask(schema=SCHEMA, **options of the view)``: a client of our view."""

    def asking(view=ProgressiveGraphQLView, **options):
        RAN.clear()
        options.setdefault("schema", SCHEMA)
        return Client(serve(path("graphql/", view.as_view(**options))), is_async=request.param)

    return asking


NODES = "{ board { pageInfo { endCursor hasNextPage } edges { cursor node { name ... @defer { status error { code } a b { n } c { n } } } } } }"

QUERIES = [
    "{ n ... @defer { item { n } } }",
    "{ n ... @defer { later item { n ... @defer { secretName: __typename } } } }",
    NODES,
    "{ board { a ... @defer { b { n } } edges { node { name a ... @defer { c { n } } } } } }",
    "{ board { totalCount ... @defer { edges { node { name a b { n } c { n } } } } } }",
    "{ ... @defer { board { edges { node { name ... @defer { a b { n } } } } } other { a } } }",
    "{ board { x: a(by: 2) ... @defer { y: a(by: 3) z: a(by: 2) } } other { ... @defer { c { n } } } }",
    "{ board { edges { ... @defer { node { a c { n } } } } } }",
    "{ board { edges { node { status ... @defer { a b { n } } } } } }",
    "{ board(first: 1) { edges { node { ...F @defer } } pageInfo { endCursor } } } fragment F on BoardPart { a b { n } ... @defer { c { n } } }",
]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("text", QUERIES)
def test_merged_payloads_equal_the_ordinary_response(ask, text, shape):
    client = ask()
    with mock.patch("django_partstream.cursors.time", return_value=1_800_000_000.0):
        plain = json.loads(client(text, accept="application/json").text)
        found = client.merged(text, accept=SHAPES[shape])
    assert found.data == plain["data"]
    assert (found.errors, found.pending, found.has_next) == ([], {}, False)


class TestTheBytes:
    TEXT = '{ n ... @defer(label: "x") { item { n } } }'
    HEAD = "\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"

    @pytest.mark.parametrize(
        ("shape", "parameter", "first", "last"),
        [
            (
                "paths",
                "; deferSpec=20220824",
                '{"data":{"n":1},"hasNext":true}',
                '{"incremental":[{"data":{"item":{"n":5}},"path":[],"label":"x"}],"hasNext":false}',
            ),
            (
                "ids",
                "; incrementalSpec=v0.2",
                '{"data":{"n":1},"pending":[{"id":"0","path":[],"label":"x"}],"hasNext":true}',
                '{"incremental":[{"id":"0","data":{"item":{"n":5}}}],"completed":[{"id":"0"}],"hasNext":false}',
            ),
            (
                "both",
                "",
                '{"data":{"n":1},"pending":[{"id":"0","path":[],"label":"x"}],"hasNext":true}',
                '{"incremental":[{"id":"0","data":{"item":{"n":5}},"path":[],"label":"x"}],"completed":[{"id":"0"}],"hasNext":false}',
            ),
        ],
    )
    def test_a_response_is_framed_as_multipart(self, ask, shape, parameter, first, last):
        response = ask()(self.TEXT, accept=SHAPES[shape])
        assert response["Content-Type"] == f'multipart/mixed; boundary="-"{parameter}'
        assert response.body_text == (
            f"\r\n---{self.HEAD}{first}\r\n---{self.HEAD}{last}\r\n-----\r\n"
        )

    def test_the_headers_let_no_proxy_hold_it_back(self, ask):
        response = ask()(self.TEXT)
        assert response["Cache-Control"] == "no-store, no-transform"
        assert response["X-Accel-Buffering"] == "no"
        assert response["Content-Encoding"] == "identity"
        assert "Accept" in response["Vary"]
        assert "Content-Length" not in response

    def test_the_cookie_of_the_ordinary_response_is_kept(self, ask):
        client = ask()
        response = client(self.TEXT, method="get")
        assert response["Content-Type"].startswith("multipart/mixed")
        plain = client("{ n }", method="get", accept="application/json")
        assert "csrftoken" in response.cookies
        assert set(response.cookies) == set(plain.cookies)


class TestParts:
    def test_a_part_outside_of_defer_runs_before_the_first_payload(self, ask):
        client = ask()
        response = client("{ board { a ... @defer { b { n } } } }")
        first, last = payloads_of(response.body_text)
        assert first["data"] == {"board": {"a": 1}}
        assert last["incremental"][0]["data"] == {"b": {"n": 2}}
        assert RAN == ["a", "b"]

    def test_each_part_runs_once(self, ask):
        client = ask()
        client("{ board { a ... @defer { a b { n } edges { node { a b { n } } } } } }")
        assert sorted(RAN) == ["a", "b"]

    def test_status_outside_of_defer_stands_for_all_parts(self, ask):
        response = ask()("{ board { edges { node { status ... @defer { a } } } } }")
        first, *_ = payloads_of(response.body_text)
        statuses = [edge["node"]["status"] for edge in first["data"]["board"]["edges"]]
        assert statuses == ["OK"]

    def test_a_failed_part_is_told_with_its_fragment(self, ask):
        found = ask().merged(
            "{ board { edges { node { name ... @defer { d status error { code } } } } } }"
        )
        (edge,) = found.data["board"]["edges"]
        assert edge["node"] == {
            "name": "d",
            "d": None,
            "status": "ERROR",
            "error": {"code": "part_failed"},
        }
        assert found.errors == []

    def test_the_page_after_the_end_cursor_goes_on_behind_the_deferred_parts(self, ask):
        client = ask()
        text = "query ($after: String) { board(first: 1, after: $after) { pageInfo { endCursor } edges { node { name ... @defer { a b { n } } } } } }"
        first = client.merged(text).data["board"]
        second = client.merged(text, after=first["pageInfo"]["endCursor"]).data["board"]
        again = client.merged(text, after=first["pageInfo"]["endCursor"]).data["board"]
        names = [
            [edge["node"]["name"] for edge in page["edges"]] for page in (first, second, again)
        ]
        assert names == [["a"], ["b"], ["b"]]


class TestErrors:
    def test_an_error_below_a_part_is_masked_in_an_increment(self, ask):
        found = ask().merged("{ board { edges { node { ... @defer { b { secret } } } } } }")
        (error,) = found.errors
        assert error["path"] == ["board", "edges", 0, "node", "b", "secret"]
        assert error["message"] == "Something went wrong."
        assert "secret text" not in str(found.errors)

    def test_an_error_outside_of_connections_is_told_as_ever(self, ask):
        found = ask().merged("{ n ... @defer { fails } }")
        assert [error["message"] for error in found.errors] == ["told as ever"]

    def test_a_part_that_failed_is_an_error_with_its_path(self, ask):
        found = ask().merged("{ board { ... @defer { d } } }")
        assert [error["path"] for error in found.errors] == [["board", "d"]]
        assert found.data == {"board": {"d": None}}

    @pytest.mark.parametrize("shape", SHAPES)
    def test_a_non_null_error_stops_at_its_fragment(self, ask, shape):
        found = ask().merged("{ item { n ... @defer { must } } }", accept=SHAPES[shape])
        assert found.data == {"item": {"n": 5}}
        assert [error["path"] for error in found.errors] == [["item", "must"]]

    def test_the_view_formats_each_error_and_encodes_each_payload(self, ask):
        class Own(ProgressiveGraphQLView):
            @staticmethod
            def format_error(error):
                return {"message": "mine", "path": error.path}

            def json_encode(self, request, d, pretty=False):
                return json.dumps({**d, "mine": True})

        payloads = payloads_of(ask(Own)("{ n fails ... @defer { x: fails } }").body_text)
        assert [payload["mine"] for payload in payloads] == [True, True]
        assert payloads[0]["errors"] == [{"message": "mine", "path": ["fails"]}]
        assert payloads[1]["incremental"][0]["errors"] == [{"message": "mine", "path": ["x"]}]


class TestInline:
    TEXT = "{ n ... @defer { item { n } } }"
    ANSWER = {"data": {"n": 1, "item": {"n": 5}}}

    def inline(self, client, text=TEXT, **options):
        response = client(text, **options)
        assert response["Content-Type"].startswith("application/json")
        return json.loads(response.body_text)

    def test_a_view_without_incremental_delivery_answers_inline(self, ask):
        assert self.inline(ask(incremental=False)) == self.ANSWER

    def test_an_execution_context_of_the_project_answers_inline(self, ask):
        class Own(execution.ExecutionContext):
            pass

        assert self.inline(ask(execution_context_class=Own)) == self.ANSWER

    def test_a_batch_is_answered_inline(self, serve):
        view = ProgressiveGraphQLView.as_view(schema=SCHEMA, batch=True)
        client = serve(path("graphql/", view))
        response = client.post(
            "/graphql/",
            [{"query": self.TEXT}],
            content_type="application/json",
            headers={"accept": SHAPES["both"]},
        )
        assert response.json()[0]["data"] == self.ANSWER["data"]

    @pytest.mark.parametrize("defers", [True, False])
    def test_a_variable_decides_each_time(self, ask, defers):
        client = ask()
        text = "query ($if: Boolean!) { n ... @defer(if: $if) { item { n } } }"
        for given in (defers, not defers, defers):
            kind = "multipart/mixed" if given else "application/json"
            assert client(text, **{"if": given})["Content-Type"].startswith(kind)

    def test_a_fragment_of_another_type_is_no_reason_to_stream(self, ask):
        text = "{ board { edges { node { name } } ... on BoardConnection { n: totalCount } } }"
        assert self.inline(ask(), text)["data"]["board"]["n"] == 4

    def test_a_limit_refuses_a_document_as_without(self, ask, settings):
        settings.PARTSTREAM = {"MAX_QUERY_DEPTH": 1}
        (error,) = self.inline(ask())["errors"]
        assert error["extensions"]["code"] == "QUERY_TOO_DEEP"

    def test_fragments_beyond_the_bound_are_inline(self, ask, settings):
        client = ask()
        for most in (1, 2, 3, 4):
            settings.PARTSTREAM = {"MAX_DEFERRED": most}
            payloads = payloads_of(client(NODES).body_text)
            statuses = [
                edge["node"]["status"]
                for edge in payloads[0]["data"]["board"]["edges"]
                if "status" in edge["node"]
            ]
            assert statuses == ["OK"] * (3 - most)
            assert len(payloads) == 1 + min(most, 3)
            assert all(edge["node"]["status"] for edge in Merged(payloads).data["board"]["edges"])


def test_a_middleware_resolves_deferred_fields_too(ask):
    seen = []

    def noting(resolve, root, info, **arguments):
        seen.append(info.field_name)
        return resolve(root, info, **arguments)

    ask(middleware=[noting]).merged("{ n ... @defer { item { x: n } } }")
    assert seen == ["n", "item", "n"]


def test_a_fragment_with_a_share_of_many_rows_is_a_single_increment(ask):
    text = "{ board { c { n } ... @defer { c { x: n } } } }"
    first, last = payloads_of(ask()(text).body_text)
    assert first["data"] == {"board": {"c": [{"n": 3}, {"n": 4}]}}
    (increment,) = last["incremental"]
    assert increment["data"] == {"c": [{"x": 3}, {"x": 4}]}


def test_a_persisted_document_is_delivered_incrementally(serve):
    documents = TrustedDocuments({"x": "{ n ... @defer { item { n } } }"})
    view = ProgressiveGraphQLView.as_view(schema=SCHEMA, persisted=documents)
    client = serve(path("graphql/", view))
    for _ in range(2):  # the second time the document is remembered
        response = client.get("/graphql/?documentId=x", headers={"accept": SHAPES["ids"]})
        payloads = payloads_of(b"".join(response).decode())
        assert Merged(payloads).data == {"n": 1, "item": {"n": 5}}
