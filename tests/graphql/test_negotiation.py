"""The media type and the status of a response, by the ``Accept`` header of its request."""

import graphene
import pytest
from django.urls import path

from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http.views import ProgressiveGraphQLView

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"
GRAPHQL_UTF8 = "application/graphql-response+json; charset=utf-8"


class Dashboard(ProgressiveConnection):
    a = Part(graphene.String)

    def resolve_a(self, info):
        return "A"


class Query(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Dashboard)
    fails = graphene.String()

    def resolve_fails(self, info):
        raise ValueError("no")


class Mutation(graphene.ObjectType):
    write = graphene.String()


SCHEMA = graphene.Schema(query=Query, mutation=Mutation)


@pytest.fixture
def serving(serve):
    def served(**options):
        return serve(path("graphql/", ProgressiveGraphQLView.as_view(schema=SCHEMA, **options)))

    return served


@pytest.fixture
def post(serving):
    client = serving()

    def posted(query, accept=None, **body):
        headers = {"Accept": accept} if accept else {}
        return client.post(
            "/graphql/", {"query": query, **body}, content_type=JSON, headers=headers
        )

    return posted


@pytest.mark.parametrize(
    ("accept", "answered"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        ("text/html", JSON),
        (GRAPHQL, GRAPHQL_UTF8),
        ("APPLICATION/GraphQL-Response+JSON", GRAPHQL_UTF8),
        (f"{GRAPHQL}; charset=utf-8", GRAPHQL_UTF8),
        (f"{GRAPHQL},{JSON};q=0.9", GRAPHQL_UTF8),
        (f"{GRAPHQL};q=0.1, {JSON};q=0.9", JSON),
        (f"{JSON}, {GRAPHQL};q=0", JSON),
        (f"{GRAPHQL}, {JSON}, text/event-stream, multipart/mixed", GRAPHQL_UTF8),
        (f"{GRAPHQL};q=x", GRAPHQL_UTF8),
        (f"{JSON}; x*=unknown''x", JSON),
        (";,;q=,/", JSON),
    ],
)
def test_the_media_type_is_the_one_that_the_client_names_and_prefers(post, accept, answered):
    response = post("{ dashboard { a } }", accept)
    assert (response.status_code, response["Content-Type"]) == (200, answered)
    assert "Accept" in response["Vary"]
    assert response.json() == {"data": {"dashboard": {"a": "A"}}}


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("{", {}),
        ("{ nothing }", {}),
        ("query ($a: Int!) { dashboard(first: $a) { a } }", {"variables": {"a": None}}),
        ("query A { __typename } query B { __typename }", {}),
        ("{ dashboard { " + "a " * 142 + "} }", {}),
    ],
    ids=["syntax", "unknown field", "variable", "operation", "limit"],
)
def test_an_invalid_document_is_200_only_for_a_client_that_names_json(post, query, body):
    statuses = [post(query, accept, **body).status_code for accept in (None, JSON, GRAPHQL)]
    assert statuses == [400, 200, 400]
    assert "data" not in post(query, GRAPHQL, **body).json()
    assert post(query, JSON, **body).json()["errors"]


@pytest.mark.parametrize("accept", [None, JSON, GRAPHQL])
class TestEveryMediaType:
    def test_the_error_of_a_field_is_200(self, post, accept):
        response = post("{ fails }", accept)
        assert (response.status_code, response.json()["data"]) == (200, {"fails": None})

    def test_a_request_without_a_query_is_400(self, post, accept):
        assert post("", accept).status_code == 400

    def test_a_hash_that_is_not_supported_is_400(self, post, accept):
        extensions = {"persistedQuery": {"sha256Hash": "a"}}
        assert post("", accept, extensions=extensions).status_code == 400

    def test_a_mutation_by_get_is_405(self, serving, accept):
        headers = {"Accept": accept} if accept else {}
        response = serving().get("/graphql/?query=mutation{write}", headers=headers)
        assert response.status_code == 405
        assert response["Content-Type"] == (GRAPHQL_UTF8 if accept == GRAPHQL else JSON)


def test_a_batch_is_json_whatever_the_client_prefers(serving):
    """The media type of GraphQL is that of a single response."""
    response = serving(batch=True).post(
        "/graphql/", [{"query": "{"}], content_type=JSON, headers={"Accept": GRAPHQL}
    )
    assert (response.status_code, response["Content-Type"]) == (400, JSON)


def test_graphiql_varies_by_accept_too(serving):
    page = serving(graphiql=True).get("/graphql/", headers={"Accept": "text/html"})
    assert page["Content-Type"].startswith("text/html")
    assert "Accept" in page["Vary"]
