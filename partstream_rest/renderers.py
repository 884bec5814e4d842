"""
The media types of a stream, for DRF's own negotiation.

A stream has to be asked for by name: by one of the media types below in ``Accept``, or by its
``?format=``. A wildcard never means a stream. So a client that accepts anything gets a page.

The renderers take part in the choice and write nothing. An error, or the answer to ``OPTIONS``, is
written by the renderer for JSON of the view.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar, NamedTuple, TypeGuard

from django.http import HttpRequest
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.settings import api_settings

from django_partstream.frames import NDJSON, EventStream, Frames, JSONLines
from partstream_rest.queries import parameters
from partstream_rest.values import dumps


class StreamRenderer(BaseRenderer):
    """A media type of a stream, and the frames that it consists of."""

    charset = None
    frames: ClassVar[type[Frames]]


class EventStreamRenderer(StreamRenderer):
    """Server-Sent Events (HTML Standard, section 9.2)."""

    media_type, format = "text/event-stream", "sse"
    frames = EventStream


class JSONLinesRenderer(StreamRenderer):
    """JSON lines: a JSON text on each line."""

    media_type, format = "application/jsonl", "jsonl"
    frames = JSONLines


class NDJSONRenderer(JSONLinesRenderer):
    """The same lines by an older name."""

    media_type, format = "application/x-ndjson", "ndjson"
    frames = NDJSON


#: The renderers of streams, by media type.
STREAMS: dict[str, type[StreamRenderer]] = {
    kind.media_type: kind for kind in (EventStreamRenderer, JSONLinesRenderer, NDJSONRenderer)
}


def named_streams(request: HttpRequest, suffix: str | None) -> list[StreamRenderer]:
    """The renderers of streams that *request* names in ``Accept`` or ``?format=``, or *suffix*."""
    accept: str = request.META.get("HTTP_ACCEPT", "").lower()
    asked, override = parameters(request), api_settings.URL_FORMAT_OVERRIDE
    form = asked[override] if not suffix and override in asked else suffix
    may_name = "event-stream" in accept or "jsonl" in accept or "ndjson" in accept
    if not form and not may_name:  # as for nearly every page
        return []
    named = {media_type.partition(";")[0].strip() for media_type in accept.split(",")}
    return [
        kind() for media_type, kind in STREAMS.items() if media_type in named or kind.format == form
    ]


class Negotiated(NamedTuple):
    """The *stream* that was chosen, if any, and the renderer and media type of the request."""

    stream: StreamRenderer | None
    renderer: tuple[BaseRenderer, str]


def negotiated(
    view: Any, request: Request, named: list[StreamRenderer], *, force: bool
) -> Negotiated:
    """
    The choice between the renderers of *view* and the streams *named*, which come after them.

    With a stream the request has the view's renderer for JSON, and the media type of the stream, in
    which a client may send a version. With *force* a failed choice is that renderer.

    Raises:
        NotAcceptable: there is none for the request.
        Http404: ``?format=`` names none.
    """
    own = view.get_renderers()
    for_json = renderer_for_json(own)
    try:
        renderer, media_type = view.get_content_negotiator().select_renderer(
            request, [*own, *named], view.format_kwarg
        )
    except Exception:
        if not force:
            raise
        return Negotiated(None, (for_json, for_json.media_type))
    if isinstance(renderer, StreamRenderer):
        return Negotiated(renderer, (for_json, media_type))
    return Negotiated(None, (renderer, media_type))


def renderer_for_json(renderers: Iterable[BaseRenderer]) -> JSONRenderer:
    """The first of *renderers* that writes JSON, else DRF's."""
    return next((one for one in renderers if _writes_json(one)), JSONRenderer())


def _writes_json(renderer: BaseRenderer) -> TypeGuard[JSONRenderer]:
    """Whether *renderer* is for JSON. A subclass may be for another type, as for JavaScript."""
    media_type = renderer.media_type.partition(";")[0].strip()
    return isinstance(renderer, JSONRenderer) and media_type.endswith("json")


class Rewriter:
    """
    Writes the JSON text of a value again, as *renderer* would: with the keys of a project's naming.

    *context* is the context of the renderer.
    """

    def __init__(self, renderer: JSONRenderer, context: dict[str, Any]) -> None:
        self._renderer, self._context = renderer, context

    def __call__(self, text: bytes) -> bytes:
        """
        The JSON that the renderer writes for the value of *text*.

        Raises:
            Exception: the renderer raised it.
        """
        value, context = json.loads(text), dict(self._context)
        written: bytes | str = self._renderer.render(value, self._renderer.media_type, context)
        if not written:
            return b"null"  # DRF's renderer writes nothing for None
        return written.encode() if isinstance(written, str) else written


def rewriter(renderer: Any, context: dict[str, Any]) -> Rewriter | None:
    """A rewriter for *renderer*; None if it writes as DRF's does, with an encoder at most."""
    is_plain = type(renderer).render is JSONRenderer.render
    return None if is_plain else Rewriter(renderer, context)


def speller(renderer: Any, context: dict[str, Any]) -> Callable[[str], str] | None:
    """A function that spells a name as *renderer* spells keys; None if it writes them as DRF's."""
    rewrite = rewriter(renderer, context) if isinstance(renderer, JSONRenderer) else None
    return None if rewrite is None else partial(_spelled, rewrite)


def _spelled(rewrite: Rewriter, name: str) -> str:
    """The only key of an object with *name* that *rewrite* has written; else *name* itself."""
    try:
        (key,) = json.loads(rewrite(dumps({name: None})))
    except Exception:  # noqa: BLE001 - of the project's renderer, which has an envelope perhaps
        return name
    return key if isinstance(key, str) else name
