"""Walks: a response is followed by its pages from the first to the last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from asgiref.sync import iscoroutinefunction

MAX_PAGES = 10_000


@dataclass(slots=True)
class Walk:
    """
    A response walked to its end: its pages, and all their parts and failures merged.

    A walk over REST with the header ``Partstream-Have`` has *etags*, by part, and the names of the
    parts that are *unchanged*, which are None among its parts.
    """

    pages: list[dict[str, Any]] = field(default_factory=list)
    parts: dict[str, Any] = field(default_factory=dict)
    errors: list[dict[str, Any]] = field(default_factory=list)
    etags: dict[str, str] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)

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

    def tell(self, page: dict[str, Any]) -> None:
        """Record what *page* of a REST response tells of its parts."""
        self.errors.extend(page.get("errors", ()))
        self.etags.update(page.get("etags", {}))
        self.unchanged.extend(page.get("unchanged", ()))


def walk(client: Any, url: str, **request: Any) -> Walk:
    """
    Follow a REST response from its first page to its last.

    *client* is a Django or DRF test client; *request* goes to each ``client.get()``. After the
    first page only the cursor is sent, as most clients do.

    Raises:
        AssertionError: a response is no page, a part is pending or came twice, or the walk does
            not end.
        TypeError: *client* is asynchronous.
    """
    check_client(client)
    walked = Walk()
    address = url
    for _ in range(MAX_PAGES):
        response = client.get(address, **request)
        for query in ("data", "query_params"):
            request.pop(query, None)  # the first request's; the cursor carries it on
        page = _json(response)
        if response.status_code != 200 or "results" not in page:
            raise AssertionError(f"GET {address}: {response.status_code} {page}")
        refuse_to_wait(entry["part"] for entry in page.get("pending", ()))
        walked.pages.append(page)
        for result in page["results"]:
            for name, value in result.items():
                walked.deliver(name, value)
        walked.tell(page)
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
        AssertionError: a response has no data, a part is pending, came twice or under an
            alias, or the walk does not end.
        TypeError: *client* is asynchronous.
    """
    check_client(client)
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
        has_more = data["pageInfo"]["hasNextPage"]
        refuse_to_wait(entry.get("name") for entry in data.get("pending", ()))
        if has_more and not data["edges"]:
            refuse_to_wait(["those of a page without edges (select pending { name } to see them)"])
        for edge in data["edges"]:
            node = edge["node"]
            name = node.get("name")
            if name not in node:
                raise AssertionError(f"Select name and, unaliased, the parts of a node: {node}.")
            walked.deliver(name, node[name])
            if node.get("error"):
                walked.errors.append({"part": node["name"], **node["error"]})
        walked.errors.extend(page.get("errors", ()))
        if not has_more:
            return walked
        after = data["pageInfo"]["endCursor"]
    raise AssertionError(f"POST {url}: no end after {MAX_PAGES} pages.")


def refuse_to_wait(pending: Iterable[str | None]) -> None:
    """
    Make sure that no part is *pending*.

    Raises:
        AssertionError: these parts are.
    """
    names = ", ".join(map(str, pending))
    if names:
        raise AssertionError(
            f"Parts are pending: {names}. A walk does not wait, so wrap it in background_now() of "
            "django_partstream.testing."
        )


def check_client(client: Any) -> None:
    """
    Make sure that *client* can walk.

    Raises:
        TypeError: it is asynchronous.
    """
    if iscoroutinefunction(getattr(client, "get", None)):
        raise TypeError(
            f"A walk needs a client whose get() returns the response, not {type(client).__name__}. "
            "Use django.test.Client in a plain test, or in asgiref's sync_to_async()."
        )


def _json(response: Any) -> dict[str, Any]:
    try:
        body: dict[str, Any] = response.json()
    except ValueError:
        raise AssertionError(f"{response.status_code} is not JSON: {response.content!r}") from None
    return body
