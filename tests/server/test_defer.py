"""``@defer`` over real servers: the first payload at once, and nothing left behind."""

import time
from urllib.parse import urlencode

import pytest

from tests.graphql.multipart import SHAPES, Merged, payloads_in
from tests.server.servers import STREAMING
from tests.server.streaming import StreamClient

#: Seconds in which nothing runs any more when a client has left, with some for a busy machine.
SOON = 3.0


@pytest.fixture(params=STREAMING)
def server(request, lone_servers):
    return lone_servers[request.param]


@pytest.fixture
def opened(server):
    """``opened(text, shape, **query)``: the response, and its payloads as they come."""
    responses = []

    def opening(text, shape="both", **query):
        address = f"/graphql/?{urlencode({'query': text, **query})}"
        response = StreamClient(server).open(address, Accept=SHAPES[shape])
        responses.append(response)
        return response, payloads_in(response.iter_raw())

    yield opening
    for response in responses:
        response.close()


PARTS = "{{ {0}(first: 9) {{ edges {{ node {{ name ... @defer {{ {1} }} }} }} }} }}"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("connection", ["board", "together"])
def test_the_first_payload_arrives_before_any_deferred_part_ends(opened, gate, shape, connection):
    response, coming = opened(PARTS.format(connection, "gated"), shape, gate=gate.port)
    first = next(coming)
    assert first["data"][connection]["edges"] == [{"node": {"name": "gated"}}]
    assert response.headers["Cache-Control"] == "no-store, no-transform"
    gate.visit().open()
    merged = Merged([first, *coming])
    assert merged.data[connection]["edges"][0]["node"] == {"name": "gated", "gated": "let through"}
    assert not merged.has_next


@pytest.mark.parametrize("slow", ["gated", "gated_async", "gated_timed", "gated_timed_async"])
def test_a_part_arrives_while_an_earlier_part_is_computed(opened, gate, slow):
    text = PARTS.format("together", f"rows_a {slow} last")
    _, coming = opened(text, "both", gate=gate.port)
    first = next(coming)
    visit = gate.visit()
    arrived = [next(coming), next(coming)]
    came = [one["data"] for payload in arrived for one in payload["incremental"]]
    assert {name for data in came for name in data if data[name] is not None} == {"rows_a", "last"}
    visit.open()
    merged = Merged([first, *arrived, *coming])
    assert (merged.pending, merged.has_next, merged.errors) == ({}, False, [])


@pytest.mark.parametrize("field", ["gated", "gated_async"])
def test_the_first_payload_arrives_before_a_deferred_field_that_is_no_part(opened, gate, field):
    text = f"{{ board {{ totalCount }} ... @defer {{ {field} }} }}".replace(
        "totalCount", "total_count"
    )
    _, coming = opened(text, gate=gate.port)
    first = next(coming)
    gate.visit().open()
    assert Merged([first, *coming]).data[field] == "let through"


def test_two_connections_share_a_stream(opened, gate):
    board = "board(first: 2) { edges { node { name ... @defer { gated } } } }"
    other = "together(first: 2) { edges { node { name ... @defer { fast } } } }"
    _, coming = opened(f"{{ {board} {other} }}", gate=gate.port)
    first, visit = next(coming), gate.visit()
    second = next(coming)
    assert second["incremental"][0]["data"] == {"fast": "fast"}
    visit.open()
    merged = Merged([first, second, *coming])
    assert merged.data["board"]["edges"][0]["node"]["gated"] == "let through"


def test_a_failed_part_is_masked_in_its_increment(opened):
    _, coming = opened("{ board(first: 9) { ... @defer { failing fast } } }")
    merged = Merged(list(coming))
    assert merged.data["board"] == {"failing": None, "fast": "fast"}
    (error,) = merged.errors
    assert (error["path"], error["extensions"]["code"]) == (["board", "failing"], "PART_FAILED")
    assert "upstream" not in error["message"]


def test_a_coroutine_of_a_client_that_leaves_is_cancelled_within_a_second(
    server, opened, gate, run
):
    text = PARTS.format("board", "gated_async last")
    response, coming = opened(text, gate=gate.port, run=run)
    next(coming)
    visit = gate.visit()
    left = time.monotonic()
    response.close()
    assert visit.gone()  # by itself, as the gate was not opened
    assert time.monotonic() - left < SOON
    assert server.settled()["running"] == []


def test_an_ordinary_page_is_answered_while_a_response_is_open(server, opened, gate):
    _, coming = opened(PARTS.format("board", "gated"), gate=gate.port)
    next(coming)
    visit = gate.visit()
    assert server.query("fast").parts == {"fast": "fast"}
    visit.open()
    assert len(list(coming)) == 1
