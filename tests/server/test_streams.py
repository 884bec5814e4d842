"""Streams over real servers: each part at once, resumed after anything, and nothing left behind."""

import time
from http.client import IncompleteRead

import pytest

from django_partstream.received import READERS
from django_partstream.testing import walk_stream
from tests.server.servers import ONE_PROCESS, STREAMING
from tests.server.streaming import StreamClient, address_of

SSE = "text/event-stream"

#: Seconds after which nothing runs any more when a client has left: half a second for a look at its
#: socket, and the rest for a busy machine. Without a cancellation it would take twenty.
SOON = 3.0

each_type = pytest.mark.parametrize("accept", READERS)


@pytest.fixture(params=STREAMING)
def server(request, lone_servers):
    return lone_servers[request.param]


@pytest.fixture
def client(server):
    return StreamClient(server)


def told(frame):
    return frame.data["name"] if frame.kind == "part" else frame.kind


@each_type
@pytest.mark.parametrize("together", [True, False], ids=["together", "in-order"])
def test_a_part_arrives_while_a_later_part_is_computed(client, gate, accept, together):
    response = client.open(
        address_of("fast,gated", together=together, gate=gate.port), Accept=accept
    )
    frames = response.frames()
    assert told(next(frames)) == "fast"
    gate.visit().open()
    assert [told(frame) for frame in frames] == ["gated", "end"]
    response.close()


@pytest.mark.parametrize("slow", ["gated", "gated_async", "gated_timed", "gated_timed_async"])
def test_a_part_arrives_while_an_earlier_part_is_computed(client, gate, slow):
    response = client.open(address_of(f"rows_a,{slow},last", gate=gate.port), Accept=SSE)
    frames = response.frames()
    visit = gate.visit()
    assert {told(next(frames)), told(next(frames))} == {"rows_a", "last"}
    visit.open()
    assert [told(frame) for frame in frames] == [slow, "end"]
    response.close()


def test_the_first_bytes_arrive_before_any_part(client, gate):
    response = client.open(address_of("gated", together=False, gate=gate.port), Accept=SSE)
    visit = gate.visit()
    assert next(response.iter_raw()).startswith(b"retry: 2000\n\n")
    assert response.headers["Cache-Control"] == "no-store, no-transform"
    visit.open()
    response.close()


def test_a_part_that_is_cut_off_comes_with_the_next_stream_and_no_other_twice(client, gate):
    names = "fast,gated,rows_a,gated_async,last"
    response = client.open(address_of(names, gate=gate.port), Accept=SSE)
    frames, visits = response.frames(), [gate.visit(), gate.visit()]
    came = [next(frames) for _ in range(3)]
    response.close()
    for visit in visits:
        visit.open()
    assert {told(frame) for frame in came} == {"fast", "rows_a", "last"}
    again = client.open(
        address_of(names, gate=gate.port), Accept=SSE, **{"Last-Event-ID": came[-1].cursor}
    )
    for _ in range(2):
        gate.visit().open()
    assert sorted(told(frame) for frame in again.frames()) == ["end", "gated", "gated_async"]
    again.close()


@each_type
@pytest.mark.parametrize("then", ["stream", "pages"])
def test_a_walk_that_is_cut_after_each_part_has_every_part_once(client, accept, then):
    names = "fast,slow,rows_a,timely,failing,meets_a,meets_b,recurses,last"
    whole = walk_stream(client, address_of(names), accept=accept)
    assert sorted(whole.names) == sorted(names.split(","))
    alone = "fast,slow,rows_a,timely,failing,recurses,last"  # the two that meet cannot part
    walked = walk_stream(client, address_of(alone), accept=accept, cut_after=1, then=then)
    assert sorted(walked.names) == sorted(alone.split(","))
    assert sorted(error["part"] for error in walked.errors) == ["failing", "recurses"]


@pytest.mark.parametrize("kind", STREAMING)
def test_a_walk_goes_on_at_another_server_after_a_restart(start, kind):
    address = address_of("fast,rows_a,rows_b,last")
    before = start(kind, *ONE_PROCESS.get(kind, []))
    response = StreamClient(before).open(address, Accept=SSE)
    first = next(response.frames())
    response.close()
    before.stop()
    after = StreamClient(start(kind, *ONE_PROCESS.get(kind, [])))
    response = after.open(address, Accept=SSE, **{"Last-Event-ID": first.cursor})
    *parts, end = response.frames()
    response.close()
    assert {told(frame) for frame in [first, *parts]} == {"fast", "rows_a", "rows_b", "last"}
    assert end.data == {"total_parts": 4, "delivered": 3, "has_more": False}
    finished = after.open(address, Accept=SSE, **{"Last-Event-ID": end.cursor})
    assert (finished.status_code, finished.read()) == (204, b"")


@each_type
def test_a_head_request_has_the_headers_of_the_stream(client, accept):
    address = address_of("fast,last")
    head = client.open(address, method="HEAD", Accept=accept)
    got = client.open(address, Accept=accept)
    kept = ("Content-Type", "Cache-Control", "Content-Encoding", "Vary", "X-Accel-Buffering")
    assert [head.headers[name] for name in kept] == [got.headers[name] for name in kept]
    assert (head.read(), got.read()[-1:]) == (b"", b"\n")


@pytest.mark.parametrize("accept", [*READERS, "application/json"])
def test_a_bad_id_is_refused_before_the_first_byte(client, accept):
    response = client.open(address_of("fast"), Accept=accept, **{"Last-Event-ID": "x"})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


class TestAClientThatLeaves:
    @pytest.fixture(autouse=True)
    def _left(self, server):
        yield
        end = time.monotonic() + SOON
        while (running := server.settled()["running"]) and time.monotonic() < end:
            """Ask again: a function that was cancelled may be on its way out."""
        assert running == []

    @pytest.mark.parametrize("part", ["gated_async", "gated_timed_async"])
    def test_the_coroutine_of_a_client_that_leaves_is_cancelled_soon(
        self, server, client, gate, run, part
    ):
        response = client.open(address_of(f"{part},last", gate=gate.port, run=run), Accept=SSE)
        visit = gate.visit()
        left = time.monotonic()
        response.close()
        assert visit.gone()  # by itself, as the gate was not opened
        assert time.monotonic() - left < SOON
        assert len(server.events.wait_for("cancelled", run)) == 1

    @pytest.mark.parametrize(
        "using",
        [
            "default",
            pytest.param("postgres", marks=pytest.mark.postgres),
            pytest.param("mariadb", marks=pytest.mark.mysql),
        ],
    )
    def test_the_statement_of_a_client_that_leaves_is_cancelled_soon(
        self, server, client, run, using
    ):
        if server.kind == "gevent" and using == "default":
            pytest.skip("a statement of SQLite holds the only thread of a gevent worker")
        response = client.open(address_of("stays_in_sql", using=using, run=run), Accept=SSE)
        next(response.iter_raw())
        assert server.events.wait_for("begun", run)
        left = time.monotonic()
        response.close()
        assert server.events.wait_for("left", run)
        assert time.monotonic() - left < SOON
        server.settled()
        assert "stays_in_sql" not in server.log.page()  # no record of the failure

    def test_no_part_begins_for_a_client_that_has_left(self, server, client, gate, run):
        names = "gated,gated_async,rows_e,last"
        response = client.open(
            address_of(names, together=False, gate=gate.port, run=run), Accept=SSE
        )
        visits = {visit.part: visit for visit in (gate.visit(), gate.visit())}
        response.close()
        assert visits["gated_async"].gone()
        visits["gated"].open()
        server.settled(run)
        assert {name for name, _ in server.events.ends(run)} <= {"gated_async", "gated"}


@pytest.mark.parametrize("part", ["exits", "exits_async", "exits_timed"])
def test_a_part_that_calls_sys_exit_breaks_its_stream_and_no_other_under_wsgi(lone_servers, part):
    server = lone_servers["gthread"]
    response = StreamClient(server).open(address_of(f"{part},last", together=False), Accept=SSE)
    with pytest.raises(IncompleteRead):
        [*response.iter_raw()]
    response.close()
    walked = walk_stream(StreamClient(server), address_of("rows_a,timely,last"))
    assert sorted(walked.names) == ["last", "rows_a", "timely"]


def test_an_ordinary_page_is_answered_while_a_stream_is_open(server, client, gate):
    response = client.open(address_of("gated", gate=gate.port), Accept=SSE)
    visit = gate.visit()
    assert server.page("rest", "fast").parts == {"fast": "fast"}
    visit.open()
    assert [told(frame) for frame in response.frames()] == ["gated", "end"]
    response.close()
