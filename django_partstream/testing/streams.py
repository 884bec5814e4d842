"""A walk by streams, which may be cut."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from django_partstream._django import close_stream
from django_partstream.received import READERS, Received
from django_partstream.testing.walks import MAX_PAGES, Walk, check_client, refuse_to_wait, walk


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
        AssertionError: a response is no stream or broke off, a part is pending or came twice,
            or the walk does not end.
        TypeError: *client* is asynchronous.
        ValueError: *cut_after* is no number of parts, or *then* is no such word.
    """
    _check_cut(cut_after, then)
    check_client(client)
    walked, own = Walk(), request.pop("headers", {})
    headers = {**own, "Accept": accept}
    for _ in range(MAX_PAGES):
        with opened(client, url, headers=headers, **request) as frames:
            page = _received(frames, cut_after)
        for result in page["results"]:
            for name, value in result.items():
                walked.deliver(name, value)
        if page["results"] or not walked.pages:
            walked.pages.append(page)
        walked.tell(page)
        if page["cursor"] is None:
            return walked
        if then == "pages":
            for query in ("data", "params", "query_params"):
                request.pop(query, None)  # the cursor carries it on
            address = f"{url.partition('?')[0]}?cursor={page['cursor']}"
            return _merged(walked, walk(client, address, headers=own, **request))
        headers["Last-Event-ID"] = page["cursor"]
    raise AssertionError(f"GET {url}: no end after {MAX_PAGES} streams.")


def _check_cut(cut_after: Any, then: str) -> None:
    is_number = isinstance(cut_after, int) and not isinstance(cut_after, bool)
    if cut_after is not None and not (is_number and cut_after >= 1):
        raise ValueError(f"cut_after={cut_after!r} is no number of parts. Pass 1 or more, or None.")
    if then not in ("stream", "pages"):
        raise ValueError(f'then={then!r} is not known. Choose from: "stream", "pages".')


@contextmanager
def opened(client: Any, url: str, **request: Any) -> Iterator[Iterator[Received]]:
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
        AssertionError: the stream broke off, has another count of its parts, or a part is
            pending.
    """
    results: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    page: dict[str, Any] = {"results": results, "cursor": None, "meta": None}
    for frame in frames:
        if frame.kind == "part":
            if "error" in frame.data:
                errors.append({**frame.data["error"], "index": len(results)})
            results.append({frame.data["name"]: frame.data["value"]})
            _tag(page, frame.data)
            page["cursor"] = frame.cursor
            if len(results) == cut_after:
                break
        elif frame.kind == "progress":
            refuse_to_wait([frame.data["name"]])
        elif frame.kind == "end":
            if frame.data["delivered"] != len(results):
                raise AssertionError(f"{len(results)} parts came, and the end says {frame.data}.")
            page["meta"] = frame.data
            page["cursor"] = frame.cursor if frame.data["has_more"] else None
            break
    else:
        raise AssertionError(f"The stream broke off after {len(results)} parts.")
    return {**page, "errors": errors} if errors else page


def _tag(page: dict[str, Any], part: dict[str, Any]) -> None:
    """Put the tag of *part* into *page*, and say there whether it is unchanged."""
    if "etag" in part:
        page.setdefault("etags", {})[part["name"]] = part["etag"]
    if part.get("unchanged"):
        page.setdefault("unchanged", []).append(part["name"])


def _merged(walked: Walk, more: Walk) -> Walk:
    """*walked*, with *more* of the same walk."""
    for name, value in more.parts.items():
        walked.deliver(name, value)
    walked.pages.extend(more.pages)
    walked.errors.extend(more.errors)
    walked.etags.update(more.etags)
    walked.unchanged.extend(more.unchanged)
    return walked
