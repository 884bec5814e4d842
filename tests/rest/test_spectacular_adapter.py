"""The facts about drf-spectacular that its adapter relies on."""

from typing import TypedDict

import pytest

pytest.importorskip("drf_spectacular", reason="needs the openapi extra")

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import (
    ComponentRegistry,
    UnableToProceedError,
    resolve_type_hint,
)
from drf_spectacular.settings import patched_settings, spectacular_settings
from rest_framework import serializers
from rest_framework.views import APIView

from partstream_rest._spectacular import components, register


class Row(TypedDict):
    n: int | None


class Numbers(serializers.Serializer):
    n = serializers.IntegerField()


@pytest.fixture
def auto_schema():
    made = AutoSchema()
    made.registry, made.view, made.method = ComponentRegistry(), APIView(), "GET"
    made.view.request = None
    return made


def test_a_serializer_of_any_kind_is_mapped_as_a_field_is(auto_schema):
    def mapped(serializer):
        return auto_schema._map_serializer_field(serializer, "response")

    reference = {"$ref": "#/components/schemas/Numbers"}
    assert mapped(Numbers()) == reference
    assert mapped(Numbers(many=True)) == {"type": "array", "items": reference}
    assert mapped(type("Empty", (serializers.Serializer,), {})()) is None


@pytest.mark.parametrize("version", ["3.0.3", "3.1.1"])
def test_what_is_optional_in_a_hint_is_nullable_in_each_version_of_openapi(version):
    with patched_settings({"OAS_VERSION": version}):
        assert resolve_type_hint(Row)["properties"]["n"] == {"type": "integer", "nullable": True}


@pytest.mark.parametrize("kind", [object, list[Numbers]])
def test_a_hint_without_a_schema_has_an_error_of_its_own(kind):
    with pytest.raises(UnableToProceedError):
        resolve_type_hint(kind)


def test_the_version_of_openapi_is_that_of_the_settings_in_use():
    assert spectacular_settings.OAS_VERSION == "3.0.3"
    with patched_settings({"OAS_VERSION": "3.1.1"}):
        assert spectacular_settings.OAS_VERSION == "3.1.1"


def test_a_component_is_registered_once_and_another_of_its_name_is_told_of(auto_schema, capsys):
    reference = register(auto_schema, "A", {"type": "string"}, Numbers)
    assert register(auto_schema, "A", {"type": "string"}, Numbers) == reference
    assert capsys.readouterr().err == ""
    register(auto_schema, "A", {"type": "integer"}, Row)
    assert '2 components with identical names "A"' in capsys.readouterr().err
    assert auto_schema.registry.build({})["schemas"] == {"A": {"type": "string"}}


def test_the_components_of_a_response_are_made_whatever_endpoints_a_project_leaves_out(monkeypatch):
    monkeypatch.setattr(spectacular_settings, "PREPROCESSING_HOOKS", [lambda endpoints: []])
    assert components(Numbers)["Numbers"]["properties"] == {"n": {"type": "integer"}}
    assert spectacular_settings.OAS_VERSION == "3.0.3"


def test_the_components_are_made_without_the_setting_for_schemas(settings):
    settings.REST_FRAMEWORK = {}
    assert components(Numbers)["Numbers"]["properties"] == {"n": {"type": "integer"}}
    settings.REST_FRAMEWORK = {"DEFAULT_SCHEMA_CLASS": f"{__name__}.Texts"}
    assert components(Numbers)["Numbers"]["properties"] == {"n": {"type": "string"}}


class Texts(AutoSchema):
    """A project's own class, for which each field is a text."""

    def _map_serializer_field(self, *args, **kwargs):
        return {"type": "string"}
