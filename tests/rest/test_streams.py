"""The parts of a view as a stream: each once, with the cursor behind it, and an end."""

import json

import pytest
from asgiref.sync import async_to_sync
from django.core.signals import request_finished
from django.test import AsyncClient, AsyncRequestFactory, Client, RequestFactory
from rest_framework.test import APIClient

from django_partstream import lazy, safe_call
from django_partstream.received import READERS
from django_partstream.testing import walk, walk_stream
from tests.rest.streaming import EVENTS, TYPES, VALUES, Four, body, frames, view_of

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("accept", TYPES)
def test_a_stream_has_every_part_once_and_an_end(serve, accept):
    response = serve(Four).get("/?q=x", HTTP_ACCEPT=accept)
    assert (response.status_code, response["Content-Type"]) == (200, accept)
    *parts, end = frames(response)
    assert {one.data["name"]: one.data["value"] for one in parts} == VALUES
    assert [one.data["name"] for one in parts if "error" in one.data] == ["fails"]
    assert end.data == {"total_parts": 4, "delivered": 4, "has_more": False}


def test_the_events_of_a_stream_are_the_bytes_that_the_documentation_says(serve):
    text = body(serve(view_of(("a", {"b": 1}))).get("/", **EVENTS)).decode()
    retry, part, end, rest = text.split("\n\n")
    assert (retry, rest) == ("retry: 2000", "")
    kind, token, data = part.split("\n")
    assert (kind, data) == ("event: part", 'data: {"name":"a","value":{"b":1}}')
    assert token.startswith("id: eyJ0eXAi")
    meta = 'data: {"total_parts":1,"delivered":1,"has_more":false}'
    assert end.split("\n") == ["event: end", token, meta]


def test_the_lines_of_a_stream_are_the_bytes_that_the_documentation_says(serve):
    text = body(serve(view_of(("a", {"b": 1}))).get("/", HTTP_ACCEPT="application/jsonl")).decode()
    blank, part, end, rest = text[0], *text[1:].split("\n")
    assert (blank, rest) == (" ", "")
    assert part.startswith('{"name":"a","value":{"b":1},"cursor":"eyJ0eXAi')
    assert end == '{"meta":{"total_parts":1,"delivered":1,"has_more":false},"cursor":null}'


@pytest.mark.parametrize("accept", TYPES)
def test_the_error_of_a_part_in_a_stream_is_its_error_on_a_page(serve, accept):
    (failed,) = [
        one.data
        for one in frames(serve(Four).get("/", HTTP_ACCEPT=accept))
        if one.data.get("name") == "fails"
    ]
    (error,) = walk(serve(Four), "/").errors
    assert failed["value"] is None
    assert failed["error"] | {"reference": 0, "index": 0} == error | {"reference": 0, "index": 0}


def test_a_fallback_is_a_value_without_an_error(serve):
    def fail(request):
        raise ValueError

    view = view_of(("a", lazy(safe_call(fail, fallback=[]))))
    assert frames(serve(view).get("/", **EVENTS))[0].data == {"name": "a", "value": []}


@pytest.mark.parametrize("accept", TYPES)
@pytest.mark.parametrize("after", range(4))
def test_a_stream_goes_on_behind_any_part_by_the_id_or_as_a_cursor(serve, accept, after):
    client = serve(Four)
    cursor = frames(client.get("/?q=x", HTTP_ACCEPT=accept))[after].cursor
    left = list(VALUES)[after + 1 :]
    for query, headers in [(f"?cursor={cursor}", {}), ("?q=x", {"HTTP_LAST_EVENT_ID": cursor})]:
        response = client.get(f"/{query}", HTTP_ACCEPT=accept, **headers)
        if headers and not left:
            assert response.status_code == 204
            continue
        *parts, end = frames(response)
        assert [one.data["name"] for one in parts] == left
        assert [one.data["value"] for one in parts] == [VALUES[name] for name in left]
        assert end.data == {"total_parts": 4, "delivered": len(left), "has_more": False}


def test_a_page_goes_on_behind_a_part_of_a_stream_and_a_stream_behind_a_page(serve):
    client = serve(Four)
    streamed = frames(client.get("/?q=x", **EVENTS))[0].cursor
    assert walk(client, f"/?cursor={streamed}").names == ["later", "fails", "query"]
    paged = client.get("/?q=x").json()["cursor"]
    assert walk_stream(client, f"/?cursor={paged}").parts == {"fails": None, "query": "x"}


def test_last_event_id_wins_over_the_cursor_in_the_address(serve):
    client = serve(Four)
    first, _, third, *_ = [one.cursor for one in frames(client.get("/", **EVENTS))]
    response = client.get(f"/?cursor={first}", HTTP_LAST_EVENT_ID=third, **EVENTS)
    assert [one.data.get("name") for one in frames(response)] == ["query", None]
    page = client.get(f"/?cursor={first}", HTTP_LAST_EVENT_ID=third).json()
    assert [*page["results"][0]] == ["query"]
    headers = client.head("/", HTTP_LAST_EVENT_ID=third)
    assert "Link" not in headers


def test_an_empty_last_event_id_is_the_start(serve):
    response = serve(Four).get("/", HTTP_LAST_EVENT_ID="", **EVENTS)
    assert len(frames(response)) == 5


@pytest.mark.parametrize("accept", TYPES)
def test_the_end_of_a_finished_walk_is_answered_with_204(serve, accept):
    client = serve(Four)
    *_, last, end = frames(client.get("/", **EVENTS))
    for cursor in (last.cursor, end.cursor):
        response = client.get("/", HTTP_ACCEPT=accept, HTTP_LAST_EVENT_ID=cursor)
        assert (response.status_code, response.content) == (204, b"")
        assert response["Cache-Control"] == "no-store"
        assert client.head("/", HTTP_ACCEPT=accept, HTTP_LAST_EVENT_ID=cursor).status_code == 204


def test_the_end_cursor_is_an_empty_last_page(serve):
    client = serve(Four)
    end = frames(client.get("/", **EVENTS))[-1].cursor
    page = client.get(f"/?cursor={end}").json()
    assert page == {
        "results": [],
        "cursor": None,
        "meta": {"total_parts": 4, "current_chunk_size": 0, "has_more": False},
    }
    assert client.get("/", HTTP_LAST_EVENT_ID=end).json() == page


def test_a_stream_behind_the_end_cursor_ends_at_the_same_place(serve):
    client = serve(Four)
    end = frames(client.get("/", **EVENTS))[-1].cursor
    (again,) = frames(client.get(f"/?cursor={end}", **EVENTS))
    assert again.data == {"total_parts": 4, "delivered": 0, "has_more": False}
    response = client.get("/", HTTP_LAST_EVENT_ID=again.cursor, **EVENTS)
    assert response.status_code == 204


def test_a_stream_without_parts_has_an_id_at_its_end(serve):
    client = serve(view_of())
    (end,) = frames(client.get("/", **EVENTS))
    assert end.data == {"total_parts": 0, "delivered": 0, "has_more": False}
    assert client.get("/", HTTP_LAST_EVENT_ID=end.cursor, **EVENTS).status_code == 204
    page = client.get(f"/?cursor={end.cursor}").json()
    assert (page["results"], page["cursor"]) == ([], None)


@pytest.mark.parametrize("accept", TYPES)
def test_chosen_parts_are_a_walk_of_their_own(serve, accept):
    client = serve(Four)
    *parts, end = frames(client.get("/?q=x&parts=query,now", HTTP_ACCEPT=accept))
    assert [one.data["name"] for one in parts] == ["now", "query"]
    assert end.data == {"total_parts": 2, "delivered": 2, "has_more": False}
    again = client.get("/?q=x&parts=query,now", HTTP_LAST_EVENT_ID=parts[0].cursor, **EVENTS)
    assert [one.data.get("name") for one in frames(again)] == ["query", None]
    response = client.get("/", HTTP_LAST_EVENT_ID=parts[-1].cursor, **EVENTS)
    assert response.status_code == 204


def test_a_head_request_has_the_headers_of_the_stream_and_resolves_nothing(serve):
    ran = []
    client = serve(view_of(("a", lazy(lambda request: ran.append(1)))))
    head, got = client.head("/", **EVENTS), client.get("/", **EVENTS)
    assert head.headers == got.headers
    assert (body(head), ran) == (b"", [])


def test_the_parts_of_a_stream_run_when_its_body_is_read(serve):
    ran = []
    parts = [(name, lazy(lambda request: ran.append(1) or len(ran))) for name in "abc"]
    response = serve(view_of(*parts)).get("/", **EVENTS)
    chunks = iter(response.streaming_content)
    assert (next(chunks), ran) == (b"retry: 2000\n\n", [])
    assert b"event: part" in next(chunks)
    assert ran
    assert b"event: end" in b"".join(chunks)


def test_a_body_that_a_server_has_closed_gives_no_more_frames(monkeypatch):
    monkeypatch.setattr(request_finished, "receivers", [])  # that close the connection of a test
    view = view_of(("a", 1), ("b", lazy(lambda request: 2)))
    response = view.as_view()(RequestFactory().get("/", **EVENTS))
    chunks = iter(response)
    assert next(chunks) == b"retry: 2000\n\n"
    response.close()
    assert list(chunks) == []


class TestTheServer:
    async def read(self, response):
        return b"".join([chunk async for chunk in response.streaming_content])

    @pytest.mark.parametrize("accept", TYPES)
    def test_an_asgi_request_gets_an_async_iterator(self, serve, accept):
        serve(Four)

        async def get():
            response = await AsyncClient().get("/?q=x", headers={"Accept": accept})
            assert response.is_async
            return await self.read(response)

        *parts, _ = READERS[accept]([async_to_sync(get)()])
        assert {one.data["name"]: one.data["value"] for one in parts} == VALUES

    def test_an_asgi_head_request_gets_an_empty_async_iterator(self):
        asked = AsyncRequestFactory().head("/", headers={"Accept": "text/event-stream"})
        response = Four.as_view()(asked)
        assert response.is_async
        assert async_to_sync(self.read)(response) == b""

    def test_a_wsgi_request_gets_a_sync_iterator(self, serve):
        assert not serve(Four).get("/", **EVENTS).is_async
        assert not Four.as_view()(RequestFactory().get("/", **EVENTS)).is_async


@pytest.mark.parametrize("make", [APIClient, Client])
def test_any_test_client_reads_a_stream(serve, make):
    serve(Four)
    response = make().get("/?q=x", headers={"accept": "application/jsonl"})
    assert json.loads(body(response).splitlines()[-1])["meta"]["delivered"] == 4
