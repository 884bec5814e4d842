"""A time limit holds for work without a cursor of Django's: COPY, streams, the raw connection."""

import time

import pytest
from django.db import connections, transaction

from django_partstream import with_timeout
from django_partstream.exceptions import PartTimeout
from example_schema.models import Customer
from tests import services
from tests.core.test_loans import wait_for_late_calls

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, databases=services.DATABASES),
]

SLOW = "SELECT pg_sleep(0.05) FROM generate_series(1, 400)"


def copies(connection):
    with connection.cursor() as cursor, cursor.copy(f"COPY ({SLOW}) TO STDOUT") as copy:
        for _ in copy:
            pass


def streams(connection):
    with connection.cursor() as cursor:
        for _ in cursor.stream(SLOW):
            pass


def goes_behind_django(connection):
    connection.ensure_connection()
    connection.connection.execute(SLOW)


@pytest.fixture(params=[copies, streams, goes_behind_django])
def late(request):
    return with_timeout(lambda _: request.param(connections["postgres"]), 0.1)


def test_a_late_copy_stream_or_raw_statement_is_cancelled_in_a_transaction(late):
    customers = Customer.objects.using("postgres")
    started = time.monotonic()
    with transaction.atomic(using="postgres"):
        customers.create(name="before", email="before@example.com", city="x")
        with pytest.raises(PartTimeout):
            late(None)
        lost = connections["postgres"].needs_rollback
        if not lost:
            assert customers.count() == 1
    assert time.monotonic() - started < 10  # far from the 20 seconds of each statement
    assert customers.count() == (0 if lost else 1)


def test_a_late_copy_stream_or_raw_statement_is_cancelled_outside_a_transaction(late):
    with pytest.raises(PartTimeout):
        late(None)
    wait_for_late_calls()
    with connections["postgres"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND datname = "
            "current_database() AND pid != pg_backend_pid() AND query LIKE '%%pg_sleep%%'"
        )
        assert cursor.fetchone() == (0,)
