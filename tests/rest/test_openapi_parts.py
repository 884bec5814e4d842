"""The OpenAPI description of a view with a manifest: a type for each part."""

from decimal import Decimal
from inspect import signature
from typing import Literal, TypedDict

import pytest

pytest.importorskip("drf_spectacular", reason="needs the openapi extra")

from django.urls import include, path
from django.utils.translation import gettext_lazy
from django.utils.translation import override as language
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.versioning import (
    AcceptHeaderVersioning,
    NamespaceVersioning,
    URLPathVersioning,
)

from partstream_rest import PartInfo
from partstream_rest.openapi import ProgressiveViewExtension
from tests.rest.describing import OtherView, components, is_valid, schema_of, view_of

VERSIONS = pytest.mark.parametrize("version", ["3.0.3", "3.1.1"])


class Customer(serializers.Serializer):
    name = serializers.CharField()


class OrderSerializer(serializers.Serializer):
    id = serializers.IntegerField(read_only=True)
    customer = Customer()


class Today(TypedDict):
    """What happened today."""

    count: int
    revenue: Decimal
    share: float | None
    best: Literal["a", "b"] | None


class BoardView(OtherView):
    """A board."""

    manifest = {
        "orders": PartInfo(OrderSerializer(many=True), title="Latest", description="The newest"),
        "last": OrderSerializer,
        "today": Today,
        "any": PartInfo(title="Anything"),
    }


class WholeView(BoardView):
    manifest = {**BoardView.manifest, "*": None}


@pytest.fixture(autouse=True)
def silent(capsys):
    """Hold a test to the warnings that it reads: drf-spectacular prints others."""
    yield
    assert capsys.readouterr().err == ""


ORDER = {"id": 1, "customer": {"name": "Ann"}}
TODAY = {"count": 1, "revenue": 2.5, "share": None, "best": None}


class TestPages:
    @VERSIONS
    def test_a_view_has_a_page_of_its_own_with_a_result_for_each_part(self, version):
        schema = schema_of(BoardView, version=version)
        responses = schema["paths"]["/BoardView/"]["get"]["responses"]
        page = responses["200"]["content"]["application/json"]["schema"]
        assert page == {"$ref": "#/components/schemas/BoardPage"}
        found = schema["components"]["schemas"]
        assert found["BoardPage"]["properties"]["results"] == {
            "type": "array", "items": {"$ref": "#/components/schemas/BoardResult"},
        }  # fmt: skip
        assert list(found["BoardResult"]["properties"]) == ["orders", "last", "today", "any"]
        assert "required" not in found["BoardResult"]

    @pytest.mark.parametrize(
        ("result", "expected"),
        [
            ({"orders": [ORDER]}, True),
            ({"orders": []}, True),
            ({"orders": None}, True),
            ({"last": ORDER}, True),
            ({"last": None}, True),
            ({"today": TODAY}, True),
            ({"today": {**TODAY, "best": "a"}}, True),
            ({"any": None}, True),
            ({"any": [5]}, True),
            ({"unknown": [5]}, True),
            ({"orders": ORDER}, False),
            ({"orders": [{"id": 1}]}, False),
            ({"last": []}, False),
            ({"today": {**TODAY, "share": "much"}}, False),
            ({"today": {**TODAY, "best": "c"}}, False),
            ({}, False),
            ({"last": ORDER, "any": 1}, False),
        ],
        ids=repr,
    )
    def test_a_result_is_a_part_with_a_value_of_its_type_or_null(self, result, expected):
        assert is_valid("BoardResult", result, BoardView) is expected

    def test_the_values_by_name_are_a_component_in_which_none_has_failed(self):
        whole = {"orders": [ORDER], "last": ORDER, "today": TODAY, "any": 1}
        assert is_valid("BoardParts", whole, BoardView)
        for name in ("orders", "last", "today"):
            assert not is_valid("BoardParts", {**whole, name: None}, BoardView)

    def test_a_write_only_field_is_no_part_of_a_value_where_requests_are_split_off(self):
        class Note(serializers.Serializer):
            text = serializers.CharField()
            secret = serializers.CharField(write_only=True)

        view = view_of({"a": Note})
        note = components(view, COMPONENT_SPLIT_REQUEST=True)["Note"]
        assert list(note["properties"]) == note["required"] == ["text"]

    @VERSIONS
    def test_titles_and_descriptions_are_those_of_the_manifest(self, version):
        found = components(BoardView, version=version)
        for name in ("BoardResult", "BoardParts"):
            orders, last, _, anything = found[name]["properties"].values()
            assert (orders["title"], orders["description"]) == ("Latest", "The newest")
            assert anything == {"title": "Anything"}
            assert "title" not in last

    def test_titles_are_translated_when_the_schema_is_made(self):
        view = type(
            "OneView",
            (OtherView,),
            {"manifest": {"a": PartInfo(int, title=gettext_lazy("Delete"))}},
        )
        with language("de"):
            assert components(view)["OneParts"]["properties"]["a"]["title"] == "Löschen"
        with language("en"):
            assert components(view)["OneParts"]["properties"]["a"]["title"] == "Delete"

    def test_a_stream_is_said_to_have_the_same_values(self):
        content = schema_of(BoardView)["paths"]["/BoardView/"]["get"]["responses"]["200"]["content"]
        for kind in ("text/event-stream", "application/jsonl"):
            assert "`BoardParts`" in content[kind]["schema"]["description"]

    def test_a_view_without_manifest_has_the_page_that_all_such_views_share(self):
        found = components(OtherView, type("SecondView", (OtherView,), {}))
        assert {name for name in found if name.endswith(("Page", "Result", "Parts"))} == {
            "ProgressivePage", "ProgressiveResult",
        }  # fmt: skip
        assert is_valid("ProgressiveResult", {"any": None}, OtherView)


class TestNames:
    @VERSIONS
    def test_a_complete_manifest_gives_errors_and_pending_parts_the_names_of_parts(self, version):
        found = components(WholeView, version=version)
        names = ["orders", "last", "today", "any"]
        assert found["WholePartName"] == {"type": "string", "enum": names}
        page = found["WholePage"]["properties"]
        for key in ("errors", "pending"):
            entry = found[page[key]["items"]["$ref"].rpartition("/")[2]]
            assert entry["properties"]["part"] == {"$ref": "#/components/schemas/WholePartName"}
        assert found["WholeResult"]["additionalProperties"] is False
        assert not is_valid("WholeResult", {"unknown": 5}, WholeView)

    def test_a_complete_manifest_gives_the_choices_of_the_parameter_parts(self):
        def items(view):
            operation = schema_of(view)["paths"][f"/{view.__name__}/"]["get"]
            (parts,) = [one for one in operation["parameters"] if one["name"] == "parts"]
            return parts["schema"]["items"]

        assert items(WholeView) == {"type": "string", "enum": ["orders", "last", "today", "any"]}
        assert "enum" not in items(BoardView)

    def test_other_parts_may_have_any_name_and_value_unless_the_manifest_says_so(self):
        found = components(BoardView)
        assert found["BoardResult"]["additionalProperties"] == {}
        part = found["ProgressivePartError"]["properties"]["part"]
        assert part == {"type": "string"}
        assert "BoardPartName" not in found

    def test_other_parts_have_the_type_that_stands_for_them(self):
        view = view_of({"total": int, "*": Customer}, "RowsView")
        found = components(view)
        assert found["RowsResult"]["additionalProperties"] == {
            "allOf": [{"$ref": "#/components/schemas/Customer"}], "nullable": True,
        }  # fmt: skip
        assert list(found["RowsParts"]["properties"]) == ["total"]
        assert is_valid("RowsResult", {"row_5": {"name": "Ann"}}, view)
        assert not is_valid("RowsResult", {"row_5": 5}, view)

    def test_a_manifest_of_other_parts_alone_types_every_name(self):
        view = view_of({"*": Customer}, "RowsView")
        values = components(view)["RowsParts"]
        assert values["additionalProperties"] == {"$ref": "#/components/schemas/Customer"}


class TestViews:
    def test_two_views_and_two_routes_of_one_have_components_of_their_own(self):
        found = components(BoardView, WholeView, path("again/", BoardView.as_view()), OtherView)
        pages = {name for name in found if name.endswith("Page")}
        assert pages == {"BoardPage", "WholePage", "ProgressivePage"}

    def test_a_subclass_has_a_page_under_its_own_name(self):
        assert {"BoardPage", "SmallPage"} <= set(
            components(BoardView, type("SmallView", (BoardView,), {}))
        )

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("BoardView", "BoardPage"), ("BoardAPIView", "BoardPage"), ("Board", "BoardPage"),
            ("BoardViewSet", "BoardPage"), ("View", "ViewPage"), ("Viewer", "ViewerPage"),
        ],
    )  # fmt: skip
    def test_components_are_named_after_the_class_of_the_view(self, name, expected):
        assert expected in components(type(name, (BoardView,), {}))

    def test_two_views_of_the_same_name_are_told_of_by_drf_spectacular(self, capsys):
        one = path("one/", BoardView.as_view())
        other = view_of({"a": int}, "BoardView")
        schema_of(one, path("other/", other.as_view()))
        assert '2 components with identical names "BoardPage"' in capsys.readouterr().err

    def test_the_manifest_of_as_view_wins(self):
        if "target_callback" not in signature(ProgressiveViewExtension).parameters:
            pytest.skip("drf-spectacular 0.28 does not tell the arguments of as_view()")
        view = OtherView.as_view(manifest={"a": int})
        assert "OtherParts" in components(path("a/", view))

    def test_a_response_in_extend_schema_wins(self):
        class OwnView(BoardView):
            @extend_schema(responses=Customer)
            def get(self, request, *args, **kwargs):
                return super().get(request, *args, **kwargs)

        found = components(OwnView)
        assert "Customer" in found
        assert "OwnPage" not in found

    def test_a_tag_in_extend_schema_leaves_the_page_as_it_is(self):
        class OwnView(BoardView):
            @extend_schema(tags=["shop"])
            def get(self, request, *args, **kwargs):
                return super().get(request, *args, **kwargs)

        assert "OwnPage" in components(OwnView)

    @pytest.mark.parametrize(
        ("versioning", "route"),
        [
            (AcceptHeaderVersioning, "a/"),
            (URLPathVersioning, "<str:version>/a/"),
            (NamespaceVersioning, "a/"),
        ],
    )
    def test_a_versioned_view_has_its_page(self, versioning, route):
        kind = type("V", (versioning,), {"default_version": "v1", "allowed_versions": ["v1"]})
        view = type("BoardView", (BoardView,), {"versioning_class": kind})
        routes = [path(route, view.as_view())]
        if versioning is NamespaceVersioning:
            routes = [path("v1/", include((routes, "app"), namespace="v1"))]
        (operations,) = schema_of(*routes)["paths"].values()
        (page, *_) = operations["get"]["responses"]["200"]["content"].values()
        assert page["schema"] == {"$ref": "#/components/schemas/BoardPage"}

    @pytest.mark.parametrize(
        "name",
        ["COMPONENT_SPLIT_REQUEST", "COMPONENT_SPLIT_PATCH", "COMPONENT_NO_READ_ONLY_REQUIRED"],
    )
    @VERSIONS
    def test_a_setting_for_components_leaves_the_page_its_names(self, name, version):
        found = components(BoardView, WholeView, version=version, **{name: True})
        assert {"BoardPage", "BoardResult", "BoardParts", "Order", "Customer"} <= set(found)
        assert not [one for one in found if one.endswith("Request")]

    def test_the_schema_is_the_same_each_time_it_is_made(self):
        assert schema_of(BoardView, WholeView) == schema_of(BoardView, WholeView)
