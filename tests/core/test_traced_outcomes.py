"""Spans and metrics tell how parts ended, and nothing of their values, arguments or readers."""

import asyncio
import threading
from enum import Enum
from functools import partial

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.http import Http404

from django_partstream import _opentelemetry, cached_for, lazy, safe_call, with_timeout
from django_partstream.exceptions import BackgroundFailed
from django_partstream.failures import Failure
from django_partstream.jobs.messages import Message
from django_partstream.jobs.work import run_message
from example_schema.models import Customer
from tests.core import jobs
from tests.core.jobs import eventually
from tests.core.streaming import Gate, never

trace = pytest.importorskip("opentelemetry.trace", reason="opentelemetry-api is not installed")
tracing = pytest.importorskip("tests.tracing", reason="opentelemetry-sdk is not installed")

COSTS = tracing.COSTS
UNSET, ERROR = trace.StatusCode.UNSET, trace.StatusCode.ERROR

STATUS = "partstream.part.status"


def raising(exc):
    """A part that raises *exc*."""

    def part(request):
        raise exc

    return part


def events(span):
    """The kinds of the exceptions on *span*, each with its reference."""
    assert {event.name for event in span.events} <= {"exception"}
    keys = ("exception.type", "partstream.reference")
    return [tuple(event.attributes[key] for key in keys) for event in span.events]


def test_a_part_tells_its_name_and_its_endpoint(traces, deliver):
    deliver(a=lazy(lambda request: 1))
    assert traces.part("a").attributes["partstream.endpoint"] == "tests.core.conftest.Dashboard"
    assert traces.told("a") == {STATUS: "ok"}
    assert traces.part("a").instrumentation_scope.name == "django_partstream"


def costs(span):
    """What *span* tells of the cost of its part; of times, whether they are above zero."""
    told = {key: span.attributes[key] for key in COSTS if key in span.attributes}
    return {
        key.removeprefix("partstream.part."): said > 0 if key.endswith("_seconds") else said
        for key, said in told.items()
    }


@pytest.mark.django_db
def test_no_span_or_metric_has_a_value_an_argument_or_the_reader(traces, deliver, request_of):
    reader = get_user_model().objects.create_user("secret-reader", "secret@example.com")

    def part(request, argument):
        return f"secret-value of {request.user} and {argument}"

    parts = {
        "plain": lazy(part, "secret-argument"),
        "timed": lazy(with_timeout(partial(part, argument="secret-argument"), 30)),
        "cached": lazy(cached_for(60, key="secrets")(part), "secret-argument"),
    }
    deliver(**parts, request=request_of("/?secret=query", user=reader))
    run_message(Message.of(jobs.forecast.path, ["secret-store"], {}, tenant="secret").as_json())
    told = [dict(span.attributes) for span in traces.spans]
    assert len(told) == 4
    for metric in ("partstream.parts", "partstream.part.duration", "partstream.job.duration"):
        told += [attributes for attributes, _ in traces.points(metric)]
    assert "secret" not in str(told)


@pytest.mark.django_db
def test_a_part_tells_what_it_cost(traces, deliver):
    part = lazy(cached_for(60, key="costs")(lambda request: Customer.objects.count()))
    for name in "ab":
        deliver(**{name: part})
    deliver(c=1)
    cold, warm, none = (costs(traces.part(name)) for name in "abc")
    assert (cold["queries"], cold["sql_seconds"], cold["cached"]) == (1, True, False)
    assert (warm["queries"], warm["sql_seconds"], warm["cached"]) == (0, False, True)
    assert "cached" not in none
    assert {each["ran"] for each in (cold, warm, none)} == {"transaction"}


def test_a_name_that_is_a_member_of_an_enum_is_plain_text(traces, attempts_of):
    name = Enum("Name", {"A": "a"}, type=str).A
    endpoint, attempts = attempts_of(**{name: 1})
    endpoint.resolve(attempts)
    assert type(attempts[0].name) is type(name)
    assert type(traces.parts()[0].attributes["partstream.part.name"]) is str
    ((told, _),) = traces.points("partstream.parts")
    assert type(told["partstream.part.name"]) is str


def test_an_attribute_of_a_cost_has_the_same_type_whether_it_is_zero(traces, deliver):
    deliver(a=1)
    types = {name: type(told) for name, told in traces.part("a").attributes.items()}
    seconds = {name: kind for name, kind in types.items() if name.endswith("seconds")}
    assert set(seconds.values()) == {float}
    assert types["partstream.part.queries"] is int


def test_a_part_tells_where_it_ran(traces, deliver):
    async def coroutine(request):
        return 1

    part = lazy(with_timeout(lambda request: 1, 30))
    deliver(a=part, b=lazy(coroutine), c=lazy(lambda request: 1))
    assert [costs(traces.part(name))["ran"] for name in "abc"] == ["thread", "loop", "request"]


def test_a_failure_has_the_code_and_the_reference_of_the_client(traces, deliver):
    error = deliver(a=lazy(raising(ValueError("x"))))["a"].error
    told = {STATUS: "error", "error.type": "part_failed", "partstream.reference": error.reference}
    assert traces.told("a") == told
    assert events(traces.part("a")) == [("ValueError", error.reference)]
    assert traces.part("a").status.status_code is ERROR


@pytest.mark.parametrize("is_coroutine", [False, True], ids=["plain", "coroutine"])
def test_a_timeout_is_an_error(traces, deliver, is_coroutine):
    gate = threading.Event()

    async def hang(request):
        await asyncio.Event().wait()

    part = hang if is_coroutine else lambda request: gate.wait(30)
    error = deliver(a=lazy(with_timeout(part, 0.05)))["a"].error
    gate.set()
    assert traces.told("a")["error.type"] == error.code == "part_timed_out"
    assert traces.part("a").status.status_code is ERROR


@pytest.mark.parametrize(
    ("exc", "code", "noted"),
    [
        (PermissionDenied(), "permission_denied", []),
        (Http404(), "not_found", ["django.http.response.Http404"]),
    ],
)
def test_an_expected_failure_is_no_error_of_its_span(traces, deliver, exc, code, noted):
    deliver(a=lazy(raising(exc)))
    assert traces.told("a")["error.type"] == code
    assert [kind for kind, _ in events(traces.part("a"))] == noted
    assert traces.part("a").status.status_code is UNSET


def test_a_fallback_is_no_error_and_has_the_exception_that_was_caught(traces, deliver, caplog):
    deliver(a=lazy(safe_call(raising(ValueError("x")), fallback=0)))
    assert traces.told("a") == {STATUS: "fallback"}
    assert events(traces.part("a")) == [("ValueError", caplog.records[0].reference)]
    assert traces.part("a").status.status_code is UNSET


def test_a_failure_in_the_background_is_noted_where_it_was_raised_only(traces, deliver):
    failure = Failure(reference="1f2e3d4c", text="ValueError: x")
    deliver(a=lazy(raising(BackgroundFailed("shop.forecast", failure))))
    assert traces.told("a")["partstream.reference"] == "1f2e3d4c"
    assert events(traces.part("a")) == []
    assert traces.part("a").status.status_code is ERROR


def test_a_part_whose_client_has_left_is_no_error(traces, stream_of, left):
    gate = Gate()
    left(lambda: stream_of(a=lazy(gate)), when=gate.begun.is_set)
    gate.opened.set()
    span = eventually(lambda: traces.parts("a"))[0]
    assert (span.attributes[STATUS], span.status.status_code) == ("abandoned", UNSET)


def test_a_coroutine_whose_client_has_left_is_no_error(traces, stream_of, left):
    begun = threading.Event()

    async def hang(request):
        begun.set()
        await asyncio.Event().wait()

    left(lambda: stream_of(a=lazy(hang)), when=begun.is_set)
    span = eventually(lambda: traces.parts("a"))[0]
    assert (span.attributes[STATUS], span.status.status_code) == ("abandoned", UNSET)
    assert events(span) == []


def test_an_exit_ends_its_span_and_those_of_parts_that_had_begun(traces, deliver):
    async def begun(request):
        raise AssertionError("nothing awaits it")

    with pytest.raises(SystemExit):
        deliver(a=lazy(begun), b=lazy(raising(SystemExit(1))))
    assert traces.told("a") == {STATUS: "abandoned"}
    assert traces.told("b") == {"error.type": "SystemExit"}
    assert traces.part("b").status.status_code is ERROR


def test_an_exit_of_a_coroutine_ends_its_span(traces, deliver):
    async def exits(request):
        raise SystemExit(1)

    with pytest.raises(SystemExit):
        deliver(a=lazy(exits))
    assert traces.told("a") == {"error.type": "SystemExit"}


def test_parts_are_counted_by_their_outcomes_and_timed(traces, deliver):
    for _ in range(2):
        deliver(
            a=lazy(lambda request: 1),
            b=lazy(raising(ValueError("x"))),
            c=lazy(never),
        )
    here = {"partstream.endpoint": "tests.core.conftest.Dashboard"}
    a = {**here, "partstream.part.name": "a", STATUS: "ok"}
    b = {**here, "partstream.part.name": "b", STATUS: "error", "error.type": "part_failed"}
    c = {**here, "partstream.part.name": "c", STATUS: "pending"}
    assert traces.points("partstream.parts") == [(a, 2), (b, 2), (c, 2)]
    assert traces.points("partstream.part.duration") == [(a, 2), (b, 2)]  # c has not ended


def test_series_of_a_counter_beyond_the_most_are_counted_together(traces, deliver, monkeypatch):
    monkeypatch.setattr("django_partstream._opentelemetry.MAX_SERIES", 2)
    for names in ("ab", "cd", "ac"):
        deliver(**dict.fromkeys(names, 1))
    told = [
        (attributes.get("partstream.part.name"), attributes.get("otel.metric.overflow"), number)
        for attributes, number in traces.points("partstream.parts")
    ]
    assert told == [("a", None, 2), ("b", None, 1), (None, True, 3)]


def test_threads_that_count_for_the_first_time_make_a_counter_one_after_another(
    traces, deliver, monkeypatch
):
    held = []

    def create(meter, *args, **kwargs):
        held.append(_opentelemetry._making.locked())

    meter = type(traces.meter_provider.get_meter("any"))
    monkeypatch.setattr(meter, "create_observable_counter", create)
    deliver(a=1)
    assert held == [True]


def test_nothing_is_counted_without_a_provider_of_metrics(traces, deliver, monkeypatch):
    monkeypatch.setattr("opentelemetry.metrics._internal._METER_PROVIDER", None)
    for name in ("_counts", "_histogram"):
        monkeypatch.delattr(f"django_partstream._opentelemetry.{name}")
    deliver(a=1)
    assert traces.told("a") == {STATUS: "ok"}


def test_a_call_that_outlives_its_limit_is_counted_by_its_function(traces, deliver, arrived):
    gate = threading.Event()

    def hang(request):
        arrived.set()
        gate.wait(30)

    deliver(a=lazy(with_timeout(hang, 0.05)))
    gate.set()
    ((told, number),) = traces.points("partstream.late_calls")
    name = f"{__name__}.{hang.__qualname__}"
    assert (told, number) == ({"code.function.name": name}, 1)


def test_a_call_that_ends_with_its_stream_is_no_late_call(traces, stream_of, left):
    gate = Gate()
    left(lambda: stream_of(a=lazy(with_timeout(gate, 30))), when=gate.begun.is_set)
    gate.opened.set()
    eventually(lambda: traces.parts("a"))
    assert traces.points("partstream.late_calls") == []
