"""The views of the shop: the dashboard over REST and GraphQL, and a page that shows it."""

from pathlib import Path
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.templatetags.static import static
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.generic import TemplateView

from django_partstream import ProgressiveView
from example_schema.parts import DashboardParts
from partstream_graphql.http.views import ProgressiveGraphQLView

#: The page loads scripts, styles and images from its own site only, and has none inline.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
FIRST_QUERY = (Path(__file__).parent / "dashboard.graphql").read_text()


class DashboardView(DashboardParts, ProgressiveView):
    """The shop's dashboard, two parts at a time: follow the cursor to the end."""


@method_decorator(ensure_csrf_cookie, name="dispatch")  # the page POSTs to /graphql/
class DashboardPage(TemplateView):
    template_name = "example_schema/dashboard.html"

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        response["Content-Security-Policy"] = POLICY
        return response


class GraphiQLView(ProgressiveGraphQLView):
    """GraphiQL as graphene-django ships it, with a first query in its editor."""

    def render_graphiql(self, request: Any, **data: Any) -> HttpResponse:
        response: HttpResponse = super().render_graphiql(request, **data)
        start = format_html(
            '<script src="{}" data-query="{}"></script>',
            static("example_schema/graphiql.js"),
            FIRST_QUERY,
        )
        response.content = response.content.replace(b"<body>", b"<body>" + start.encode(), 1)
        return response
