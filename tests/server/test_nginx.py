"""Streams through nginx: each part when it ends, whatever nginx is told about buffers."""

from urllib.parse import urlencode

import pytest

from django_partstream.received import READERS
from tests.documentation import ROOT, blocks
from tests.graphql.multipart import SHAPES, Merged, payloads_in
from tests.proxy import Proxy
from tests.server.nginx import Nginx
from tests.server.streaming import StreamClient, address_of

NAMES = "fast,gated,gated_async,meets_a,meets_b,last"

#: The parts of these that wait at the gate.
GATED = {"gated", "gated_async"}

#: What nginx may be told. Over HTTP/1.0, its own way for long, it fills a buffer before it sends.
TOLD = [
    ("proxy_buffering on", "proxy_http_version 1.0"),
    ("proxy_buffering on", "proxy_http_version 1.1"),
    ("proxy_buffering off", "proxy_http_version 1.0"),
    ("proxy_cache pages", "proxy_cache_valid 1m", "proxy_http_version 1.0"),
]


@pytest.fixture(params=["gthread", "uvicorn"])
def site(request, shared):
    """A server of each protocol."""
    return shared(request.param)


@pytest.fixture(params=TOLD, ids=", ".join)
def nginx(request, site, tmp_path):
    with Nginx(tmp_path / "nginx", site.address, *request.param) as nginx:
        yield nginx


def ask(nginx, accept, **query):
    """The response to the request of a client that takes compressed bodies."""
    client, headers = StreamClient(nginx), {"Accept": accept, "Accept-Encoding": "gzip"}
    return client.open(address_of(**query), **headers)


def names_of(frames, count):
    return {next(frames).data["name"] for _ in range(count)}


@pytest.mark.parametrize("accept", READERS)
def test_parts_arrive_through_nginx_while_other_parts_still_run(nginx, accept, gate):
    response = ask(nginx, accept, names=NAMES, gate=gate.port)
    frames = response.frames()
    assert names_of(frames, 4) == {"fast", "meets_a", "meets_b", "last"}
    for _ in GATED:
        gate.visit().open()
    assert names_of(frames, 2) == GATED
    (end,) = frames
    assert (end.kind, end.data["delivered"], end.data["has_more"]) == ("end", 6, False)
    response.close()


def test_the_nginx_of_the_production_page_passes_parts_on_at_once(site, gate, tmp_path):
    page = ROOT / "docs" / "production.md"
    if not page.exists():
        pytest.skip("docs/ is not beside these tests")
    (location,) = blocks(page, "nginx")
    with Nginx(tmp_path / "nginx", site.address, location=location) as nginx:
        response = ask(nginx, "text/event-stream", names="fast,gated", gate=gate.port)
        frames = response.frames()
        assert names_of(frames, 1) == {"fast"}
        gate.visit().open()
        assert names_of(frames, 1) == {"gated"}
        response.close()


@pytest.mark.parametrize("shape", SHAPES)
def test_deferred_parts_arrive_through_nginx_while_other_parts_still_run(nginx, shape, gate):
    query = "{ together(first: 9) { edges { node { name ... @defer { fast gated last } } } } }"
    address = f"/graphql/?{urlencode({'query': query, 'gate': gate.port})}"
    response = StreamClient(nginx).open(address, Accept=SHAPES[shape])
    coming = payloads_in(response.iter_raw())
    first, second, third = next(coming), next(coming), next(coming)
    gate.visit().open()
    merged = Merged([first, second, third, *coming])
    response.close()
    nodes = [edge["node"] for edge in merged.data["together"]["edges"]]
    assert [node[node["name"]] for node in nodes] == ["fast", "let through", "fast"]
    assert not merged.has_next


@pytest.mark.parametrize("accept", READERS)
def test_nginx_compresses_a_page_and_leaves_a_stream_alone(nginx, accept):
    page = ask(nginx, "application/json", names="fast")
    assert page.headers["Content-Encoding"] == "gzip"
    page.close()
    stream = ask(nginx, accept, names="fast,last")
    assert stream.headers["Content-Encoding"] in (None, "identity")
    assert [frame.kind for frame in stream.frames()] == ["part", "part", "end"]
    stream.close()


def test_nginx_caches_pages_and_answers_no_request_for_a_stream_with_one(site, run, tmp_path):
    told = ("proxy_cache pages", "proxy_cache_valid 1m")
    with Nginx(tmp_path / "nginx", site.address, *told) as nginx:
        for _ in range(2):
            page = ask(nginx, "application/json", names="fast", run=run)
            assert page.status_code == 200
            page.read()
            page.close()
        assert len(site.events.wait_for("resolved", run)) == 1
        for count in (2, 3):
            stream = ask(nginx, "text/event-stream", names="fast", run=run)
            assert [frame.kind for frame in stream.frames()] == ["part", "end"]
            stream.close()
            assert len(site.events.wait_for("resolved", run, times=count)) == count


def test_a_client_that_leaves_nginx_ends_its_stream(nginx, gate, run):
    response = ask(nginx, "text/event-stream", names="fast,gated_async,last", gate=gate.port)
    assert next(response.frames()).kind == "part"
    visit = gate.visit()
    response.close()
    assert visit.gone()


@pytest.mark.parametrize("then", ["stream", "pages"])
def test_a_stream_that_breaks_behind_nginx_goes_on_from_its_last_part(site, then, gate, tmp_path):
    with (
        Proxy(*site.address) as proxy,
        Nginx(tmp_path / "nginx", (proxy.host, proxy.port)) as nginx,
    ):
        response = ask(nginx, "text/event-stream", names=NAMES, gate=gate.port)
        frames = response.frames()
        before = [next(frames) for _ in range(4)]
        proxy.close()
        assert list(frames) == []  # no end: the client can tell that this was none
        response.close()
        proxy.open()
        gate.close()
        cursor = before[-1].cursor
        client = StreamClient(nginx)
        if then == "pages":
            after = nginx.get("/together/", cursor=cursor)
            assert (list(after.parts), after.cursor) == (["gated", "gated_async"], None)
        else:
            headers = {"Accept": "text/event-stream", "Last-Event-ID": cursor}
            response = client.open(address_of(NAMES, gate=gate.port), **headers)
            frames = response.frames()
            assert names_of(frames, 2) == GATED
            assert next(frames).kind == "end"
            response.close()
