"""Background parts on Celery's workers, with Redis and with RabbitMQ between."""

import os
import signal
import time

import pytest
from celery import Celery

from django_partstream.engines.celery import NAME
from tests.background.conftest import BROKERS, TIMES, on_broker
from tests.background.walks import page, pending, poll, walk, walking
from tests.server.servers import PATIENCE

REFUSED = "A message for background work was refused"


@pytest.fixture(scope="module", params=BROKERS)
def site(request):
    """A site with a server and a worker, and with the times of production."""
    for site in on_broker(request.param):
        site.environ["SITE_TIMES"] = {}
        site.start_server()
        site.start_worker()
        yield site


def pids(events):
    return [event["pid"] for event in events]


def begun(site, run):
    return pids(site.worker.events.of("begun", run))


def message(function, *args):
    """A message as an engine carries it."""
    call = {"function": function, "args": list(args), "kwargs": {}}
    return {**call, "language": None, "zone": "UTC", "context": {}}


def send(site, message, queue=None):
    """Send *message* to the worker, as any program could that reaches the broker."""
    app = Celery(broker=site.broker.url)
    app.conf.broker_transport_options = site.broker.environ()["SITE_BROKER_OPTIONS"]
    with app:
        app.send_task(NAME, (message,), queue=queue or site.broker.queue, ignore_result=True)


def test_a_part_is_pending_while_a_worker_computes_it(site, run, gate):
    query = {"run": run, "gate": gate.port}
    first = page(site.server, "fast,forecast", **query)
    assert (first.parts, pending(first)) == ({"fast": "fast"}, ["forecast"])
    visit = gate.visit()
    second = page(site.server, "fast,forecast", cursor=first.cursor, **query)
    assert (second.parts, pending(second)) == ({}, ["forecast"])
    visit.open()
    rest = walk(site.server, "fast,forecast", cursor=second.cursor, **query)
    assert rest.parts == {"forecast": f"forecast of {run}"}


def test_a_job_that_many_readers_wait_for_is_done_once(site, run, gate):
    query = {"run": run, "gate": gate.port}
    assert all(pending(page(site.server, "forecast", **query)) for _ in range(5))
    gate.visit().open()
    for _ in range(5):
        assert walk(site.server, "forecast", **query).parts == {"forecast": f"forecast of {run}"}
    assert len(begun(site, run)) == 1
    assert site.broker.waiting() == 0


def test_a_job_waits_in_the_queue_of_its_function(site, run):
    assert pending(page(site.server, "export", run=run)) == ["export"]
    assert site.broker.waiting(site.broker.other_queue) == 1
    assert site.broker.waiting() == 0


def test_a_lost_child_process_is_replaced_at_once(site, run, gate):
    query = {"run": run, "gate": gate.port}
    first = page(site.server, "forecast", **query)
    gate.visit()
    (child,) = pids(site.worker.events.wait_for("begun", run))
    os.kill(child, signal.SIGKILL)
    killed = time.monotonic()
    rest = walking(site.server, "forecast", cursor=first.cursor, **query)
    visit = gate.visit()
    seconds = time.monotonic() - killed
    visit.open()
    assert rest.result(PATIENCE).parts == {"forecast": f"forecast of {run}"}
    assert seconds < 2  # and a lease is 15 s
    assert len(begun(site, run)) == 2


def test_a_child_process_that_is_told_to_end_leaves_its_job_to_another(site, run, gate):
    query = {"run": run, "gate": gate.port}
    first = page(site.server, "forecast", **query)
    gate.visit()
    (child,) = pids(site.worker.events.wait_for("begun", run))
    os.kill(child, signal.SIGTERM)
    rest = walking(site.server, "forecast", cursor=first.cursor, **query)
    gate.visit().open()
    assert rest.result(PATIENCE).parts == {"forecast": f"forecast of {run}"}
    assert len(begun(site, run)) == 2


@pytest.mark.parametrize("name", ["poison", "leaves"])
def test_a_job_that_ends_its_worker_three_times_fails_and_is_not_begun_again(site, run, name):
    walked = walk(site.server, name, run=run)
    (error,) = walked.errors.values()
    assert (error["code"], error["retryable"]) == ("part_failed", False)
    again = page(site.server, name, run=run)
    assert (again.codes, pending(again)) == ({name: "part_failed"}, [])
    assert len(begun(site, run)) == 3
    assert site.broker.waiting() == 0


def test_a_function_that_exceeds_its_limit_is_interrupted_and_times_out(site, run):
    assert walk(site.server, "endless", run=run).codes == {"endless": "part_timed_out"}
    assert site.worker.log.wait_for("Soft time limit (1s) exceeded")
    assert site.worker.events.wait_for("interrupted", run)
    # Each page begins a walk, which has not waited yet, so this is what the worker has said. It does
    # so a moment after the interruption.
    poll(lambda: page(site.server, "endless", run=run).codes == {"endless": "part_timed_out"})


def test_a_message_for_a_module_of_no_installed_app_is_refused(site, tmp_path):
    file = tmp_path / "made"
    send(site, message("os.system", f"touch {file}"))
    assert site.worker.log.wait_for("was refused: 'os' belongs to no app in INSTALLED_APPS.")
    assert not file.exists()


def test_a_message_for_a_plain_function_of_an_app_is_refused(site, run, gate):
    send(site, message("tests.background.site.functions.wait_at", gate.port, run))
    refusal = "was refused: 'tests.background.site.functions' has no background function 'wait_at'."
    assert site.worker.log.wait_for(refusal)
    assert not gate.has_visitor()


@pytest.mark.parametrize("sent", [None, ["os.system"], {}, {"function": "os.system"}], ids=str)
def test_a_message_of_another_shape_is_refused(site, sent):
    refusals = str(site.worker.log).count(REFUSED)
    send(site, sent)
    poll(lambda: str(site.worker.log).count(REFUSED) > refusals)


def test_work_that_no_worker_takes_is_asked_for_again_and_done_once(celery_site, run):
    celery_site.environ["SITE_TIMES"] = {**TIMES, "ASKED": 1}
    server = celery_site.start_server()
    asked = page(server, "forecast", run=run)
    poll(lambda: page(server, "forecast", run=run) and celery_site.broker.waiting() == 2)
    worker = celery_site.start_worker()
    walked = walk(server, "forecast", run=run, cursor=asked.cursor)
    assert walked.parts == {"forecast": f"forecast of {run}"}
    poll(lambda: celery_site.broker.waiting() == 0)
    assert len(pids(worker.events.wait_for("begun", run))) == 1


def test_a_killed_worker_is_replaced_by_another_when_its_lease_ends(celery_site, run, gate):
    query = {"run": run, "gate": gate.port}
    server, worker = celery_site.start_server(), celery_site.start_worker()
    first = page(server, "forecast", **query)
    gate.visit()
    worker.kill()
    another = celery_site.start_worker()
    rest = walking(server, "forecast", cursor=first.cursor, **query)
    gate.visit().open()
    assert rest.result(PATIENCE).parts == {"forecast": f"forecast of {run}"}
    assert len(another.events.of("begun", run)) == 1


def test_an_eager_celery_has_the_value_on_the_same_page_and_asks_no_broker(celery_site, run):
    server = celery_site.start_server(SITE_EAGER=True)
    celery_site.broker.proxy.close()
    answer = page(server, "fast,forecast", run=run)
    assert answer.parts == {"fast": "fast", "forecast": f"forecast of {run}"}
    assert len(server.events.wait_for("begun", run)) == 1
