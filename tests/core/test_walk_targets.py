"""The target of a walk: its front is imported by name, and says what to install."""

import pytest

from django_partstream.management import targets
from django_partstream.walking.walks import NotWalkable


def target(name):
    return targets.Target(name, is_stream=False, headers={}, arguments={}, schema=None)


@pytest.mark.parametrize(
    ("name", "without", "extra"),
    [
        ("/api/", "rest_framework", "rest"),
        ("https://shop.example/api/", "rest_framework.test", "rest"),
        ("Query.dashboard", "graphene_django", "graphql"),
        ("Query.dashboard", "graphql", "graphql"),
    ],
)
def test_a_front_without_its_package_says_what_to_install(name, without, extra, monkeypatch):
    def import_module(module):
        assert module == f"partstream_{extra}.walking"
        raise ModuleNotFoundError(f"No module named {without!r}", name=without)

    monkeypatch.setattr(targets, "import_module", import_module)
    with pytest.raises(NotWalkable, match=rf"pip install 'django-partstream\[{extra}\]'"):
        target(name)


def test_a_front_without_another_package_names_that_package(monkeypatch):
    def import_module(module):
        raise ModuleNotFoundError("No module named 'markdown'", name="markdown")

    monkeypatch.setattr(targets, "import_module", import_module)
    with pytest.raises(ModuleNotFoundError, match="markdown"):
        target("/api/")


@pytest.mark.parametrize("name", ["", "dashboard", "Query.", "Query.a.b", "ftp:x"])
def test_a_name_that_is_neither_a_path_nor_a_field_is_refused(name):
    with pytest.raises(NotWalkable, match="is no URL and no Query.field"):
        target(name)
