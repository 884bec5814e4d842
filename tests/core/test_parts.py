import pytest

from django_partstream import lazy
from django_partstream.cursors import Cursor
from django_partstream.exceptions import CursorStale, PlanError, UnknownParts
from django_partstream.parts import Plan


def plan_of(names):
    return Plan([(name, name.upper()) for name in names])


def names_of(plan, **page):
    return plan.page(**{"after": None, "size": 2, **page}).names


def test_none_is_answered_with_what_to_return_instead():
    with pytest.raises(PlanError) as caught:
        Plan(None)
    assert str(caught.value) == ("get_parts() returned None; return [] when there are no parts.")


@pytest.mark.parametrize("parts", ["ab", {"a": 1}, 7, b"ab"])
def test_a_response_that_is_no_list_of_pairs_is_refused_by_kind(parts):
    with pytest.raises(PlanError, match=type(parts).__name__):
        Plan(parts)


@pytest.mark.parametrize("pair", ["ab", ("a",), ("a", 1, 2), None, 7])
def test_a_wrong_pair_is_shown(pair):
    with pytest.raises(PlanError) as caught:
        Plan([("fine", 1), pair])
    assert repr(pair) in str(caught.value)


@pytest.mark.parametrize("name", ["", " ", "a,b", " a", "a\n", 7, None, "x" * 256, "\ud800"])
def test_a_name_that_cannot_be_asked_for_is_shown(name):
    with pytest.raises(PlanError) as caught:
        Plan([(name, 1)])
    assert repr(name) in str(caught.value)


def test_a_name_twice_is_shown():
    with pytest.raises(PlanError, match="'a' twice"):
        Plan([("a", 1), ("b", 2), ("a", 3)])


def test_pairs_may_be_lists_and_come_from_a_generator():
    assert Plan(pair for pair in (["a", 1], ("b", 2))).names == ("a", "b")


@pytest.mark.parametrize("value", [{"a": 1}, None, "get_data", 3])
def test_lazy_wants_the_function_not_its_result(value):
    with pytest.raises(TypeError) as caught:
        lazy(value)
    assert "lazy(self.get_data), not lazy(self.get_data())" in str(caught.value)
    assert type(value).__name__ in str(caught.value)


def test_lazy_calls_with_the_request_first_then_its_own_arguments():
    assert lazy(lambda *args, **kwargs: (args, kwargs), 1, two=2)("request") == (
        ("request", 1),
        {"two": 2},
    )


def test_an_empty_plan_is_one_empty_page():
    page = Plan([]).page(after=None, size=2)
    assert (page.names, page.total, page.has_more) == ((), 0, False)


def test_a_page_begins_behind_the_part_that_the_cursor_names():
    plan = plan_of("abcde")
    page = plan.page(after=Cursor(after="b", position=1), size=2)
    assert (page.names, page.values, page.has_more) == (("c", "d"), ("C", "D"), True)
    assert page.has_previous


def test_a_part_that_moved_is_found_by_its_name():
    assert names_of(plan_of("xyabc"), after=Cursor(after="a", position=0)) == ("b", "c")


def test_a_part_that_is_gone_makes_the_cursor_stale():
    with pytest.raises(CursorStale):
        plan_of("abc").page(after=Cursor(after="x", position=1), size=2)


def test_parts_that_are_not_wanted_take_no_place_and_are_not_counted():
    page = plan_of("abcdef").page(after=None, size=2, only={"f", "b", "d"})
    assert (page.names, page.total, page.has_more) == (("b", "d"), 3, True)
    page = plan_of("abcdef").page(after=page.cursor(), size=2, only={"f", "b", "d"})
    assert (page.names, page.total, page.has_more) == (("f",), 3, False)


def test_what_is_wanted_may_change_between_pages():
    assert names_of(plan_of("abcdef"), after=Cursor(after="c", position=2), only={"a", "e"}) == (
        "e",
    )


def test_unknown_wishes_are_answered_with_the_choice():
    with pytest.raises(UnknownParts) as caught:
        plan_of("abc").choose(["a", "zz"])
    assert str(caught.value) == "No such part. Choose from: a, b, c."
    with pytest.raises(UnknownParts) as caught:
        plan_of("").choose(["a"])
    assert str(caught.value) == "No such part. There are no parts to choose from."
