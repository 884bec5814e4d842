"""No cache keeps the answer to a client that has values, whatever the view or the project says."""

import pytest
from django.test import Client
from django.urls import path
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control, cache_page

from django_partstream import ProgressiveView, lazy
from tests.rest.having import answer, page, tags_of


class Counting(ProgressiveView):
    """An anonymous page with the count of its requests beside a value that stays."""

    requests = 0

    def get_parts(self):
        return [("stays", [1]), ("count", lazy(self.count))]

    def count(self, request):
        type(self).requests += 1
        return self.requests


@pytest.fixture
def view():
    return type("View", (Counting,), {})


def saying(view, header):
    """*view*, which puts *header* on its responses itself."""

    class Saying(view):
        def finalize_response(self, *args, **kwargs):
            response = super().finalize_response(*args, **kwargs)
            response["Cache-Control"] = header
            return response

    return Saying


class TestTheHeaders:
    def test_an_answer_is_not_to_be_stored_and_varies_on_the_tags(self, serve, view):
        client = serve(view)
        for tags in ({}, tags_of(client)):
            response = answer(client, tags=tags)
            assert response["Cache-Control"] == "private, no-store"
            assert response["Vary"].startswith("Accept, Last-Event-ID, Partstream-Have")

    def test_a_view_without_streams_varies_on_the_tags_too(self, serve, view):
        view.streams = False
        client = serve(view)
        assert "Partstream-Have" in answer(client)["Vary"].split(", ")
        assert "Partstream-Have" not in client.get("/").headers.get("Vary", "")

    @pytest.mark.parametrize("header", ["public, max-age=60", "max-age=60", "no-cache", ""])
    def test_the_header_of_the_view_itself_does_not_count(self, serve, view, header):
        client = serve(saying(view, header))
        assert answer(client)["Cache-Control"] == "private, no-store"
        assert client.get("/")["Cache-Control"] == header

    def test_a_decorator_of_dispatch_does_not_count(self, serve, view):
        decorate = method_decorator(cache_control(public=True, max_age=60), name="dispatch")
        assert answer(serve(decorate(view)))["Cache-Control"] == "private, no-store"

    def test_code_that_looks_into_the_data_changes_nothing_of_it(self, serve, view):
        class Looking(view):
            def finalize_response(self, *args, **kwargs):
                response = super().finalize_response(*args, **kwargs)
                assert response.data["results"]
                return response

        response = answer(serve(Looking))
        assert response["Cache-Control"] == "private, no-store"
        assert "Partstream-Have" in response["Vary"]


def in_middleware(settings, view):
    settings.MIDDLEWARE = [
        "django.middleware.cache.UpdateCacheMiddleware",
        *settings.MIDDLEWARE,
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]
    return path("", view.as_view())


def round_the_view(settings, view):
    return path("", cache_page(60)(view.as_view()))


def on_dispatch(settings, view):
    return path("", method_decorator(cache_page(60), name="dispatch")(view).as_view())


@pytest.fixture(params=[in_middleware, round_the_view, on_dispatch])
def cached(request, serve, settings, view):
    """A client of a site on which Django's cache keeps pages for a minute."""
    serve(request.param(settings, view))
    return Client()


class TestDjangosCache:
    def counts(self, answered):
        return [result["count"] for result in answered["results"] if "count" in result]

    def test_keeps_pages_of_clients_without_tags(self, cached):
        assert [self.counts(cached.get("/").json()) for _ in range(3)] == [[1]] * 3

    def test_keeps_no_answer_to_a_client_that_asks_for_tags(self, cached):
        assert [self.counts(page(cached)) for _ in range(3)] == [[1], [2], [3]]

    def test_keeps_no_answer_to_a_client_that_has_values(self, cached):
        tags = tags_of(cached)
        for count in (2, 3):
            again = page(cached, tags=tags)
            assert (again["unchanged"], self.counts(again)) == (["stays"], [count])

    @pytest.mark.parametrize("header", ["", "tags", "garbage"])
    def test_gives_other_clients_no_answer_with_tags(self, cached, header):
        """An empty header is keyed as none is, and a cache glues the values of headers together."""
        sent = {"header": header} if header != "tags" else {"tags": tags_of(cached)}
        assert "etags" in page(cached, **sent)
        plain = [cached.get("/").json() for _ in range(2)]
        assert [list(one) for one in plain] == [["results", "cursor", "meta"]] * 2
        assert plain[0]["results"][0] == {"stays": [1]}
        assert plain[0] == plain[1]

    def test_gives_a_client_with_tags_a_whole_page_that_it_kept_before(self, cached):
        tags = tags_of(cached)
        kept = cached.get("/").json()
        again = page(cached, tags=tags)
        assert again == kept
        assert "unchanged" not in again

    def test_glues_no_header_of_one_client_to_the_accept_of_another(self, cached):
        tags = tags_of(cached)
        answer(cached, tags=tags, accept="application/")
        answer(cached, header="json", accept="application/")
        plain = cached.get("/", HTTP_ACCEPT="application/json").json()
        assert "etags" not in plain


class TestTheBrowsersCache:
    def test_an_entity_tag_of_django_is_not_mixed_up_with_the_tags_of_parts(
        self, serve, view, settings
    ):
        settings.MIDDLEWARE = ["django.middleware.http.ConditionalGetMiddleware"]
        client = serve(view)
        tags = tags_of(client, "/?parts=stays")
        first = answer(client, "/?parts=stays", tags)
        assert (first.status_code, first.has_header("ETag")) == (200, False)
        again = client.get(
            "/?parts=stays",
            HTTP_IF_NONE_MATCH=f'"{tags["stays"]}"',
            HTTP_PARTSTREAM_HAVE=f'stays="{tags["stays"]}"',
        )
        assert (again.status_code, again.json()["unchanged"]) == (200, ["stays"])
