"""The canonical text of values, which cursors and cache keys are made of."""

import datetime
import enum
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils.functional import SimpleLazyObject

from django_partstream.canonical import canonical, canonical_or_kind
from django_partstream.outcomes import Status


class Colour(enum.IntEnum):
    RED = 1


@dataclass
class Point:
    x: object


class Account:
    """A class whose objects have no text of their own."""


class Named(Account):
    def __str__(self):
        return "named"


def test_stable_texts_differ_where_values_do():
    values = [
        1, "1", b"1", 1.0, True, None, [1], {1}, {"1": 1}, Decimal(1), datetime.date(2024, 1, 1),
        uuid.UUID(int=1), Status.OK, "ok", User(pk=1), User, ["1", "1"], [["1"], "1"], "",
        datetime.datetime(2024, 1, 1), datetime.time(1), datetime.timedelta(1), Colour.RED,
        Point(1), [Point, {"x": 1.0}], [], {}, set(), User(pk="1"),
    ]  # fmt: skip
    assert len({canonical(value) for value in values}) == len(values)
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})


@pytest.mark.parametrize(
    ("value", "equal"),
    [
        (["a", {"b"}], ("a", frozenset({"b"}))),
        ({"a": [1]}, OrderedDict(a=(1,))),
        ({"a": "2"}, QueryDict("a=1&a=2")),
        (User(pk=1), SimpleLazyObject(lambda: User(pk=1))),
        (Point([1]), Point((1,))),
    ],
    ids=["sequences and sets", "mappings", "query strings", "lazy objects", "dataclasses"],
)
def test_the_kind_of_a_container_is_no_part_of_a_stable_text(value, equal):
    assert canonical(value) == canonical(equal)


@pytest.mark.parametrize(
    "value", [object(), User(), lambda: 1, [object()], {"a": object()}, Point(object())]
)
def test_an_argument_without_stable_text_is_refused(value):
    with pytest.raises(TypeError):
        canonical(value)


def test_an_object_without_text_of_its_own_is_described_by_its_type():
    assert canonical_or_kind(Account()) == canonical_or_kind(Account())
    assert canonical_or_kind(Account()) != canonical_or_kind(SimpleNamespace())


def test_an_object_with_text_of_its_own_is_described_by_its_type_and_this_text():
    assert canonical_or_kind(Named()) == "tests.core.test_canonical.Named:named"


def test_a_function_is_described_by_its_name_and_not_its_address():
    assert canonical_or_kind(canonical_or_kind) == "django_partstream.canonical.canonical_or_kind"
