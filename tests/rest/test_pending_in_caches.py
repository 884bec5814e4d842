"""No cache keeps a page that lacks a pending part, whatever the view or the project says."""

import pytest
from django.contrib.auth.models import User
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control, cache_page
from django.views.decorators.vary import vary_on_cookie

from django_partstream.testing import walk
from tests.pending import names_of, pending_of, waiting, walks_go_on

UNTIL = 3  # looks


def decorated(*decorators):
    """A view with *decorators* on ``dispatch()``, the last of them outermost."""
    view = waiting({"a": UNTIL})
    for decorate in decorators:
        view = method_decorator(decorate, name="dispatch")(view)
    return view


def wrapped(*decorators):
    """The route of a view function with *decorators*, the last of them outermost."""
    view = waiting({"a": UNTIL}).as_view()
    for decorate in decorators:
        view = decorate(view)
    return path("", view)


def saying(header):
    """A view that puts *header* on its responses itself."""

    def finalize_response(self, *args, **kwargs):
        response = super(view, self).finalize_response(*args, **kwargs)
        response["Cache-Control"] = header
        return response

    view = waiting({"a": UNTIL}, finalize_response=finalize_response)
    return view


class TestTheHeader:
    def test_the_page_of_an_anonymous_reader_is_not_to_be_stored(self, serve):
        assert serve(waiting({"a": 1})).get("/")["Cache-Control"] == "private, no-store"

    @pytest.mark.django_db
    def test_the_page_of_a_user_is_not_to_be_stored(self, serve, client):
        serve(waiting({"a": 1}))
        client.force_login(User.objects.create_user("ann"))
        assert client.get("/")["Cache-Control"] == "private, no-store"

    @pytest.mark.parametrize("header", ["public, max-age=60", "max-age=60", "no-cache", ""])
    def test_the_header_of_the_view_itself_does_not_count(self, serve, header):
        client = serve(saying(header))
        assert client.get("/")["Cache-Control"] == "private, no-store"

    def test_a_decorator_of_dispatch_does_not_count(self, serve):
        client = serve(decorated(cache_control(public=True, max_age=60)))
        assert client.get("/")["Cache-Control"] == "private, no-store"

    @pytest.mark.parametrize("options", [{"max_age": 60}, {"public": True, "max_age": 60}])
    def test_a_decorator_of_the_view_function_leaves_no_store_there(self, serve, options):
        header = serve(wrapped(cache_control(**options))).get("/")["Cache-Control"]
        assert "no-store" in header.split(", ")

    def test_the_page_with_the_part_is_as_the_view_says(self, serve):
        client = serve(saying("public, max-age=60"))
        while pending_of(page := client.get("/").json()):
            pass
        assert names_of(page) == ["a"]
        assert client.get("/")["Cache-Control"] == "public, max-age=60"


class TestDjangosCache:
    """The same address is asked for again and again, so a stored page would never have the part."""

    def assert_arrives(self, client):
        pages = [client.get("/").json() for _ in range(UNTIL + 1)]
        assert [names_of(page) for page in pages] == [*[[]] * UNTIL, ["a"]]

    def test_cache_page_round_the_view_stores_no_page(self, serve):
        self.assert_arrives(serve(wrapped(cache_page(60))))

    def test_cache_page_on_dispatch_stores_no_page(self, serve):
        self.assert_arrives(serve(decorated(cache_page(60))))

    @pytest.mark.parametrize("placed", [wrapped, decorated])
    def test_cache_page_stores_no_page_that_a_decorator_inside_it_gives_a_lifetime(
        self, serve, placed
    ):
        self.assert_arrives(serve(placed(cache_control(max_age=60), cache_page(60))))

    def test_the_middleware_of_a_whole_site_stores_no_page(self, serve, settings):
        settings.MIDDLEWARE = [
            "django.middleware.cache.UpdateCacheMiddleware",
            *settings.MIDDLEWARE,
            "django.middleware.cache.FetchFromCacheMiddleware",
        ]
        self.assert_arrives(serve(waiting({"a": UNTIL})))

    def test_the_page_with_the_part_is_stored(self, serve):
        view = waiting({"a": 1})
        client = serve(path("", cache_page(60)(view.as_view())))
        assert pending_of(client.get("/").json()) == ["a"]
        pages = [client.get("/").json() for _ in range(3)]
        assert [names_of(page) for page in pages] == [["a"]] * 3
        assert view.work.looks["a"] == 2

    def test_readers_who_share_stored_pages_walk_to_the_end_of_them(self, serve):
        view = waiting({"a": 1, "b": 0, "c": 0, "d": 2})
        client = serve(path("", vary_on_cookie(cache_page(60)(view.as_view()))))
        with walks_go_on():
            for _ in range(3):
                assert sorted(walk(client, "/").names) == ["a", "b", "c", "d"]
