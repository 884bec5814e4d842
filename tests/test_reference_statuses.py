"""The page on statuses: each HTTP status of its tables is answered, and no other is listed."""

import re

import graphene
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404
from django.test import Client
from django.urls import path
from rest_framework.authentication import BasicAuthentication
from rest_framework.permissions import IsAuthenticated
from rest_framework.throttling import BaseThrottle

from django_partstream import lazy
from django_partstream.testing import expired
from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.views import ProgressiveGraphQLView
from partstream_rest import ProgressiveView
from tests.documentation import ROOT

PAGE = ROOT / "docs" / "reference" / "statuses.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

pytestmark = pytest.mark.django_db

STREAM = {"Accept": "text/event-stream"}


def listed(heading):
    """The HTTP statuses in the first cells of the table below *heading*."""
    section = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (\d+(?:, \d+)*) \|", section, re.MULTILINE)
    return {int(status) for cell in cells for status in cell.split(", ")}


class View(ProgressiveView):
    chunk_size = 1

    def get_parts(self):
        return [("overview", lazy(lambda request: 1)), ("orders", lazy(lambda request: 2))]


class Never(BaseThrottle):
    def allow_request(self, request, view):
        return False

    def wait(self):
        return 60


class Missing(View):
    def get_parts(self):
        raise Http404


class Broken(View):
    def get_parts(self):
        raise ImproperlyConfigured("no parts today")


class Numbers(ProgressiveConnection):
    number = Part(graphene.Int)

    def resolve_number(self, info):
        return 1


class Query(graphene.ObjectType):
    numbers = ProgressiveConnectionField(Numbers)


class Mutation(graphene.ObjectType):
    touch = graphene.Int()


def test_each_status_of_rest_is_answered(serve):
    client = serve(
        path("", View.as_view()),
        path("signed-in/", View.as_view(permission_classes=[IsAuthenticated])),
        path(
            "basic/",
            View.as_view(
                permission_classes=[IsAuthenticated], authentication_classes=[BasicAuthentication]
            ),
        ),
        path("throttled/", View.as_view(throttle_classes=[Never])),
        path("pages/", View.as_view(streams=False)),
        path("missing/", Missing.as_view()),
        path("broken/", Broken.as_view()),
    )
    client.raise_request_exception = False
    first = client.get("/")
    body = b"".join(client.get("/", headers=STREAM).streaming_content).decode()
    done = re.findall(r"^id: (\S+)$", body, re.MULTILINE)[-1]
    answers = {
        200: first,
        204: client.get("/", headers={**STREAM, "Last-Event-ID": done}),
        400: client.get("/?parts=nothing"),
        401: client.get("/basic/"),
        403: client.get("/signed-in/"),
        404: client.get("/missing/"),
        405: client.post("/"),
        406: client.get("/pages/", headers=STREAM),
        410: client.get("/", {"cursor": expired(first.json()["cursor"])}),
        429: client.get("/throttled/"),
        500: client.get("/broken/"),
    }
    assert {status: answer.status_code for status, answer in answers.items()} == {
        status: status for status in answers
    }
    assert answers[429]["Retry-After"] == "60"
    assert {*answers} == listed("HTTP over REST")


def test_each_status_of_graphql_is_answered(serve):
    schema = graphene.Schema(query=Query, mutation=Mutation)
    client = serve(path("", ProgressiveGraphQLView.as_view(schema=schema)))
    careful = Client(enforce_csrf_checks=True)
    query = {"query": "{ numbers { totalCount } }"}
    answers = {
        200: client.get("/", query),
        400: client.get("/", {"query": "{"}),
        403: careful.post("/", query, content_type="application/json"),
        405: client.get("/", {"query": "mutation { touch }"}),
    }
    assert {status: answer.status_code for status, answer in answers.items()} == {
        status: status for status in answers
    }
    assert {*answers} == listed("HTTP over GraphQL")
