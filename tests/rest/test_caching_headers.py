"""How long caches may keep a page or a refusal, and what ``cache_page`` does to a walk."""

from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.http import http_date
from django.views.decorators.cache import cache_control, cache_page
from django.views.decorators.vary import vary_on_cookie

from django_partstream import ProgressiveView, lazy
from django_partstream.testing import expired, walk

NOW = 1_700_000_000.0


class Three(ProgressiveView):
    chunk_size = 2
    cursor_ttl = 600
    names = ["a", "b", "c"]

    def get_parts(self):
        return [(name, lazy(self.seen)) for name in self.names]

    def seen(self, request):
        return 1


@pytest.fixture
def at():
    """Set the clock: ``with at(NOW + 60):``."""
    return lambda seconds: mock.patch("time.time", return_value=seconds)


def saying(header, name="Cache-Control"):
    """A view whose pages have *header*."""

    class View(Three):
        def finalize_response(self, *args, **kwargs):
            response = super().finalize_response(*args, **kwargs)
            response[name] = header
            return response

    return View


class TestARefusedCursor:
    @pytest.mark.parametrize("refused", ["expired", "stale", "invalid", "unknown part"])
    def test_a_refusal_is_kept_out_of_caches(self, serve, refused):
        client = serve(Three)
        cursor = client.get("/").json()["cursor"]
        query = {
            "expired": f"cursor={expired(cursor)}",
            "stale": f"cursor={cursor}",
            "invalid": "cursor=x",
            "unknown part": "parts=x",
        }[refused]
        names = ["a", "c"] if refused == "stale" else Three.names
        with mock.patch.object(Three, "names", names):
            response = client.get(f"/?{query}")
        assert response.status_code == (410 if refused in ("expired", "stale") else 400)
        assert response["Cache-Control"] == "no-store"

    def test_an_exception_handler_decides_on_the_header(self, serve, settings):
        class View(Three):
            def get_exception_handler(self):
                handle = super().get_exception_handler()

                def handler(exc, context):
                    response = handle(exc, context)
                    response["Cache-Control"] = "no-cache"
                    return response

                return handler

        assert serve(View).get("/?cursor=x")["Cache-Control"] == "no-cache"


class TestThePageOfAnAnonymousReader:
    @pytest.mark.parametrize(
        ("header", "sent"),
        [
            ("max-age=60", "max-age=60"),
            ("max-age=86400", "max-age=600"),
            ("public, s-maxage=86400, max-age=60", "public, s-maxage=600, max-age=60"),
            ("Max-Age=86400", "Max-Age=600"),
            ('max-age="86400"', "max-age=600"),
            ("max-age=500, stale-while-revalidate=500", "max-age=500, stale-while-revalidate=100"),
            ("stale-if-error=500, max-age=500", "stale-if-error=100, max-age=500"),
            ("stale-if-error=9000, max-age=9000", "stale-if-error=0, max-age=600"),
            ("no-cache", "no-cache"),
            ("public, immutable", "public, immutable"),
        ],
    )
    def test_its_own_lifetime_ends_with_its_cursor(self, serve, at, header, sent):
        with at(NOW):
            assert serve(saying(header)).get("/")["Cache-Control"] == sent

    def test_its_own_expires_header_ends_with_its_cursor(self, serve, at):
        soon, late = http_date(NOW + 60), http_date(NOW + 86400)
        with at(NOW):
            assert serve(saying(soon, "Expires")).get("/")["Expires"] == soon
            assert serve(saying(late, "Expires")).get("/")["Expires"] == http_date(NOW + 600)
            assert serve(saying("0", "Expires")).get("/")["Expires"] == "0"

    def test_the_last_page_keeps_its_lifetime(self, serve):
        client = serve(saying("max-age=86400"))
        assert client.get("/?parts=a")["Cache-Control"] == "max-age=86400"

    def test_a_lifetime_set_by_a_decorator_ends_with_the_cursor(self, serve, at):
        decorate = method_decorator(cache_control(max_age=86400), name="dispatch")
        with at(NOW):
            response = serve(decorate(type("View", (Three,), {}))).get("/")
        assert response["Cache-Control"] == "max-age=600"


class TestCachePage:
    """What the documentation says about Django's ``cache_page`` and a walk."""

    def cached(self, seconds, *more, view=Three):
        made = view.as_view()
        for decorate in (*more, cache_page(seconds)):
            made = decorate(made)
        return path("", made)

    def test_readers_share_the_pages_and_the_cursors_of_a_walk(self, serve):
        client = serve(self.cached(60))
        first = client.get("/").json()
        assert client.get("/").json() == first
        assert walk(client, "/").names == ["a", "b", "c"]

    def test_a_cached_page_that_outlives_its_cursor_leads_to_a_410(self, serve, at):
        client = serve(self.cached(86400))
        with at(NOW):
            client.get("/")
        with at(NOW + 599):
            assert walk(client, "/").names == ["a", "b", "c"]
        with at(NOW + 601):
            cursor = client.get("/").json()["cursor"]
            assert client.get(f"/?parts=c&cursor={cursor}").status_code == 410

    def test_the_lifetime_of_a_page_that_dispatch_caches_shrinks_with_its_age(self, serve, at):
        decorate = method_decorator(cache_page(86400), name="dispatch")
        client = serve(decorate(type("View", (Three,), {})))
        with at(NOW):
            assert client.get("/")["Cache-Control"] == "max-age=600"
        with at(NOW + 500):
            assert client.get("/")["Cache-Control"] == "max-age=100"

    @pytest.mark.django_db
    def test_the_page_of_a_user_is_not_cached(self, serve, client):
        serve(self.cached(60, vary_on_cookie))
        client.force_login(User.objects.create_user("ann"))
        cursors = {client.get("/").json()["cursor"] for _ in range(2)}
        response = client.get("/")
        assert response["Cache-Control"] == "private, no-store"
        assert "Expires" not in response
        assert walk(client, "/").names == ["a", "b", "c"]
        assert len(cursors) in (1, 2)

    @pytest.mark.django_db
    def test_a_user_gets_no_page_of_an_anonymous_reader_if_the_view_varies_on_cookies(
        self, serve, client
    ):
        serve(self.cached(60, vary_on_cookie))
        anonymous = client.get("/").json()["cursor"]
        client.force_login(User.objects.create_user("ann"))
        own = client.get("/").json()["cursor"]
        assert own != anonymous
        assert client.get(f"/?cursor={own}").status_code == 200
