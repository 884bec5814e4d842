"""The ledger of a stream: the cursor behind each delivery, and the parts that may begin."""

from unittest import mock

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_partstream.cursors import Cursor
from django_partstream.endpoints import Endpoint
from django_partstream.ledgers import Ledger
from django_partstream.parts import Plan
from tests.core.test_owed_parts import owing, plan_of, told


def ledger_of(names, after=None, *, limit=2048, **options):
    page = plan_of(names).page(after=after, size=None, **options)
    return Ledger(page, limit=limit)


def test_the_cursor_behind_a_delivery_owes_the_undelivered_parts_before_the_front():
    ledger = ledger_of("abcde")
    assert ledger.cursor == Cursor(after="", position=-1)
    assert [told(ledger.deliver(name)) for name in "cadbe"] == [
        "c-ab",
        "c-b",
        "d-b",
        "d-",
        "e-",
    ]
    assert (ledger.delivered, ledger.is_complete, ledger.left) == (5, True, [])
    assert told(ledger.cursor) == "e-"


def test_a_ledger_of_a_cursor_that_owes_parts_begins_with_these():
    ledger = ledger_of("abcdef", owing("ac"))
    assert ledger.left == ["a", "c", "e", "f"]
    assert told(ledger.cursor) == "d-ac"
    assert [told(ledger.deliver(name)) for name in "cfae"] == ["d-a", "f-ae", "f-e", "f-"]


def test_a_ledger_of_an_ordinary_cursor_begins_behind_it():
    ledger = ledger_of("xabcd", Cursor(after="b", position=1))
    assert ledger.cursor == Cursor(after="b", position=2)
    assert told(ledger.deliver("d")) == "d-c"


def test_parts_that_are_not_chosen_stay_owed_in_each_cursor_of_a_ledger():
    ledger = ledger_of("abcdef", owing("abc"), only="bef")
    assert [told(ledger.deliver(name)) for name in "fbe"] == ["f-acbe", "f-ace", "f-ac"]
    assert ledger.is_complete
    assert set(ledger.cursor.owed.values()) == {7}


def test_a_part_is_owed_from_the_first_cursor_that_owes_it():
    ledger = ledger_of("abcd")
    with mock.patch("time.time", return_value=1000.9):
        assert ledger.deliver("b").owed == {"a": 1000}
    with mock.patch("time.time", return_value=2000.0):
        assert ledger.deliver("d").owed == {"a": 1000, "c": 2000}
    assert ledger.cursor.owed == {"a": 1000, "c": 2000}


def test_a_part_is_delivered_once():
    ledger = ledger_of("ab")
    ledger.deliver("a")
    for ask in (ledger.deliver, ledger.may_begin, ledger.owe):
        with pytest.raises(KeyError):
            ask("a")
        with pytest.raises(KeyError):
            ask("z")
    assert ledger.delivered == 1


class TestTheWindow:
    """Each of these names takes 216 characters of the 512 that owed parts may take."""

    names = tuple(letter * 148 for letter in "abcdef")

    def test_parts_begin_while_a_cursor_could_owe_the_parts_before_them(self):
        ledger = ledger_of(self.names)
        assert list(map(ledger.may_begin, self.names)) == [True] * 3 + [False] * 3

    def test_a_delivery_lets_the_next_part_begin(self):
        ledger = ledger_of(self.names)
        ledger.deliver(self.names[1])
        assert list(map(ledger.may_begin, self.names[2:])) == [True, True, False, False]
        ledger.deliver(self.names[3])
        assert list(map(ledger.may_begin, self.names[4:])) == [True, False]

    def test_the_first_part_may_begin_whatever_a_cursor_can_owe(self):
        names = ("\N{OWL}" * 255, "\N{OWL}" * 254, "a")
        ledger = ledger_of(names)
        assert list(map(ledger.may_begin, names)) == [True, False, False]
        ledger.deliver(names[0])
        assert list(map(ledger.may_begin, names[1:])) == [True, True]

    def test_owed_parts_may_begin_though_they_are_more_than_the_window(self):
        after = owing(self.names[:4], after=self.names[4], position=4)
        ledger = ledger_of(self.names, after)
        assert list(map(ledger.may_begin, ledger.left)) == [True] * 4 + [False]

    def test_parts_that_are_not_chosen_count_in_the_window(self):
        after = owing(self.names[:2], after=self.names[2], position=2)
        ledger = ledger_of(self.names, after, only=self.names[3:])
        assert list(map(ledger.may_begin, ledger.left)) == [True, False, False]


class TestPendingParts:
    def test_a_pending_part_moves_the_front_and_is_owed_itself(self):
        ledger = ledger_of("abcd")
        ledger.deliver("a")
        assert ledger.owe("c")
        assert told(ledger.cursor) == "c-bc"
        assert ledger.owe("b")
        assert told(ledger.deliver("c")) == "c-b"
        assert (ledger.delivered, ledger.is_complete) == (2, False)

    def test_a_pending_part_that_a_cursor_cannot_owe_leaves_the_place(self):
        ledger = ledger_of(TestTheWindow.names)
        assert [ledger.owe(name) for name in TestTheWindow.names[:3]] == [True, True, False]
        assert ledger.cursor.after == TestTheWindow.names[1]

    def test_all_pending_parts_are_owed_up_to_a_part_that_has_not_begun(self):
        ledger = ledger_of("abcde")
        ledger.deliver("b")
        ledger.owe_all({"a", "c", "e"})
        assert told(ledger.cursor) == "c-ac"

    def test_all_pending_parts_are_owed_as_far_as_a_cursor_can(self):
        ledger = ledger_of(TestTheWindow.names)
        ledger.owe_all(TestTheWindow.names)
        assert ledger.cursor.after == TestTheWindow.names[1]
        assert set(ledger.cursor.owed) == set(TestTheWindow.names[:2])

    def test_a_pending_part_is_owed_since_it_was_first_owed(self):
        page = plan_of("abc").page(after=None, size=None)
        ledger = Ledger(page, limit=2048, first_owed={"a": 7.9, "b": 8.0}.__getitem__)
        assert ledger.deliver("c").owed == {"a": 7, "b": 8}


class Dashboard:
    chunk_size, cursor_ttl, concurrency = 2, 60, 1


@pytest.fixture
def endpoint_of(request_of):
    """Make an endpoint whose parts have these names."""

    def made(names, owner=None):
        plan = Plan([(name, 1) for name in names])
        return Endpoint(owner or Dashboard(), request_of(), address=["test"], plan=lambda: plan)

    return made


def test_an_endpoint_follows_the_cursors_of_its_ledger(endpoint_of):
    endpoint = endpoint_of("abc")
    ledger = endpoint.ledger(endpoint.take(after=None, size=None))
    sign = endpoint.signer(query="q=1")
    token = sign(ledger.deliver("c"))
    cursor = endpoint_of("abc").follow(token)
    assert (told(cursor), cursor.query) == ("c-ab", "q=1")
    page = endpoint.take(after=cursor, size=1)
    assert (page.names, page.has_more) == (("a", "b"), False)


def test_a_stream_whose_cursors_would_be_too_long_is_refused_at_its_beginning(
    endpoint_of, settings
):
    settings.PARTSTREAM = {"MAX_CURSOR_LENGTH": 256}
    endpoint = endpoint_of(["a", "n" * 200, "b"])
    with pytest.raises(ImproperlyConfigured, match="shorter name"):
        endpoint.ledger(endpoint.take(after=None, size=None))
    behind = endpoint.take(after=Cursor(after="n" * 200, position=1), size=None)
    assert endpoint.ledger(behind).left == ["b"]
    assert endpoint.ledger(endpoint_of([]).take(after=None, size=None)).is_complete


def test_the_signer_of_a_stream_knows_the_reader_from_the_start(endpoint_of):
    endpoint = endpoint_of("abc")
    sign = endpoint.signer()
    token = sign(Cursor(after="a", position=0))
    endpoint.request.user = None  # as some middleware leaves it after the view
    endpoint.reader = object()
    again = sign(Cursor(after="a", position=0))
    assert endpoint_of("abc").follow(again) == endpoint_of("abc").follow(token)


def test_a_place_is_signed_once_for_each_list_of_owed_parts(endpoint_of, monkeypatch):
    endpoint = endpoint_of("abcdef")
    page = endpoint.take(after=owing("ac"), size=2)
    first = [endpoint.sign(page, index) for index in range(4)]
    monkeypatch.setattr("time.time", lambda: 4_000_000_000.0)
    assert [endpoint.sign(page, index) for index in range(-4, 0)] == first
    assert len(set(first)) == 4
    waiting = page.without({"c"}, limit=2048)
    assert endpoint.sign(waiting) != endpoint.sign(page)
