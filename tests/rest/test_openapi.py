import re

import pytest
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import extend_schema
from drf_spectacular.validation import validate_schema
from rest_framework import serializers

from django_partstream import ProgressiveView


class Report(ProgressiveView):
    """A report, part by part."""

    def get_parts(self):
        return []


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
    routes = [path("report/<int:pk>/", Report.as_view()), path("own/", Described.as_view())]
    schema = SchemaGenerator(patterns=routes).get_schema(request=None, public=True)
    validate_schema(schema)
    return schema


def test_the_openapi_schema_describes_the_page_and_its_parameters(description):
    operation = description["paths"]["/report/{id}/"]["get"]
    assert operation["description"] == "A report, part by part."
    assert {parameter["name"] for parameter in operation["parameters"]} >= {"cursor", "parts"}
    assert set(operation["responses"]) == {"200", "400", "410"}
    reference = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    page = description["components"]["schemas"][reference.rpartition("/")[2]]
    assert set(page["properties"]) == {"results", "cursor", "meta", "errors"}
    assert set(page["required"]) == {"results", "cursor", "meta"}
    assert page["properties"]["cursor"]["nullable"]
    meta = description["components"]["schemas"]["ProgressivePageMeta"]["properties"]
    assert {name: one["type"] for name, one in meta.items()} == {
        "total_parts": "integer",
        "current_chunk_size": "integer",
        "has_more": "boolean",
    }


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
