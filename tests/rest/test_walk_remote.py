"""``manage.py partstream walk http://…``: the response of a server elsewhere."""

import socket
from contextlib import closing

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseRedirect
from django.urls import path

from django_partstream import cached_for, lazy
from django_partstream.walking import clients
from partstream_rest.timings import read_server_timing
from partstream_rest.walking import RestWalker
from tests.commands import figures, walk
from tests.pending import waiting
from tests.rest.streaming import view_of

BY = pytest.mark.parametrize("by", [(), ("--stream",)], ids=["pages", "stream"])


def denied(request):
    raise PermissionDenied


@pytest.fixture
def serve_at(serve, live_server):
    """Serve a view, or routes, from a real server; return its address."""

    def served(*views):
        serve(*views)
        return f"{live_server.url}/"

    return served


@BY
def test_a_server_is_walked_over_http(by, serve_at, settings):
    settings.PARTSTREAM = {"SERVER_TIMING": True}
    url = serve_at(view_of(("a", lazy(lambda request: [1])), ("é", 2), ("b", lazy(denied))))
    told = figures(url, *by)
    assert (told.code, told.error) == (1, "b ended denied in 1 of 1 walk.")
    assert (told.json["target"], told.parts["a"]["bytes"]) == (url, 3)
    assert all(part["ms"] is not None for part in told.parts.values())


@BY
def test_a_server_that_tells_no_timing_has_its_parts_walked(by, serve_at):
    url = serve_at(view_of(("a", lazy(lambda request: [1])), ("b", lazy(denied))))
    told = figures(url, *by)
    assert (told.code, told.error) == (1, "b ended error in 1 of 1 walk.")
    assert (told.parts["a"]["ms"], told.parts["a"]["share"]) == (None, None)


@BY
def test_pending_parts_of_a_server_are_waited_for(by, serve_at, at_once):
    assert walk(serve_at(waiting({"slow": 3, "fast": 0})), *by).code == 0


@BY
def test_a_header_says_who_asks(by, serve_at):
    url = serve_at(view_of(("who", lazy(lambda request: request.headers["X-Name"]))))
    assert figures(url, "--header", "X-Name: ann", *by).parts["who"]["bytes"] == len('"ann"')


@BY
def test_an_unknown_address_is_exit_code_2(by, serve_at):
    url = serve_at(view_of())
    assert walk(f"{url}nothing/", *by)[::2] == (2, f"GET {url}nothing/: 404")


def test_a_redirect_is_not_followed(serve_at):
    url = serve_at(path("", lambda request: HttpResponseRedirect("/other/")))
    assert walk(url).error.startswith(
        f"GET {url}: 302, a redirect to /other/. Walk that address; if readers"
    )


@BY
def test_a_server_that_is_not_there_is_exit_code_1(by):
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        told = walk(url, *by)
    assert told.code == 1
    assert told.error.startswith(f"GET {url}: URLError: ")


@pytest.mark.parametrize(
    "url", ["http://[bad/", "http:///", "http://?a", "http://host:port/", "http://a..b/"]
)
def test_a_malformed_address_is_exit_code_2(url):
    told = walk(url)
    assert (told.code, told.error.partition(". ")[0]) == (2, f"{url!r} names no server")


def test_an_address_with_a_user_is_exit_code_2_and_its_password_is_not_repeated():
    told = walk("http://ann:secret@127.0.0.1:9/")
    assert told.code == 2
    assert "by --header 'Authorization: Basic" in told.error
    assert "secret" not in told.error


def test_an_address_may_be_written_as_a_browser_shows_it(serve_at):
    url = serve_at(path("é/", view_of(("q", lazy(lambda request: request.GET["q"]))).as_view()))
    assert figures(f"{url}é/?q=ü b").parts["q"]["bytes"] == len('"ü b"'.encode())


def test_a_body_that_breaks_off_is_no_answer():
    class Response:
        def read1(self, number):
            raise ConnectionResetError("gone")

    with pytest.raises(clients.NoAnswer, match="ConnectionResetError: gone"):
        [*clients._pieces(Response())]


def test_the_header_of_a_page_is_read_as_it_is_written(serve, settings, db):
    settings.PARTSTREAM = {"SERVER_TIMING": True}
    users = cached_for(60, key="read")(lambda request: User.objects.count())
    names = ['a "b" \\ (c) d=1', "plain", "é"]
    client = serve(
        view_of((names[0], lazy(users)), ("plain", 1), ("é", lazy(denied)), chunk_size=3)
    )
    timings = read_server_timing(client.get("/")["Server-Timing"])
    assert [*timings] == [names[0], "plain", "?"]
    assert [timing["status"] for timing in timings.values()] == ["ok", "ok", "denied"]
    assert all(timing["ms"] >= 0 for timing in timings.values())


@pytest.mark.parametrize(
    ("told", "timing"),
    [
        ("ok", {}),
        ("ok, 1 query 0.3 ms", {"queries": 1, "sql_ms": 0.3}),
        (
            "error, 3 queries 8.1 ms, cache miss, thread, waited 0.4 ms",
            {
                "status": "error",
                "queries": 3,
                "sql_ms": 8.1,
                "cached": False,
                "ran": "thread",
                "waited_ms": 0.4,
            },
        ),
        (
            "fallback, cache hit, transaction",
            {"status": "fallback", "cached": True, "ran": "transaction"},
        ),
    ],
)
def test_the_words_of_the_header_are_figures(told, timing):
    trivial = {
        "ms": 12.3,
        "status": "ok",
        "cached": None,
        "queries": 0,
        "sql_ms": 0.0,
        "ran": "request",
        "waited_ms": 0.0,
    }
    assert read_server_timing(f'a;desc="a ({told})";dur=12.3, other;dur=4') == {
        "a": {**trivial, **timing}
    }


def test_other_entries_of_the_header_are_passed_over():
    assert read_server_timing('cache;dur=3, db, total;desc="all of it";dur=4') == {}


def test_a_walker_of_an_address_has_its_title():
    assert RestWalker("/api/", is_stream=False).title == "/api/"


@pytest.mark.parametrize(
    "frame",
    ["event: part\ndata: now", "event: part\ndata: 1", 'event: end\ndata: {"a": 1}', "data: x"],
)
def test_a_stream_of_other_events_is_exit_code_2(frame, serve_at):
    body = f"{frame}\n\n".encode()
    url = serve_at(path("", lambda request: HttpResponse(body, content_type="text/event-stream")))
    told = walk(url, "--stream")
    assert (told.code, told.error.partition(". ")[0]) == (
        2,
        f"GET {url} is a stream of other events",
    )
