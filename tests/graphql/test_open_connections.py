"""``manage.py check`` warns of connections that are open where the views of DRF are not."""

from itertools import count

import graphene
import pytest
from django.core.checks import run_checks

from partstream_graphql import Part, ProgressiveConnection

permissions = pytest.importorskip(
    "rest_framework.permissions", reason="Django REST framework is not installed"
)
AllowAny, IsAuthenticated = permissions.AllowAny, permissions.IsAuthenticated


class Shelf(ProgressiveConnection):
    """An open connection."""

    a = Part(graphene.Int, resolver=lambda root, info: 1)


numbers = count()


def warnings():
    """The warnings, by the name of the class that each is about."""
    found = [each for each in run_checks() if each.id == "partstream.W015"]
    return {each.msg.split()[0].rpartition(".")[2]: each for each in found}


def is_told(*bases, **attributes):
    """Whether a connection with these bases and attributes is warned of."""
    name = f"Own{next(numbers)}"  # classes of other tests may be there still
    part = Part(graphene.Int, resolver=lambda root, info: 1)
    kind = type(name, (*bases, ProgressiveConnection), {"a": part, **attributes})
    return kind.__name__ in warnings()


@pytest.fixture
def _strict(settings):
    settings.REST_FRAMEWORK = {
        "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"]
    }


@pytest.mark.usefixtures("_strict")
class TestStrictDefaults:
    def test_an_open_connection_is_a_warning_with_the_remedy(self):
        warning = warnings()["Shelf"]
        assert warning.msg.endswith(
            "DEFAULT_PERMISSION_CLASSES (IsAuthenticated) is for REST only."
        )
        assert warning.hint.startswith("Set permission_classes = [IsAuthenticated] on the conn")
        assert is_told()

    @pytest.mark.parametrize(
        "attributes",
        [
            {"permission_classes": [IsAuthenticated]},
            {"permission_classes": [AllowAny]},
            {"permission_classes": ()},
            {"get_permissions": lambda self: []},
            {"has_permission": lambda self, info: True},
        ],
        ids=lambda attributes: str(list(attributes.values())),
    )
    @pytest.mark.parametrize("where", ["own", "of a mixin"])
    def test_a_connection_that_says_who_may_have_it_is_not_told(self, attributes, where):
        if where == "own":
            assert not is_told(**attributes)
        else:
            assert not is_told(type("Mixin", (), attributes))

    def test_an_abstract_connection_is_not_told(self):
        meta = type("Meta", (), {"abstract": True})
        assert not is_told(Meta=meta)

    def test_the_schema_of_the_settings_is_loaded(self, settings):
        settings.GRAPHENE = {"SCHEMA": "tests.graphql.late_schema.schema"}
        assert "LateConnection" in warnings()

    def test_a_schema_that_cannot_be_imported_is_left_to_graphene(self, settings):
        settings.GRAPHENE = {"SCHEMA": "nowhere.schema"}
        assert "Shelf" in warnings()


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"DEFAULT_PERMISSION_CLASSES": []},
        {"DEFAULT_PERMISSION_CLASSES": [AllowAny]},
        {"DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.AllowAny"]},
        {"DEFAULT_PERMISSION_CLASSES": [permissions.IsAuthenticatedOrReadOnly]},
        {"DEFAULT_PERMISSION_CLASSES": [permissions.DjangoModelPermissionsOrAnonReadOnly]},
    ],
)
def test_an_open_connection_beside_open_views_is_not_told(chosen, settings):
    settings.REST_FRAMEWORK = chosen
    assert warnings() == {}


def test_a_strict_class_in_place_of_its_path_is_a_strict_default(settings):
    settings.REST_FRAMEWORK = {"DEFAULT_PERMISSION_CLASSES": [AllowAny, IsAuthenticated]}
    assert "(IsAuthenticated)" in warnings()["Shelf"].msg
