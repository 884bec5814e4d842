from typing import NamedTuple

import pytest
from django.utils.safestring import SafeString
from hypothesis import given
from hypothesis import strategies as st

from django_partstream import lazy
from django_partstream.cursors import Cursor
from django_partstream.exceptions import CursorStale, PlanError, UnknownParts
from django_partstream.parts import Plan, _named, check_name


def plan_of(names):
    return Plan([(name, name.upper()) for name in names])


def names_of(plan, **page):
    return plan.page(**{"after": None, "size": 2, **page}).names


def test_a_plan_of_none_is_refused_with_the_remedy():
    with pytest.raises(PlanError) as caught:
        Plan(None)
    assert str(caught.value) == ("get_parts() returned None; return [] when there are no parts.")


@pytest.mark.parametrize("parts", ["ab", {"a": 1}, 7, b"ab"])
def test_the_error_for_a_plan_that_is_no_list_of_pairs_names_its_type(parts):
    with pytest.raises(PlanError, match=type(parts).__name__):
        Plan(parts)


@pytest.mark.parametrize("pair", ["ab", ("a",), ("a", 1, 2), None, 7])
def test_the_error_for_a_plan_with_a_wrong_pair_shows_the_pair(pair):
    with pytest.raises(PlanError) as caught:
        Plan([("fine", 1), pair])
    assert repr(pair) in str(caught.value)


@pytest.mark.parametrize("name", ["", " ", "a,b", " a", "a ", "a\n", 7, None, "x" * 256, "\ud800"])
def test_the_error_for_an_unusable_part_name_shows_the_name(name):
    with pytest.raises(PlanError) as caught:
        Plan([(name, 1)])
    assert repr(name) in str(caught.value)


@given(
    st.lists(
        st.text(st.sampled_from("ab ,\t\n\u00a0\u2028\ud800é注"))
        | st.sampled_from(["x" * 255, "y" * 256, 7]),
        min_size=1,
        max_size=5,
    )
)
def test_names_that_are_looked_at_together_pass_as_each_of_them_passes_alone(names):
    def passes(name):
        try:
            return check_name(name) == name
        except PlanError:
            return False

    pairs = [(name, number) for number, name in enumerate(names)]
    if all(map(passes, names)) and len(set(names)) == len(names):
        assert Plan(pairs).names == tuple(names)
        assert _named(pairs) == dict(pairs)
    else:
        assert _named(pairs) is None
        with pytest.raises(PlanError):
            Plan(pairs)


def test_a_plan_accepts_pairs_and_names_of_subclasses():
    class Pair(NamedTuple):
        name: str
        value: int

    assert Plan([Pair("a", 1), (SafeString("b"), 2)]).values == (1, 2)


def test_the_error_for_a_part_name_given_twice_shows_the_name():
    with pytest.raises(PlanError, match="'a' twice"):
        Plan([("a", 1), ("b", 2), ("a", 3)])


def test_a_plan_accepts_lists_as_pairs_and_a_generator():
    assert Plan(pair for pair in (["a", 1], ("b", 2))).names == ("a", "b")


@pytest.mark.parametrize("value", [{"a": 1}, None, "get_data", 3])
def test_lazy_refuses_the_result_of_a_function(value):
    with pytest.raises(TypeError) as caught:
        lazy(value)
    assert "lazy(self.get_data), not lazy(self.get_data())" in str(caught.value)
    assert type(value).__name__ in str(caught.value)


def test_lazy_calls_its_function_with_the_request_and_then_its_own_arguments():
    assert lazy(lambda *args, **kwargs: (args, kwargs), 1, two=2)("request") == (
        ("request", 1),
        {"two": 2},
    )


def test_a_plan_iterates_over_its_pairs_so_that_a_list_extends_it():
    pairs = [("one", 1), ("two", lazy(len))]
    extended = Plan([*Plan(pairs), ("three", 3)])
    assert list(Plan(pairs)) == pairs
    assert extended.names == ("one", "two", "three")


def test_an_empty_plan_is_a_single_empty_page():
    page = Plan([]).page(after=None, size=2)
    assert (page.names, page.total, page.has_more) == ((), 0, False)


def test_a_page_begins_after_the_part_that_the_cursor_names():
    plan = plan_of("abcde")
    page = plan.page(after=Cursor(after="b", position=1), size=2)
    assert (page.names, page.values, page.has_more) == (("c", "d"), ("C", "D"), True)
    assert page.has_previous


def test_a_cursor_finds_a_part_that_moved_by_its_name():
    assert names_of(plan_of("xyabc"), after=Cursor(after="a", position=0)) == ("b", "c")


def test_a_cursor_that_names_a_part_that_is_gone_is_stale():
    with pytest.raises(CursorStale):
        plan_of("abc").page(after=Cursor(after="x", position=1), size=2)


def test_parts_that_are_not_chosen_take_no_slot_and_are_not_counted():
    page = plan_of("abcdef").page(after=None, size=2, only={"f", "b", "d"})
    assert (page.names, page.total, page.has_more) == (("b", "d"), 3, True)
    page = plan_of("abcdef").page(after=page.cursor(), size=2, only={"f", "b", "d"})
    assert (page.names, page.total, page.has_more) == (("f",), 3, False)


def test_the_chosen_parts_may_change_between_pages():
    assert names_of(plan_of("abcdef"), after=Cursor(after="c", position=2), only={"a", "e"}) == (
        "e",
    )


def test_the_error_for_an_unknown_part_lists_the_known_parts():
    with pytest.raises(UnknownParts) as caught:
        plan_of("abc").choose(["a", "zz"])
    assert str(caught.value) == "No such part. Choose from: a, b, c."
    with pytest.raises(UnknownParts) as caught:
        plan_of("").choose(["a"])
    assert str(caught.value) == "No such part. There are no parts to choose from."
