"""Background parts on the backends of Django's tasks: a database with a worker, and at once."""

import subprocess
import time
from contextlib import suppress
from importlib.util import find_spec

import pytest

from tests.background.walks import page, pending, walk, walking
from tests.server.servers import PATIENCE

pytestmark = pytest.mark.redis

#: Where the backends are that come with Django's tasks.
BACKENDS = "django.tasks" if find_spec("django.tasks") else "django_tasks"


@pytest.fixture
def site(tasks_site):
    return tasks_site


def test_a_part_is_pending_while_a_db_worker_computes_it(site, run, gate):
    query = {"run": run, "gate": gate.port}
    server, worker = site.start_server(), site.start_worker("tasks")
    readers = [page(server, "fast,forecast", **query) for _ in range(5)]
    assert [(each.parts, pending(each)) for each in readers] == [
        ({"fast": "fast"}, ["forecast"])
    ] * 5
    gate.visit().open()
    for reader in readers:
        rest = walk(server, "fast,forecast", cursor=reader.cursor, **query)
        assert rest.parts == {"forecast": f"forecast of {run}"}
    assert len(worker.events.of("begun", run)) == 1


def test_a_db_worker_takes_the_queue_of_a_function(site, run):
    site.environ["SITE_OTHER_QUEUE"] = "exports"
    server, worker = site.start_server(), site.start_worker("tasks", "--queue-name=exports")
    first = page(server, "forecast,export", run=run)
    assert pending(first) == ["forecast", "export"]
    rest = walk(server, "export", run=run)
    assert rest.parts == {"export": f"export of {run}"}
    assert worker.events.of("begun", run) != []
    assert pending(page(server, "forecast", run=run)) == ["forecast"]


def test_a_killed_db_worker_is_replaced_by_another_when_its_lease_ends(site, run, gate):
    query = {"run": run, "gate": gate.port}
    server, worker = site.start_server(), site.start_worker("tasks")
    first = page(server, "forecast", **query)
    gate.visit()
    worker.kill()
    another = site.start_worker("tasks")
    rest = walking(server, "forecast", cursor=first.cursor, **query)
    gate.visit().open()
    assert rest.result(PATIENCE).parts == {"forecast": f"forecast of {run}"}
    assert len(another.events.of("begun", run)) == 1


def end(worker):
    """
    Tell a worker to end until it ends its job, too. At the first it waits for the job.

    A signal may come while it still tells of the one before, and counts as the first then.
    """
    for told in range(1, 10):
        worker.process.terminate()
        assert worker.log.wait_for("Received Terminated", times=told)
        if "terminating current task" in str(worker.log):
            return
        with suppress(subprocess.TimeoutExpired):  # the line comes before its handler has returned
            worker.process.wait(0.2)
    raise AssertionError("The worker does not end its job.")


def test_a_db_worker_that_is_told_to_end_leaves_its_job_to_another_at_once(site, run, gate):
    site.environ["SITE_TIMES"] = {}  # a lease is 15 s
    query = {"run": run, "gate": gate.port}
    server, worker = site.start_server(), site.start_worker("tasks")
    first = page(server, "forecast", **query)
    gate.visit()
    another = site.start_worker("tasks")
    end(worker)
    worker.process.wait(PATIENCE)
    told = time.monotonic()
    rest = walking(server, "forecast", cursor=first.cursor, **query)
    gate.visit().open()
    assert time.monotonic() - told < 5
    assert rest.result(PATIENCE).parts == {"forecast": f"forecast of {run}"}
    assert len(another.events.of("begun", run)) == 1


def test_the_immediate_backend_has_the_value_on_the_same_page(site, run):
    backend = f"{BACKENDS}.backends.immediate.ImmediateBackend"
    server = site.start_server(SITE_TASKS={"default": {"BACKEND": backend}})
    answer = page(server, "fast,forecast", run=run)
    assert (answer.parts, answer.cursor) == (
        {"fast": "fast", "forecast": f"forecast of {run}"},
        None,
    )
    assert len(server.events.wait_for("begun", run)) == 1


def test_the_dummy_backend_leaves_a_part_pending_until_its_limit(site, run):
    backend = f"{BACKENDS}.backends.dummy.DummyBackend"
    server = site.start_server(SITE_TASKS={"default": {"BACKEND": backend}})
    assert pending(page(server, "endless", run=run)) == ["endless"]
    assert walk(server, "endless", run=run).codes == {"endless": "part_timed_out"}
    assert server.events.of("begun", run) == []
