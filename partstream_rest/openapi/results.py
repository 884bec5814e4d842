"""The parts of a view in OpenAPI: the type of each, on a page and by itself."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, ClassVar

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from rest_framework import serializers

from partstream_rest._spectacular import Schema, or_null, register, schema_of, with_texts
from partstream_rest.manifests import OTHERS, PartInfo, info_of, is_complete


class ResultSerializer(serializers.Serializer[Any]):
    """One part: its name, and its value. It is null if the part failed, or is unchanged."""

    #: The name of the view, and its manifest.
    name: ClassVar[str]
    manifest: ClassVar[Mapping[str, Any]]


def result_of(name: str, manifest: Mapping[str, Any]) -> type[ResultSerializer]:
    """A serializer class for the parts of the view *name*, which its *manifest* describes."""
    return type(
        f"{name}Result",
        (ResultSerializer,),
        {"name": name, "manifest": manifest, "__doc__": ResultSerializer.__doc__},
    )


class ResultExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """
    Describes a part as an object with a single key.

    A property for each part rather than an object for each: generated clients have a single class
    then, and type checkers find the value under its name.
    """

    target_class = ResultSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Any) -> Schema:
        """The schema of a result. It registers the schema of the values by themselves, too."""
        target: Any = self.target
        infos = {name: info_of(entry) for name, entry in target.manifest.items()}
        schemas = {
            name: schema_of(info.serializer, auto_schema, f'The part "{name}" in the manifest')
            for name, info in infos.items()
        }
        others = schemas.pop(OTHERS, {})
        if infos:
            values = _values(deepcopy(schemas), infos, others)
            register(auto_schema, f"{target.name}Parts", values, type(target))
        properties = {
            name: with_texts(or_null(schema), infos[name].texts) for name, schema in schemas.items()
        }
        return {
            "type": "object",
            "description": ResultSerializer.__doc__,
            **({"properties": properties} if properties else {}),
            "additionalProperties": False if is_complete(target.manifest) else or_null(others),
            "minProperties": 1,
            "maxProperties": 1,
        }


def _values(schemas: dict[str, Schema], infos: dict[str, PartInfo], others: Schema) -> Schema:
    """
    The schema of the values by name, none of which failed.

    *others* has a place in it only if no part has a name: a type of all keys would be that of the
    named parts, too.
    """
    described = {"type": "object", "description": "The values of the parts, by name."}
    if not schemas:
        return {**described, "additionalProperties": others}
    properties = {name: with_texts(schema, infos[name].texts) for name, schema in schemas.items()}
    return {**described, "properties": properties, "required": sorted(properties)}
