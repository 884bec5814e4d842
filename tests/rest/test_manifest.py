"""The manifest of a view: which is sound, and what ``OPTIONS`` says of it."""

from typing import Any, Literal, NamedTuple, TypedDict

import pytest
from django.urls import path
from django.utils.translation import gettext_lazy
from django.utils.translation import override as language
from rest_framework import serializers
from rest_framework.metadata import BaseMetadata, SimpleMetadata
from rest_framework.permissions import IsAuthenticated
from rest_framework.viewsets import ViewSet

from django_partstream import ProgressiveView, lazy
from django_partstream.exceptions import PlanError
from example_schema.models import Order
from partstream_rest import PartInfo


class Numbers(serializers.Serializer):
    n = serializers.IntegerField()


class Row(TypedDict):
    n: int


class Pair(NamedTuple):
    n: int


class Parts:
    """The docstring of a mixin."""

    manifest = {
        "orders": PartInfo(Numbers(many=True), title="Orders", description="The newest"),
        "stats": PartInfo(Numbers, title="Today"),
        "plain": Numbers,
        "secret": PartInfo(title="Secret"),
    }

    def get_parts(self):
        return [(name, lazy(self.get_part)) for name in ("orders", "stats", "plain", "other")]

    def get_part(self, request):
        """The docstring of a part."""
        raise AssertionError("OPTIONS resolves no part")


class View(Parts, ProgressiveView):
    permission_classes = []


def made(manifest):
    return type("Made", (View,), {"manifest": manifest})


class TestOptions:
    def test_options_has_the_title_and_description_of_each_part_whose_author_gave_them(self, serve):
        told = serve(View).options("/").json()
        assert told["parts"] == ["orders", "stats", "plain", "other"]
        assert told["manifest"] == {
            "orders": {"title": "Orders", "description": "The newest"},
            "stats": {"title": "Today"},
        }
        assert "docstring of a part" not in str(told)

    @pytest.mark.parametrize("manifest", [{}, {"orders": Numbers}, {"secret": PartInfo(title="a")}])
    def test_options_without_a_text_for_its_parts_is_that_of_a_view_without_manifest(
        self, serve, manifest
    ):
        assert set(serve(made(manifest)).options("/").json()) == {
            "name", "description", "renders", "parses", "parts",
        }  # fmt: skip

    def test_a_part_that_a_reader_does_not_have_is_not_in_the_manifest_either(
        self, serve, client, django_user_model, db
    ):
        class Mine(View):
            def get_parts(self):
                secret = [("secret", 1)] if self.request.user.is_authenticated else []
                return [("stats", 2), *secret]

        serve(Mine)
        assert set(client.options("/").json()["manifest"]) == {"stats"}
        client.force_login(django_user_model.objects.create_user("ann"))
        assert set(client.options("/").json()["manifest"]) == {"stats", "secret"}

    def test_permissions_come_before_the_manifest(self, serve):
        closed = type("Closed", (View,), {"permission_classes": [IsAuthenticated]})
        answer = serve(closed).options("/")
        assert answer.status_code == 403
        assert "manifest" not in answer.json()

    def test_texts_are_translated_for_each_request(self, serve):
        client = serve(made({"orders": PartInfo(title=gettext_lazy("Delete"))}))
        with language("de"):
            assert client.options("/").json()["manifest"]["orders"] == {"title": "Löschen"}
        with language("en"):
            assert client.options("/").json()["manifest"]["orders"] == {"title": "Delete"}

    def test_the_entry_for_other_parts_has_its_texts_for_each_of_them(self, serve):
        told = serve(made({"*": PartInfo(title="A number"), "stats": Numbers})).options("/").json()
        assert told["manifest"] == {
            name: {"title": "A number"} for name in ("orders", "plain", "other")
        }

    def test_a_manifest_given_to_as_view_is_that_of_options(self, serve):
        view = View.as_view(manifest={"stats": PartInfo(title="Now")})
        assert serve(path("", view)).options("/").json()["manifest"] == {"stats": {"title": "Now"}}

    def test_options_of_a_view_set_has_the_manifest(self, serve):
        kind = type("Set", (View, ViewSet), {"list": View.get})
        told = serve(path("", kind.as_view({"get": "list"}))).options("/").json()
        assert set(told["manifest"]) == {"orders", "stats"}

    def test_the_answer_of_a_metadata_class_keeps_its_keys_and_gets_those_of_the_parts(self, serve):
        class Own(SimpleMetadata):
            def determine_metadata(self, request, view):
                return {"name": "Board", "theme": {"dark": True}}

        told = serve(type("Own", (View,), {"metadata_class": Own})).options("/").json()
        assert set(told) == {"name", "theme", "parts", "manifest"}
        assert (told["name"], told["theme"]) == ("Board", {"dark": True})

    def test_a_manifest_of_a_metadata_class_stays_as_it_is(self, serve):
        class Own(BaseMetadata):
            def determine_metadata(self, request, view):
                return {"manifest": "mine"}

        told = serve(type("Own", (View,), {"metadata_class": Own})).options("/").json()
        assert told == {"manifest": "mine", "parts": ["orders", "stats", "plain", "other"]}

    def test_an_answer_that_a_metadata_class_gives_each_time_is_not_changed(self, serve):
        answer = {"name": "Board"}

        class Own(BaseMetadata):
            def determine_metadata(self, request, view):
                return answer

        told = serve(type("Own", (View,), {"metadata_class": Own})).options("/").json()
        assert "manifest" in told
        assert answer == {"name": "Board"}

    def test_an_answer_that_is_no_object_stays_as_it_is(self, serve):
        class Own(BaseMetadata):
            def determine_metadata(self, request, view):
                return ["mine"]

        client = serve(type("Own", (View,), {"metadata_class": Own}))
        assert client.options("/").json() == ["mine"]


class TestDeclaration:
    @pytest.mark.parametrize(
        "kind",
        [
            Numbers, Numbers(), Numbers(many=True), serializers.IntegerField(), serializers.DateField,
            int, Any, Row, Pair, list[Row], Row | None, Literal["a", "b"],
            {"type": "string"},
        ],
        ids=repr,
    )  # fmt: skip
    def test_the_type_of_a_part_is_said_by_itself_or_in_a_part_info(self, kind):
        assert made({"a": kind, "b": PartInfo(kind, title="B")}).manifest["a"] is kind

    @pytest.mark.parametrize(
        "kind",
        [
            "Numbers",
            b"",
            5,
            1.0,
            True,
            lambda: Numbers,
            lazy(repr),
            [Numbers],
            (Numbers,),
            {Numbers},
            Order,
            Order(),
            Order.Status.PAID,
        ],
        ids=repr,
    )
    def test_an_object_that_describes_no_value_is_refused_with_the_remedy(self, kind):
        remedy = r"does not describe the value of a part. Use a serializer, a type hint or a TypedD"
        with pytest.raises(TypeError, match=remedy) as refused:
            made({"orders": kind})
        assert refused.value.__notes__ == ["In Made.manifest['orders']."]
        with pytest.raises(TypeError, match=remedy):
            PartInfo(kind)

    def test_none_for_a_named_part_is_refused_since_it_could_mean_that_there_is_none(self):
        with pytest.raises(TypeError, match=r"Use PartInfo\(\) for a part that may have any value"):
            made({"orders": None})

    @pytest.mark.parametrize("manifest", [None, [], [("orders", Numbers)], "orders", Numbers])
    def test_a_manifest_that_is_no_mapping_is_refused_with_an_example(self, manifest):
        with pytest.raises(TypeError, match=r'map the names of parts .* \{"orders": OrderSeria'):
            made(manifest)

    @pytest.mark.parametrize("name", [5, None, "", "a,b", " a", ("a",)])
    def test_a_key_that_cannot_be_a_name_is_refused(self, name):
        with pytest.raises(PlanError, match="cannot be the name of a part") as refused:
            made({name: Numbers})
        assert refused.value.__notes__ == [f"In Made.manifest[{name!r}]."]

    @pytest.mark.parametrize("key", ["title", "description"])
    def test_a_text_that_is_no_text_is_refused(self, key):
        with pytest.raises(TypeError, match=f"The {key} of a part is 5; it must be a str"):
            PartInfo(**{key: 5})

    def test_a_manifest_is_checked_when_as_view_is_given_it(self):
        with pytest.raises(TypeError, match="does not describe"):
            View.as_view(manifest={"orders": "Numbers"})
        kind = type("Set", (View, ViewSet), {"list": View.get})
        with pytest.raises(TypeError, match="does not describe"):
            kind.as_view({"get": "list"}, manifest={"orders": "Numbers"})

    def test_a_mixin_with_a_manifest_that_is_named_too_late_is_refused(self):
        mixin = type("Mixin", (), {"manifest": Parts.manifest})
        with pytest.raises(TypeError, match=r"Mixin\.manifest would be ignored"):
            type("Late", (ProgressiveView, mixin), {})

    def test_a_page_is_made_without_a_look_at_the_manifest(self, serve):
        class Untouched(dict):
            def __getitem__(self, name):
                raise AssertionError("a page pays nothing for the manifest")

            get = __iter__ = __len__ = keys = values = items = __contains__ = __getitem__

        view = type("Served", (View,), {"get_parts": lambda self: [("a", 1)]})
        client = serve(view)
        view.manifest = Untouched(a=Numbers)
        assert client.get("/").json()["results"] == [{"a": 1}]
        assert client.head("/").status_code == 200
        stream = client.get("/", HTTP_ACCEPT="application/jsonl")
        assert b'"value":1' in b"".join(stream.streaming_content)
