import re
from inspect import signature

import pytest
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.validation import validate_schema
from rest_framework import serializers

from django_partstream import ProgressiveView
from django_partstream.received import READERS
from partstream_rest.openapi import ProgressiveViewExtension


class Report(ProgressiveView):
    """A report, part by part."""

    def get_parts(self):
        return []


class Pages(Report):
    streams = False


class Numbers(serializers.Serializer):
    n = serializers.IntegerField()


class Described(ProgressiveView):
    def get_parts(self):
        return []

    @extend_schema(responses=Numbers)
    def get(self, request, *args, **kwargs):
        return super().get(request, *args, **kwargs)


@pytest.fixture
def description():
    return described()


def described():
    routes = [
        path("report/<int:pk>/", Report.as_view()),
        path("pages/", Pages.as_view()),
        path("told/", Report.as_view(streams=False)),
        path("own/", Described.as_view()),
    ]
    schema = SchemaGenerator(patterns=routes).get_schema(request=None, public=True)
    validate_schema(schema)
    return schema


def test_the_openapi_schema_describes_the_page_and_its_parameters(description):
    operation = description["paths"]["/report/{id}/"]["get"]
    assert operation["description"] == "A report, part by part."
    assert {parameter["name"] for parameter in operation["parameters"]} >= {"cursor", "parts"}
    assert set(operation["responses"]) == {"200", "204", "400", "410"}
    reference = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    page = description["components"]["schemas"][reference.rpartition("/")[2]]
    assert set(page["properties"]) == {
        *("results", "cursor", "meta", "errors", "pending", "etags", "unchanged")
    }
    assert set(page["required"]) == {"results", "cursor", "meta"}
    assert page["properties"]["cursor"]["nullable"]
    meta = description["components"]["schemas"]["ProgressivePageMeta"]["properties"]
    assert {name: one["type"] for name, one in meta.items()} == {
        "total_parts": "integer",
        "current_chunk_size": "integer",
        "has_more": "boolean",
    }


def test_the_openapi_schema_describes_pending_parts_and_when_to_look_again(description):
    page = description["components"]["schemas"]["ProgressivePage"]
    reference = page["properties"]["pending"]["items"]["$ref"]
    entry = description["components"]["schemas"][reference.rpartition("/")[2]]
    assert set(entry["required"]) == {"part", "retry_after", "progress"}
    assert entry["properties"]["progress"]["nullable"]
    for place in ("/report/{id}/", "/pages/"):
        operation = description["paths"][place]["get"]
        header = operation["responses"]["200"]["headers"]["Retry-After"]
        assert header["schema"] == {"type": "integer"}
        assert "Retry-After" not in {one["name"] for one in operation["parameters"]}
        assert "headers" not in operation["responses"]["400"]


def test_the_openapi_schema_describes_the_tags_of_a_client_that_has_values(description):
    page = description["components"]["schemas"]["ProgressivePage"]["properties"]
    assert (page["etags"]["type"], page["etags"]["additionalProperties"]) == (
        "object",
        {"type": "string"},
    )
    assert (page["unchanged"]["type"], page["unchanged"]["items"]) == ("array", {"type": "string"})
    for place in ("/report/{id}/", "/pages/"):
        described = description["paths"][place]["get"]["parameters"]
        (have,) = [one for one in described if one["name"] == "Partstream-Have"]
        assert (have["in"], have["schema"]) == ("header", {"type": "string"})
        assert "required" not in have


def test_the_openapi_schema_describes_the_streams_of_a_view_that_has_them(description):
    operation = description["paths"]["/report/{id}/"]["get"]
    content = operation["responses"]["200"]["content"]
    assert set(content) >= {"application/json", *READERS}
    assert {content[kind]["schema"]["type"] for kind in READERS} == {"string"}
    assert "`end`" in content["text/event-stream"]["schema"]["description"]
    last = parameters(description)["Last-Event-ID"]
    assert (last["in"], last["schema"]) == ("header", parameters(description)["cursor"]["schema"])


@pytest.mark.parametrize("address", ["/pages/", "/told/"])
def test_the_openapi_schema_describes_no_streams_of_a_view_without(description, address):
    tells = "target_callback" in signature(ProgressiveViewExtension).parameters
    if address == "/told/" and not tells:
        pytest.skip("drf-spectacular 0.28 does not tell the arguments of as_view()")
    without = description["paths"][address]["get"]
    assert set(without["responses"]) == {"200", "400", "410"}
    assert not set(without["responses"]["200"]["content"]) & set(READERS)
    assert "Last-Event-ID" not in {parameter["name"] for parameter in without["parameters"]}


def parameters(description):
    operation = description["paths"]["/report/{id}/"]["get"]
    return {parameter["name"]: parameter for parameter in operation["parameters"]}


def test_the_openapi_schema_says_what_a_cursor_looks_like(serve, settings):
    settings.PARTSTREAM = {"MAX_CURSOR_LENGTH": 1_000}
    schema = parameters(described())["cursor"]["schema"]
    assert (schema["type"], schema["maxLength"]) == ("string", 1_000)
    client = serve(
        type("View", (Report,), {"get_parts": lambda self: [("a", 1), ("b", 2), ("c", 3)]})
    )
    cursor = client.get("/").json()["cursor"]
    for text, sound in [(cursor, True), ("", True), (cursor[:-1], False), (f"{cursor}x", False)]:
        assert bool(re.search(schema["pattern"], text)) is sound
        assert (client.get("/", {"cursor": text}).status_code == 200) is sound


def test_the_openapi_schema_says_that_parts_are_names_with_commas(description):
    parts = parameters(description)["parts"]
    assert (parts["style"], parts["explode"]) == ("form", False)
    assert parts["schema"]["type"] == "array"
    pattern = parts["schema"]["items"]["pattern"]
    assert re.search(pattern, "today_stats")
    assert not re.search(pattern, "a,b")


def test_the_openapi_schema_describes_a_refusal_and_an_error_of_a_part(description):
    schemas = description["components"]["schemas"]
    assert set(schemas["ProgressiveRefusal"]["properties"]) == {"detail", "code"}
    assert set(schemas["ProgressivePartError"]["properties"]) == {
        "part", "code", "message", "retryable", "reference", "index",
    }  # fmt: skip


def test_a_views_own_response_in_extend_schema_wins(description):
    operation = description["paths"]["/own/"]["get"]
    reference = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    assert reference.endswith("/Numbers")
