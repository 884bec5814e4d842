"""The example shop, its controls, and an endpoint that tells what it was asked with."""

from django.urls import include, path

from django_partstream import ProgressiveView, lazy
from tests.clients import controls


class EchoView(ProgressiveView):
    """``query`` and ``headers`` of the request (names in lower case), then ``last``; one a page."""

    permission_classes = []
    chunk_size = 1

    def get_parts(self):
        return [
            ("query", lazy(lambda request: request.GET.dict())),
            ("headers", lazy(self.get_headers)),
            ("last", lazy(lambda request: "last")),
        ]

    def get_headers(self, request):
        return {name.lower(): value for name, value in request.headers.items()}


urlpatterns = [
    *controls.urlpatterns,
    path("api/echo/", EchoView.as_view()),
    path("", include("example_schema.urls")),
]
