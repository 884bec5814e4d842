"""REST: small pages, pages of rows, and cached rows; plain views and progressive views."""

from datetime import UTC, datetime
from decimal import Decimal

from django.core.cache import cache
from django.http import JsonResponse
from django.urls import path
from rest_framework.authentication import BaseAuthentication
from rest_framework.response import Response
from rest_framework.views import APIView

from django_partstream import ProgressiveView, cached_for, lazy

#: As long as the cursor of a small page.
CURSOR = "x" * 170
PAGES = 3
ROWS = (1, 100, 1_000)
#: The rows of a page that is refreshed.
REFRESHED = 1_000


def overview(request):
    return {"store": "Corner Shop", "orders": 1234}


def figures(request):
    return {"revenue": 1234.5, "customers": 77}


def rows(count):
    """Rows of text and integers, as JSON has them."""
    return [
        {"id": number, "customer": f"Customer {number}", "status": "paid", "total": "12.50"}
        for number in range(count)
    ]


def rich_rows(count):
    """Rows of dates and Decimals."""
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    return [
        {"id": number, "customer": f"Customer {number}", "at": at, "total": Decimal("12.50")}
        for number in range(count)
    ]


# A small page: two parts of six.


def page(number=0):
    """The JSON of a small page, by its number; the text of its cursor apart."""
    has_more = number < PAGES - 1
    suffix = f"_{number}" if number else ""
    return {
        "results": [{f"overview{suffix}": overview(None)}, {f"figures{suffix}": figures(None)}],
        "cursor": CURSOR if has_more else None,
        "meta": {"total_parts": 2 * PAGES, "current_chunk_size": 2, "has_more": has_more},
    }


def plain_django(request):
    return JsonResponse(page())


class Plain(APIView):
    number = 0

    def get(self, request):
        return Response(page(self.number))


class Ours(ProgressiveView):
    def get_parts(self):
        return [
            ("overview", lazy(overview)),
            ("figures", lazy(figures)),
            ("overview_1", lazy(overview)),
            ("figures_1", lazy(figures)),
            ("overview_2", lazy(overview)),
            ("figures_2", lazy(figures)),
        ]


class Reader:
    """A user without a database."""

    is_authenticated = is_active = True
    is_anonymous = False

    def __init__(self, pk):
        self.pk = self.id = pk


class ByHeader(BaseAuthentication):
    """The reader that the header names, so that many readers need no sessions."""

    def authenticate(self, request):
        return Reader(int(request.META["HTTP_X_READER"])), None


class PlainForMany(Plain):
    authentication_classes = [ByHeader]


class OursForMany(Ours):
    authentication_classes = [ByHeader]


# A page of rows: its only part.


def page_of(values):
    """The JSON of a page with *values* as its only part."""
    meta = {"total_parts": 1, "current_chunk_size": 1, "has_more": False}
    return {"results": [{"rows": values}], "cursor": None, "meta": meta}


def with_rows(name, values):
    """The addresses of a page of *values*: a plain view's and ours."""

    class PlainRows(APIView):
        def get(self, request):
            return Response(page_of(values))

    class OurRows(ProgressiveView):
        def get_parts(self):
            return [("rows", lazy(lambda request: values))]

    return [
        path(f"plain/{name}/", PlainRows.as_view()),
        path(f"ours/{name}/", OurRows.as_view()),
    ]


class PlainCached(APIView):
    def get(self, request):
        kept = cache.get("rows")
        if kept is None:
            kept = rows(100)
            cache.set("rows", kept, 300)
        return Response(page_of(kept))


class OurCached(ProgressiveView):
    def get_parts(self):
        return [("rows", lazy(self.get_rows))]

    @cached_for(300)
    def get_rows(self, request):
        return rows(100)


# A page that makes its rows, and the same with its rows cached.


class Made(ProgressiveView):
    def get_parts(self):
        return [("rows", lazy(self.get_rows))]

    def get_rows(self, request):
        return rich_rows(REFRESHED)


class MadeOnce(Made):
    @cached_for(3600)
    def get_rows(self, request):
        return super().get_rows(request)


urlpatterns = [
    path("ours/made/", Made.as_view()),
    path("ours/made-once/", MadeOnce.as_view()),
    path("plain/django/", plain_django),
    *(path(f"plain/page/{number}/", Plain.as_view(number=number)) for number in range(PAGES)),
    path("ours/page/", Ours.as_view()),
    *(path(f"plain/many/{number}/", PlainForMany.as_view(number=number)) for number in (0, 1)),
    path("ours/many/", OursForMany.as_view()),
    *(pattern for count in ROWS for pattern in with_rows(f"rows/{count}", rows(count))),
    *with_rows("rich", rich_rows(100)),
    path("plain/cached/", PlainCached.as_view()),
    path("ours/cached/", OurCached.as_view()),
]
