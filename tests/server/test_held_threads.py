"""The threads that an open stream holds: of its server, or of the pool."""

from contextlib import suppress
from http.client import IncompleteRead

import pytest

from tests.server.servers import ONE_PROCESS, PATIENCE
from tests.server.streaming import StreamClient, address_of

SSE = "text/event-stream"

#: Seconds that a page is seen to wait for; a page that need not wait takes milliseconds.
A_WHILE = 0.5

#: The servers that give each response a thread, and the number of their threads.
THREADS = {"sync": ([], 1), "gthread": (["--workers=1", "--threads=8"], 8)}


def held(server, gate, names, **query):
    """A stream whose part waits at the gate, and that visit."""
    response = StreamClient(server).open(address_of(names, gate=gate.port, **query), Accept=SSE)
    return response, gate.visit()


def ended(response):
    """The names of the parts that a stream had left, once it has ended."""
    *parts, end = response.frames()
    response.close()
    assert end.kind == "end"
    return [part.data["name"] for part in parts]


def breaks_off(frames):
    """Whether a stream ends without another frame."""
    more = []
    with suppress(IncompleteRead, ConnectionResetError):
        for frame in frames:
            more.append(frame)
    return not more


@pytest.mark.parametrize("kind", THREADS)
def test_an_ordinary_page_waits_while_every_thread_of_gunicorn_is_held_by_a_stream(
    start, kind, gate
):
    options, threads = THREADS[kind]
    server = start(kind, *options)
    streams = [held(server, gate, "gated_async") for _ in range(threads - 1)]
    assert server.page("rest", "fast").parts == {"fast": "fast"}
    streams.append(held(server, gate, "gated_async"))
    page = server.soon("rest", "fast")
    with pytest.raises(TimeoutError):
        page.result(A_WHILE)
    response, visit = streams.pop()
    visit.open()
    assert ended(response) == ["gated_async"]
    assert page.result(PATIENCE).parts == {"fast": "fast"}
    for response, visit in streams:
        visit.open()
        assert ended(response) == ["gated_async"]


@pytest.mark.parametrize("kind", ["gthread", "uvicorn"])
def test_plain_parts_of_streams_wait_for_the_pool_and_coroutines_and_pages_do_not(
    start, kind, gate
):
    server = start(kind, *THREADS.get(kind, ([],))[0], SITE_PARTSTREAM={"MAX_THREADS": 2})
    streams = [held(server, gate, "gated") for _ in range(2)]
    response = StreamClient(server).open(address_of("fast,paced"), Accept=SSE)
    frames = response.frames()
    assert next(frames).data["name"] == "paced"
    assert server.page("rest", "fast,slow").parts == {"fast": "fast", "slow": "slow"}
    for held_response, visit in streams:
        visit.open()
        assert ended(held_response) == ["gated"]
    assert [frame.kind for frame in frames] == ["part", "end"]
    response.close()


def test_the_timeout_of_gunicorn_ends_a_stream_of_a_sync_worker_and_none_of_gthread(start, gate):
    gthread = start("gthread", "--workers=1", "--timeout=1")
    response, visit = held(gthread, gate, "gated_async")
    sync = start("sync", "--timeout=1")
    killed, _ = held(sync, gate, "gated_async")
    assert sync.log.wait_for("WORKER TIMEOUT")
    assert breaks_off(killed.frames())
    killed.close()
    visit.open()
    assert ended(response) == ["gated_async"]


def test_the_timeout_of_daphne_ends_a_stream(start, gate):
    server = start("daphne", "--http-timeout=1")
    response, _ = held(server, gate, "gated_async")
    assert breaks_off(response.frames())
    response.close()


def test_the_access_log_has_a_stream_of_gunicorn_at_its_end_and_of_uvicorn_at_its_beginning(
    start, gate
):
    line = "GET /together/"
    gunicorn = start(
        "gthread", "--workers=1", "--access-logfile=-", "--access-logformat=%(r)s took %(L)s"
    )
    uvicorn = start("uvicorn", "--access-log")
    first, first_visit = held(gunicorn, gate, "gated_async")
    second, second_visit = held(uvicorn, gate, "gated_async")
    assert uvicorn.log.wait_for(line)
    assert line not in str(gunicorn.log)
    first_visit.open()
    second_visit.open()
    assert ended(first) == ended(second) == ["gated_async"]
    assert gunicorn.log.wait_for(" took ")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("gthread", ["--workers=1", "--graceful-timeout=1"]),
        ("uvicorn", ["--timeout-graceful-shutdown=1"]),
        ("daphne", []),
    ],
)
def test_a_stream_that_outlasts_a_graceful_stop_goes_on_at_another_server(
    start, kind, options, gate
):
    before, after = start(kind, *options), start(kind, *ONE_PROCESS.get(kind, []))
    address = address_of("fast,gated_async,last", gate=gate.port)
    response = StreamClient(before).open(address, Accept=SSE)
    frames = response.frames()
    first, second = next(frames), next(frames)
    gate.visit()
    before.terminate()
    assert breaks_off(frames)
    response.close()
    headers = {"Accept": SSE, "Last-Event-ID": second.cursor}
    response = StreamClient(after).open(address, **headers)
    gate.visit().open()
    assert {first.data["name"], second.data["name"], *ended(response)} == {
        "fast", "last", "gated_async",
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["gthread", "uvicorn"])
def test_a_stream_that_is_open_at_a_graceful_stop_is_delivered(start, kind, gate):
    server = start(kind, *ONE_PROCESS.get(kind, []))
    response, visit = held(server, gate, "fast,gated_async,last")
    server.terminate()
    visit.open()
    assert sorted(ended(response)) == ["fast", "gated_async", "last"]
