"""Pages of a walk that owes parts, and pages with parts that are pending."""

from unittest import mock

import pytest

from django_partstream.cursors import Cursor
from django_partstream.exceptions import CursorStale
from django_partstream.parts import Plan


def plan_of(names):
    return Plan([(name, name.upper()) for name in names])


def owing(owed, after="d", position=3):
    return Cursor(after=after, position=position, owed=dict.fromkeys(owed, 7))


def page_of(names, after, **options):
    return plan_of(names).page(**{"after": after, "size": 2, **options})


def told(cursor):
    """A cursor in short: ``"d-ab"`` is behind d and owes a and b."""
    return f"{cursor.after}-{''.join(cursor.owed)}"


def test_a_page_carries_the_owed_parts_first_in_declared_order_and_then_its_chunk():
    page = page_of("abcdefgh", owing("ca"))
    assert (page.names, page.values) == (("a", "c", "e", "f"), ("A", "C", "E", "F"))
    assert list(page.positions) == [0, 2, 4, 5]
    assert (page.total, page.has_more, page.has_previous) == (8, True, True)


def test_the_cursor_of_an_edge_owes_what_the_page_carries_behind_it():
    page = page_of("abcdefgh", owing("ac"))
    assert [told(page.cursor(index)) for index in range(4)] == ["d-c", "d-", "e-", "f-"]
    assert [told(page.cursor(index)) for index in (-4, -3, -2, -1)] == ["d-c", "d-", "e-", "f-"]
    with pytest.raises(IndexError):
        page.cursor(4)
    assert page.cursor(0, query="q=1") == Cursor(after="d", position=3, owed={"c": 7}, query="q=1")


def test_a_page_of_owed_parts_alone_is_the_last_page_of_a_walk():
    page = page_of("abcd", owing("ad"))
    assert (page.names, page.has_more) == (("a", "d"), False)
    assert [told(page.cursor(index)) for index in range(2)] == ["d-d", "d-"]


def test_an_owed_part_that_left_the_response_is_dropped():
    page = page_of("bcde", owing("abd"))
    assert page.names == ("b", "d", "e")
    assert told(page.cursor(0)) == "d-d"


def test_an_owed_part_that_stands_behind_the_front_now_arrives_with_the_parts_there():
    page = page_of("bcdeafg", owing("ab"))
    assert page.names == ("b", "e", "a")
    assert [told(page.cursor(index)) for index in range(3)] == ["d-", "e-", "a-"]
    assert not page_of("bcdea", owing("a"), size=0).names


def test_a_cursor_that_owes_parts_and_names_a_part_that_is_gone_is_stale():
    with pytest.raises(CursorStale):
        page_of("abc", owing("a"))


def test_a_cursor_that_names_no_part_is_the_start():
    start = Cursor(after="", position=-1)
    page = page_of("abc", start)
    assert (page.names, page.has_more, page.has_previous) == (("a", "b"), True, False)
    empty = page_of("", start)
    assert (empty.names, empty.has_more, empty.has_previous) == ((), False, False)


class TestChosenParts:
    def test_an_owed_part_that_is_not_chosen_stays_owed_and_leaves_nothing_more(self):
        page = page_of("abcdef", owing("abc"), only="bf")
        assert (page.names, page.total, page.has_more) == (("b", "f"), 2, False)
        assert [told(page.cursor(index)) for index in range(2)] == ["d-ac", "f-ac"]

    def test_a_page_without_chosen_parts_keeps_the_place_and_what_is_owed(self):
        page = page_of("abcd", owing("ac"), only="b")
        assert (page.names, page.has_more) == ((), False)
        assert told(page.cursor()) == "d-ac"

    def test_an_owed_part_that_is_not_chosen_is_carried_when_it_is_chosen_again(self):
        page = page_of("abcdef", owing("abc"), only="bf")
        assert page_of("abcdef", page.cursor()).names == ("a", "c")

    def test_the_chosen_parts_may_be_an_iterator(self):
        page = page_of("abcdef", owing("abc"), only=iter("bf"))
        assert page.names == ("b", "f")

    def test_an_owed_part_counts_as_chosen_in_the_total(self):
        page = page_of("abcdef", owing("a"), only="aef", size=1)
        assert (page.names, page.total, page.has_more) == (("a", "e"), 3, True)


class TestPendingParts:
    @pytest.fixture(autouse=True)
    def _now(self):
        with mock.patch("time.time", return_value=1000.9):
            yield

    def without(self, page, pending, limit=2048):
        return page.without(pending, limit=limit)

    def test_a_pending_part_is_not_sent_and_is_owed_by_the_cursors_behind_it(self):
        page = self.without(page_of("abcdef", None, size=4), "bd")
        assert (page.names, page.values, page.has_more) == (("a", "c"), ("A", "C"), True)
        assert [told(page.cursor(index)) for index in range(2)] == ["a-", "d-bd"]
        assert page.cursor().owed == {"b": 1000, "d": 1000}
        assert page_of("abcdef", page.cursor()).names == ("b", "d", "e", "f")

    def test_a_page_of_nothing_but_pending_parts_moves_on_and_owes_them(self):
        page = self.without(page_of("abc", None), "ab")
        assert (page.names, page.has_more) == ((), True)
        assert told(page.cursor()) == "b-ab"

    def test_a_last_page_with_a_pending_part_has_more(self):
        page = self.without(page_of("abcd", owing("a")), "a")
        assert (page.names, page.has_more) == ((), True)
        assert told(page.cursor()) == "d-a"

    def test_a_part_that_is_pending_again_keeps_the_time_when_it_was_first_owed(self):
        page = self.without(page_of("abcdef", owing("ac")), "ce")
        assert (page.names, page.cursor().owed) == (("a", "f"), {"c": 7, "e": 1000})
        assert told(page.cursor(0)) == "d-c"

    def test_parts_that_are_not_chosen_stay_owed_beside_pending_parts(self):
        page = self.without(page_of("abcdef", owing("abc"), only="bef"), "e")
        assert (page.names, told(page.cursor(0))) == (("b", "f"), "d-ac")
        assert told(page.cursor()) == "f-ace"

    @pytest.mark.parametrize("order", ["declared", "pending last"])
    def test_a_page_ends_before_the_first_pending_part_that_a_cursor_cannot_owe(self, order):
        names = [letter * 150 for letter in "abcdef"]
        plan, pending = Plan([(name, None) for name in names]), {*names[:4]}
        if order == "pending last":
            pending = {*names[1:5]}
        page = self.without(plan.page(after=None, size=6), pending)
        passed = 2 if order == "declared" else 3
        assert page.names == tuple(name for name in names[:passed] if name not in pending)
        assert page.cursor().after == names[passed - 1]
        assert sorted(page.cursor().owed) == sorted(pending & {*names[:passed]})
        assert page.has_more

    def test_owed_parts_that_are_not_chosen_count_where_a_page_ends(self):
        names = [letter * 150 for letter in "abcdef"]
        after = owing(names[:2], after=names[2], position=2)
        page = plan_of(names).page(after=after, size=9, only=names[3:])
        page = self.without(page, {names[4]})
        assert (page.names, page.cursor().after) == ((names[3],), names[3])
        assert [*page.cursor().owed] == names[:2]

    def test_a_page_ends_before_a_part_that_a_cursor_cannot_name_beside_a_pending_part(self):
        plan = Plan([(name, None) for name in ["a", "\N{OWL}" * 230, "\N{OWL}" * 255]])
        page = self.without(plan.page(after=None, size=3), {"a"})
        assert page.names == plan.names[1:]
        page = self.without(plan.page(after=None, size=3), {"\N{OWL}" * 230})
        assert (page.names, told(page.cursor())) == (("a",), "a-")
        assert page.has_more

    def test_a_first_part_that_no_cursor_can_owe_leaves_the_page_at_the_start(self):
        plan = Plan([("\N{OWL}" * 255, None), ("a", None)])
        page = self.without(plan.page(after=None, size=2), {plan.names[0]})
        assert (page.names, page.cursor()) == ((), Cursor(after="", position=-1))
