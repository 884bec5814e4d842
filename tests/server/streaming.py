"""A client of streams, whose ``stream()`` is that of httpx: for ``walk_stream()``, and by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode

from django_partstream.received import READERS, Received
from tests.server.servers import HOST, PATIENCE, Server


class StreamResponse:
    """A response, of which any bytes are read as they come."""

    def __init__(self, connection: HTTPConnection) -> None:
        self._connection = connection
        self._response = connection.getresponse()
        self.status_code, self.headers = self._response.status, self._response.headers
        self.content = b""

    def iter_raw(self) -> Iterator[bytes]:
        """The bytes of the body as they come."""
        while chunk := self._response.read1(65536):
            yield chunk

    def read(self) -> bytes:
        """The whole body, after which the connection is closed."""
        self.content = self._response.read()
        self.close()
        return self.content

    def frames(self) -> Iterator[Received]:
        """The frames of a stream as they come."""
        return READERS[self.headers["Content-Type"]](self.iter_raw())

    def json(self) -> Any:
        return json.loads(self.read())

    def close(self) -> None:
        """Leave the server."""
        self._response.close()
        self._connection.close()


class StreamClient:
    """A client of *server*, with a connection for each request."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def open(
        self, address: str, *, method: str = "GET", body: str | None = None, **headers: str
    ) -> StreamResponse:
        """The response to a request, of which no byte of the body was read."""
        connection = HTTPConnection(*self._server.address, timeout=PATIENCE)
        connection.request(method, address, body, {"Host": HOST, **headers})
        return StreamResponse(connection)

    def get(self, address: str, *, headers: dict[str, str] | None = None) -> StreamResponse:
        """The response to a GET, as ``walk()`` asks for a page."""
        return self.open(address, **(headers or {}))

    @contextmanager
    def stream(
        self, method: str, address: str, *, headers: dict[str, str]
    ) -> Iterator[StreamResponse]:
        """The response to a request, until the end of the body of ``with``."""
        response = self.open(address, method=method, **headers)
        try:
            yield response
        finally:
            response.close()


def address_of(names: str, *, together: bool = True, **query: Any) -> str:
    """The address of the parts *names*, ``"a,b"``; with *together* up to four run at once."""
    return f"/{'together' if together else 'page'}/?{urlencode({'parts': names, **query})}"
