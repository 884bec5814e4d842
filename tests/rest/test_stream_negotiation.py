"""A stream has to be asked for by name; everything else that DRF negotiates stays as it was."""

import pytest
from django.urls import path, re_path
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import (
    BaseRenderer,
    BrowsableAPIRenderer,
    JSONRenderer,
    StaticHTMLRenderer,
)
from rest_framework.response import Response
from rest_framework.urlpatterns import format_suffix_patterns
from rest_framework.versioning import AcceptHeaderVersioning

from django_partstream import ProgressiveView
from django_partstream.received import READERS
from django_partstream.testing import walk, walk_stream

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
PAGE, HTML = "application/json", "text/html; charset=utf-8"
SSE, LINES, ND = READERS


class View(ProgressiveView):
    renderer_classes = [JSONRenderer, BrowsableAPIRenderer]

    def get_parts(self):
        return [("a", 1), ("b", 2), ("version", self.request.version)]


class CSV(BaseRenderer):
    media_type, format = "text/csv", "csv"

    def render(self, data, accepted_media_type=None, renderer_context=None):
        return b"a,b\n"


class OwnLines(CSV):
    media_type, format = "application/jsonl", "jsonl"


def kind(client, accept=None, address="/", method="get"):
    headers = {} if accept is None else {"HTTP_ACCEPT": accept}
    response = getattr(client, method)(address, **headers)
    return response["Content-Type"] if response.status_code == 200 else response.status_code


@pytest.mark.parametrize(
    ("accept", "sent"),
    [
        (None, PAGE), ("*/*", PAGE), ("application/*", PAGE), ("", PAGE), (BROWSER, HTML),
        ("text/*", HTML), ("application/json, text/event-stream", PAGE),
        (SSE, SSE), (LINES, LINES), (ND, ND), ("Text/Event-Stream", SSE),
        ("text/event-stream; charset=utf-8", SSE), ("text/event-stream, */*;q=0.1", SSE),
        ("application/jsonl;q=0.9, text/csv", LINES), ("application/xml, application/x-ndjson", ND),
        ("text/event-streams", 406), ("x/event-stream", 406), ("application/jsonlines", 406),
        ('text/csv; a="text/event-stream"', 406),
    ],
)  # fmt: skip
def test_a_stream_is_chosen_only_where_accept_names_it(serve, accept, sent):
    client = serve(View)
    for _ in range(2):  # the second choice is remembered
        if accept == "":
            assert kind(client, accept) in (PAGE, 406)
        else:
            assert kind(client, accept) == sent


@pytest.mark.parametrize(
    ("address", "accept", "sent"),
    [
        ("/?format=sse", "*/*", SSE), ("/?format=jsonl", "*/*", LINES), ("/?format=ndjson", ND, ND),
        ("/?format=sse", SSE, SSE), ("/?format=json", "*/*", PAGE), ("/?format=api", "*/*", HTML),
        ("/?format=json", SSE, 406), ("/?format=sse", PAGE, 406), ("/?format=none", SSE, 404),
        ("/?format=sse", LINES, 406), ("/?format=", SSE, SSE),
    ],
)  # fmt: skip
def test_the_format_in_the_address_is_obeyed(serve, address, accept, sent):
    assert kind(serve(View), accept, address) == sent


def test_a_suffix_of_the_address_names_a_stream(serve):
    client = serve(*format_suffix_patterns([path("walk", View.as_view())]))
    assert [kind(client, "*/*", f"/walk.{suffix}") for suffix in ("sse", "jsonl", "json")] == [
        SSE, LINES, PAGE,
    ]  # fmt: skip


def test_a_cursor_never_carries_the_format(serve):
    client = serve(View)
    response = client.get("/?format=jsonl&q=1")
    first, *_ = READERS[LINES](response.streaming_content)
    page = client.get(f"/?cursor={first.cursor}", HTTP_ACCEPT=PAGE)
    assert page.json()["results"] == [{"b": 2}, {"version": None}]
    cursor = client.get("/?format=json").json()["cursor"]
    assert kind(client, SSE, f"/?cursor={cursor}") == SSE


def test_a_cursor_carries_a_parameter_whose_name_is_nearly_that_of_the_format(serve):
    class Echo(View):
        chunk_size = 1

        def get_parts(self):
            return [("a", 1), ("b", dict(self.request.GET.lists()))]

    cursor = serve(Echo).get("/?FORMAT=x&format=json&formats=y").json()["cursor"]
    page = serve(Echo).get(f"/?cursor={cursor}").json()
    assert page["results"] == [{"b": {"FORMAT": ["x"], "formats": ["y"]}}]


@pytest.mark.parametrize("own", [[], [CSV], [StaticHTMLRenderer]], ids=len)
def test_a_view_without_json_has_streams_and_the_errors_of_streams_are_json(serve, own):
    view = type("Own", (View,), {"renderer_classes": [*own, BrowsableAPIRenderer]})
    client = serve(view)
    assert kind(client, SSE) == SSE
    response = client.get("/?cursor=x", HTTP_ACCEPT=SSE)
    assert response.json()["code"] == "invalid_cursor"


def test_a_view_that_makes_its_own_renderers_has_streams(serve):
    class Own(View):
        def get_renderers(self):
            return [CSV(), JSONRenderer()]

    client = serve(Own)
    assert [kind(client, accept) for accept in (None, PAGE, SSE, "text/*")] == [
        "text/csv; charset=utf-8", PAGE, SSE, "text/csv; charset=utf-8",
    ]  # fmt: skip


def test_a_renderer_of_the_view_wins_over_a_stream_of_the_same_media_type(serve):
    view = type("Own", (View,), {"renderer_classes": [JSONRenderer, OwnLines]})
    client = serve(view)
    assert client.get("/", HTTP_ACCEPT=LINES).content == b"a,b\n"
    assert kind(client, ND) == ND


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_view_with_streams_switched_off_has_none(serve, method):
    for client in (
        serve(type("Off", (View,), {"streams": False})),
        serve(path("", View.as_view(streams=False))),
    ):
        assert kind(client, SSE, method=method) == 406
        assert kind(client, "*/*", "/?format=sse", method=method) == 404
        page = client.get("/", HTTP_LAST_EVENT_ID="nonsense")
        assert page.status_code == 200
        assert "Last-Event-ID" not in page.get("Vary", "")


def test_options_are_json_whatever_was_accepted(serve):
    client = serve(View)
    for accept in (SSE, LINES, ND, PAGE):
        response = client.options("/", HTTP_ACCEPT=accept, HTTP_LAST_EVENT_ID="nonsense")
        assert response["Content-Type"] == PAGE
        assert response.json()["parts"] == ["a", "b", "version"]


def test_other_methods_than_get_have_no_stream(serve):
    class Posting(View):
        def post(self, request):
            return Response({"posted": True})

    client = serve(Posting)
    assert kind(client, SSE, method="post") == 406
    assert client.post("/", HTTP_ACCEPT=PAGE, HTTP_LAST_EVENT_ID="x").json() == {"posted": True}


def test_the_negotiator_of_a_project_decides_on_streams_too(serve):
    class Streams(DefaultContentNegotiation):
        def select_renderer(self, request, renderers, format_suffix=None):
            return renderers[-1], renderers[-1].media_type

    class Ignores(DefaultContentNegotiation):
        def select_renderer(self, request, renderers, format_suffix=None):
            return renderers[0], renderers[0].media_type

    for negotiation, sent in [(Streams, SSE), (Ignores, PAGE)]:
        client = serve(type("Own", (View,), {"content_negotiation_class": negotiation}))
        assert kind(client, SSE) == sent


class TestVersionsInAccept:
    class Versioned(View):
        class versioning_class(AcceptHeaderVersioning):
            allowed_versions = ["1.0", "2.0"]
            default_version = "1.0"

    @pytest.mark.parametrize("accept", READERS)
    def test_a_stream_has_the_version_of_its_media_type(self, serve, accept):
        client = serve(self.Versioned)
        for version in ("1.0", "2.0"):
            walked = walk_stream(client, "/", accept=f"{accept}; version={version}")
            assert walked.parts["version"] == version
        assert walk_stream(client, "/", accept=accept).parts["version"] == "1.0"

    def test_a_version_that_is_not_known_is_refused_as_json(self, serve):
        response = serve(self.Versioned).get("/", HTTP_ACCEPT=f"{SSE}; version=9.0")
        assert (response.status_code, response["Content-Type"]) == (406, PAGE)

    def test_a_walk_stays_in_its_version(self, serve):
        walked = walk_stream(serve(self.Versioned), "/", accept=f"{SSE}; version=2.0", cut_after=1)
        assert walked.parts["version"] == "2.0"


def test_the_browsable_api_shows_a_page_of_a_view_with_streams(serve):
    html = serve(View).get("/", HTTP_ACCEPT=BROWSER).content.decode()
    assert "&quot;results&quot;" in html
    assert "format=sse" not in html


def test_the_renderer_of_a_stream_is_json_for_code_that_asks_the_request(serve):
    class Asking(View):
        def get_parts(self):
            renderer = self.request.accepted_renderer
            return [("asked", [renderer.format, self.request.accepted_media_type])]

    assert walk_stream(serve(Asking), "/").parts == {"asked": ["json", SSE]}


def test_pages_of_a_view_with_streams_are_walked_as_before(serve):
    client = serve(re_path("", View.as_view(chunk_size=1)))
    assert walk(client, "/?format=json").names == ["a", "b", "version"]
