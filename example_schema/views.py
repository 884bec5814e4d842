"""The views of the shop: the dashboard over REST and GraphQL, and a page that shows it."""

from pathlib import Path
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.generic import TemplateView
from drf_spectacular.views import SpectacularAPIView
from rest_framework.renderers import BrowsableAPIRenderer

from django_partstream import ProgressiveView
from example_schema.parts import DashboardParts
from partstream_graphql.http.views import ProgressiveGraphQLView

#: The dashboard loads scripts, styles and images from its own site only, and has none inline.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
#: GraphiQL 2 adds a single style sheet, while a dialog is open, and writes descriptions as HTML.
GRAPHIQL_POLICY = (
    "default-src 'none'; script-src 'self'; "
    "style-src 'self' 'sha256-Y/huXlwoYkVyQlxwSVcCi1RCDGDCSVBzDt0hYP9qlTc='; "
    "img-src 'self'; font-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
FIRST_QUERY = (Path(__file__).parent / "dashboard.graphql").read_text()


class DashboardView(DashboardParts, ProgressiveView):
    """The shop's dashboard, two parts at a time: follow the cursor to the end."""


class SchemaView(SpectacularAPIView):
    """The OpenAPI description of this API, in YAML, in JSON, or as a page for browsers."""

    renderer_classes = [*SpectacularAPIView.renderer_classes, BrowsableAPIRenderer]


@method_decorator(ensure_csrf_cookie, name="dispatch")  # the page POSTs to /graphql/
class DashboardPage(TemplateView):
    template_name = "example_schema/dashboard.html"

    #: The titles of the parts, for the cards that wait for them.
    extra_context = {
        "titles": {name: info.title for name, info in DashboardParts.manifest.items() if info}
    }

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        response["Content-Security-Policy"] = POLICY
        return response


class GraphiQLView(ProgressiveGraphQLView):
    """The GraphiQL of graphene-django from our own files, with a first query in its editor."""

    graphiql_template = "example_schema/graphiql.html"

    def render_graphiql(self, request: Any, **data: Any) -> HttpResponse:
        response: HttpResponse = super().render_graphiql(request, first_query=FIRST_QUERY, **data)
        response["Content-Security-Policy"] = GRAPHIQL_POLICY
        return response
