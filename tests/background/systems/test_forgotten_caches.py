"""Walks while the cache forgets everything: each part comes once, and each walk ends."""

import threading
from functools import partial

import pytest
import redis

from tests import services
from tests.background.systems.clients import INSTANT, Client, Crowd, by_graphql, by_pages, by_stream
from tests.background.systems.nodes import nodes_on, redis_database
from tests.background.walks import PATIENCE, page, pending, poll, walk, walking

pytestmark = pytest.mark.redis

KINDS = [by_pages, by_graphql, by_stream]


@pytest.fixture
def location():
    """The address of a database of Redis for the cache of this test alone."""
    with redis_database() as address:
        yield address


@pytest.fixture
def cache(location):
    with redis.Redis.from_url(location) as cache:
        yield cache


@pytest.fixture
def nodes(location):
    """Nodes on Celery with that cache, and with the times of production."""
    caches = {"default": services.cache(LOCATION=location)}
    with nodes_on("redis", SITE_CACHES=caches, SITE_TIMES={}) as nodes:
        yield nodes


def crowd_of(server, **query):
    """Walks of each kind, which begin at the same time."""
    return Crowd([(Client(server), partial(kind, **query)) for kind in KINDS * 3])


def assert_whole(ends, run):
    for end in ends:
        assert (end.parts, end.errors) == ({**INSTANT, "forecast": f"forecast of {run}"}, [])


def test_a_cache_flushed_before_the_work_begins_has_it_asked_for_again_and_done_once(
    nodes, cache, run
):
    server = nodes.start_node()
    crowd = crowd_of(server, run=run)
    poll(lambda: all(client.is_waiting for client in crowd.clients) and nodes.broker.waiting() == 1)
    cache.flushdb()
    poll(lambda: nodes.broker.waiting() == 2)
    nodes.start_workers()
    assert_whole(crowd.ends(), run)
    assert nodes.begun(run) == 1


def test_a_cache_flushed_during_the_work_costs_a_computation(nodes, cache, run, gate):
    server = nodes.start_node()
    nodes.start_workers()
    crowd = crowd_of(server, run=run, gate=gate.port)
    first = gate.visit()
    poll(lambda: all(client.is_waiting for client in crowd.clients))
    cache.flushdb()
    second = gate.visit()
    first.open()
    second.open()
    assert_whole(crowd.ends(), run)
    assert nodes.begun(run, at_least=2) == 2


def test_a_lease_that_a_flush_has_ended_is_taken_again_with_the_next_sign_of_life(
    nodes, cache, run, gate
):
    nodes.environ["SITE_TIMES"] = {"BEAT": 0.01}
    server = nodes.start_node()
    nodes.start_workers()
    first = page(server, "forecast", run=run, gate=gate.port)
    visit = gate.visit()
    for _ in range(20):
        cache.flushdb()
        poll(lambda: cache.keys("*:lease"))
    rest = page(server, "forecast", cursor=first.cursor)
    assert pending(rest) == ["forecast"]
    visit.open()
    assert walk(server, "forecast", cursor=rest.cursor).parts == {"forecast": f"forecast of {run}"}
    assert nodes.begun(run) == 1


def test_a_cache_flushed_after_the_work_costs_a_computation_for_walks_that_go_on(
    nodes, cache, run, gate
):
    server = nodes.start_node()
    nodes.start_workers()
    query = {"run": run, "gate": gate.port}
    opened = [page(server, "fast,forecast", **query) for _ in range(5)]
    assert all(pending(answer) == ["forecast"] for answer in opened)
    gate.visit().open()
    assert_whole([by_pages(Client(server), **query)], run)
    cache.flushdb()
    rests = [walking(server, "fast,forecast", cursor=answer.cursor) for answer in opened]
    gate.visit().open()
    for rest in rests:
        assert rest.result(PATIENCE).parts == {"forecast": f"forecast of {run}"}
    assert nodes.begun(run, at_least=2) == 2


def test_walks_end_while_the_cache_forgets_everything_again_and_again(nodes, cache, run):
    server = nodes.start_node()
    nodes.start_workers()
    server.get("/walk/", parts="overview")  # it is up then
    over = threading.Event()

    def forget():
        while not over.wait(0.01):
            cache.flushdb()

    flushing = threading.Thread(target=forget)
    flushing.start()
    try:
        crowds = [crowd_of(server, run=f"{run}-{number}") for number in range(3)]
        over.wait(2)
    finally:
        over.set()
        flushing.join(PATIENCE)
    for number, crowd in enumerate(crowds):
        assert_whole(crowd.ends(), f"{run}-{number}")
