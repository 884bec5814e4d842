"""
The adapter for drf-spectacular.

=================== ============================================================================
function            fact
=================== ============================================================================
:func:`schema_of`   ``AutoSchema._map_serializer_field()`` maps serializers of any kind, and gives
                    None for one without fields; ``resolve_type_hint()`` maps basic types,
                    ``OpenApiTypes``, type hints and TypedDicts, and raises
                    ``UnableToProceedError`` for any other object. What is optional is
                    ``nullable``, also in OpenAPI 3.1, which has no such word
:func:`or_null`     the settings in use have the version of OpenAPI in ``OAS_VERSION``
:func:`register`    a ``ComponentRegistry`` warns of a name that two objects of different classes
                    have, when it is asked whether it has the component
:func:`components`  ``patched_settings()`` replaces settings; ``SchemaGenerator.get_schema()`` asks
                    ``AutoSchema`` of each view, and ``get_response_serializers()`` of it. Without
                    the setting ``DEFAULT_SCHEMA_CLASS`` a view has DRF's own ``AutoSchema``
=================== ============================================================================

``tests/rest/test_spectacular_adapter.py`` has a test of each row.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from django.urls import path
from drf_spectacular.drainage import warn
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import (
    ResolvedComponent,
    UnableToProceedError,
    force_instance,
    is_field,
    is_serializer,
    resolve_type_hint,
    safe_ref,
)
from drf_spectacular.settings import patched_settings, spectacular_settings
from rest_framework.settings import api_settings
from rest_framework.views import APIView

Schema = dict[str, Any]


def schema_of(kind: Any, auto_schema: AutoSchema, place: str) -> Schema:
    """
    The schema of the values that *kind* describes; ``{}`` for any value.

    If drf-spectacular has none, it warns, with *place* as the subject of the sentence.
    """
    if kind is None:
        return {}
    if isinstance(kind, dict):
        return deepcopy(kind)
    if is_serializer(kind) or is_field(kind):
        mapped: Schema | None = auto_schema._map_serializer_field(force_instance(kind), "response")
        return mapped or {}
    try:
        hinted: Schema = _with_nulls(resolve_type_hint(kind))
        return hinted
    except UnableToProceedError as exc:
        warn(
            f"{place} is {kind!r}, and drf-spectacular has no schema for {exc}. Name a serializer "
            "or a TypedDict. Until then it may be any value."
        )
        return {}


def or_null(schema: Schema) -> Schema:
    """*schema*, or null."""
    if _admits_null(schema):
        return schema
    if not spectacular_settings.OAS_VERSION.startswith("3.0"):
        return {"anyOf": [schema, {"type": "null"}]}
    choices = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return safe_ref({**schema, **choices, "nullable": True})


def with_texts(schema: Schema, texts: dict[str, str]) -> Schema:
    """*schema* with a title and a description, as *texts* has them."""
    return safe_ref({**schema, **texts})


def register(auto_schema: AutoSchema, name: str, schema: Schema, owner: object) -> Schema:
    """A reference to the component *name*, which is *schema*; *owner* tells it from others."""
    component = ResolvedComponent(name, ResolvedComponent.SCHEMA, schema, owner)
    auto_schema.registry.register_on_missing(component)
    return component.ref


def components(response: Any) -> Schema:
    """The components of a response, by name, in OpenAPI 3.1, which is JSON Schema."""
    patches = {"OAS_VERSION": "3.1.1", "COMPONENT_SPLIT_REQUEST": True, "PREPROCESSING_HOOKS": []}

    default: Any = api_settings.DEFAULT_SCHEMA_CLASS
    base: Any = default if issubclass(default, AutoSchema) else AutoSchema

    class Described(base):  # type: ignore[misc]
        def get_response_serializers(self) -> Any:
            return response

    class View(APIView):
        schema = Described()
        versioning_class = None

        def get(self, request: Any) -> Any:
            raise NotImplementedError

    with patched_settings(patches):
        generator = SchemaGenerator(patterns=[path("", View.as_view())])
        schema = generator.get_schema(request=None, public=True)
    found: Schema = schema["components"]["schemas"]
    return found


def _admits_null(schema: Schema) -> bool:
    if not schema or schema.get("nullable") or schema.get("type") == "null":
        return True
    kinds = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    return "null" in schema.get("type", "") or any(_admits_null(one) for one in kinds)


def _with_nulls(schema: Any) -> Any:
    """*schema* of a hint, in which null is admitted where it says ``nullable``."""
    if isinstance(schema, list):
        return [_with_nulls(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: _with_nulls(value) for name, value in schema.items()}
    if inner.get("nullable") is not True:  # else it is the name of a property
        return inner
    del inner["nullable"]
    return or_null(inner)
