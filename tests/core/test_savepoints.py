"""Savepoints round the work of a part: released, undone by an error, undone by the switch."""

import pytest
from django.db import OperationalError, connections

from django_partstream.databases import ROLLBACKS, open_transactions, roll_back, savepoints
from tests import services

pytestmark = pytest.mark.django_db(databases=services.DATABASES)


class FailingRollbacks:
    """Rollbacks of a connection that fail *failures* times, as if a late cancellation hit them."""

    def __init__(self, monkeypatch, customers, failures):
        wrapper = connections[customers.alias]
        self.left, self.savepoint_rollback = failures, wrapper.savepoint_rollback
        monkeypatch.setattr(wrapper, "savepoint_rollback", self)

    def __call__(self, point):
        if self.left:
            self.left -= 1
            raise OperationalError("canceled")
        self.savepoint_rollback(point)


def open_savepoints(customers):
    return list(customers.connection.savepoint_ids)


def test_the_work_of_a_body_that_returns_is_kept(customers):
    before = open_savepoints(customers)
    with savepoints(open_transactions()):
        customers.create("kept")
    assert customers.names() == {"kept"}
    assert open_savepoints(customers) == before


def test_the_work_of_a_body_that_calls_the_switch_is_undone(customers):
    before = open_savepoints(customers)
    customers.create("before")
    with savepoints(open_transactions()) as undo:
        customers.create("undone")
        undo()
        customers.create("undone too")
    assert customers.names() == {"before"}
    assert open_savepoints(customers) == before
    assert not customers.connection.needs_rollback


def test_the_work_of_a_body_that_raises_is_undone(customers):
    def fail():
        with savepoints(open_transactions()):
            customers.create("undone")
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    assert customers.names() == set()


def test_a_rollback_that_fails_is_tried_again(customers, monkeypatch):
    FailingRollbacks(monkeypatch, customers, ROLLBACKS - 1)
    with savepoints(open_transactions()) as undo:
        customers.create("undone")
        undo()
    assert customers.names() == set()
    assert not customers.connection.needs_rollback


def test_a_transaction_whose_rollbacks_fail_is_marked_for_rollback(customers, monkeypatch):
    FailingRollbacks(monkeypatch, customers, ROLLBACKS)
    with savepoints(open_transactions()) as undo:
        undo()
    assert customers.connection.needs_rollback


def test_a_rollback_without_a_savepoint_marks_the_transaction(customers):
    roll_back(customers.connection, None)
    assert customers.connection.needs_rollback


def test_a_savepoint_is_released_after_its_rollback(customers):
    point = customers.connection.savepoint()
    roll_back(customers.connection, point)
    with customers.atomic():
        roll_back(customers.connection, point)  # there is no such savepoint any more
        assert customers.connection.needs_rollback


def test_a_transaction_that_is_marked_for_rollback_is_left_alone(customers):
    customers.connection.set_rollback(True)
    with savepoints([customers.connection]) as undo:
        undo()
    assert customers.connection.needs_rollback
