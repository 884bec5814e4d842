"""Processes that end in the middle of a walk, as they do when a new release is rolled out."""

import signal
import time
from functools import partial

import pytest

from django_partstream.engines.thread import THREADS
from tests.background.systems.clients import Client, Crowd, by_graphql, by_pages
from tests.background.systems.nodes import WITH_WORKERS, nodes_on
from tests.background.walks import PATIENCE, page, poll, walk, walking

#: The longest wait for a job that was left, in seconds: far less than a lease of production, 15 s.
SOON = 5

#: The words in the log of a worker that has the signal to end.
TOLD = {"celery": "Warm shutdown", "tasks": "shutting down gracefully"}


def reload(server):
    """Have gunicorn replace its workers, and wait until the old have ended and the new serve."""
    booted = str(server.log).count("Booting worker")
    server.process.send_signal(signal.SIGHUP)
    poll(lambda: str(server.log).count("Worker exiting") == booted)
    page(server, "fast")


@pytest.mark.redis
@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_jobs_in_threads_that_end_with_their_process_are_begun_again_at_once(kind, run, gate):
    with nodes_on("thread", SITE_TIMES={}) as nodes:
        server = nodes.start_node(kind, "--workers=1")
        runs = [
            f"{number} of {run}" for number in range(THREADS + 1)
        ]  # the last waits for a thread
        walks = [page(server, "fast,forecast", run=each, gate=gate.port) for each in runs]
        for _ in range(THREADS):
            gate.visit()
        reload(server)
        ended = time.monotonic()
        rests = [walking(server, "fast,forecast", cursor=walk.cursor) for walk in walks]
        visits = [gate.visit() for _ in range(THREADS)]
        seconds = time.monotonic() - ended
        for visit in visits:
            visit.open()
        gate.visit().open()
        ends = [rest.result(PATIENCE).parts for rest in rests]
        assert ends == [{"forecast": f"forecast of {each}"} for each in runs]
        assert seconds < SOON
        begun = [nodes.begun(each) for each in runs]
        assert sorted(begun) == [1, *[2] * THREADS]


@pytest.mark.redis
def test_jobs_of_a_server_that_a_signal_ends_are_begun_by_another_when_their_signs_are_old(
    run, gate
):
    # uvicorn ends itself by the signal that it got, so Python has no time to leave anything.
    times = {"LEASE": 3, "BEAT": 0.5, "ASKED": 4}
    with nodes_on("thread", SITE_TIMES=times) as nodes:
        one, other = nodes.start_node("uvicorn"), nodes.start_node("uvicorn")
        runs = [
            f"{number} of {run}" for number in range(THREADS + 1)
        ]  # the last waits for a thread
        walks = [page(one, "fast,forecast", run=each, gate=gate.port) for each in runs]
        for _ in range(THREADS):
            gate.visit()
        one.terminate()
        assert one.process.wait(PATIENCE) == -signal.SIGTERM
        rests = [walking(other, "fast,forecast", cursor=walk.cursor) for walk in walks]
        for _ in runs:
            gate.visit().open()
        ends = [rest.result(PATIENCE).parts for rest in rests]
        assert ends == [{"forecast": f"forecast of {each}"} for each in runs]


@pytest.mark.redis
@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_walks_go_on_with_other_processes_of_the_server_and_one_computation(kind, run, gate):
    with nodes_on("redis") as nodes:
        nodes.start_workers(1)
        server = nodes.start_node(kind)
        walks = [by_pages, by_graphql] * 5
        crowd = Crowd([(Client(server), partial(walk, run=run, gate=gate.port)) for walk in walks])
        visit = gate.visit()
        poll(lambda: all(client.is_waiting for client in crowd.clients))
        reload(server)
        visit.open()
        for end in crowd.ends():
            assert (end.parts["forecast"], len(end.parts)) == (f"forecast of {run}", 4)
        assert nodes.begun(run) == 1


@pytest.mark.parametrize("engine", WITH_WORKERS)
def test_a_worker_that_is_told_to_end_does_its_job_first(engine, run, gate):
    with nodes_on(engine) as nodes:
        server = nodes.start_node()
        nodes.start_workers(1)
        first = page(server, "fast,forecast", run=run, gate=gate.port)
        visit = gate.visit()
        (old,) = nodes.workers
        old.process.send_signal(signal.SIGTERM)
        assert old.log.wait_for(TOLD[nodes.background])
        nodes.start_workers(1)
        another = walking(server, "fast,forecast", run=f"another {run}")
        assert another.result(PATIENCE).parts["forecast"] == f"forecast of another {run}"
        visit.open()
        rest = walk(server, "fast,forecast", cursor=first.cursor)
        assert rest.parts == {"forecast": f"forecast of {run}"}
        assert nodes.begun(run) == 1
        assert old.process.wait(PATIENCE) == 0
