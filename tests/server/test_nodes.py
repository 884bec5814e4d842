"""Two nodes behind a balancer share a database, a cache and SECRET_KEY, and serve the same walk."""

import pytest

from tests.server.servers import PATIENCE

pytestmark = [pytest.mark.postgres, pytest.mark.redis]

NAMES = "fast,rows_a,timely,failing,meets_a,meets_b,cached,recurses,last"


@pytest.fixture(scope="module")
def nodes(start_for_module):
    return [start_for_module("sync", postgres={"CONN_MAX_AGE": 60}) for _ in range(2)]


def walked(nodes, first, run):
    """The pages of a walk over REST that *nodes* answer in turn."""
    answer = nodes[first].get("/walk/", parts=NAMES, run=run)
    pages = [answer]
    while answer.cursor:
        answer = nodes[(first + len(pages)) % 2].get("/walk/", cursor=answer.cursor)
        pages.append(answer)
    return pages


def walked_connection(nodes, first, run):
    """The pages of a walk over GraphQL that *nodes* answer in turn."""
    answer = nodes[first].query(NAMES, first=2, run=run)
    pages = [answer]
    while answer.cursor:
        node = nodes[(first + len(pages)) % 2]
        answer = node.query(NAMES, first=2, after=answer.cursor, run=run)
        pages.append(answer)
    return pages


def told(nodes, event, run):
    """All events of that name and run, of both nodes."""
    for node in nodes:
        node.settled()
    return [one for node in nodes for one in node.events.of(event, run)]


@pytest.mark.parametrize("walk", [walked, walked_connection])
@pytest.mark.parametrize("first", [0, 1])
def test_a_walk_over_both_nodes_loses_and_repeats_no_part(nodes, walk, first, run):
    pages = walk(nodes, first, run)
    names = NAMES.split(",")
    assert [list(page.parts) for page in pages] == [names[at : at + 2] for at in range(0, 9, 2)]
    assert {name: code for page in pages for name, code in page.codes.items()} == {
        "failing": "part_failed", "recurses": "part_failed",
    }  # fmt: skip
    assert sorted(one["part"] for one in told(nodes, "resolved", run)) == sorted(names)


def test_a_value_cached_by_one_node_is_served_by_the_other_node(nodes, front, run):
    values = {node.page(front, "cached", run=run).parts["cached"] for node in nodes * 2}
    assert len(values) == 1
    assert len(told(nodes, "computed", run)) == 1


@pytest.mark.parametrize("attempt", range(5))
def test_a_cached_value_asked_of_both_nodes_at_once_is_computed_once(
    nodes, front, attempt, run, gate
):
    asked = [node.soon(front, "gated,cached", run=run, gate=gate.port) for node in nodes]
    visits = [gate.visit(), gate.visit()]
    for visit in visits:
        visit.open()
    values = {one.result(PATIENCE).parts["cached"] for one in asked}
    assert len(values) == 1
    assert len(told(nodes, "computed", run)) == 1


def test_a_cached_coroutine_asked_of_both_nodes_at_once_is_awaited_once(nodes, front, run, gate):
    asked = [node.soon(front, "cached_async", run=run, gate=gate.port) for node in nodes]
    gate.visit().open()
    values = {one.result(PATIENCE).parts["cached_async"] for one in asked}
    assert len(values) == 1
    assert len(told(nodes, "computed", run)) == 1
