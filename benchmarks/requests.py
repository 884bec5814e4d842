"""Requests to a contender, through WSGI in this process."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.handlers.wsgi import WSGIHandler


class Site:
    """The site, called as by a WSGI server; RuntimeError unless the response is a 200."""

    def __init__(self) -> None:
        self._application = WSGIHandler()

    def get(self, path: str, **environ: str) -> bytes:
        """Return the body of a GET; *environ* is added to the WSGI environment."""
        return self._ask("GET", path, b"", environ)

    def post(self, path: str, body: bytes, **environ: str) -> bytes:
        """Return the body of a POST of JSON."""
        return self._ask("POST", path, body, environ)

    def json(self, path: str, body: bytes | None = None, **environ: str) -> Any:
        """Return the parsed JSON of a GET, or of a POST if there is a *body*."""
        return json.loads(
            self.get(path, **environ) if body is None else self.post(path, body, **environ)
        )

    def _ask(self, method: str, path: str, body: bytes, added: Mapping[str, str]) -> bytes:
        address, _, query = path.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": address,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "localhost",
            "HTTP_ACCEPT": "application/json",
            "CONTENT_TYPE": "application/json" if body else "",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            **added,
        }
        status: list[str] = []
        response = self._application(environ, lambda line, headers: status.append(line))
        try:
            answer = b"".join(response)
        finally:
            response.close()
        if status != ["200 OK"]:
            raise RuntimeError(f"{method} {path}: {status} {answer[:500]!r}")
        return answer


def walk(site: Site, path: str) -> Iterator[dict[str, Any]]:
    """Yield the pages of a REST response."""
    cursor = None
    while True:
        page = site.json(f"{path}?cursor={cursor}" if cursor else path)
        yield page
        cursor = page["cursor"]
        if cursor is None:
            return
