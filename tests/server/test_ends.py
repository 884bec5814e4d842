"""Parts that call ``sys.exit()``, recurse for ever or never end: each has a defined end."""

from http.client import RemoteDisconnected

import pytest

from tests.server.servers import PATIENCE

FINE = "rows_a,timely,meets_a,meets_b"


def goes_on(server):
    for front in ("rest", "graphql"):
        answer = server.page(front, FINE)
        assert answer.parts == {"rows_a": 42, "timely": 42, "meets_a": "met", "meets_b": "met"}


def exit_of(ask, *args, **query):
    """The status that a client gets, or ``"nothing"``, where code of a page calls ``sys.exit()``."""
    try:
        return ask(*args, **query).status
    except (RemoteDisconnected, ConnectionError):
        return "nothing"


@pytest.fixture(scope="module")
def gunicorns(start_for_module):
    """Servers whose workers have the site as they begin: each test ends two workers."""
    return {kind: start_for_module(kind, "--preload") for kind in ("sync", "gthread")}


@pytest.mark.parametrize("together", [False, True], ids=["in-order", "together"])
@pytest.mark.parametrize("part", ["exits", "exits_async", "exits_timed"])
@pytest.mark.parametrize("kind", ["sync", "gthread"])
def test_sys_exit_in_a_part_ends_as_in_a_plain_view_under_wsgi(
    gunicorns, kind, front, part, together
):
    server = gunicorns[kind]
    plain = exit_of(server.get, "/exits/")
    assert exit_of(server.page, front, f"rows_a,{part},rows_b", together=together) == plain
    goes_on(server)


@pytest.fixture(scope="module")
def plain_end(start_for_module):
    """The answers of a plain view that exits and of the next request, and the exit status."""
    server = start_for_module("uvicorn")
    told = exit_of(server.get, "/exits/"), exit_of(server.page, "rest", FINE)
    return *told, exit_status(server, told[1])


def exit_status(server, told):
    """The exit status of a server that ended, as with Django up to 6.0; None where it goes on."""
    return server.process.wait(PATIENCE) if told == "nothing" else None


@pytest.mark.parametrize(
    ("front", "part"), [("rest", "exits"), ("graphql", "exits_async"), ("rest", "exits_timed")]
)
def test_sys_exit_in_a_part_ends_as_in_a_plain_view_under_asgi(start, plain_end, front, part):
    server = start("uvicorn")
    told = (
        exit_of(server.page, front, f"rows_a,{part},rows_b"),
        exit_of(server.page, front, FINE),
    )
    assert (*told, exit_status(server, told[1])) == plain_end


@pytest.mark.parametrize("together", [False, True], ids=["in-order", "together"])
def test_a_part_with_endless_recursion_fails_alone(server, front, together, run):
    answer = server.page(front, "rows_a,recurses,recurses_timed,last", together=together, run=run)
    assert answer.codes == {"recurses": "part_failed", "recurses_timed": "part_failed"}
    assert answer.parts == {"rows_a": 42, "recurses": None, "recurses_timed": None, "last": "fast"}
    goes_on(server)


def test_a_part_that_yields_without_end_is_stopped_at_its_limit(server, front, run):
    answer = server.page(front, "rows_a,endless,last", run=run)
    assert answer.codes == {"endless": "part_timed_out"}
    assert answer.parts == {"rows_a": 42, "endless": None, "last": "fast"}
    assert len(server.events.wait_for("closed", run)) == 1
    goes_on(server)


def test_parts_that_yield_without_end_pile_up_no_memory(start, run):
    server = start("gthread", "--workers=1")
    goes_on(server)
    before = server.settled()
    pages = [server.soon("rest", "endless", run=run) for _ in range(4)]
    assert [page.result(PATIENCE).codes for page in pages] == [{"endless": "part_timed_out"}] * 4
    assert len(server.events.wait_for("closed", run, times=4)) == 4
    after = server.settled()
    assert after["abandoned"] == 0
    assert after["running"] == []
    assert after["peak_rss"] - before["peak_rss"] < 100 * 2**20
