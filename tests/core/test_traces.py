"""Each part has a span in the tree of its request, and the SQL of the part is below that."""

import asyncio
import subprocess
import sys

import pytest
from asgiref.sync import sync_to_async
from django.db import transaction

from django_partstream import cached_for, lazy, telemetry, with_timeout
from tests.core.streaming import Waiting


@pytest.fixture
def rows(traces):
    """A plain part with a statement, a coroutine with such, and both with a limit."""

    def plain(request):
        with traces.span("SELECT"):
            return 1

    async def coroutine(request):
        await asyncio.sleep(0)
        return await sync_to_async(plain)(request)

    return {
        "plain": lazy(plain),
        "timed": lazy(with_timeout(plain, 30)),
        "coroutine": lazy(coroutine),
        "timed_coroutine": lazy(with_timeout(coroutine, 30)),
        "cached": lazy(cached_for(60, key="rows")(plain)),
        "there": 1,
    }


TREE = {
    "plain": {"SELECT": {}},
    "timed": {"SELECT": {}},
    "coroutine": {"SELECT": {}},
    "timed_coroutine": {"SELECT": {}},
    "cached": {"SELECT": {}},
    "there": {},
}


@pytest.mark.parametrize("concurrency", [1, 3])
def test_the_statements_of_a_page_are_below_its_parts_and_those_below_the_request(
    traces, rows, deliver, concurrency
):
    with traces.span("GET"):
        deliver(**rows, concurrency=concurrency)
    assert traces.tree() == {"GET": TREE}


@pytest.mark.django_db
def test_parts_in_a_transaction_have_their_spans(traces, rows, deliver):
    with traces.span("GET"), transaction.atomic():
        deliver(**rows)
    assert traces.tree() == {"GET": TREE}


@pytest.mark.parametrize("concurrency", [1, 3])
def test_the_parts_of_a_stream_are_below_the_span_of_the_view(
    traces, rows, stream_of, ends_of, concurrency
):
    def view():
        with traces.span("GET"):  # which has ended when the stream begins
            return stream_of(**rows, concurrency=concurrency)

    ends_of(view)
    assert traces.tree() == {"GET": TREE}


@pytest.mark.django_db
def test_the_parts_of_a_stream_in_a_transaction_have_their_spans(traces, rows, stream_of):
    with transaction.atomic():
        with traces.span("GET"):
            stream = stream_of(**rows)
        list(stream)
    assert traces.tree() == {"GET": TREE}


def test_each_try_of_a_pending_part_has_a_span(traces, stream_of, ends_of, monkeypatch):
    part = Waiting(0.5)

    def view():
        with traces.span("GET"):
            return stream_of(a=lazy(part))

    ends_of(view)
    assert [span.attributes["partstream.part.status"] for span in traces.parts("a")] == [
        "pending",
        "ok",
    ]
    (request,) = (span for span in traces.spans if span.name == "GET")
    assert {span.parent.span_id for span in traces.parts("a")} == {request.context.span_id}


def test_a_part_is_observed_where_only_metrics_are_provided(traces, rows, deliver, monkeypatch):
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", None)
    with traces.span("GET"):
        deliver(**rows)
    assert traces.tree() == {"GET": {"SELECT": {}}}
    assert len(traces.spans) == 6
    assert sum(number for _, number in traces.points("partstream.parts")) == 6


@pytest.mark.parametrize("concurrency", [1, 3])
def test_nothing_is_made_without_a_provider(rows, deliver, monkeypatch, concurrency):
    def fail(*args, **kwargs):
        raise AssertionError("something was made")

    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", None)
    monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", None)
    for name in ("Span.__init__", "count", "measure"):
        monkeypatch.setattr(f"django_partstream._opentelemetry.{name}", fail)
    outcomes = deliver(**rows, concurrency=concurrency)
    assert {outcome.value for outcome in outcomes.values()} == {1}
    assert telemetry.carried() == {}


WITHOUT = """
import sys
sys.modules["opentelemetry"] = None
import django
django.setup()
from django.test import RequestFactory
from django_partstream import lazy, telemetry, with_timeout
from django_partstream.endpoints import Endpoint
from django_partstream.parts import Plan
class Owner: concurrency = 1
endpoint = Endpoint(Owner(), RequestFactory().get("/"), address=[])
def fails(request): raise ValueError
parts = [("a", lazy(with_timeout(lambda request: 1, 30))), ("b", lazy(fails))]
attempts = endpoint.attempts(Plan(parts).page(after=None, size=None), whole=lambda value: value)
print([str(each.status) for each in endpoint.resolve(attempts)], telemetry.carried())
"""


def test_the_library_works_where_opentelemetry_is_not_installed():
    command = [sys.executable, "-W", "error", "-c", WITHOUT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout == "['ok', 'error'] {}\n", done.stderr
