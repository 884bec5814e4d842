"""Walks whose pages and streams two web nodes answer in turn."""

from functools import partial

import pytest

from tests.background.systems.clients import (
    INSTANT,
    Client,
    Crowd,
    by_graphql,
    by_pages,
    by_stream,
)
from tests.background.systems.nodes import nodes_on
from tests.background.walks import poll

pytestmark = pytest.mark.redis


@pytest.fixture(scope="module", params=["thread", "redis"])
def nodes(request):
    """Two web nodes of the same project: their threads do the work, or a worker of Celery."""
    with nodes_on(request.param) as nodes:
        for _ in range(2):
            nodes.start_node()
        nodes.start_workers(1)
        yield nodes


def test_walks_over_both_nodes_get_each_part_once_from_one_computation(nodes, run, gate):
    walks = [
        (Client(*servers), partial(walk, run=run, gate=gate.port))
        for servers in [nodes.servers, nodes.servers[::-1]]
        for walk in [by_pages, by_graphql] * 3
    ]
    crowd = Crowd(walks)
    visit = gate.visit()
    poll(lambda: all(client.is_waiting for client in crowd.clients))
    visit.open()
    for end in crowd.ends():
        assert (end.parts, end.errors) == ({**INSTANT, "forecast": f"forecast of {run}"}, [])
    assert all(client.requests > 1 for client in crowd.clients)  # so each has asked both
    assert nodes.begun(run) == 1


def test_a_stream_that_breaks_at_each_part_goes_on_at_the_other_node(nodes, run, gate):
    client = Client(*nodes.servers)
    crowd = Crowd([(client, partial(by_stream, cut_after=1, run=run, gate=gate.port))])
    visit = gate.visit()
    poll(lambda: client.requests == len(INSTANT) + 1)  # the last of them waits
    visit.open()
    (end,) = crowd.ends()
    assert end.parts == {**INSTANT, "forecast": f"forecast of {run}"}
    assert nodes.begun(run) == 1
