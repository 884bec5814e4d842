"""A job has a span below that of the part that asked for it, whichever process does it."""

import pytest
from django.core.cache import caches

from django_partstream import lazy
from django_partstream.engines import thread
from django_partstream.jobs.asking import place_of
from django_partstream.jobs.messages import Message
from django_partstream.jobs.states import Kept
from django_partstream.jobs.work import run_message
from django_partstream.outcomes import Status
from tests.core import jobs
from tests.core.jobs import eventually

trace = pytest.importorskip("opentelemetry.trace", reason="opentelemetry-api is not installed")

pytestmark = pytest.mark.usefixtures("fresh_jobs")

FORECAST = "tests.core.jobs.forecast"
SENT = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}


@pytest.fixture
def job_of(traces):
    """The span of the only job, once it has ended."""

    def found():
        spans = eventually(lambda: [s for s in traces.spans if s.name == "partstream.job"])
        (span,) = spans
        return span

    return found


def message_for(function, *args, trace=SENT):
    return {**Message.of(function.path, args, {}, tenant=None).as_json(), "trace": trace}


def forecast(request):
    return jobs.forecast(1)


def test_a_job_in_a_thread_is_below_the_part_that_asked_for_it(traces, deliver, job_of):
    with traces.span("GET"):
        deliver(a=lazy(forecast))
    assert job_of().kind is trace.SpanKind.CONSUMER
    assert traces.tree() == {"GET": {"a": {FORECAST: {}}}}


def test_a_message_carries_the_span_of_its_part_and_is_the_same_job(traces, deliver, messages):
    with traces.span("GET"):
        deliver(a=lazy(forecast))
    (message,) = messages
    part = traces.part("a").context
    assert list(message["trace"]) == ["traceparent"]
    sent = f"00-{part.trace_id:032x}-{part.span_id:016x}-"
    assert message["trace"]["traceparent"].startswith(sent)
    assert Message.read(message).key == Message.of(FORECAST, [1], {}, tenant=None).key
    run_message(message)
    assert traces.tree() == {"GET": {"a": {FORECAST: {}}}}


def test_a_message_carries_no_trace_without_a_provider(deliver, messages, monkeypatch):
    monkeypatch.setattr("opentelemetry.trace._TRACER_PROVIDER", None)
    deliver(a=lazy(forecast))
    assert "trace" not in messages[0]


def test_a_job_is_below_the_span_of_its_engine_and_linked_to_its_part(traces, job_of):
    with traces.span("run/engine"):
        run_message(message_for(jobs.forecast, 1))
    assert traces.tree() == {"run/engine": {FORECAST: {}}}
    (link,) = job_of().links
    assert (link.context.trace_id, link.context.span_id) == (int("a" * 32, 16), int("b" * 16, 16))


@pytest.mark.parametrize("sent", [{}, {"traceparent": "none of ours"}])
def test_a_job_without_a_span_that_asked_is_a_trace_of_its_own(traces, sent):
    run_message(message_for(jobs.forecast, 1, trace=sent))
    assert traces.tree() == {FORECAST: {}}


@pytest.mark.parametrize("sent", ["x", None, {"traceparent": 1}, {"traceparent": ["x"]}])
def test_a_message_with_a_malformed_trace_is_refused(sent, caplog):
    run_message(message_for(jobs.forecast, 1, trace=sent))
    assert "It is no message of a background function" in caplog.text
    assert jobs.calls == []


def test_the_span_of_a_job_tells_how_it_failed(traces, deliver, job_of, settings):
    run_message(message_for(jobs.broken, "secret"))
    span = job_of()
    failed = deliver(a=lazy(lambda request: jobs.broken("secret")))["a"]
    assert failed.status is Status.ERROR
    assert dict(span.attributes) == {
        "partstream.job.function": "tests.core.jobs.broken",
        "partstream.job.status": "error",
        "error.type": "part_failed",
        "partstream.reference": failed.error.reference,
    }
    assert span.status.status_code is trace.StatusCode.ERROR
    (event,) = span.events
    assert event.attributes["exception.type"] == "LookupError"
    part = traces.part("a")
    assert part.status.status_code is trace.StatusCode.ERROR
    assert part.events == ()


def test_jobs_are_timed(traces, job_of):
    run_message(message_for(jobs.forecast, 1))
    job_of()
    told = {"partstream.job.function": FORECAST, "partstream.job.status": "ok"}
    assert traces.points("partstream.job.duration") == [(told, 1)]


def test_a_job_that_is_done_already_has_no_span(traces):
    run_message(message_for(jobs.forecast, 1))
    run_message(message_for(jobs.forecast, 1))
    assert len(traces.spans) == 1


def test_a_job_that_ends_its_worker_has_its_span(traces, job_of):
    with pytest.raises(SystemExit):
        run_message(message_for(jobs.exits), may_exit=True)
    assert job_of().attributes["error.type"] == "SystemExit"
    assert job_of().status.status_code is trace.StatusCode.ERROR


def test_a_call_that_waits_for_a_thread_does_not_wait_twice_for_two_readers(monkeypatch):
    monkeypatch.setattr(thread, "THREADS", 0)
    pool = thread.Pool()
    for sent in ({}, SENT, {"traceparent": f"00-{'c' * 32}-{'d' * 16}-01"}):
        pool.put(message_for(jobs.forecast, 1, trace=sent))
    pool.put(message_for(jobs.forecast, 2))
    assert [message["args"] for message in pool._messages] == [[1], [2]]


def test_a_thread_of_jobs_has_nothing_of_the_request_that_began_it(traces, monkeypatch):
    instrumentation = pytest.importorskip(
        "opentelemetry.instrumentation.threading",
        reason="opentelemetry-instrumentation-threading is not installed",
    )
    monkeypatch.setattr(thread, "THREADS", 1)
    threads = instrumentation.ThreadingInstrumentor()
    threads.instrument()
    try:
        pool = thread.Pool()
        with traces.span("GET"):
            pool.put(message_for(jobs.forecast, 1))
            pool.put(message_for(jobs.forecast, 2))
        eventually(lambda: len(traces.spans) == 3)
    finally:
        threads.uninstrument()
    parents = [span.parent for span in traces.spans if span.name == "partstream.job"]
    assert [parent.span_id for parent in parents] == [int("b" * 16, 16)] * 2


def test_a_traced_job_is_kept_where_others_look_for_it():
    run_message(message_for(jobs.forecast, 1))
    message = Message.of(FORECAST, [1], {}, tenant=None)
    assert isinstance(place_of(jobs.forecast, message).look(), Kept)
    assert caches["default"].get(place_of(jobs.forecast, message).key)
