"""The API reference has each public name, at its public place, and no other."""

import re
from importlib import import_module
from inspect import signature
from typing import Any

import pytest

from tests.documentation import ROOT, folder_of

PAGE = ROOT / "docs" / "reference" / "api.md"
if not PAGE.exists():
    pytest.skip("docs/ is not beside these tests", allow_module_level=True)

#: The directives of the page: a module with its names, in the order of the page.
DIRECTIVES = re.findall(
    r"^\.\. (?:currentmodule:: ([\w.]+)|auto\w+:: (\w+)(\(.*\).*)?)$",
    PAGE.read_text(),
    re.MULTILINE,
)


def described():
    """The names on the page, by the module that they are imported from."""
    modules: dict[str, set[str]] = {}
    current = ""
    for module, name, _ in DIRECTIVES:
        current = module or current
        modules.setdefault(current, set())
        if name:
            modules[current].add(name)
    return modules


#: Public names that the page describes at another place.
ELSEWHERE = {"django_partstream": {"ProgressiveView", "PartstreamError"}}


@pytest.mark.parametrize("module", described())
def test_a_module_of_the_page_has_exactly_its_public_names(module):
    public = set(import_module(module).__all__) - ELSEWHERE.get(module, set())
    assert described()[module] == public


def test_a_name_that_stands_elsewhere_is_the_same():
    for module, names in ELSEWHERE.items():
        for name in names:
            homes = [home for home, there in described().items() if name in there]
            assert [getattr(import_module(home), name) for home in homes] == [
                getattr(import_module(module), name)
            ]


#: Modules whose names are public in another, or are for this library alone.
INNER = {
    "django_partstream.checks",
    "django_partstream.telemetry",
    "partstream_graphql.limits",
    "partstream_graphql.persisted",
    "partstream_graphql.views",
    "partstream_rest.openapi",
}


def test_each_module_that_lists_its_names_is_on_the_page_or_an_inner_one():
    listing = set()
    for package in ("django_partstream", "partstream_rest", "partstream_graphql"):
        for path in folder_of(package).rglob("*.py"):
            if re.search(r"^__all__ = ", path.read_text(), re.MULTILINE):
                dotted = ".".join(path.relative_to(folder_of(package).parent).with_suffix("").parts)
                listing.add(dotted.removesuffix(".__init__"))
    assert listing == {*described(), *INNER}


SIGNED = [(name, text) for _, name, text in DIRECTIVES if len(text) > len("()")]


@pytest.mark.parametrize(("name", "text"), SIGNED)
def test_a_signature_that_the_page_writes_out_is_that_of_the_function(name, text):
    written: dict[str, Any] = {}
    exec(f"from __future__ import annotations\ndef function{text}: ...", written)
    on_page = signature(written["function"]).parameters.values()
    real = signature(getattr(import_module("django_partstream"), name)).parameters.values()
    shapes = [[(each.name, each.kind, each.default) for each in side] for side in (on_page, real)]
    assert shapes[0] == shapes[1]
