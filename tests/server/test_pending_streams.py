"""Pending parts of streams over real servers, computed by the threads of the engine ``thread``."""

import threading
import time

import pytest

from django_partstream.received import READERS
from django_partstream.testing import walk_stream
from tests.pending import walks_go_on
from tests.server.servers import ONE_PROCESS, PATIENCE, STREAMING
from tests.server.streaming import StreamClient, address_of
from tests.server.test_streams import SOON, SSE, told

WSGI = [kind for kind in STREAMING if kind in ("gthread", "gevent")]
ASGI = [kind for kind in STREAMING if kind not in WSGI]

PARTS = ["elsewhere", "elsewhere_async"]

each_part = pytest.mark.parametrize("part", PARTS)
each_part_and_type = pytest.mark.parametrize(
    ("part", "accept"), list(zip([*PARTS, "elsewhere"], READERS, strict=True))
)


@pytest.fixture(params=STREAMING)
def client(request, lone_servers):
    return StreamClient(lone_servers[request.param])


@pytest.fixture(scope="module")
def impatient(start_for_module):
    """Servers whose streams give a thread back at once, when nothing but pending parts is left."""
    return {
        kind: start_for_module(kind, *ONE_PROCESS.get(kind, []), SITE_PATIENCE="0")
        for kind in STREAMING
    }


@each_part_and_type
def test_progress_arrives_and_then_the_part(client, gate, accept, part):
    response = client.open(address_of(f"{part},fast", gate=gate.port), Accept=accept)
    frames, visit, seen = response.frames(), gate.visit(), []
    for frame in frames:
        seen.append(frame)
        if frame.kind == "progress" and frame.data["progress"] == 0.5:
            visit.open()
    response.close()
    assert sorted({told(frame) for frame in seen}) == sorted({part, "fast", "progress", "end"})
    assert [told(frame) for frame in seen[-2:]] == [part, "end"]
    assert "error" not in seen[-2].data
    assert seen[-1].data == {"total_parts": 2, "delivered": 2, "has_more": False}


@pytest.mark.parametrize("kind", WSGI)
@each_part_and_type
def test_a_stream_gives_its_thread_back_and_its_client_comes_back(
    impatient, gate, kind, accept, part
):
    client = StreamClient(impatient[kind])
    address = address_of(f"{part},fast", gate=gate.port)
    response = client.open(address, Accept=accept)
    *_, end = response.frames()
    response.close()
    assert end.data == {"total_parts": 2, "delivered": 1, "has_more": True}
    gate.visit().open()
    came, until = [], time.monotonic() + PATIENCE
    while end.data["has_more"] and time.monotonic() < until:  # the job may be on its way out
        response = client.open(address, Accept=accept, **{"Last-Event-ID": end.cursor})
        *frames, end = response.frames()
        response.close()
        came += [told(frame) for frame in frames if frame.kind == "part"]
    assert came == [part]
    if end.cursor:
        finished = client.open(address, Accept=SSE, **{"Last-Event-ID": end.cursor})
        assert (finished.status_code, finished.read()) == (204, b"")


@pytest.mark.parametrize("kind", ASGI)
@each_part
def test_a_stream_under_asgi_goes_on_until_the_parts_end(impatient, gate, kind, part):
    client = StreamClient(impatient[kind])
    response = client.open(address_of(f"{part},fast", gate=gate.port), Accept=SSE)
    frames, visit = response.frames(), gate.visit()
    seen = [next(frames)]
    while seen[-1].data.get("progress") != 0.5:  # of a later try
        seen.append(next(frames))
    visit.open()
    seen += frames
    response.close()
    assert [told(frame) for frame in seen[-2:]] == [part, "end"]
    assert seen[-1].data["has_more"] is False


@pytest.mark.parametrize("kind", STREAMING)
def test_two_readers_get_the_part_of_a_single_job(lone_servers, gate, kind):
    client = StreamClient(lone_servers[kind])
    address = address_of("elsewhere", gate=gate.port)
    first = client.open(address, Accept=SSE)
    visit, second = gate.visit(), client.open(address, Accept="application/jsonl")
    readers = [first.frames(), second.frames()]
    assert [told(next(frames)) for frames in readers] == ["progress"] * 2
    visit.open()
    parts = [[frame for frame in frames if frame.kind == "part"] for frames in readers]
    assert [[told(frame) for frame in each] for each in parts] == [["elsewhere"]] * 2
    assert parts[0][0].data["value"] == parts[1][0].data["value"]
    first.close()
    second.close()


def test_a_client_that_leaves_gives_the_thread_of_its_stream_back(start, gate):
    server = start("gthread", "--workers=1", "--threads=1")
    response = StreamClient(server).open(address_of("elsewhere", gate=gate.port), Accept=SSE)
    assert told(next(response.frames())) == "progress"
    visit, left = gate.visit(), time.monotonic()
    response.close()
    assert server.page("rest", "fast").parts == {"fast": "fast"}
    assert time.monotonic() - left < SOON
    visit.open()


@pytest.mark.parametrize("accept", READERS)
def test_a_walk_over_streams_has_a_part_that_was_pending_once(impatient, gate, accept):
    client = StreamClient(impatient["gthread"])
    threading.Thread(target=lambda: gate.visit().open()).start()
    address = address_of("fast,elsewhere,rows_a,elsewhere_async,last", gate=gate.port)
    with walks_go_on():
        walked = walk_stream(client, address, accept=accept, cut_after=1)
    assert sorted(walked.names) == ["elsewhere", "elsewhere_async", "fast", "last", "rows_a"]
