"""What the shop serves: the dashboard as REST and GraphQL, and a page that shows it."""

from pathlib import Path
from typing import Any

from django.http import HttpResponse
from django.templatetags.static import static
from django.utils.html import format_html
from django.views.generic import TemplateView

from django_partstream import ProgressiveView
from example_schema.parts import DashboardParts
from partstream_graphql.views import ProgressiveGraphQLView

FIRST_QUERY = (Path(__file__).parent / "dashboard.graphql").read_text()


class DashboardView(DashboardParts, ProgressiveView):
    """The shop's dashboard, two parts at a time: follow the cursor to the end."""


class DashboardPage(TemplateView):
    template_name = "example_schema/dashboard.html"


class GraphiQLView(ProgressiveGraphQLView):
    """GraphiQL as graphene-django ships it, with a query in it to begin with."""

    def render_graphiql(self, request: Any, **data: Any) -> HttpResponse:
        response: HttpResponse = super().render_graphiql(request, **data)
        start = format_html(
            '<script src="{}" data-query="{}"></script>',
            static("example_schema/graphiql.js"),
            FIRST_QUERY,
        )
        response.content = response.content.replace(b"<body>", b"<body>" + start.encode(), 1)
        return response
