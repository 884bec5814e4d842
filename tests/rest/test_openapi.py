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
