"""
Helpers for the tests of a project: walk a response to its end, make a part fail or hang.

Nothing here waits: a part times out, and a cursor expires, at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from django_partstream import cursors
from django_partstream.delivery.attempts import stand_ins
from django_partstream.exceptions import PartTimeout

__all__ = ["Walk", "expired", "part_fails", "part_hangs", "walk", "walk_connection"]

MAX_PAGES = 10_000


@dataclass(slots=True)
class Walk:
    """A response walked to its end: its pages, and all their parts and failures merged."""

    pages: list[dict[str, Any]] = field(default_factory=list)
    parts: dict[str, Any] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """The names of the parts, in the order of delivery."""
        return list(self.parts)

    def deliver(self, name: str, value: Any) -> None:
        """
        Record that a page carried the part *name*.

        Raises:
            AssertionError: an earlier page carried it, too.
        """
        if name in self.parts:
            raise AssertionError(f"The part {name!r} was delivered twice.")
        self.parts[name] = value


def walk(client: Any, url: str, **request: Any) -> Walk:
    """
    Follow a REST response from its first page to its last.

    *client* is a Django or DRF test client; *request* goes to each ``client.get()``. After the
    first page only the cursor is sent, as most clients do.

    Raises:
        AssertionError: a response is no page, a part came twice, or the walk does not end.
    """
    walked = Walk()
    address = url
    for _ in range(MAX_PAGES):
        response = client.get(address, **request)
        for query in ("data", "query_params"):
            request.pop(query, None)  # the first request's; the cursor carries it on
        page = _json(response)
        if response.status_code != 200 or "results" not in page:
            raise AssertionError(f"GET {address}: {response.status_code} {page}")
        walked.pages.append(page)
        for result in page["results"]:
            for name, value in result.items():
                walked.deliver(name, value)
        walked.errors.extend(page.get("errors", ()))
        if page["cursor"] is None:
            return walked
        address = f"{url.partition('?')[0]}?cursor={page['cursor']}"
    raise AssertionError(f"GET {url}: no end after {MAX_PAGES} pages.")


def walk_connection(
    client: Any,
    query: str,
    *,
    url: str = "/graphql/",
    connection: str | None = None,
    variables: dict[str, Any] | None = None,
    **request: Any,
) -> Walk:
    """
    Follow a GraphQL connection from its first page to its last.

    *query* has a variable ``$after`` and selects ``pageInfo { hasNextPage endCursor }`` and, on
    ``edges { node }``, ``name`` and the parts. *connection* is the response key of the
    connection; a query with a single field does not need it.

    Raises:
        AssertionError: a response has no data, a part came twice or under an alias, or the
            walk does not end.
    """
    walked = Walk()
    after: str | None = None
    for _ in range(MAX_PAGES):
        body = {"query": query, "variables": {**(variables or {}), "after": after}}
        response = client.post(url, body, content_type="application/json", **request)
        page = _json(response)
        if not page.get("data"):
            raise AssertionError(f"POST {url}: {response.status_code} {page}")
        walked.pages.append(page)
        data = page["data"][connection or next(iter(page["data"]))]
        if "pageInfo" not in data or "edges" not in data:
            raise AssertionError("Select pageInfo { hasNextPage endCursor } and edges { node }.")
        for edge in data["edges"]:
            node = edge["node"]
            name = node.get("name")
            if name not in node:
                raise AssertionError(f"Select name and, unaliased, the parts of a node: {node}.")
            walked.deliver(name, node[name])
            if node.get("error"):
                walked.errors.append({"part": node["name"], **node["error"]})
        walked.errors.extend(page.get("errors", ()))
        if not data["pageInfo"]["hasNextPage"]:
            return walked
        after = data["pageInfo"]["endCursor"]
    raise AssertionError(f"POST {url}: no end after {MAX_PAGES} pages.")


def expired(cursor: str) -> str:
    """The same cursor, past its ``cursor_ttl``."""
    return cursors.expire(cursor)


@contextmanager
def part_fails(name: str, exc: Exception | None = None) -> Iterator[None]:
    """
    Make the function of the part *name* raise *exc* (a ``RuntimeError``) within the body.

    The guards of the part stay in place: with a fallback of ``safe_call`` it ends ``fallback``.

    Raises:
        AssertionError: at the end of the body, if no page ran such a part.
    """
    with _instead_of(name, lambda: exc or RuntimeError(f"The part {name!r} fails in this test.")):
        yield


@contextmanager
def part_hangs(name: str, seconds: float = 1.0) -> Iterator[None]:
    """
    Make the part *name* reach the limit of its ``with_timeout`` at once, within the body.

    Raises:
        AssertionError: at the end of the body, if no page ran such a part.
    """
    with _instead_of(name, lambda: PartTimeout(seconds)):
        yield


@contextmanager
def _instead_of(name: str, failure: Callable[[], Exception]) -> Iterator[None]:
    """Raise *failure* in place of the function of the part *name*."""
    ran = False

    def fail() -> Any:
        nonlocal ran
        ran = True
        raise failure()

    with mock.patch.dict(stand_ins, {name: fail}):
        yield
    if not ran:
        raise AssertionError(f"No page ran a part called {name!r}.")


def _json(response: Any) -> dict[str, Any]:
    try:
        body: dict[str, Any] = response.json()
    except ValueError:
        raise AssertionError(f"{response.status_code} is not JSON: {response.content!r}") from None
    return body
