"""Canaries: facts about Django on which ``django_partstream/_client.py`` relies (5.2 was read)."""

from importlib.metadata import version

import pytest
from django.contrib.auth.middleware import AuthenticationMiddleware, auser, get_user
from django.http import HttpRequest, HttpResponse
from django.test.client import Client, ClientHandler
from django.urls import path

from django_partstream import _client


def relies(*names):
    """The message of a fact that these *names* of the adapter rely on."""
    return f"{' and '.join(names)} of django_partstream._client relied on this before Django {version('Django')}."


def test_the_authentication_middleware_takes_the_user_that_a_request_has():
    request = HttpRequest()
    request.session, request._cached_user = None, "ann"
    AuthenticationMiddleware(HttpResponse).process_request(request)
    assert get_user(request) == "ann", relies("ReaderHandler")
    assert str(request.user) == "ann", relies("ReaderHandler")


def test_a_coroutine_takes_the_user_that_a_request_has():
    request = HttpRequest()
    request._acached_user = "ann"
    coroutine = auser(request)
    with pytest.raises(StopIteration, match="ann"):
        coroutine.send(None)
    assert {"get_response", "resolve_request", "load_middleware"} <= {*dir(ClientHandler)}, relies(
        "ReaderHandler"
    )


def test_the_client_sends_its_requests_through_its_handler(serve):
    serve(path("", lambda request: HttpResponse("of the project")))
    client = Client()

    class Handler(ClientHandler):
        def get_response(self, request):
            return HttpResponse("of the handler")

    client.handler = Handler()
    assert client.get("/").content == b"of the handler", relies("ReaderClient")


def test_the_handler_finds_a_view_by_resolve_request(serve):
    serve(path("", lambda request: HttpResponse("of the project")))
    client = _client.ReaderClient(
        None,
        sign_in=lambda *args: None,
        views={"/own/": lambda request: HttpResponse(request.resolver_match.func.__name__)},
        headers={},
    )
    client.prepare()
    assert client.get("/").content == b"of the project", relies("ReaderHandler")
    assert client.get("/own/").content == b"<lambda>", relies("ReaderHandler")


@pytest.mark.django_db
def test_each_request_has_a_user_of_its_own(serve, django_user_model):
    ann = django_user_model.objects.create_user("ann")
    seen = []

    def view(request):
        seen.append(get_user(request))
        return HttpResponse()

    serve(path("", view))
    signed_in = []
    client = _client.ReaderClient(
        ann,
        sign_in=lambda request, match, user: signed_in.append((match.func, user)),
        views={},
        headers={},
    )
    for _ in range(2):
        client.get("/")
    first, second = seen
    assert first == second == ann
    assert first is not second
    assert [func for func, _ in signed_in] == [view, view]
