"""Streams for a client that has values already: a frame has the tag, and null if unchanged."""

import asyncio

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from djangorestframework_camel_case.render import CamelCaseJSONRenderer
from rest_framework.renderers import JSONRenderer

from django_partstream import cached_for, lazy, safe_call
from django_partstream.received import READERS
from django_partstream.testing import part_fails, walk, walk_stream
from tests.pending import waiting
from tests.rest.having import answer, have, page, parts, tags_of
from tests.rest.streaming import TYPES, frames, view_of

each_type = pytest.mark.parametrize("accept", TYPES)


def fail(request):
    raise ValueError


class Stock:
    """A value that changes."""

    def __init__(self):
        self.count = 1

    def __call__(self, request):
        return {"all_orders": self.count}


@pytest.fixture
def stock():
    return Stock()


@pytest.fixture
def view(stock):
    return view_of(
        ("orders", lazy(stock)),
        ("café", None),
        ("fails", lazy(fail)),
        ("news", lazy(safe_call(fail, fallback=[]))),
    )


#: The parts of the view that end well. They end in any order.
TAGGED = {"orders", "café", "news"}


def tags_in(told):
    return {name: part["etag"] for name, part in told.items() if "etag" in part}


@each_type
def test_a_stream_tells_no_tags_unasked(serve, view, accept):
    response = serve(view).get("/", HTTP_ACCEPT=accept)
    assert "Partstream-Have" not in response["Vary"]
    for frame in frames(response):
        assert not {"etag", "unchanged"} & set(frame.data)


@each_type
def test_each_part_that_ended_well_has_its_tag(serve, view, accept):
    told = parts(serve(view), accept=accept)
    assert set(tags_in(told)) == TAGGED
    assert told["fails"]["error"]["code"] == "part_failed"
    assert {name: part["value"] for name, part in told.items()} == {
        "orders": {"all_orders": 1},
        "café": None,
        "fails": None,
        "news": [],
    }
    assert not any("unchanged" in part for part in told.values())


@each_type
def test_a_part_that_has_not_changed_has_null(serve, view, stock, accept):
    client = serve(view)
    tags = tags_in(parts(client, accept=accept))
    again = parts(client, tags, accept)
    assert tags_in(again) == tags
    assert {name for name, part in again.items() if part.get("unchanged")} == TAGGED
    assert [part["value"] for part in again.values()] == [None] * 4
    assert again["orders"]["unchanged"] is True
    stock.count = 2
    changed = parts(client, tags, accept)["orders"]
    assert (changed["value"], "unchanged" in changed) == ({"all_orders": 2}, False)
    assert changed["etag"] != tags["orders"]


def test_a_part_that_fails_now_has_its_error_alone(serve, view):
    client = serve(view)
    tags = tags_in(parts(client))
    with part_fails("orders"):
        failed = parts(client, tags)["orders"]
    assert set(failed) == {"name", "value", "error"}


def test_a_failure_is_not_mistaken_for_null(serve):
    client = serve(view_of(("a", lazy(lambda request: None))))
    tags = tags_of(client)
    with part_fails("a"):
        streamed, paged = parts(client, tags)["a"], page(client, tags=tags)
    assert "unchanged" not in streamed
    assert streamed["error"]["part"] == paged["errors"][0]["part"] == "a"
    assert (paged["etags"], paged.get("unchanged")) == ({}, None)


def test_the_frames_of_a_client_that_has_a_value(serve):
    client = serve(view_of(("a", 1)))
    (tag,) = tags_of(client).values()
    _, event, _ = answer(client, tags={"a": tag}, accept="text/event-stream").streaming_content
    assert event.decode().partition("data: ")[2] == (
        f'{{"name":"a","value":null,"etag":"{tag}","unchanged":true}}\n\n'
    )


@each_type
def test_a_stream_is_not_stored_and_varies_on_the_tags(serve, view, accept):
    response = answer(serve(view), accept=accept)
    assert response["Cache-Control"] == "no-store, no-transform"
    assert response["Vary"].startswith("Accept, Last-Event-ID, Partstream-Have")
    assert frames(response)


def test_the_head_of_a_stream_is_as_without_the_header(serve, view):
    client = serve(view)
    sent, plain = [
        client.head("/", HTTP_ACCEPT="text/event-stream", **headers)
        for headers in ({"HTTP_PARTSTREAM_HAVE": ""}, {})
    ]
    assert dict(sent.headers) == dict(plain.headers)


@each_type
def test_the_tags_of_pages_are_those_of_streams(serve, view, accept):
    client = serve(view)
    told = tags_in(parts(client, accept=accept))
    assert walk(client, "/", headers={"Partstream-Have": ""}).etags == told
    assert page(client, tags=told)["unchanged"] == ["orders", "café"]


def test_the_function_of_a_cached_part_is_not_called_again(serve):
    calls = []

    @cached_for(60, key="kept")
    def kept(request):
        calls.append(1)
        return [1]

    client = serve(view_of(("kept", lazy(kept))))
    tags = tags_in(parts(client))
    assert parts(client, tags)["kept"]["unchanged"]
    assert calls == [1]


class TestARendererOfTheProject:
    @pytest.fixture
    def camel(self, serve, view):
        return serve(type("Camel", (view,), {"renderer_classes": [CamelCaseJSONRenderer]}))

    def test_has_tags_of_its_own(self, camel, view, serve):
        told = parts(camel)
        assert told["orders"]["value"] == {"allOrders": 1}
        tags = tags_in(told)
        assert parts(camel, tags)["orders"]["unchanged"]
        assert tags_of(camel)["orders"] != tags["orders"]  # a page may have another form
        assert "unchanged" not in page(camel, tags=tags)
        view.renderer_classes = [JSONRenderer]
        assert parts(serve(view), tags)["orders"]["value"] == {"all_orders": 1}

    def test_that_fails_on_a_value_leaves_its_part_without_a_tag(self, serve):
        class Picky(JSONRenderer):
            def render(self, data, accepted_media_type=None, renderer_context=None):
                return super().render(data["x"], accepted_media_type, renderer_context)

        client = serve(view_of(("a", {"x": 1}), ("b", {}), renderer_classes=[Picky]))
        told = parts(client)
        assert list(tags_in(told)) == ["a"]
        assert "error" in told["b"]


class TestWalks:
    @pytest.mark.parametrize("then", ["stream", "pages"])
    @each_type
    def test_a_stream_that_is_cut_tells_each_part_once(self, serve, view, accept, then):
        client = serve(view)
        walked = walk_stream(
            client, "/", accept=accept, cut_after=1, then=then, headers={"Partstream-Have": ""}
        )
        assert set(walked.etags) == TAGGED
        again = walk_stream(
            client,
            "/",
            accept=accept,
            cut_after=1,
            then=then,
            headers={"Partstream-Have": have(walked.etags)},
        )
        assert (again.etags, set(again.unchanged)) == (walked.etags, TAGGED)
        assert set(again.names) == {*TAGGED, "fails"}
        assert [error["part"] for error in again.errors] == ["fails"]

    def test_the_page_of_a_streamed_walk_has_what_a_page_has(self, serve, view):
        client = serve(view)
        tags = tags_in(parts(client))
        (streamed,) = walk_stream(client, "/", headers={"Partstream-Have": have(tags)}).pages
        assert (streamed["etags"], set(streamed["unchanged"])) == (tags, TAGGED)
        (plain,) = walk_stream(client, "/").pages
        assert not {"etags", "unchanged"} & set(plain)


@pytest.mark.usefixtures("at_once")
def test_a_pending_part_has_its_tag_when_it_comes(serve):
    view = waiting({"a": 1})
    client = serve(view)
    sent = frames(answer(client, accept="application/jsonl"))
    assert [(frame.kind, "etag" in frame.data) for frame in sent] == [
        ("progress", False),
        ("part", True),
        ("end", False),
    ]
    view.work.needed = {"a": 2}
    view.work.looks.clear()
    assert parts(client, {"a": sent[1].data["etag"]})["a"]["unchanged"]


def test_a_stream_under_asgi_has_the_tags_of_a_stream_under_wsgi(serve):
    async def meets(request):
        await asyncio.sleep(0)
        return [1]

    client = serve(view_of(("a", lazy(meets)), ("b", 2)))
    tags = tags_in(parts(client))

    async def read(**headers):
        response = await AsyncClient().get(
            "/", headers={"Accept": "application/jsonl", "Partstream-Have": have(tags)}
        )
        return [chunk async for chunk in response.streaming_content]

    sent = READERS["application/jsonl"](async_to_sync(read)())
    told = {frame.data["name"]: frame.data for frame in sent if frame.kind == "part"}
    assert (tags_in(told), [part["unchanged"] for part in told.values()]) == (tags, [True, True])


def test_a_malformed_header_gets_all_values(serve, view):
    told = parts(serve(view), header='orders="x", =')
    assert told["orders"]["value"] == {"all_orders": 1}
