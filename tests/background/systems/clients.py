"""Clients of the nodes: they walk as the server asks them to, also many at the same time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from http import HTTPStatus
from itertools import cycle
from typing import Any
from urllib.parse import urlencode

from django_partstream.received import Received
from django_partstream.testing import Walk
from tests.background.walks import PATIENCE
from tests.server.servers import Server
from tests.server.streaming import StreamClient, StreamResponse

QUERY = """query ($after: String) { board(after: $after) {
  pageInfo { hasNextPage endCursor } pending { name retryAfter }
  edges { node { name status error { code } overview forecast orders news } }
} }"""

#: The parts that are there at once.
INSTANT = {"overview": "overview", "orders": "orders", "news": "news"}

#: The longest walk, in seconds: workers may be started meanwhile, on a machine that does much else.
LONGEST = 2 * PATIENCE


class Page:
    """A response that was read to its end, of either front."""

    def __init__(self, response: StreamResponse) -> None:
        self.status_code, self.headers = response.status_code, response.headers
        self.content = response.read()
        assert self.status_code == 200, self.content

    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def waits(self) -> list[float]:
        """The seconds after which each pending part is to be asked for again."""
        body = self.json()
        if "data" in body:
            (connection,) = body["data"].values()
            return [entry["retryAfter"] for entry in connection["pending"]]
        return [entry["retry_after"] for entry in body.get("pending", ())]


class Client(StreamClient):
    """
    A client that asks *servers* in turn, and waits for as long as each page asks it to.

    *headers* go with each request. :attr:`requests` is their number. :attr:`is_waiting` tells whether
    a page had a pending part, or a stream has begun.
    """

    def __init__(self, *servers: Server, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(servers[0])
        self._servers, self._headers = cycle(servers), dict(headers or {})
        self._not_before, self._ends = 0.0, time.monotonic() + LONGEST
        self.requests, self.is_waiting = 0, False

    def open(self, address: str, **options: Any) -> StreamResponse:
        assert time.monotonic() < self._ends, f"No end after {self.requests} requests."
        self._server = next(self._servers)
        self.requests += 1
        return super().open(address, **self._headers, **options)

    def stream_at(self, address: str, **headers: str) -> StreamResponse:
        """The response to a request for a stream, which has begun."""
        response = self.open(address, **headers)
        self.is_waiting = True
        return response

    def get(self, address: str, *, headers: Mapping[str, str] | None = None) -> Page:
        return self._page(address, **(headers or {}))

    def post(self, address: str, body: Any) -> Page:
        kind = {"Content-Type": "application/json"}
        return self._page(address, method="POST", body=json.dumps(body), **kind)

    def pause(self) -> None:
        """Wait as the last page has asked for."""
        time.sleep(max(self._not_before - time.monotonic(), 0))

    def _page(self, address: str, **options: Any) -> Page:
        self.pause()
        page = Page(self.open(address, **options))
        if page.waits:
            self.is_waiting = True
            self._not_before = time.monotonic() + min(page.waits)
        return page


class Hasty(Client):
    """A client that knows nothing of pending parts: it asks for the next page at once."""

    def pause(self) -> None:
        """Wait for nothing."""


def by_pages(client: Client, address: str = "/walk/", **query: Any) -> Walk:
    """Walk over REST pages until each part has come, once."""
    walked, cursor = Walk(), None
    while cursor or not walked.pages:
        page = client.get(f"{address}?{urlencode({'cursor': cursor} if cursor else query)}").json()
        walked.pages.append(page)
        for result in page["results"]:
            for name, value in result.items():
                walked.deliver(name, value)
        walked.errors += page.get("errors", [])
        cursor = page["cursor"]
    return walked


def by_graphql(client: Client, **query: Any) -> Walk:
    """Walk over the pages of a connection until each part has come, once."""
    walked, after = Walk(), None
    while after or not walked.pages:
        page = client.post(
            f"/graphql/?{urlencode(query)}", {"query": QUERY, "variables": {"after": after}}
        ).json()
        walked.pages.append(page)
        connection = page["data"]["board"]
        for edge in connection["edges"]:
            node = edge["node"]
            walked.deliver(node["name"], node[node["name"]])
            walked.errors += [node["error"]] if node["error"] else []
        ends = connection["pageInfo"]
        after = ends["endCursor"] if ends["hasNextPage"] else None
    return walked


def by_stream(client: Client, *, cut_after: int | None = None, **query: Any) -> Walk:
    """Read streams until each part has come, once; leave each stream after *cut_after* parts."""
    walked, headers, has_more = Walk(), {"Accept": "text/event-stream"}, True
    while has_more:
        response = client.stream_at(f"/walk/?{urlencode(query)}", **headers)
        for count, frame in enumerate(read(response), 1):
            headers["Last-Event-ID"] = frame.cursor
            if frame.kind == "end":
                has_more = frame.data["has_more"]
                break
            walked.deliver(frame.data["name"], frame.data["value"])
            walked.errors += [frame.data["error"]] if "error" in frame.data else []
            if count == cut_after:
                break
        else:
            has_more = response.status_code != HTTPStatus.NO_CONTENT  # that of a walk at its end
        response.close()
    return walked


def read(response: StreamResponse) -> Iterator[Received]:
    """The frames of a stream that have a cursor; none of a walk at its end."""
    if response.status_code != HTTPStatus.NO_CONTENT:
        yield from (frame for frame in response.frames() if frame.cursor)


class Crowd:
    """Walks that begin at the same time; *walks* makes each from its client."""

    def __init__(self, walks: Sequence[tuple[Client, Callable[[Client], Walk]]]) -> None:
        self._together = threading.Barrier(len(walks))
        self._threads = ThreadPoolExecutor(len(walks))
        self.clients = [client for client, _ in walks]
        self._futures: list[Future[Walk]] = [
            self._threads.submit(self._walk, client, walked) for client, walked in walks
        ]

    def _walk(self, client: Client, walked: Callable[[Client], Walk]) -> Walk:
        self._together.wait(PATIENCE)
        return walked(client)

    def ends(self) -> list[Walk]:
        """The walks, each at its end."""
        ended = [future.result(PATIENCE) for future in self._futures]
        self._threads.shutdown()
        return ended
