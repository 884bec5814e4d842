"""Malformed requests are 400, with a message that does not repeat them."""

import json

import graphene
import pytest
from django.urls import path

from partstream_graphql import Part, ProgressiveConnection, ProgressiveConnectionField
from partstream_graphql.http.views import ProgressiveGraphQLView

QUERY = "{ dashboard { a } }"


class Dashboard(ProgressiveConnection):
    a = Part(graphene.String, text=graphene.String())

    def resolve_a(self, info, text="A"):
        return text


class Query(graphene.ObjectType):
    dashboard = ProgressiveConnectionField(Dashboard)


@pytest.fixture
def client(serve):
    view = ProgressiveGraphQLView.as_view(schema=graphene.Schema(query=Query))
    return serve(path("graphql/", view))


def message(response):
    assert (response.status_code, response["Content-Type"]) == (400, "application/json")
    (error,) = response.json()["errors"]
    return error["message"]


def with_query(rest):
    return f'{{"query": {json.dumps(QUERY)}, {rest}}}'


@pytest.mark.parametrize(
    "body",
    [
        " ",
        "{",
        "\ufeff{}",
        "[" * 100_000,
        with_query('"variables": %s' % ("[" * 100_000 + "]" * 100_000)),
        with_query('"variables": {"a": %s}' % ('{"a":' * 100_000 + "1" + "}" * 100_000)),
        with_query('"variables": {"a": NaN}'),
        with_query('"variables": {"a": -Infinity}'),
        with_query('"variables": {"a": 1e999}'),
        with_query('"variables": {"a": %s}' % ("1" * 5_000)),
        with_query(r'"variables": {"a": "\ud800"}'),
        with_query(r'"variables": {"\udc00\ud800": 1}'),
        with_query(r'"operationName": "\ud800"'),
        r'{"query": "{ a } # \ud83c"}',
    ],
    ids=range(14),
)
def test_a_body_that_is_no_sound_json_is_400(client, body):
    response = client.post("/graphql/", body, content_type="application/json")
    assert message(response) == "POST body sent invalid JSON."


def test_a_surrogate_pair_in_json_is_a_character(client):
    text = r'"query ($text: String) { dashboard { a(text: $text) } }"'
    body = f'{{"query": {text}, "variables": {{"text": "\\ud83c\\udfc3"}}}}'
    response = client.post("/graphql/", body, content_type="application/json")
    assert response.json() == {"data": {"dashboard": {"a": "\U0001f3c3"}}}


@pytest.mark.parametrize("kind", ["application/json", "application/graphql"])
@pytest.mark.parametrize("body", [b"\xff", b'{"query": "\xe9"}', b'{"query": "\xed\xa0\x80"}'])
def test_a_body_that_is_no_utf_8_is_400(client, kind, body):
    response = client.post("/graphql/", body, content_type=kind)
    assert message(response) == "The body is not encoded as UTF-8."


@pytest.mark.parametrize("value", [{"a": 1}, 0, 5, False, True, ["{ a }"]])
@pytest.mark.parametrize("name", ["query", "operationName"])
def test_a_parameter_that_is_no_string_is_400(client, name, value):
    body = {"query": QUERY, name: value}
    response = client.post("/graphql/", body, content_type="application/json")
    assert "must be a string" in message(response)


@pytest.mark.parametrize("value", ["text", 0, 5, False, True, [1], '"text"', "[1]", "5"])
@pytest.mark.parametrize("name", ["variables", "extensions"])
def test_a_parameter_that_is_no_json_object_is_400(client, name, value):
    body = {"query": QUERY, name: value}
    response = client.post("/graphql/", body, content_type="application/json")
    assert "JSON" in message(response)


@pytest.mark.parametrize("value", [None, "", {}, [], "{}", "null", "[]"])
@pytest.mark.parametrize("name", ["variables", "extensions"])
def test_an_empty_map_may_be_written_in_several_ways(client, name, value):
    body = {"query": QUERY, name: value}
    response = client.post("/graphql/", body, content_type="application/json")
    assert response.json() == {"data": {"dashboard": {"a": "A"}}}


@pytest.mark.parametrize(
    "value", ["{", "[" * 3_000, '{"a": NaN}', '{"a": 1e999}', r'{"a": "\ud800"}', "[1]", "1"]
)
@pytest.mark.parametrize("name", ["variables", "extensions"])
def test_a_malformed_parameter_of_a_query_string_is_400(client, name, value):
    response = client.get("/graphql/", {"query": QUERY, name: value})
    assert "JSON" in message(response)


@pytest.mark.parametrize("value", ["[1]", "{", r'{"a": "\ud800"}'])
@pytest.mark.parametrize("name", ["variables", "extensions"])
def test_a_malformed_parameter_of_a_form_is_400(client, name, value):
    assert "JSON" in message(client.post("/graphql/", {"query": QUERY, name: value}))


@pytest.mark.parametrize("body", ["[]", "1", "null", '"{ a }"'])
def test_a_body_that_is_no_json_object_is_400(client, body):
    response = client.post("/graphql/", body, content_type="application/json")
    assert message(response) == "The received data is not a valid JSON query."


def test_a_malformed_request_is_400_for_a_client_that_wants_json_too(client):
    """Status 200 is for answers to well-formed requests."""
    for body in (
        {"query": 5},
        {"query": QUERY, "variables": [1]},
        {"query": QUERY, "extensions": 0},
    ):
        response = client.post(
            "/graphql/",
            body,
            content_type="application/json",
            headers={"Accept": "application/json"},
        )
        assert response.status_code == 400
