"""``check_manifest()``: a manifest is compared with what its view delivers."""

import sys
from decimal import Decimal
from typing import TypedDict
from unittest import mock

import pytest

pytest.importorskip("drf_spectacular", reason="needs the openapi extra")

from django.utils.module_loading import import_string
from drf_spectacular.settings import spectacular_settings
from rest_framework import serializers

from django_partstream import ProgressiveView, lazy, safe_call
from django_partstream.testing import Walk, part_fails, walk, walk_stream
from partstream_rest.testing import check_manifest
from tests.rest.having import have as header
from tests.rest.having import tags_of


class Customer(serializers.Serializer):
    name = serializers.CharField()
    secret = serializers.CharField(write_only=True)


class Row(TypedDict):
    id: int
    total: Decimal
    note: str | None


ROW = {"id": 1, "total": Decimal("2.50"), "note": None}


class View(ProgressiveView):
    permission_classes = []
    manifest = {"customer": Customer, "rows": list[Row], "*": None}
    values = {"customer": {"name": "Ann"}, "rows": [ROW]}

    def get_parts(self):
        return [(name, lazy(lambda request, name=name: self.values[name])) for name in self.values]


@pytest.fixture
def check(serve):
    """Serve a view with these *values* and this *manifest*, and check a walk of it."""

    def checked(values=View.values, manifest=View.manifest):
        view = type("View", (View,), {"values": values, "manifest": manifest})
        check_manifest(view, walk(serve(view), "/"))

    return checked


def mistakes(check, **given):
    with pytest.raises(AssertionError) as told:
        check(**given)
    heading, *lines = str(told.value).split("\n  ")
    assert heading == "View.manifest is not true:"
    return lines


def test_a_manifest_that_is_true_passes(check):
    check()


def test_a_value_of_another_type_is_shown_with_its_place(check):
    rows = [ROW, {**ROW, "total": "2.50"}]
    assert mistakes(check, values={"customer": {"name": 5}, "rows": rows}) == [
        "customer.name: 5 is not of type 'string'",
        "rows[1].total: '2.50' is not of type 'number'",
    ]


def test_a_key_that_the_type_does_not_have_is_a_mistake(check):
    values = {**View.values, "customer": {"name": "Ann", "age": 5}}
    (told,) = mistakes(check, values=values)
    assert told.startswith("customer: ")
    assert "'age' was unexpected" in told


def test_a_key_that_is_missing_is_a_mistake_unless_it_is_for_requests_only(check):
    (told,) = mistakes(check, values={**View.values, "customer": {}})
    assert told == "customer: 'name' is a required property"


def test_a_null_is_a_mistake_where_the_type_has_none(check):
    (told,) = mistakes(check, values={**View.values, "customer": None})
    assert told == "customer: None is not of type 'object'"


def test_a_name_that_no_part_has_is_a_mistake(check):
    manifest = {**View.manifest, "row": list[Row]}
    told = mistakes(check, manifest=manifest)
    assert told == ["row: the manifest names it, and it did not come."]


def test_a_part_that_a_complete_manifest_does_not_name_is_a_mistake(check):
    manifest = {"customer": Customer, "*": None}
    assert mistakes(check, manifest=manifest) == [
        "rows: it came, and the manifest does not name it."
    ]


def test_a_part_may_be_left_out_of_a_manifest_that_is_not_complete(check):
    check(manifest={"customer": Customer})


def test_other_parts_have_the_type_that_the_manifest_gives_them(check):
    check(manifest={"customer": Customer, "*": list[Row]})
    (told,) = mistakes(check, manifest={"rows": list[Row], "*": int})
    assert told.startswith("customer")


def test_each_name_has_to_come_in_one_of_the_walks(serve):
    class Mine(View):
        def get_parts(self):
            mine = self.request.GET.get("mine")
            return [(name, value) for name, value in View.values.items() if name != mine]

    client = serve(Mine)
    one, other = walk(client, "/?mine=rows"), walk(client, "/?mine=customer")
    check_manifest(Mine, one, other)
    with pytest.raises(AssertionError, match="rows: the manifest names it"):
        check_manifest(Mine, one)


def test_a_part_that_fails_has_no_value_to_be_checked(serve):
    client = serve(View)
    with part_fails("customer"):
        check_manifest(View, walk(client, "/"))
        check_manifest(View, walk_stream(client, "/"))


def test_the_fallback_of_a_part_that_fails_has_to_be_of_its_type(serve):
    class Falling(View):
        def get_parts(self):
            function = safe_call(lambda request: View.values["customer"], fallback=[])
            return [("customer", lazy(function)), ("rows", [])]

    client = serve(Falling)
    check_manifest(Falling, walk(client, "/"))
    with part_fails("customer"), pytest.raises(AssertionError, match="customer: .* 'object'"):
        check_manifest(Falling, walk(client, "/"))


def test_a_part_that_is_unchanged_has_no_value_to_be_checked(serve):
    client = serve(View)
    have = header(tags_of(client))
    check_manifest(View, walk(client, "/", HTTP_PARTSTREAM_HAVE=have))
    check_manifest(View, walk_stream(client, "/", headers={"Partstream-Have": have}))


def test_a_renderer_that_renames_keys_is_followed_by_its_hook(serve, monkeypatch):
    camel_case = pytest.importorskip("djangorestframework_camel_case.render", reason="a package")
    hook = "drf_spectacular.contrib.djangorestframework_camel_case.camelize_serializer_fields"
    monkeypatch.setattr(
        spectacular_settings, "POSTPROCESSING_HOOKS", [import_string(hook)], raising=False
    )

    class Camels(View):
        renderer_classes = [camel_case.CamelCaseJSONRenderer]
        manifest = {"todays_rows": list[Row], "*": None}
        values = {"todays_rows": [ROW]}

    walked = walk(serve(Camels), "/")
    assert walked.names == ["todaysRows"]
    check_manifest(Camels, walked)


def test_the_settings_of_drf_spectacular_are_as_before(check):
    before = spectacular_settings.OAS_VERSION
    check()
    assert before == spectacular_settings.OAS_VERSION


def test_a_view_without_manifest_and_a_walk_over_graphql_are_refused():
    with pytest.raises(TypeError, match=r"ProgressiveView has no manifest"):
        check_manifest(ProgressiveView)
    with pytest.raises(TypeError, match=r"takes the walks of walk\(\) and walk_stream\(\)"):
        check_manifest(View, Walk(pages=[{"data": {}}]))


def test_without_drf_spectacular_the_module_says_what_to_install(monkeypatch):
    for name in list(sys.modules):
        if name.startswith(("partstream_rest.testing", "partstream_rest._spectacular")):
            monkeypatch.delitem(sys.modules, name)
    absent = {name: None for name in sys.modules if name.startswith("drf_spectacular")}
    with (
        mock.patch.dict(sys.modules, absent),
        pytest.raises(ImportError, match=r"pip install 'django-partstream\[openapi\]'"),
    ):
        __import__("partstream_rest.testing")
