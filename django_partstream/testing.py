"""
Helpers for the tests of a project: walk a response to its end, make a part fail or hang.

Nothing here waits: a part times out, a cursor expires, and background work is done, at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Literal
from unittest import mock

from asgiref.sync import iscoroutinefunction
from django.core.cache.backends.locmem import LocMemCache

from django_partstream import cursors
from django_partstream._django import close_stream
from django_partstream.delivery.attempts import stand_ins
from django_partstream.exceptions import PartTimeout
from django_partstream.jobs import engine, states, work
from django_partstream.received import READERS, Received

__all__ = [
    "Walk",
    "background_fails",
    "background_never",
    "background_now",
    "expired",
    "part_fails",
    "part_hangs",
    "walk",
    "walk_connection",
    "walk_stream",
]

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
        TypeError: *client* is asynchronous.
    """
    _check_client(client)
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
        TypeError: *client* is asynchronous.
    """
    _check_client(client)
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


def walk_stream(
    client: Any,
    url: str,
    *,
    cut_after: int | None = None,
    then: Literal["stream", "pages"] = "stream",
    accept: str = "text/event-stream",
    **request: Any,
) -> Walk:
    """
    Follow a REST response as a stream to its end.

    *client* is a Django or DRF test client, a session of requests, or has ``stream()`` as the
    client of httpx. *request* goes to each of its requests. *accept* is the media type of the
    stream.

    With *cut_after* each connection is cut after so many parts, and the walk goes on from the last
    cursor that came: as a *stream*, by ``Last-Event-ID``, or as *pages*. The pages of the walk are
    the connections, in the form of pages.

    Raises:
        AssertionError: a response is no stream or broke off, a part came twice, or the walk does
            not end.
        TypeError: *client* is asynchronous.
        ValueError: *cut_after* is no number of parts, or *then* is no such word.
    """
    _check_cut(cut_after, then)
    _check_client(client)
    walked, own = Walk(), request.pop("headers", {})
    headers = {**own, "Accept": accept}
    for _ in range(MAX_PAGES):
        with _opened(client, url, headers=headers, **request) as frames:
            page = _received(frames, cut_after)
        for result in page["results"]:
            for name, value in result.items():
                walked.deliver(name, value)
        if page["results"] or not walked.pages:
            walked.pages.append(page)
        walked.errors.extend(page.get("errors", ()))
        if page["cursor"] is None:
            return walked
        if then == "pages":
            for query in ("data", "params", "query_params"):
                request.pop(query, None)  # the cursor carries it on
            address = f"{url.partition('?')[0]}?cursor={page['cursor']}"
            return _merged(walked, walk(client, address, headers=own, **request))
        headers["Last-Event-ID"] = page["cursor"]
    raise AssertionError(f"GET {url}: no end after {MAX_PAGES} streams.")


def _check_client(client: Any) -> None:
    if iscoroutinefunction(getattr(client, "get", None)):
        raise TypeError(
            f"A walk needs a client whose get() returns the response, not {type(client).__name__}. "
            "Use django.test.Client in a plain test, or in asgiref's sync_to_async()."
        )


def _check_cut(cut_after: Any, then: str) -> None:
    is_number = isinstance(cut_after, int) and not isinstance(cut_after, bool)
    if cut_after is not None and not (is_number and cut_after >= 1):
        raise ValueError(f"cut_after={cut_after!r} is no number of parts. Pass 1 or more, or None.")
    if then not in ("stream", "pages"):
        raise ValueError(f'then={then!r} is not known. Choose from: "stream", "pages".')


@contextmanager
def _opened(client: Any, url: str, **request: Any) -> Iterator[Iterator[Received]]:
    """The frames of the stream at *url*; those of a walk that had ended before are none."""
    own = getattr(client, "stream", None)
    if callable(own):  # as that of httpx
        with own("GET", url, **request) as response:
            kind = response.headers.get("Content-Type")
            if response.status_code != 200 or kind not in READERS:
                response.read()
            yield _frames(url, response, kind, response.iter_raw)
        return
    if own is not None:  # of a session of requests it says whether bodies are read as they come
        with client.get(url, **request, stream=True) as response:
            kind = response.headers.get("Content-Type")
            yield _frames(url, response, kind, lambda: response.iter_content(None))
        return
    response = client.get(url, **request)
    try:
        kind = response.get("Content-Type")
        yield _frames(url, response, kind, lambda: response.streaming_content)
    finally:
        if response.streaming:
            close_stream(response)


def _frames(url: str, response: Any, kind: str, body: Callable[[], Any]) -> Iterator[Received]:
    if response.status_code == 204:
        return iter([Received("end", {"delivered": 0, "has_more": False}, None)])
    if response.status_code != 200 or kind not in READERS:
        content = getattr(response, "content", b"")  # a stream of Django has none
        raise AssertionError(f"GET {url}: {response.status_code} {kind} {content!r}")
    return READERS[kind](body())


def _received(frames: Iterator[Received], cut_after: int | None) -> dict[str, Any]:
    """
    The parts of a stream as a page; its cursor is null when the walk has ended.

    Raises:
        AssertionError: the stream broke off, or has another count of its parts.
    """
    results: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    page: dict[str, Any] = {"results": results, "cursor": None, "meta": None}
    for frame in frames:
        if frame.kind == "part":
            if "error" in frame.data:
                errors.append({**frame.data["error"], "index": len(results)})
            results.append({frame.data["name"]: frame.data["value"]})
            page["cursor"] = frame.cursor
            if len(results) == cut_after:
                break
        elif frame.kind == "end":
            if frame.data["delivered"] != len(results):
                raise AssertionError(f"{len(results)} parts came, and the end says {frame.data}.")
            page["meta"] = frame.data
            page["cursor"] = frame.cursor if frame.data["has_more"] else None
            break
    else:
        raise AssertionError(f"The stream broke off after {len(results)} parts.")
    return {**page, "errors": errors} if errors else page


def _merged(walked: Walk, more: Walk) -> Walk:
    """*walked*, with *more* of the same walk."""
    for name, value in more.parts.items():
        walked.deliver(name, value)
    walked.pages.extend(more.pages)
    walked.errors.extend(more.errors)
    return walked


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
def background_now() -> Iterator[None]:
    """
    Have background work done at once, within the body: in the thread and transaction that asks.

    So no part is pending. Values are kept for the body only, in a cache of its own.
    """
    with _engine(work.run_message):
        yield


@contextmanager
def background_never() -> Iterator[None]:
    """Have no background work done within the body, so that parts which call it stay pending."""
    with _engine(lambda message: None):
        yield


@contextmanager
def background_fails(exc: Exception | None = None) -> Iterator[None]:
    """
    Have background work raise *exc* (a ``RuntimeError``), within the body, at once.

    Raises:
        AssertionError: at the end of the body, if nothing asked for background work.
    """
    ran = False

    def fail() -> Any:
        nonlocal ran
        ran = True
        raise exc or RuntimeError("Background work fails in this test.")

    with _engine(work.run_message), mock.patch.object(work, "stand_in", fail):
        yield
    if not ran:
        raise AssertionError("Nothing asked for background work.")


@contextmanager
def _engine(enqueue: Callable[[dict[str, Any]], None]) -> Iterator[None]:
    """Have *enqueue* take messages, with a cache of its own."""
    taken = engine.Engine(enqueue, is_local=lambda: True, in_transactions=True)
    cache = LocMemCache(f"partstream-{token_hex(8)}", {})
    with (
        mock.patch.object(engine, "stand_in", taken),
        mock.patch.object(states, "stand_in", cache),
    ):
        yield
    cache.clear()


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
