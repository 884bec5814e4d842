"""The walks of ``django_partstream.testing``, where a server breaks its word."""

import itertools
from types import SimpleNamespace

import pytest

from django_partstream.testing import walk, walk_connection, walks


class Server:
    """A stand-in for a test client: each request gets the next of *pages*."""

    def __init__(self, pages):
        self.pages = iter(pages)
        self.asked = []

    def get(self, address, **request):
        return self.answer(address)

    def post(self, address, body, **request):
        return self.answer(body["variables"]["after"])

    def answer(self, asked):
        self.asked.append(asked)
        page = next(self.pages)
        return SimpleNamespace(status_code=200, json=lambda: page)


def rest_page(name, cursor):
    return {"results": [{name: 1}], "cursor": cursor}


def graphql_page(name, cursor):
    page = {"hasNextPage": cursor is not None, "endCursor": cursor}
    return {"data": {"page": {"pageInfo": page, "edges": [{"node": {"name": name, name: 1}}]}}}


FRONTS = pytest.mark.parametrize(
    ("front", "page"), [(walk, rest_page), (walk_connection, graphql_page)], ids=["rest", "graphql"]
)


@FRONTS
def test_a_walk_ends_with_the_page_that_has_no_cursor(front, page):
    server = Server([page("a", "behind-a"), page("b", None), page("c", None)])
    walked = front(server, "/?q=1")
    assert walked.parts == {"a": 1, "b": 1}
    assert server.asked == (["/?q=1", "/?cursor=behind-a"] if front is walk else [None, "behind-a"])


@FRONTS
def test_a_part_that_comes_twice_fails_the_walk(front, page):
    server = Server(page("a", "more") for _ in itertools.count())
    with pytest.raises(AssertionError, match="The part 'a' was delivered twice"):
        front(server, "/")


@FRONTS
def test_a_walk_without_an_end_fails_after_the_most_pages(front, page, monkeypatch):
    monkeypatch.setattr(walks, "MAX_PAGES", 3)
    server = Server(page(f"part{number}", "more") for number in itertools.count())
    with pytest.raises(AssertionError, match="no end after 3 pages"):
        front(server, "/")
    assert next(server.pages) == page("part3", "more")
