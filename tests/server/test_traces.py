"""Over real servers a trace leads from the request to its parts and their SQL."""

import json
from urllib.parse import urlencode

import pytest

from tests.graphql.multipart import SHAPES, Merged, payloads_in
from tests.observed import Sent
from tests.server.servers import KINDS, STREAMING, worded
from tests.server.streaming import StreamClient, address_of

pytest.importorskip(
    "opentelemetry.instrumentation.django",
    reason="opentelemetry-instrumentation-django is not installed",
)

SSE = "text/event-stream"

PARTS = "rows_a,timely,rows_async,rows_b"
TREE = {name: {"SELECT": {}} for name in PARTS.split(",")}


@pytest.fixture(scope="module")
def traced(start_for_module):
    """The traced server of a kind."""
    servers = {}

    def started(kind):
        if kind not in servers:
            servers[kind] = start_for_module(kind, SITE_OBSERVED="traces")
        return servers[kind]

    return started


@pytest.fixture
def sent():
    return Sent()


@pytest.mark.parametrize("together", [False, True], ids=["in-order", "together"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_statements_of_a_page_are_below_its_parts(traced, sent, front, kind, together):
    address, body = worded(front, PARTS, together=together)
    answer = StreamClient(traced(kind)).open(
        address,
        method="POST" if body else "GET",
        body=json.dumps(body) if body else None,
        **{"Content-Type": "application/json"},
        **sent.headers,
    )
    assert "errors" not in answer.json()
    view = {"graphql": "POST graphql/", "rest": f"GET {'together' if together else 'page'}/"}
    assert sent.tree(traced(kind).events, number=9) == {view[front]: TREE}


@pytest.mark.parametrize("together", [False, True], ids=["in-order", "together"])
@pytest.mark.parametrize("kind", STREAMING)
def test_the_statements_of_a_stream_are_below_its_parts(traced, sent, kind, together):
    address = address_of(PARTS, together=together)
    headers = {"Accept": SSE, **sent.headers}
    with StreamClient(traced(kind)).stream("GET", address, headers=headers) as response:
        assert [frame.kind for frame in response.frames()] == ["part"] * 4 + ["end"]
    view = f"GET {'together' if together else 'page'}/"
    assert sent.tree(traced(kind).events, number=9) == {view: TREE}


@pytest.mark.parametrize("kind", STREAMING)
def test_the_statements_of_deferred_parts_are_below_them(traced, sent, kind):
    parts = " ".join(TREE)
    text = f"{{ together(first: 9) {{ edges {{ node {{ name ... @defer {{ {parts} }} }} }} }} }}"
    address = f"/graphql/?{urlencode({'query': text})}"
    headers = {"Accept": SHAPES["both"], **sent.headers}
    with StreamClient(traced(kind)).stream("GET", address, headers=headers) as response:
        assert not Merged([*payloads_in(response.iter_raw())]).errors
    assert sent.tree(traced(kind).events, number=9) == {"GET graphql/": TREE}


@pytest.mark.parametrize("kind", ["gthread", "uvicorn"])
def test_a_span_tells_how_its_part_ended(traced, sent, gate, kind):
    server = traced(kind)
    address, _ = worded("rest", "fast,failing,hangs_at_gate", gate=gate.port)
    errors = StreamClient(server).open(address, **sent.headers).json()["errors"]
    spans = {span["name"]: span for span in sent.spans(server.events, number=4)}
    assert [spans[name]["status"] for name in ("fast", "failing", "hangs_at_gate")] == [
        "UNSET",
        "ERROR",
        "ERROR",
    ]
    for error in errors:
        told = spans[error["part"]]["attributes"]
        assert told["error.type"] == error["code"]
        assert told["partstream.reference"] == error["reference"]


def test_a_late_call_does_not_prolong_its_part(traced, sent, gate):
    server = traced("gthread")
    address, _ = worded("rest", "hangs_at_gate", gate=gate.port)
    StreamClient(server).open(address, **sent.headers).read()
    request, part = sorted(sent.spans(server.events, number=2), key=lambda span: span["began"])
    assert part["ended"] <= request["ended"]
    assert part["attributes"]["partstream.part.status"] == "timeout"
