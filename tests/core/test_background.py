"""A part that calls a background function is pending, then there; the function runs once."""

import time

import pytest
from django.core.cache import caches

from django_partstream import lazy
from django_partstream.outcomes import Status
from django_partstream.testing import background_never, background_now
from tests.core import jobs


@pytest.fixture(autouse=True)
def _fresh():
    jobs.forget()
    caches["default"].clear()
    yield
    jobs.gate.set()


def eventually(look, seconds=20):
    """The first true answer of *look*."""
    until = time.monotonic() + seconds
    while not (answer := look()):
        assert time.monotonic() < until, "It did not come."
        time.sleep(0.01)
    return answer


def test_a_part_is_pending_until_a_thread_has_the_value(deliver):
    part = lazy(lambda request: jobs.gated("a"))
    first = deliver(part=part)["part"]
    assert first.status is Status.PENDING
    assert first.value is None
    assert first.error is None
    assert 0.4 <= first.pending.retry_after <= 0.6
    assert jobs.begun.wait(20)
    assert eventually(lambda: deliver(part=part)["part"].pending.progress) == 0.25
    jobs.gate.set()
    last = eventually(lambda: (one := deliver(part=part)["part"]).status is Status.OK and one)
    assert last.value == "a"
    assert jobs.calls == [("gated", "a")]


def test_a_part_has_the_value_at_once_with_background_now(deliver):
    with background_now():
        outcome = deliver(part=lazy(lambda request: jobs.forecast(3, days=2)))["part"]
    assert (outcome.status, outcome.value) == (Status.OK, {"store": 3, "days": 2})
    assert jobs.calls == [("forecast", 3, 2)]


def test_a_call_outside_of_a_part_is_the_plain_function():
    assert jobs.forecast(1) == {"store": 1, "days": 7}
    with background_never():
        assert jobs.forecast(2) == {"store": 2, "days": 7}


def test_a_failure_keeps_the_reference_of_the_worker(deliver, caplog):
    with background_now():
        outcome = deliver(part=lazy(lambda request: jobs.broken("secret")))["part"]
        again = deliver(part=lazy(lambda request: jobs.broken("secret")))["part"]
    assert outcome.status is Status.ERROR
    assert outcome.error.code == "part_failed"
    assert "secret" not in outcome.error.message
    assert outcome.error.reference == again.error.reference
    assert any(
        record.reference == outcome.error.reference and "secret" in str(record.exc_info[1])
        for record in caplog.records
    )
    assert jobs.calls == [("broken", "secret")]
