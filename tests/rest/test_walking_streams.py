"""``walk_stream()``: a stream walked to its end, and the mistakes of a stream that it finds."""

import json
from contextlib import contextmanager
from functools import partial

import pytest
from django.db import connection
from django.test import AsyncClient
from rest_framework.test import APIClient, RequestsClient

from django_partstream import ProgressiveView, lazy
from django_partstream.received import READERS, read_events, read_lines
from django_partstream.testing import part_fails, walk, walk_connection, walk_stream

each_type = pytest.mark.parametrize("accept", READERS)
then = pytest.mark.parametrize("then", ["stream", "pages"])


class Three(ProgressiveView):
    chunk_size = 1

    def get_parts(self):
        return [(name, lazy(self.asked)) for name in "abc"]

    def asked(self, request):
        return [*request.GET.getlist("q"), request.headers.get("X-Own")]


class Answering:
    """A client with ``stream()``, which answers *bodies* in turn."""

    def __init__(self, *bodies, kind="application/jsonl", status=200):
        self.bodies, self.kind, self.status, self.asked = [*bodies], kind, status, []

    @contextmanager
    def stream(self, method, url, *, headers, **options):
        self.asked.append((method, url, headers.get("Last-Event-ID"), options))
        yield self

    @property
    def status_code(self):
        return self.status

    @property
    def headers(self):
        return {"Content-Type": self.kind}

    def read(self):
        self.content = self.bodies.pop(0)

    def iter_raw(self):
        text = self.bodies.pop(0)
        for start in range(0, len(text), 7):  # a chunk ends anywhere
            yield text[start : start + 7]


def part(name, cursor):
    return json.dumps({"name": name, "value": name, "cursor": cursor}).encode() + b"\n"


def end(delivered, cursor=None):
    meta = {"total_parts": 9, "delivered": delivered, "has_more": bool(cursor)}
    return json.dumps({"meta": meta, "cursor": cursor}).encode() + b"\n"


@each_type
def test_a_stream_is_a_page_of_the_walk_with_its_meta(serve, accept):
    walked = walk_stream(serve(Three), "/", accept=accept)
    (page,) = walked.pages
    assert page["results"] == [{name: [None]} for name in "abc"]
    assert page["cursor"] is None
    assert page["meta"] == {"total_parts": 3, "delivered": 3, "has_more": False}


@each_type
@then
def test_a_stream_that_is_cut_goes_on(serve, accept, then):
    walked = walk_stream(serve(Three), "/", accept=accept, cut_after=2, then=then)
    assert [len(page["results"]) for page in walked.pages] == [2, 1]
    assert walked.names == ["a", "b", "c"]


@then
@pytest.mark.parametrize("make", [APIClient, None], ids=["DRF's client", "Django's"])
def test_headers_and_query_of_the_caller_are_sent_with_each_request(serve, make, then):
    client = serve(Three)
    walked = walk_stream(
        make() if make else client,
        "/",
        cut_after=1,
        then=then,
        data={"q": ["1", "2"]},
        headers={"X-Own": "x"},
    )
    assert walked.parts == {name: ["1", "2", "x"] for name in "abc"}


@each_type
def test_the_errors_of_a_stream_are_those_of_a_walk_over_pages(serve, accept):
    client = serve(type("View", (Three,), {"chunk_size": 3}))
    with part_fails("b"):
        streamed, paged = walk_stream(client, "/", accept=accept), walk(client, "/")
    for error in (*streamed.errors, *paged.errors):
        del error["reference"]
    assert streamed.errors == paged.errors
    assert (streamed.parts, streamed.names) == (paged.parts, paged.names)


@pytest.mark.django_db
def test_the_connection_of_a_test_stays_open_when_a_stream_is_cut(serve):
    client = serve(Three)
    connection.ensure_connection()
    kept = connection.connection
    walk_stream(client, "/", cut_after=1)
    assert connection.connection is kept
    assert connection.in_atomic_block


@then
@each_type
def test_the_requests_client_of_drf_walks_a_stream(serve, accept, then):
    serve(Three)
    url = "http://testserver/"
    walked = walk_stream(RequestsClient(), url, accept=accept, cut_after=1, then=then)
    assert walked.parts == walk(RequestsClient(), url).parts
    with pytest.raises(AssertionError, match="404 text/html.*Not Found"):
        walk_stream(RequestsClient(), f"{url}nowhere/")


@pytest.mark.parametrize("walking", [walk, walk_stream, partial(walk_connection, query="{a}")])
def test_a_walk_by_an_asynchronous_client_is_refused_before_any_request(walking):
    with pytest.raises(TypeError, match=r"AsyncClient\. Use django\.test\.Client"):
        walking(AsyncClient(), url="/")


def test_a_client_like_that_of_httpx_is_read_as_the_bytes_come():
    client = Answering(b" " + part("a", "c1") + end(1, "c1"), part("b", "c2") + end(1))
    walked = walk_stream(client, "/x", accept="application/jsonl", timeout=3)
    assert walked.parts == {"a": "a", "b": "b"}
    assert client.asked == [
        ("GET", "/x", None, {"timeout": 3}),
        ("GET", "/x", "c1", {"timeout": 3}),
    ]


@pytest.mark.parametrize(
    ("bodies", "told"),
    [
        ([part("a", "c")], "broke off after 1 parts"),
        ([b" "], "broke off after 0 parts"),
        ([part("a", "c") + end(2)], "1 parts came"),
        ([part("a", "c") + part("a", "c") + end(2)], "'a' was delivered twice"),
        ([part("a", "c") + end(1, "c"), part("a", "c") + end(1)], "'a' was delivered twice"),
        ([end(0, "c")] * 20_000, "no end"),
    ],
)
def test_a_stream_with_a_mistake_fails_the_test(bodies, told):
    with pytest.raises(AssertionError, match=told):
        walk_stream(Answering(*bodies), "/", accept="application/jsonl")


@pytest.mark.parametrize(
    ("kind", "status"), [("application/json", 400), ("text/html", 200), ("text/event-stream", 500)]
)
def test_an_answer_that_is_no_stream_fails_the_test_and_is_shown(kind, status):
    with pytest.raises(AssertionError, match=f"{status} {kind}.*sorry"):
        walk_stream(Answering(b"sorry", kind=kind, status=status), "/")


def test_progress_is_read_and_is_no_part():
    line = b'{"progress":{"name":"a","progress":0.5,"retry_after":1}}\n'
    event = b'event: progress\ndata: {"name":"a","progress":0.5,"retry_after":1}\n\n'
    for (frame,) in (read_lines([line]), read_events([event])):
        assert (frame.kind, frame.data["name"], frame.cursor) == ("progress", "a", None)


@pytest.mark.parametrize(
    "mistake",
    [
        {"cut_after": 0},
        {"cut_after": -1},
        {"cut_after": "1"},
        {"cut_after": True},
        {"then": "page"},
    ],
)
def test_a_cut_that_would_not_be_made_is_refused_before_any_request(mistake):
    ((name, value),) = mistake.items()
    with pytest.raises(ValueError, match=f"^{name}={value!r} is "):
        walk_stream(None, "/", **mistake)
