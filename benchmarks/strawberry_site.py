"""Compare Strawberry with a plain Django view; Strawberry's own Python runs this file."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

import django
import strawberry
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from strawberry.django.views import AsyncGraphQLView, GraphQLView
from strawberry.schema.config import StrawberryConfig

from benchmarks import settings as ours
from benchmarks.measure import Ratio, paired
from benchmarks.requests import Site

OVERVIEW = {"store": "Corner Shop", "orders": 1234}
FIGURES = {"revenue": 1234.5, "customers": 77}
TYPES = {"overview": OVERVIEW, "figures": FIGURES}
PLAIN = "query Dashboard { overview { store orders } figures { revenue customers } }"
DEFERRED = """query Dashboard {
  overview { store orders }
  ... @defer { figures { revenue customers } }
}"""


@strawberry.type
class Overview:
    store: str
    orders: int


@strawberry.type
class Figures:
    revenue: float
    customers: int


@strawberry.type
class Query:
    @strawberry.field
    def overview(self) -> Overview:
        return Overview(**OVERVIEW)

    @strawberry.field
    def figures(self) -> Figures:
        return Figures(**FIGURES)


async def plain_async(request: Any) -> JsonResponse:
    return JsonResponse(TYPES)


INCREMENTAL = StrawberryConfig(enable_experimental_incremental_execution=True)
urlpatterns = [
    path("plain/", lambda request: JsonResponse(TYPES)),
    path("plain-async/", plain_async),
    path("graphql/", csrf_exempt(GraphQLView.as_view(schema=strawberry.Schema(Query)))),
    path(
        "defer/",
        csrf_exempt(AsyncGraphQLView.as_view(schema=strawberry.Schema(Query, config=INCREMENTAL))),
    ),
]


class AsyncSite:
    """The site, called as by an ASGI server, in a loop that is kept."""

    def __init__(self) -> None:
        self._application = ASGIHandler()
        self._loop = asyncio.new_event_loop()

    def ask(self, path: str, body: bytes = b"") -> bytes:
        """Return the whole body of a GET, or of a POST of JSON if there is a *body*."""
        return self._loop.run_until_complete(self._ask(path, body))

    async def _ask(self, path: str, body: bytes) -> bytes:
        headers = [(b"host", b"localhost"), (b"accept", b"multipart/mixed, application/json")]
        if body:
            headers += [(b"content-type", b"application/json")]
            headers += [(b"content-length", str(len(body)).encode())]
        scope = {
            "type": "http",
            "method": "POST" if body else "GET",
            "path": path,
            "query_string": b"",
            "headers": headers,
        }
        asked = iter([{"type": "http.request", "body": body, "more_body": False}])
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            for message in asked:
                return message
            await asyncio.Event().wait()  # the client stays
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self._application(scope, receive, send)
        answer = b"".join(message.get("body", b"") for message in sent)
        if sent[0]["status"] != 200:
            raise RuntimeError(f"{path}: {sent[0]['status']} {answer[:500]!r}")
        return answer


def measure(compare: Callable[..., Ratio]) -> dict[str, Ratio]:
    """Compare both, and check that they answer alike."""
    site, held = Site(), AsyncSite()
    plain, deferred = (json.dumps({"query": query}).encode() for query in (PLAIN, DEFERRED))
    assert site.json("/graphql/", plain)["data"] == site.json("/plain/") == TYPES
    assert json.loads(held.ask("/plain-async/")) == TYPES
    answer = held.ask("/defer/", deferred)
    assert [b'"hasNext":true' in one for one in answer.split(b"---")[1:3]] == [True, False], answer
    for value in (OVERVIEW, FIGURES):
        assert json.dumps(value, separators=(",", ":")).encode() in answer, answer
    return {
        "plain": compare(partial(site.post, "/graphql/", plain), partial(site.get, "/plain/")),
        "defer": compare(
            partial(held.ask, "/defer/", deferred), partial(held.ask, "/plain-async/")
        ),
    }


def main(seconds: float) -> None:
    """Measure each comparison for *seconds*, and print the ratios as JSON."""
    known = {name: getattr(ours, name) for name in dir(ours) if name.isupper()}
    settings.configure(**{**known, "ROOT_URLCONF": __name__})
    django.setup()
    ratios = measure(partial(paired, seconds=seconds))
    sys.stdout.write(json.dumps({name: asdict(ratio) for name, ratio in ratios.items()}))


if __name__ == "__main__":
    main(float(sys.argv[1]))
