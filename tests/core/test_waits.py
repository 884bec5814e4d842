"""When a pending attempt is due again, and how long a stream waits for nothing else."""

from math import inf

import pytest

from django_partstream.delivery import waits
from django_partstream.delivery.waits import Waits
from django_partstream.outcomes import Outcome, Status, Wait


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets: ``clock[0] = 5.0``."""
    now = [0.0]
    monkeypatch.setattr(waits, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def made(clock):
    """Waits without patience."""
    return Waits()


@pytest.fixture
def attempts(attempts_of):
    return attempts_of(a=1, b=2)[1]


def pending(seconds):
    return Outcome(name="a", status=Status.PENDING, pending=Wait(retry_after=seconds))


ENDED = Outcome(name="a", status=Status.OK)


def test_without_a_pending_attempt_nothing_is_awaited(made):
    assert made.take_due() is None
    assert (made.is_any_awaited, made.seconds_left, made.attempts) == (False, inf, [])


def test_an_attempt_is_due_after_its_wait(made, clock, attempts):
    made.note(attempts[0], pending(5))
    clock[0] = 2.0
    assert (made.take_due(), made.seconds_left, made.is_any_awaited) == (None, 3.0, True)
    clock[0] = 5.0
    assert made.seconds_left == 0.0
    assert made.take_due() is attempts[0]


def test_an_attempt_is_taken_once_and_is_pending_until_it_ends(made, clock, attempts):
    made.note(attempts[0], pending(0))
    assert made.take_due() is attempts[0]
    assert (made.take_due(), made.is_any_awaited, made.seconds_left) == (None, False, inf)
    assert made.attempts == [attempts[0]]
    made.note(attempts[0], pending(1))
    assert made.is_any_awaited
    made.note(attempts[0], ENDED)
    assert (made.attempts, made.is_any_awaited) == ([], False)


def test_the_attempt_that_was_due_first_is_taken_first(made, clock, attempts):
    made.note(attempts[0], pending(3))
    made.note(attempts[1], pending(2))
    clock[0] = 9.0
    assert [made.take_due(), made.take_due(), made.take_due()] == [*reversed(attempts), None]


class TestPatience:
    @pytest.fixture(autouse=True)
    def _patient(self, made):
        made.patience = 15.0

    def test_nothing_is_due_when_the_patience_is_over(self, made, clock, attempts):
        made.note(attempts[0], pending(20))
        made.look(is_all=True)
        assert made.seconds_left == 15.0
        clock[0] = 14.9
        assert made.is_any_awaited
        clock[0] = 15.0
        assert (made.is_any_awaited, made.seconds_left) == (False, inf)
        clock[0] = 20.0
        assert made.take_due() is None

    def test_it_is_counted_from_when_nothing_else_was_left(self, made, clock, attempts):
        made.note(attempts[0], pending(100))
        made.look(is_all=False)
        clock[0] = 30.0
        assert made.is_any_awaited
        made.look(is_all=True)
        clock[0] = 40.0
        made.look(is_all=True)
        assert made.seconds_left == 5.0

    def test_a_pending_part_that_ends_does_not_begin_it_anew(self, made, clock, attempts):
        for attempt in attempts:
            made.note(attempt, pending(100))
        made.look(is_all=True)
        clock[0] = 14.0
        made.note(attempts[0], ENDED)
        made.look(is_all=True)
        assert made.seconds_left == 1.0

    def test_another_part_that_begins_begins_it_anew(self, made, clock, attempts):
        made.note(attempts[0], pending(100))
        made.look(is_all=True)
        clock[0] = 16.0
        made.look(is_all=False)
        assert made.is_any_awaited
        made.look(is_all=True)
        assert made.seconds_left == 15.0
