"""Walks of clients who ask in their own way: for some parts, for no body, too late, too often."""

import threading
import time
from functools import partial

import pytest

from tests.background.systems.clients import (
    INSTANT,
    Client,
    Crowd,
    Hasty,
    by_graphql,
    by_pages,
)
from tests.background.systems.nodes import WEB, nodes_on
from tests.background.walks import page, pending, poll

pytestmark = pytest.mark.redis

#: The time of a job for clients that ask again at once, in seconds, and their most requests.
JOB, MOST_REQUESTS = 2.0, 10


@pytest.fixture(scope="module")
def nodes():
    """Web nodes whose threads do the work, and that share a cache."""
    with nodes_on("thread", SITE_TIMES={}) as nodes:
        for kind in WEB:
            nodes.start_node(kind)
        yield nodes


@pytest.fixture(params=list(WEB))
def server(request, nodes):
    return nodes.server_of(request.param)


def test_a_walk_of_some_parts_ends_with_them_and_owes_no_others(server, run, gate):
    whole = server.get("/walk/", run=run, gate=gate.port)
    assert (list(whole.parts), pending(whole)) == (["overview"], ["forecast"])
    visit = gate.visit()
    some = server.get("/walk/", run=run, gate=gate.port, parts="forecast,news")
    assert (some.parts, pending(some)) == ({"news": "news"}, ["forecast"])
    assert some.body["meta"]["total_parts"] == 2
    visit.open()
    rest = by_pages(Client(server), cursor=some.cursor)
    assert rest.parts == {"forecast": f"forecast of {run}"}
    assert rest.pages[-1]["meta"]["has_more"] is False
    # The other walk goes on where it was.
    assert by_pages(Client(server), cursor=whole.cursor).parts == {
        "forecast": f"forecast of {run}", "orders": "orders", "news": "news",
    }  # fmt: skip


def test_a_head_request_begins_no_job_and_sends_no_body(nodes, server, run):
    first = Client(server).open(f"/walk/?run={run}&parts=forecast", method="HEAD")
    assert (first.status_code, first.read()) == (200, b"")
    assert page(server, "fast", run=run).parts == {"fast": "fast"}  # the server has gone on
    assert nodes.begun(run, at_least=0) == 0


def test_a_part_whose_client_comes_back_after_the_limit_ends_as_a_timeout(nodes, server, run, gate):
    first = server.get("/brief/", run=run, gate=gate.port)
    assert (first.parts, pending(first)) == ({"fast": "fast"}, ["brief"])
    visit = gate.visit()
    since = time.monotonic()
    poll(lambda: time.monotonic() - since > 1)  # the limit of the function
    rest = by_pages(Client(server), "/brief/", cursor=first.cursor)
    assert rest.parts == {"last": "last", "brief": None}
    assert [error["code"] for error in rest.errors] == ["part_timed_out"]
    visit.open()
    # The thread could not be stopped, and what it has computed is there for later walks.
    poll(lambda: server.get("/brief/", run=run, gate=gate.port).parts.get("brief"))
    assert nodes.begun(run) == 1


@pytest.mark.parametrize("walk", [by_pages, by_graphql])
@pytest.mark.parametrize("kind", ["gthread", "uvicorn"])
def test_a_loop_that_knows_nothing_of_pending_parts_asks_a_few_times_of_a_server_with_threads(
    nodes, kind, walk, run, gate
):
    server = nodes.server_of(kind)
    client = Hasty(server)
    crowd = Crowd([(client, partial(walk, run=run, gate=gate.port))])
    visit = gate.visit()
    threading.Timer(JOB, visit.open).start()
    (end,) = crowd.ends()
    assert end.parts == {**INSTANT, "forecast": f"forecast of {run}"}
    # Two pages, and a page for each 0.42 s or more. Sync workers were asked 200 to 450 times.
    assert client.requests <= MOST_REQUESTS
