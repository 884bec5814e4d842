"""A client that goes away in the middle of a page leaves nothing behind."""

import pytest

from tests.server.servers import PATIENCE

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def servers(start_for_module):
    """Servers of a single process each, so that its state can be asked for."""
    return {
        "gthread": start_for_module("gthread", "--workers=1", postgres={}),
        "uvicorn": start_for_module("uvicorn", postgres={}),
    }


@pytest.fixture(params=["gthread", "uvicorn"])
def node(request, servers):
    return servers[request.param]


def leave(server, gate, front, names, **query):
    """Ask for a page, go away while a part of it is at the gate, and have the server see that."""
    client = server.begin(front, names, gate=gate.port, **query)
    visit = gate.visit()
    client.close()
    # A loop reads in order: when it answers this, it has seen the first client leave.
    for _ in range(2):
        assert server.page("rest", "fast").status == 200
    return visit


def nothing_is_left(server, sessions):
    held = server.settled()
    assert held["running"] == []
    assert held["abandoned"] == 0
    assert sessions.left(server.name) == 0
    answer = server.page("rest", "rows_a,timely,meets_a,meets_b")
    assert answer.parts == {"rows_a": 42, "timely": 42, "meets_a": "met", "meets_b": "met"}


@pytest.mark.parametrize("together", [False, True], ids=["in-order", "together"])
def test_plain_parts_of_a_client_that_left_go_on_to_their_ends(
    node, front, together, run, gate, sessions
):
    visit = leave(node, gate, front, "rows_a,gated,rows_b,last", together=together, run=run)
    visit.open()
    assert node.events.ends(run, times=4) == [
        ("gated", "ok"), ("last", "ok"), ("rows_a", "ok"), ("rows_b", "ok"),
    ]  # fmt: skip
    nothing_is_left(node, sessions)
    assert len(node.events.ends(run)) == 4


def test_timed_parts_of_a_client_that_left_go_on_to_their_ends(node, front, run, gate, sessions):
    visit = leave(node, gate, front, "rows_a,gated_timed,last", run=run)
    visit.open()
    assert node.events.ends(run, times=3) == [
        ("gated_timed", "ok"),
        ("last", "ok"),
        ("rows_a", "ok"),
    ]
    nothing_is_left(node, sessions)


def test_coroutines_of_a_client_that_left_go_on_to_their_ends_under_wsgi(
    servers, front, run, gate, sessions
):
    server = servers["gthread"]
    visit = leave(server, gate, front, "rows_a,gated_async,last", run=run)
    visit.open()
    assert server.events.ends(run, times=3) == [
        ("gated_async", "ok"), ("last", "ok"), ("rows_a", "ok"),
    ]  # fmt: skip
    nothing_is_left(server, sessions)


@pytest.mark.parametrize("part", ["gated_async", "gated_timed_async"])
def test_coroutines_of_a_client_that_left_are_cancelled_under_asgi(
    servers, front, part, run, gate, sessions
):
    server = servers["uvicorn"]
    visit = leave(server, gate, front, f"rows_a,{part},last", run=run)
    assert visit.gone()  # by itself, as the gate was not opened
    assert len(server.events.wait_for("cancelled", run)) == 1
    nothing_is_left(server, sessions)


def test_a_part_that_was_cancelled_since_its_client_left_is_reported_as_no_failure(
    servers, front, run, gate
):
    server = servers["uvicorn"]
    assert leave(server, gate, front, "rows_a,gated_async,last", run=run).gone()
    server.settled()
    assert server.events.ends(run) == [("last", "ok"), ("rows_a", "ok")]


def test_coroutines_after_a_plain_part_of_a_client_that_left_go_on_to_their_ends(
    node, front, run, gate, sessions
):
    visit = leave(node, gate, front, "rows_a,gated,gated_async,last", run=run)
    visit.open()
    gate.visit().open()
    assert node.events.ends(run, times=4) == [
        ("gated", "ok"), ("gated_async", "ok"), ("last", "ok"), ("rows_a", "ok"),
    ]  # fmt: skip
    nothing_is_left(node, sessions)


@pytest.mark.redis
def test_a_cached_value_of_a_client_that_left_is_computed_for_the_next_client(
    servers, front, run, gate
):
    server = servers["uvicorn"]
    assert leave(server, gate, front, "cached_async", run=run).gone()
    asked = server.soon(front, "cached_async", run=run, gate=gate.port)
    gate.visit().open()  # the new computation did not wait for the cancelled computation
    assert asked.result(PATIENCE).codes == {}
    assert len(server.events.wait_for("computed", run)) == 1
