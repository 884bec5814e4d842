"""
The example shop, its controls, and an endpoint that returns its query and headers.

``/api/together/`` has the parts of the dashboard, which run at the same time, and ``/api/camel/``
renames their keys. ``/api/named/`` has large parts with odd names. ``/audited/`` is the shop's GraphQL view
without the protection by CSRF tokens.
"""

from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from djangorestframework_camel_case.render import CamelCaseJSONRenderer

from django_partstream import ProgressiveView, lazy
from example_schema.parts import DashboardParts
from partstream_graphql.http.views import ProgressiveGraphQLView
from tests.clients import controls
from tests.clients.forecasts import ForecastView


class EchoView(ProgressiveView):
    """The parts ``query``, ``headers`` (names in lower case) and ``last``, each on its own page."""

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


class TogetherView(DashboardParts, ProgressiveView):
    concurrency = 6


class CamelView(DashboardParts, ProgressiveView):
    renderer_classes = [CamelCaseJSONRenderer]


class NamedView(ProgressiveView):
    """Parts with odd names, each of 10 kB."""

    permission_classes = []
    names = ("café", 'a="b"; c', "100 %", "…/😀", "__proto__", "constructor", "it's (1)*!~")

    def get_parts(self):
        return [(name, lazy(self.get_named, name)) for name in self.names]

    def get_named(self, request, name):
        return {"name": name, "text": "x" * 10_000}


urlpatterns = [
    *controls.urlpatterns,
    path("api/camel/", CamelView.as_view()),
    path("api/echo/", EchoView.as_view()),
    path("api/forecast/", ForecastView.as_view()),
    path("api/named/", NamedView.as_view()),
    path("api/together/", TogetherView.as_view()),
    path("audited/", csrf_exempt(ProgressiveGraphQLView.as_view())),
    path("", include("example_schema.urls")),
]
