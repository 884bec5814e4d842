"""The schema that clients compile against."""

import graphql
import pytest
from django.core.management import call_command
from graphene_django import DjangoObjectType
from graphql import GraphQLEnumType, is_input_object_type, is_introspection_type, is_scalar_type

from example_schema.schema import schema
from tests.tools import ROOT

COMMITTED = ROOT / "example_schema/schema.graphql"


@pytest.mark.skipif(
    not hasattr(graphql, "ExecutionContext"),
    reason="Graphene introspects a schema by execute(), which 3.3 refuses where there is @defer.",
)
def test_the_committed_sdl_equals_the_output_of_the_graphql_schema_command(tmp_path):
    out = tmp_path / "schema.graphql"
    call_command("graphql_schema", schema="example_schema.schema.schema", out=str(out))
    assert out.read_text() == COMMITTED.read_text()


def test_every_type_field_argument_and_enum_value_is_described():
    silent = []
    for type_ in schema.graphql_schema.type_map.values():
        if is_introspection_type(type_) or is_scalar_type(type_):
            continue
        assert not is_input_object_type(type_)
        if not type_.description:
            silent.append(type_.name)
        if isinstance(type_, GraphQLEnumType):
            silent += [
                f"{type_}.{name}" for name, one in type_.values.items() if not one.description
            ]
            continue
        if issubclass(type_.graphene_type, DjangoObjectType):
            continue  # its fields are the model's, described by their help_text
        for name, field in type_.fields.items():
            described = {f"{type_}.{name}": field}
            described |= {f"{type_}.{name}({arg}:)": one for arg, one in field.args.items()}
            silent += [place for place, one in described.items() if not one.description]
    assert silent == []
