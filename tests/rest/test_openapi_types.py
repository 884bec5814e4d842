"""The type of a part in OpenAPI: on a page it may be null, by itself it may not."""

from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypedDict

import pytest

pytest.importorskip("drf_spectacular", reason="needs the openapi extra")

from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    PolymorphicProxySerializer,
    extend_schema_serializer,
    inline_serializer,
)
from rest_framework import serializers

from partstream_rest import PartInfo
from tests.rest.describing import components, is_valid, ref, typed, view_of

VERSIONS = pytest.mark.parametrize("version", ["3.0.3", "3.1.1"])


class Customer(serializers.Serializer):
    name = serializers.CharField()


class OrderSerializer(serializers.Serializer):
    id = serializers.IntegerField(read_only=True)
    customer = Customer()


class Today(TypedDict):
    share: float | None
    best: Literal["a", "b"] | None


class Pair(NamedTuple):
    n: int


class Empty(serializers.Serializer):
    pass


Words = TypedDict("Words", {"nullable": bool, "type": str, "class": int})


@pytest.fixture(autouse=True)
def silent(capsys):
    """Hold a test to the warnings that it reads: drf-spectacular prints others."""
    yield
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("kind", "own"),
    [
        (Customer, ref("Customer")),
        (Customer(), ref("Customer")),
        (Customer(many=True), {"type": "array", "items": ref("Customer")}),
        (inline_serializer("Inline", {"n": serializers.IntegerField()}), ref("Inline")),
        (serializers.DateField(), {"type": "string", "format": "date"}),
        (serializers.DateField, {"type": "string", "format": "date"}),
        (OpenApiTypes.URI, {"type": "string", "format": "uri"}),
        (int, {"type": "integer"}),
        (Decimal, {"type": "number", "format": "double"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (dict[str, int], {"type": "object", "additionalProperties": {"type": "integer"}}),
        ({"type": "string", "maxLength": 5}, {"type": "string", "maxLength": 5}),
    ],
    ids=repr,
)
def test_a_type_is_described_as_drf_spectacular_describes_it(kind, own):
    page, itself = typed(kind)
    assert itself == own
    expected = {"allOf": [own]} if "$ref" in own else own
    assert page == {**expected, "nullable": True}
    page, itself = typed(kind, version="3.1.1")
    assert (page, itself) == ({"anyOf": [own, {"type": "null"}]}, own)


@pytest.mark.parametrize(
    "kind",
    [Today | None, Customer(allow_null=True), {"type": "string", "nullable": True}],
    ids=repr,
)
def test_a_type_that_admits_null_does_so_by_itself_and_once(kind):
    page, itself = typed(kind)
    assert page == itself
    assert page["nullable"] is True


@pytest.mark.parametrize(
    "kind", [Today | None, Customer(allow_null=True), {"type": ["string", "null"]}], ids=repr
)
def test_a_type_that_admits_null_does_so_once_in_openapi_3_1(kind):
    page, itself = typed(kind, version="3.1.1")
    assert page == itself
    assert str(page).count("'null'") == (1 if isinstance(kind, (dict, Customer)) else 3)


@pytest.mark.parametrize("kind", [Any, PartInfo(), OpenApiTypes.ANY, Empty], ids=repr)
@VERSIONS
def test_any_value_is_described_as_such(kind, version):
    assert typed(kind, version=version) == ({}, {})


@VERSIONS
def test_choices_admit_null_on_a_page_alone(version):
    view = view_of({"a": Literal["x", "y"]})
    found = components(view, version=version)
    assert found["OneParts"]["properties"]["a"] == ref("AEnum")
    assert found["AEnum"]["enum"] == ["x", "y"]
    assert is_valid("OneResult", {"a": None}, view)
    assert is_valid("OneResult", {"a": "x"}, view)
    assert not is_valid("OneResult", {"a": "z"}, view)
    assert not is_valid("OneParts", {"a": None}, view)


def test_a_named_tuple_and_a_polymorphic_serializer_are_described():
    assert typed(Pair)[1]["properties"] == {"n": {"type": "integer"}}
    proxy = PolymorphicProxySerializer("Either", [Customer, OrderSerializer], None)
    assert typed(proxy)[1] == ref("Either")


def test_a_pydantic_model_is_described_by_its_own_schema():
    pydantic = pytest.importorskip("pydantic", reason="needs pydantic")
    model = pydantic.create_model("Reading", value=(float, ...))
    assert typed(model)[1] == ref("Reading")


def test_a_name_in_a_hint_may_be_a_word_of_openapi():
    for version in ("3.0.3", "3.1.1"):
        assert set(typed(Words, version=version)[1]["properties"]) == set(Words.__annotations__)


def test_parts_of_the_same_serializer_share_its_component():
    view = view_of({"orders": OrderSerializer(many=True), "last": OrderSerializer})
    found = components(view)
    assert found["OneParts"]["properties"]["last"] == ref("Order")
    assert found["OneParts"]["properties"]["orders"]["items"] == ref("Order")
    assert found["Order"]["properties"]["customer"] == ref("Customer")


def test_a_component_keeps_the_name_that_its_serializer_is_given():
    named = extend_schema_serializer(component_name="Purchase")(
        type("Plain", (OrderSerializer,), {})
    )
    assert typed(named)[1] == ref("Purchase")


@pytest.mark.parametrize("kind", [object, list[OrderSerializer], set], ids=repr)
def test_a_type_that_drf_spectacular_does_not_know_is_told_with_the_remedy(kind, capsys):
    assert typed(kind) == ({}, {})
    told = capsys.readouterr().err
    assert 'Warning [OneView > OnePage > OneResult]: The part "a" in the manifest is' in told
    assert "Name a serializer or a TypedDict" in told
    assert GENERATOR_STATS  # so --fail-on-warn fails
