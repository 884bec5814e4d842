"""The query string of a request is parsed only if there is one."""

from unittest import mock

import pytest
from django.core.handlers.wsgi import WSGIRequest
from django.http import QueryDict
from django.test import Client

from django_partstream import ProgressiveView


class Echo(ProgressiveView):
    """Each part is the query parameters that the view sees."""

    chunk_size = 1

    def get_parts(self):
        return [(name, dict(self.request.GET.lists())) for name in "ab"]


class Fixed(ProgressiveView):
    def get_parts(self):
        return [("a", 1), ("b", 2), ("c", 3)]


def middleware_with(query):
    """A middleware that puts *query* in the place of the request's own."""

    def middleware(get_response):
        def handle(request):
            request.GET = QueryDict(query)
            return get_response(request)

        return handle

    return middleware


only_b = middleware_with("parts=b")
with_parameter = middleware_with("a=1")


@pytest.mark.parametrize("query", ["", "?", "?c=2"])
def test_a_query_that_a_middleware_put_into_the_request_counts(serve, settings, query):
    settings.MIDDLEWARE = [f"{__name__}.only_b"]
    page = serve(Echo).get(f"/{query}").json()
    assert page["results"] == [{"b": {"parts": ["b"]}}]


def test_a_middleware_may_take_the_cursor_out_of_the_query(serve, settings):
    client = serve(Echo)
    cursor = client.get("/").json()["cursor"]
    settings.MIDDLEWARE = [f"{__name__}.with_parameter"]
    page = Client().get(f"/?cursor={cursor}").json()
    assert page["results"] == [{"a": {"a": ["1"]}}]


def test_a_query_that_a_middleware_put_into_the_first_request_is_carried(serve, settings):
    settings.MIDDLEWARE = [f"{__name__}.with_parameter"]
    client = serve(Echo)
    cursor = client.get("/").json()["cursor"]
    settings.MIDDLEWARE = []
    page = Client().get(f"/?cursor={cursor}").json()
    assert page["results"] == [{"b": {"a": ["1"]}}]


@pytest.mark.parametrize("cursor", [False, True])
def test_a_view_that_changes_the_query_of_its_request_changes_no_other(serve, cursor):
    class Changing(Echo):
        changes = False

        def get_parts(self):
            parts = super().get_parts()
            if self.changes:
                self.request.GET._mutable = True
                self.request.GET["changed"] = "1"
            return parts

    client = serve(Changing)
    query = f"?cursor={client.get('/').json()['cursor']}" if cursor else ""
    Changing.changes = True
    expected = [{"b" if cursor else "a": {}}]
    for _ in range(2):
        assert client.get(f"/{query}").json()["results"] == expected


def test_a_page_without_a_query_does_not_parse_one(serve):
    with mock.patch.object(WSGIRequest, "GET", new=property(lambda self: 1 / 0)):
        page = serve(Fixed).get("/").json()
    assert page["results"] == [{"a": 1}, {"b": 2}]


def test_a_cursor_alone_is_not_parsed_and_leaves_an_empty_query(serve):
    client = serve(Fixed)
    cursor = client.get("/").json()["cursor"]
    with mock.patch.object(QueryDict, "getlist", side_effect=AssertionError):
        page = client.get(f"/?cursor={cursor}").json()
    assert page["results"] == [{"c": 3}]
