"""What a stream is refused for is told before its first byte: with a status, as JSON."""

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.urls import path
from rest_framework.authentication import BasicAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle

from django_partstream import ProgressiveView, lazy
from django_partstream.exceptions import PlanError
from django_partstream.received import READERS
from django_partstream.testing import expired, walk_stream

EVENTS = {"HTTP_ACCEPT": "text/event-stream"}

each_type = pytest.mark.parametrize("accept", READERS)


class Three(ProgressiveView):
    names = ["a", "b", "c"]

    def get_parts(self):
        return [(name, lazy(lambda request: 1)) for name in self.names]


def of(**attributes):
    return type("View", (Three,), attributes)


def cursor_of(client, address="/"):
    return client.get(address).json()["cursor"]


def refusal(response):
    assert not response.streaming
    assert response["Content-Type"] == "application/json"
    return response.status_code, response.json()


@each_type
@pytest.mark.parametrize("by", ["cursor", "Last-Event-ID"])
class TestABadCursor:
    def ask(self, client, by, token, accept, method="get"):
        query, headers = {"cursor": token}, {"Accept": accept}
        if by == "Last-Event-ID":
            query, headers = {}, {"Accept": accept, "Last-Event-ID": token}
        return getattr(client, method)("/", query, headers=headers)

    @pytest.mark.parametrize("token", ["x", "\N{SNOWMAN}", "a" * 5000, "a.b.c", "1"])
    def test_a_token_that_is_no_cursor_is_400(self, serve, accept, by, token):
        if by == "Last-Event-ID" and not token.isascii():
            token = token.encode().decode("latin-1")
        response = self.ask(serve(Three), by, token, accept)
        status, told = refusal(response)
        assert (status, told["code"]) == (400, "invalid_cursor")
        assert response["Cache-Control"] == "no-store"

    def test_the_cursor_of_another_address_is_400(self, serve, accept, by):
        client = serve(path("", Three.as_view()), path("other/", Three.as_view()))
        token = cursor_of(client, "/other/")
        status, told = refusal(self.ask(client, by, token, accept))
        assert (status, told["code"]) == (400, "invalid_cursor")

    def test_an_expired_cursor_is_410(self, serve, accept, by):
        client = serve(Three)
        status, told = refusal(self.ask(client, by, expired(cursor_of(client)), accept))
        assert (status, told["code"]) == (410, "cursor_expired")

    def test_a_cursor_behind_a_part_that_went_is_410(self, serve, accept, by, monkeypatch):
        client = serve(Three)
        token = cursor_of(client)
        monkeypatch.setattr(Three, "names", ["a", "c"])
        for method in ("get", "head"):
            response = self.ask(client, by, token, accept, method)
            assert response.status_code == 410
        assert self.ask(client, by, token, accept).json()["code"] == "cursor_stale"

    def test_a_page_refuses_a_bad_cursor_in_the_same_way(self, serve, accept, by):
        asked = self.ask(serve(Three), by, "x", "application/json")
        assert refusal(asked) == refusal(self.ask(serve(Three), by, "x", accept))


@each_type
def test_an_unknown_part_is_400_and_lists_the_parts(serve, accept):
    status, told = refusal(serve(Three).get("/?parts=zz", HTTP_ACCEPT=accept))
    assert (status, told["code"]) == (400, "unknown_part")
    assert "a, b, c" in told["detail"]


@each_type
def test_a_missing_permission_is_refused_before_the_cursor(serve, accept):
    view = of(permission_classes=[IsAuthenticated], authentication_classes=[BasicAuthentication])
    response = serve(view).get("/", headers={"Accept": accept, "Last-Event-ID": "x"})
    status, told = refusal(response)
    assert (status, response["WWW-Authenticate"]) == (401, 'Basic realm="api"')
    assert "detail" in told


@pytest.mark.django_db
def test_the_id_of_another_user_is_no_cursor(serve, client):
    serve(Three)
    client.force_login(User.objects.create_user("ann"))
    token = cursor_of(client)
    client.force_login(User.objects.create_user("ben"))
    response = client.get("/", headers={"Accept": "text/event-stream", "Last-Event-ID": token})
    assert refusal(response)[0] == 400


@each_type
def test_a_throttle_refuses_a_stream_and_the_id_stays_valid(serve, accept):
    class Once(SimpleRateThrottle):
        rate = "1/min"

        def get_cache_key(self, request, view):
            return "once"

    client = serve(of(throttle_classes=[Once]))
    token = cursor_of(client)
    headers = {"Accept": accept, "Last-Event-ID": token}
    response = client.get("/", headers=headers)
    assert refusal(response)[0] == 429
    assert int(response["Retry-After"]) > 0
    cache.clear()
    assert client.get("/", headers=headers).status_code == 200


@each_type
def test_an_error_in_get_parts_comes_before_the_first_byte(serve, accept):
    def wrong(self):
        return None

    with pytest.raises(PlanError):
        serve(of(get_parts=wrong)).get("/", HTTP_ACCEPT=accept)


def test_a_name_that_no_cursor_can_hold_is_told_before_the_first_byte(serve, settings):
    settings.PARTSTREAM = {"MAX_CURSOR_LENGTH": 256}
    with pytest.raises(ImproperlyConfigured, match="Use a shorter name"):
        serve(of(names=["n" * 200])).get("/", **EVENTS)


@each_type
def test_an_exception_handler_of_the_project_answers_a_stream_as_json(serve, accept):
    def handler(exc, context):
        assert context["request"].accepted_renderer.format == "json"
        return Response({"mine": True}, status=418)

    view = of(
        get_exception_handler=lambda self: handler,
        renderer_classes=[BrowsableAPIRenderer, JSONRenderer],
    )
    assert refusal(serve(view).get("/?cursor=x", HTTP_ACCEPT=accept)) == (418, {"mine": True})


@each_type
def test_a_method_that_is_not_allowed_is_refused_as_before(serve, accept):
    response = serve(Three).post("/", HTTP_ACCEPT=accept)
    assert response.status_code in (405, 406)
    assert response["Content-Type"] == "application/json"


def test_a_query_that_does_not_fit_has_to_be_repeated_with_the_id(serve):
    client = serve(Three)
    long = "q=" + "x" * 3000
    response = client.get(f"/?{long}", **EVENTS)
    first, *_ = [
        one for one in READERS["text/event-stream"](response.streaming_content) if one.cursor
    ]
    headers = {"Accept": "text/event-stream", "Last-Event-ID": first.cursor}
    assert refusal(client.get("/", headers=headers))[1]["code"] == "query_required"
    assert client.get(f"/?{long}", headers=headers).status_code == 200


def test_the_carried_query_and_the_query_of_the_request_meet_as_on_pages(serve):
    class Echo(Three):
        def get_parts(self):
            return [(name, dict(self.request.GET.lists())) for name in self.names]

    client = serve(Echo)
    response = client.get("/?a=1&b=2&token=secret", **EVENTS)
    first, *_ = [
        one for one in READERS["text/event-stream"](response.streaming_content) if one.cursor
    ]
    headers = {"Last-Event-ID": first.cursor}
    page = client.get("/?b=3", headers=headers).json()
    assert page["results"][0] == {"b": {"a": ["1"], "b": ["3"]}}
    streamed = client.get("/?b=3", headers={**headers, "Accept": "application/jsonl"})
    line, *_ = READERS["application/jsonl"](streamed.streaming_content)
    assert line.data["value"] == {"a": ["1"], "b": ["3"]}


class TestWhatIsBuiltOnAView:
    def test_finalize_response_can_set_headers_and_cookies_of_a_stream(self, serve):
        class Own(Three):
            def finalize_response(self, request, response, *args, **kwargs):
                response = super().finalize_response(request, response, *args, **kwargs)
                response["X-Own"] = "1"
                response.set_cookie("seen", "yes")
                return response

        response = serve(Own).get("/", **EVENTS)
        assert (response["X-Own"], response.cookies["seen"].value) == ("1", "yes")

    def test_code_that_looks_into_the_page_is_told_that_a_stream_has_none(self, serve):
        class Own(Three):
            def get(self, request, *args, **kwargs):
                response = super().get(request, *args, **kwargs)
                response.data["more"] = 1
                return response

        client = serve(Own)
        assert client.get("/").json()["more"] == 1
        with pytest.raises(AttributeError, match="streams = False"):
            client.get("/", **EVENTS)

    def test_a_walk_of_a_refused_stream_says_what_was_answered(self, serve):
        with pytest.raises(AssertionError, match="unknown_part"):
            walk_stream(serve(Three), "/?parts=zz")
        with pytest.raises(AssertionError, match="406"):
            walk_stream(serve(of(streams=False)), "/")
