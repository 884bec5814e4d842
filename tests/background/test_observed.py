"""A trace leads from a page to the job that another process does, and Sentry hears of it once."""

import pytest

from tests.background.conftest import BROKERS, Site, on_broker
from tests.background.walks import page, walk
from tests.observed import Sent, tree_of
from tests.server.streaming import StreamClient

pytestmark = pytest.mark.redis

JOB = "tests.background.site.functions.counted"

pytest.importorskip("sentry_sdk", reason="sentry-sdk is not installed")
pytest.importorskip(
    "opentelemetry.instrumentation.celery",
    reason="opentelemetry-instrumentation-celery is not installed",
)


@pytest.fixture
def thread_site():
    """A site whose server does the work in threads of its own."""
    site = Site("thread")
    yield site
    site.stop()


@pytest.fixture(params=["thread", "tasks", *BROKERS])
def site(request):
    """A site on each engine in turn, without any process yet."""
    if request.param in ("thread", "tasks"):
        yield request.getfixturevalue(f"{request.param}_site")
    else:
        yield from on_broker(request.param)


def start(site, *observed):
    """Start the processes of *site*. Return the events of the server and of the worker."""
    site.environ |= {"SITE_OBSERVED": [*observed], "SITE_TIMES": {}}
    site.start_server()
    engine = site.environ["SITE_PARTSTREAM"]["BACKGROUND"]
    if engine == "thread":
        return site.server.events, site.server.events
    return site.server.events, site.start_worker(engine).events


def send(site, run, part):
    """Ask for *part* as a part of a trace, and wait until the part has come."""
    sent = Sent()
    StreamClient(site.server).open(f"/?parts={part}&run={run}", **sent.headers).read()
    walk(site.server, part, run=run)
    return sent


def test_a_job_is_below_the_part_that_asked_for_it_in_each_engine(site, run):
    server, worker = start(site, "traces")
    sent = send(site, run, "counted")
    spans = sent.spans(server, number=4 if worker is server else 2)
    if worker is not server:
        spans += sent.spans(worker, number=2)
    below = tree_of(spans, sent.id)["GET"]["counted"]
    assert below[JOB] == {"SELECT": {}}
    assert below.keys() - {JOB} <= {"INSERT", "BEGIN", "SAVEPOINT", "RELEASE"}  # of the engine


@pytest.mark.parametrize("celery_site", BROKERS[:1], indirect=True)
def test_a_job_is_below_the_spans_of_celery_where_it_has_some(celery_site, run):
    server, worker = start(celery_site, "traces", "celery")
    sent = send(celery_site, run, "counted")
    spans = [*sent.spans(server, number=3), *sent.spans(worker, number=3)]
    task = "django_partstream.run"
    assert tree_of(spans, sent.id) == {
        "GET": {"counted": {f"apply_async/{task}": {f"run/{task}": {JOB: {"SELECT": {}}}}}}
    }
    (part,), (job,) = (
        [span for span in spans if span["name"] == name] for name in ("counted", JOB)
    )
    assert job["links"] == [part["id"]]


def test_only_the_reader_that_asked_has_the_job_in_its_trace(thread_site, run, gate):
    server, _ = start(thread_site, "traces")
    first, second = Sent(), Sent()
    for sent in (first, second):
        address = f"/?parts=forecast&run={run}&gate={gate.port}"
        StreamClient(thread_site.server).open(address, **sent.headers).read()
    gate.visit().open()
    walk(thread_site.server, "forecast", run=run, gate=gate.port)
    assert len(first.spans(server, number=3)) == 3
    assert tree_of(second.spans(server, number=2), second.id) == {"GET": {"forecast": {}}}


def test_a_failure_in_the_background_is_one_event_of_its_worker(site, run):
    server, worker = start(site, "sentry")
    walked = walk(site.server, "broken", run=run)
    again = page(site.server, "broken", run=run)
    references = {walked.errors["broken"]["reference"], again.body["errors"][0]["reference"]}
    (report,) = worker.wait_for("report", "sentry")
    assert report["exceptions"] == ["LookupError"]
    assert {report["extra"]["reference"]} == references
    site.server.stop()
    assert len(worker.of("report", "sentry")) == 1
    assert worker is server or server.of("report", "sentry") == []
