"""The connections to PostgreSQL that open streams hold, while a part of each waits at the gate."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from tests.server.servers import PATIENCE
from tests.server.streaming import StreamClient

pytestmark = pytest.mark.postgres

STREAMS = 10
GTHREAD = ["--workers=1", f"--threads={STREAMS + 1}"]

#: Fewer connections than there are streams.
POOL = {"min_size": 1, "max_size": 3, "timeout": 10}


@pytest.fixture
def hold(gate):
    """``hold(server, names)``: streams that have delivered *names*, and then wait at the gate."""
    responses = []

    def begin(server, names):
        query = {"parts": ",".join([*names, "gated_async"]), "gate": gate.port}
        # The view asks the database, before its parts do.
        response = StreamClient(server).open(
            f"/asking/?{urlencode(query)}", Accept="text/event-stream"
        )
        responses.append(response)
        frames = response.frames()
        assert {next(frames).data["name"] for _ in names} == set(names)
        return frames

    def holding(server, names):
        with ThreadPoolExecutor(STREAMS) as clients:
            streams = list(clients.map(lambda _: begin(server, names), range(STREAMS)))
        return streams, [gate.visit() for _ in range(STREAMS)]

    yield holding
    for response in responses:
        response.close()


@pytest.mark.parametrize(
    ("kind", "options", "names", "most"),
    [
        pytest.param("uvicorn", [], ["rows_a", "timely"], 0, id="asgi"),
        pytest.param("uvicorn", [], ["rows_async"], STREAMS, id="asgi-async-orm"),
        pytest.param("gthread", GTHREAD, ["rows_a", "timely"], 0, id="wsgi"),
        pytest.param("gthread", GTHREAD, ["rows_async"], STREAMS, id="wsgi-async-orm"),
    ],
)
def test_open_streams_hold_a_bounded_number_of_connections(
    start, sessions, hold, kind, options, names, most
):
    server = start(kind, *options, postgres={"CONN_MAX_AGE": 0})
    streams, visits = hold(server, names)
    # Well before the gate loses its patience, and the streams end by themselves.
    assert sessions.left(server.name, at_most=most, within=PATIENCE / 2) <= most
    for visit in visits:
        visit.open()
    for stream in streams:
        assert [frame.kind for frame in stream] == ["part", "end"]
    assert sessions.left(server.name) == 0


@pytest.mark.parametrize(
    ("kind", "options"),
    [pytest.param("uvicorn", [], id="asgi"), pytest.param("gthread", GTHREAD, id="wsgi")],
)
def test_more_streams_than_a_pool_has_connections_are_open_at_once(
    start, sessions, hold, kind, options
):
    server = start(kind, *options, postgres={"OPTIONS": {"pool": POOL}})
    streams, visits = hold(server, ["rows_a", "timely"])
    assert sessions.count(server.name) <= POOL["max_size"]
    for visit in visits:
        visit.open()
    for stream in streams:
        assert [frame.kind for frame in stream] == ["part", "end"]
