"""The headers of streams, and of the pages beside them: caches, compression, cookies."""

import gzip

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.middleware.csrf import get_token
from django.test import AsyncClient
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control, cache_page
from django.views.decorators.gzip import gzip_page
from rest_framework.renderers import JSONRenderer
from rest_framework.viewsets import ViewSet

from django_partstream import ProgressiveView, lazy
from django_partstream.received import READERS
from django_partstream.testing import walk, walk_stream

EVENTS = {"HTTP_ACCEPT": "text/event-stream"}
STREAM = {
    "Cache-Control": "no-store, no-transform",
    "Content-Encoding": "identity",
    "X-Accel-Buffering": "no",
}


class Two(ProgressiveView):
    renderer_classes = [JSONRenderer]

    def get_parts(self):
        return [("a", lazy(lambda request: "x" * 1000)), ("b", lazy(lambda request: 2))]


def varies(response):
    return {name.strip() for name in response.get("Vary", "").split(",")}


def decorated(*decorators):
    view = type("View", (Two,), {})
    for decorate in decorators:
        view = method_decorator(decorate, name="dispatch")(view)
    return view


@pytest.mark.parametrize("accept", READERS)
def test_a_stream_is_kept_out_of_caches_and_buffers(serve, accept):
    response = serve(Two).get("/", HTTP_ACCEPT=accept)
    assert {name: response[name] for name in STREAM} == STREAM
    assert varies(response) >= {"Accept", "Last-Event-ID"}
    assert not {"Server-Timing", "Link", "Content-Length", "ETag"} & set(response.headers)


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_page_of_a_view_with_streams_varies_on_what_decides(serve, method):
    response = getattr(serve(Two), method)("/")
    assert varies(response) >= {"Accept", "Last-Event-ID"}
    off = getattr(serve(type("Off", (Two,), {"streams": False})), method)("/")
    assert not varies(off) & {"Accept", "Last-Event-ID"}


@pytest.mark.parametrize(
    "decorators",
    [
        [cache_control(max_age=60, public=True)],
        [cache_page(60)],
        [cache_page(60), cache_control(private=True)],
        [gzip_page],
    ],
)
def test_a_stream_is_no_store_whatever_the_view_says(serve, decorators):
    client = serve(decorated(*decorators))
    for _ in range(2):
        response = client.get("/", HTTP_ACCEPT_ENCODING="gzip", **EVENTS)
        assert {name: response[name] for name in STREAM} == STREAM
        assert b"event: end" in b"".join(response.streaming_content)


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_stream_whose_view_function_is_decorated_is_no_store(serve, method):
    client = serve(path("", cache_control(max_age=60)(Two.as_view())))
    assert "no-store" in getattr(client, method)("/", **EVENTS)["Cache-Control"]


def test_cache_page_serves_pages_and_never_in_place_of_a_stream(serve):
    client = serve(path("", cache_page(60)(Two.as_view(chunk_size=1))))
    for _ in range(2):
        assert walk(client, "/").names == ["a", "b"]
        assert walk_stream(client, "/").names == ["a", "b"]
        assert walk_stream(client, "/", cut_after=1, then="pages").names == ["a", "b"]
        assert walk_stream(client, "/", cut_after=1).names == ["a", "b"]


def test_a_page_behind_a_last_event_id_is_cached_apart_from_the_first_page(serve):
    client = serve(path("", cache_page(60)(Two.as_view(chunk_size=1))))
    first = client.get("/").json()
    after = client.get("/", HTTP_LAST_EVENT_ID=first["cursor"]).json()
    assert [*after["results"][0]] == ["b"]
    assert client.get("/").json() == first


def test_the_conditional_middleware_leaves_a_stream_alone(serve, settings):
    settings.MIDDLEWARE = ["django.middleware.http.ConditionalGetMiddleware", *settings.MIDDLEWARE]
    client = serve(Two)
    assert "ETag" not in client.get("/", **EVENTS)
    page = client.get("/")
    assert client.get("/", HTTP_IF_NONE_MATCH=page["ETag"]).status_code == 304
    assert client.get("/", HTTP_IF_NONE_MATCH=page["ETag"], **EVENTS).status_code == 200


class TestCompression:
    @pytest.fixture(autouse=True)
    def _middleware(self, settings):
        settings.MIDDLEWARE = ["django.middleware.gzip.GZipMiddleware", *settings.MIDDLEWARE]

    def test_a_page_is_compressed_and_a_stream_is_not(self, serve):
        client = serve(Two)
        page = client.get("/", HTTP_ACCEPT_ENCODING="gzip")
        assert b'"results"' in gzip.decompress(page.content)
        response = client.get("/", HTTP_ACCEPT_ENCODING="gzip", **EVENTS)
        chunks = iter(response.streaming_content)
        assert next(chunks) == b"retry: 2000\n\n"
        assert next(chunks).startswith(b"event: part\n")
        assert b"event: end" in b"".join(chunks)

    def test_a_stream_under_asgi_is_not_compressed(self, serve):
        serve(Two)

        async def read():
            headers = {"Accept": "text/event-stream", "Accept-Encoding": "gzip"}
            response = await AsyncClient().get("/", headers=headers)
            return [chunk async for chunk in response.streaming_content]

        chunks = async_to_sync(read)()
        assert chunks[0] == b"retry: 2000\n\n"
        assert [chunk[:10] for chunk in chunks[1:]] == [b"event: par"] * 2 + [b"event: end"]


@pytest.mark.django_db
class TestCookies:
    def test_cookies_that_the_page_would_have_set_are_set_by_the_stream(self, serve, client):
        class View(Two):
            def get_parts(self):
                get_token(self.request)
                self.request.session["n"] = 1
                return super().get_parts()

        serve(View)
        page = client.get("/").cookies
        streamed = type(client)().get("/", **EVENTS).cookies
        assert set(streamed) == set(page) == {"csrftoken", "sessionid"}

    def test_the_stream_of_a_user_is_no_store(self, serve, client):
        serve(Two)
        client.force_login(User.objects.create_user("ann"))
        response = client.get("/", **EVENTS)
        assert response["Cache-Control"] == STREAM["Cache-Control"]
        assert "Cookie" in varies(response)


class TestViewSets:
    class Reports(Two, ViewSet):
        def list(self, request):
            return ProgressiveView.get(self, request)

    @pytest.mark.parametrize("accept", READERS)
    def test_a_view_set_has_streams(self, serve, accept):
        client = serve(path("", self.Reports.as_view({"get": "list"})))
        assert walk_stream(client, "/", accept=accept, cut_after=1).names == ["a", "b"]
        head = client.head("/", HTTP_ACCEPT=accept)
        assert (head["Content-Type"], head["Cache-Control"]) == (accept, STREAM["Cache-Control"])
        assert client.options("/", HTTP_ACCEPT=accept).json()["parts"] == ["a", "b"]
