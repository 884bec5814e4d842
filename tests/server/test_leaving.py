"""A client that goes away in the middle of a page leaves nothing behind."""

import pytest

from tests.server.servers import PATIENCE

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def servers(start_for_module):
    """One process each, so that what it holds can be asked of it."""
    return {
        "gthread": start_for_module("gthread", "--workers=1", postgres={}),
        "uvicorn": start_for_module("uvicorn", postgres={}),
    }


@pytest.fixture(params=["gthread", "uvicorn"])
def one(request, servers):
    return servers[request.param]


def leave(server, gate, front, names, **query):
    """Ask for a page, go away while a part of it is at the gate, and have the server see that."""
    client = server.begin(front, names, gate=gate.port, **query)
    visit = gate.visit()
    client.close()
    # What comes later on is read later on: a loop that answers this has seen the other go.
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
def test_plain_parts_go_on_to_their_ends(one, front, together, run, gate, sessions):
    visit = leave(one, gate, front, "rows_a,gated,rows_b,last", together=together, run=run)
    visit.open()
    assert one.events.ends(run, times=4) == [
        ("gated", "ok"), ("last", "ok"), ("rows_a", "ok"), ("rows_b", "ok"),
    ]  # fmt: skip
    nothing_is_left(one, sessions)
    assert len(one.events.ends(run)) == 4


def test_timed_parts_go_on_to_their_ends(one, front, run, gate, sessions):
    visit = leave(one, gate, front, "rows_a,gated_timed,last", run=run)
    visit.open()
    assert one.events.ends(run, times=3) == [
        ("gated_timed", "ok"),
        ("last", "ok"),
        ("rows_a", "ok"),
    ]
    nothing_is_left(one, sessions)


def test_coroutines_go_on_to_their_ends_under_wsgi(servers, front, run, gate, sessions):
    server = servers["gthread"]
    visit = leave(server, gate, front, "rows_a,gated_async,last", run=run)
    visit.open()
    assert server.events.ends(run, times=3) == [
        ("gated_async", "ok"), ("last", "ok"), ("rows_a", "ok"),
    ]  # fmt: skip
    nothing_is_left(server, sessions)


@pytest.mark.parametrize("part", ["gated_async", "gated_timed_async"])
def test_coroutines_are_cancelled_under_asgi(servers, front, part, run, gate, sessions):
    server = servers["uvicorn"]
    visit = leave(server, gate, front, f"rows_a,{part},last", run=run)
    assert visit.gone()  # by itself: the gate was not opened
    assert len(server.events.wait_for("cancelled", run)) == 1
    nothing_is_left(server, sessions)


def test_a_cancelled_page_has_told_how_each_part_ended(servers, front, run, gate):
    server = servers["uvicorn"]
    assert leave(server, gate, front, "rows_a,gated_async,last", run=run).gone()
    server.settled()
    assert [name for name, _ in server.events.ends(run)] == ["gated_async", "last", "rows_a"]


def test_coroutines_after_a_plain_part_go_on_to_their_ends(one, front, run, gate, sessions):
    visit = leave(one, gate, front, "rows_a,gated,gated_async,last", run=run)
    visit.open()
    gate.visit().open()
    assert one.events.ends(run, times=4) == [
        ("gated", "ok"), ("gated_async", "ok"), ("last", "ok"), ("rows_a", "ok"),
    ]  # fmt: skip
    nothing_is_left(one, sessions)


@pytest.mark.redis
def test_a_value_that_was_being_computed_is_computed_by_the_next(servers, front, run, gate):
    server = servers["uvicorn"]
    assert leave(server, gate, front, "cached_async", run=run).gone()
    asked = server.soon(front, "cached_async", run=run, gate=gate.port)
    gate.visit().open()  # it did not wait for the one that went
    assert asked.result(PATIENCE).codes == {}
    assert len(server.events.wait_for("computed", run)) == 1
