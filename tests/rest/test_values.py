import datetime
import enum
import uuid
from collections import OrderedDict, UserDict, namedtuple
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.db import models
from django.utils.functional import lazystr
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.renderers import JSONRenderer

from example_schema.models import Customer, Order
from partstream_rest.values import plain


class Kind(models.TextChoices):
    GOOD = "good"


class Colour(str, enum.Enum):  # noqa: UP042 - many projects have such
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


class Metres(float):
    """A subclass of float; numpy has such."""


class Own:
    """A value that says it is a list, and is none: it returns itself."""

    def tolist(self):
        return self

    def __repr__(self):
        return "Own()"


Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        ("ü", "ü"),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (1.5, 1.5),
        ((1, 2), [1, 2]),
        (Point(1, 2), [1, 2]),
        ({"a": {"b": [1]}}, {"a": {"b": [1]}}),
        (OrderedDict(a=1), {"a": 1}),
        (UserDict(a=1), {"a": 1}),
        ({Kind.GOOD: Kind.GOOD}, {"good": "good"}),
        (Colour.RED, "red"),
        (Level.LOW, 1),
        (Metres(1.5), 1.5),
        (mark_safe("<b>"), "<b>"),
        (lazystr("later"), "later"),
        (gettext_lazy("Monday"), "Monday"),
        ({3}, [3]),
        ((n for n in (1, 2)), [1, 2]),
        (Decimal("1.50"), 1.5),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC), "2024-01-01T00:00:00Z"),
        (datetime.date(2024, 1, 1), "2024-01-01"),
        (datetime.timedelta(minutes=1), "60.0"),
    ],
    ids=repr,
)
def test_a_value_becomes_plain_json(value, expected):
    made = plain(value)
    assert made == expected
    assert type(made) is type(expected)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"), float("inf"), Decimal("NaN"), 2**63, -(2**63) - 1, {1: "a"}, {None: 1},
        b"x", bytearray(b"x"), memoryview(b"x"), "\ud800", {"\ud800": 1}, object(), object, len,
        1j, [[[object()]]], Metres("nan"), Own(),
    ],
    ids=repr,
)  # fmt: skip
def test_a_value_without_json_form_is_refused(value):
    with pytest.raises((TypeError, ValueError)):
        plain(value)


def test_a_value_that_becomes_itself_is_refused_by_its_kind():
    """Its form in JSON would be asked for without end."""
    with pytest.raises(TypeError, match="Own has no form in JSON"):
        plain([Own()])


def test_a_value_that_contains_itself_is_refused():
    ring = []
    ring.append(ring)
    with pytest.raises(RecursionError):
        plain(ring)


json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=20,
)


@given(json)
def test_a_plain_json_value_is_left_unchanged_and_renders(value):
    assert plain(value) == value
    JSONRenderer().render(plain(value))


@pytest.mark.django_db
class TestModels:
    def test_a_row_becomes_its_concrete_fields_as_in_values(self):
        customer = Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")
        order = Order.objects.create(customer=customer, total=Decimal("9.50"))
        shown = plain(order)
        assert shown == plain(Order.objects.values().get())
        assert shown["customer_id"] == customer.pk
        assert shown["total"] == 9.5

    def test_query_sets_managers_and_iterators_of_rows_become_lists(self):
        Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")
        assert plain(Customer.objects.values_list("name", flat=True)) == ["Ann"]
        assert plain(Customer.objects.values_list("name", "city")) == [["Ann", "Oslo"]]
        for rows in (
            Customer.objects,
            Customer.objects.all(),
            Customer.objects.raw("select * from example_schema_customer"),
            Customer.objects.iterator(),
        ):
            assert [row["name"] for row in plain(rows)] == ["Ann"]

    def test_deferred_fields_of_rows_are_not_fetched(self, django_assert_num_queries):
        Customer.objects.create(name="Ann", email="ann@example.com", city="Oslo")
        with django_assert_num_queries(1):
            (row,) = plain(Customer.objects.only("name"))
        assert set(row) == {"id", "name"}

    def test_a_user_row_is_refused_with_the_remedy(self):
        with pytest.raises(TypeError, match="Serialise it yourself"):
            plain([User(username="ann", password="hash")])
