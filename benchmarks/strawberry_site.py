"""Compare Strawberry with a plain Django view; Strawberry's own Python runs this file."""

import json
import sys
from dataclasses import asdict
from functools import partial

import django
import strawberry
from django.conf import settings
from django.http import JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from strawberry.django.views import GraphQLView

from benchmarks import settings as ours
from benchmarks.measure import paired
from benchmarks.requests import Site

OVERVIEW = {"store": "Corner Shop", "orders": 1234, "open": True}
FIGURES = {"revenue": [1.5, 2.25, 3.125], "currency": "EUR", "note": None}
QUERY = "query Dashboard { overview { store orders open } figures { revenue currency note } }"


@strawberry.type
class Overview:
    store: str
    orders: int
    open: bool


@strawberry.type
class Figures:
    revenue: list[float]
    currency: str
    note: str | None


@strawberry.type
class Query:
    @strawberry.field
    def overview(self) -> Overview:
        return Overview(**OVERVIEW)

    @strawberry.field
    def figures(self) -> Figures:
        return Figures(**FIGURES)


urlpatterns = [
    path("django/", lambda request: JsonResponse({"overview": OVERVIEW, "figures": FIGURES})),
    path("graphql/", csrf_exempt(GraphQLView.as_view(schema=strawberry.Schema(query=Query)))),
]


def main(seconds: float) -> None:
    """Measure for *seconds* and print the ratio as JSON."""
    known = {name: getattr(ours, name) for name in dir(ours) if name.isupper()}
    settings.configure(**{**known, "ROOT_URLCONF": __name__})
    django.setup()
    site, body = Site(), json.dumps({"query": QUERY}).encode()
    answer = site.json("/graphql/", body)["data"]
    assert answer == site.json("/django/") == {"overview": OVERVIEW, "figures": FIGURES}
    ratio = paired(
        partial(site.post, "/graphql/", body), partial(site.get, "/django/"), seconds=seconds
    )
    sys.stdout.write(json.dumps(asdict(ratio)))


if __name__ == "__main__":
    main(float(sys.argv[1]))
