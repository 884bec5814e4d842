"""A project's own drf-spectacular descriptions of its views, beside the library's descriptions."""

from inspect import signature

import pytest

pytest.importorskip("drf_spectacular", reason="needs the openapi extra")

from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import extend_schema, extend_schema_view
from drf_spectacular.validation import validate_schema

from django_partstream import ProgressiveView
from partstream_rest.openapi import ProgressiveViewExtension


class Plain(ProgressiveView):
    def get_parts(self):
        return []


class OfMethod(Plain):
    @extend_schema(tags=["shop"])
    def get(self, request, *args, **kwargs):
        return super().get(request, *args, **kwargs)


@extend_schema(tags=["shop"])
class OfClass(Plain):
    pass


@extend_schema_view(get=extend_schema(tags=["shop"]))
class OfView(Plain):
    pass


class OwnSchema(AutoSchema):
    def get_tags(self):
        return ["shop"]


class OfSchema(Plain):
    schema = OwnSchema()


class OfSchemaAndMethod(OfSchema):
    @extend_schema(summary="A dashboard")
    def get(self, request, *args, **kwargs):
        return super().get(request, *args, **kwargs)


def operation(view):
    generator = SchemaGenerator(patterns=[path("x/", view.as_view())])
    schema = generator.get_schema(request=None, public=True)
    validate_schema(schema)
    return schema["paths"]["/x/"]["get"]


@pytest.mark.parametrize(
    "view", [OfMethod, OfClass, OfView, OfSchema, OfSchemaAndMethod], ids=lambda view: view.__name__
)
def test_a_views_own_tag_leaves_the_page_and_its_parameters_in_the_schema(view):
    described = operation(view)
    assert described["tags"] == ["shop"]
    names = {parameter["name"] for parameter in described["parameters"]}
    assert names >= {"cursor", "parts", "Last-Event-ID"}
    assert set(described["responses"]) == {"200", "204", "400", "410"}
    page = described["responses"]["200"]["content"]["application/json"]["schema"]
    assert page["$ref"].endswith("/ProgressivePage")


def test_a_view_without_a_docstring_does_not_publish_the_docstring_of_its_base():
    assert "An ``APIView``" not in operation(Plain).get("description", "")


@pytest.mark.parametrize("view", [Plain, OfMethod], ids=lambda view: view.__name__)
def test_a_view_that_is_described_answers_as_it_did(serve, view):
    """drf-spectacular reads a subclass in place of the view; it is a whole view itself."""
    # drf-spectacular gives its extensions the callback of a view, and its class in 0.28.
    takes_callback = "target_callback" in signature(ProgressiveViewExtension).parameters
    extension = ProgressiveViewExtension(view.as_view() if takes_callback else view)
    described = extension.view_replacement()
    assert issubclass(described, view)
    assert serve(described).get("/").json() == serve(view).get("/").json()
    assert described.__name__ == view.__name__


def test_the_docstring_of_a_view_is_its_description_in_the_schema():
    view = type("Documented", (Plain,), {"__doc__": "A dashboard.", "__module__": __name__})
    assert operation(view)["description"] == "A dashboard."
