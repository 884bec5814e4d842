"""``with_timeout`` inside a transaction: a call sees its rows, and a late call is undone."""

import random
import threading

import pytest
from django.db import DatabaseError, connections, transaction
from django.test.utils import CaptureQueriesContext

from django_partstream import lazy, with_timeout
from django_partstream.exceptions import PartTimeout
from django_partstream.timed.revocable import Revoked
from tests import services

pytestmark = pytest.mark.django_db(transaction=True, databases=services.DATABASES)


def test_a_timed_call_sees_the_rows_of_its_transaction_and_adds_to_them(customers):
    with customers.atomic():
        customers.create("before")
        assert with_timeout(lambda request: (customers.create("inside"), customers.names())[1], 30)(
            None
        ) == {
            "before",
            "inside",
        }
        assert customers.names() == {"before", "inside"}
    assert customers.names() == {"before", "inside"}


def test_a_timed_call_in_a_transaction_leaves_no_savepoint(customers):
    alias = customers.connection.alias
    with customers.atomic(), CaptureQueriesContext(connections[alias]) as queries:
        with_timeout(lambda request: customers.names(), 30)(None)
    statements = [query["sql"].split(" ", 1)[0] for query in queries]
    assert statements.count("SAVEPOINT") == statements.count("RELEASE") > 0


def test_a_timed_call_that_fails_is_undone(customers):
    def fail(request):
        customers.create("lost")
        raise LookupError

    with customers.atomic():
        customers.create("before")
        with pytest.raises(LookupError):
            with_timeout(fail, 30)(None)
        customers.create("after")
    assert customers.names() == {"before", "after"}


def test_a_late_call_in_a_transaction_cannot_use_the_database_any_more(customers, arrived):
    go_on, ended, caught = threading.Event(), threading.Event(), []

    def late(request):
        customers.create("lost")
        arrived.set()
        go_on.wait(30)
        for touch in (customers.names, lambda: customers.create("later")):
            try:
                touch()
            except DatabaseError as exc:
                caught.append(type(exc))
        ended.set()

    with customers.atomic():
        customers.create("before")
        with pytest.raises(PartTimeout):
            with_timeout(late, 0.05)(None)
        go_on.set()
        assert ended.wait(30)
        customers.create("after")
    assert caught == [Revoked] * 2
    assert customers.names() == {"before", "after"}


def test_a_late_call_outside_a_transaction_cannot_use_the_database_any_more(customers, arrived):
    go_on, ended, caught = threading.Event(), threading.Event(), []

    def late(request):
        arrived.set()
        go_on.wait(30)
        try:
            customers.names()
        except DatabaseError as exc:
            caught.append(type(exc))
        ended.set()

    with pytest.raises(PartTimeout):
        with_timeout(late, 0.05)(None)
    go_on.set()
    assert ended.wait(30)
    assert caught == [Revoked]


@pytest.mark.django_db(databases=services.DATABASES)
def test_a_late_part_in_a_test_case_fails_alone(deliver, customers, arrived):
    gate = threading.Event()

    def late(request):
        customers.create("lost")
        arrived.set()
        gate.wait(30)

    customers.create("before")
    outcomes = deliver(
        a=lazy(with_timeout(late, 0.05)),
        b=lazy(with_timeout(lambda request: customers.names(), 30)),
    )
    gate.set()
    assert [one.status for one in outcomes.values()] == ["timeout", "ok"]
    assert outcomes["b"].value == {"before"}


def test_on_commit_hooks_of_a_timed_call_are_kept_or_dropped_with_its_work(customers):
    ran = []

    def hook(request, name):
        transaction.on_commit(lambda: ran.append(name), using=customers.alias)
        if name == "lost":
            raise LookupError

    with customers.atomic():
        with_timeout(hook, 30)(None, "kept")
        with pytest.raises(LookupError):
            with_timeout(hook, 30)(None, "lost")
    assert ran == ["kept"]


def slowly(connection, rows):
    """Count up to *rows* in the database."""
    numbers = {
        "sqlite": "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < %s)"
        " SELECT count(*) FROM n",
        "postgresql": "SELECT count(*) FROM generate_series(1, %s)",
        "mysql": "SELECT BENCHMARK(%s, MD5('x'))",
    }
    with connection.cursor() as cursor:
        cursor.execute(numbers[connection.vendor], [rows])
        return cursor.fetchone()


def test_a_transaction_is_sound_whenever_the_limit_passes(customers):
    """Let limits pass by chance in a statement, between two, in a savepoint, or at the end."""
    chance = random.Random(7)
    ends = {"in time": 0, "late": 0}
    for trial in range(60):

        def work(request, trial=trial):
            for number in range(chance.randrange(12)):
                with customers.atomic():
                    customers.create(f"inside-{trial}-{number}")
            slowly(customers.connection, chance.choice([10, 3_000, 60_000]))
            return list(customers.all.iterator(chunk_size=2))

        with customers.atomic():
            customers.create(f"before-{trial}")
            before = customers.names()
            try:
                # Every tenth trial has time enough, on a busy machine too.
                with_timeout(work, chance.uniform(0.0005, 0.03) if trial % 10 else 60)(None)
                ends["in time"] += 1
            except PartTimeout:
                ends["late"] += 1
                if customers.connection.needs_rollback:
                    continue  # marked for rollback as a whole
                assert customers.names() == before
            customers.create(f"after-{trial}")
        assert {f"before-{trial}", f"after-{trial}"} <= customers.names()
    assert all(ends.values()), ends
