"""
A stream as an HTTP response: all parts of a view, each sent when it ends.

Permissions, throttles, the cursor and ``get_parts()`` are dealt with in the view, before the first
byte. The body then has an opening, the frame of each part with the cursor behind it, the progress
of pending parts, heartbeats, and an end. If the connection breaks, the client goes on from the last
cursor that it got: by ``Last-Event-ID``, or by ``?cursor=`` in another stream or in pages. It does
the same after an end that has more: the cursor of that end owes the parts that were pending.

A part counts as delivered once its frame is made, for the frame has the cursor that says so. A
frame that is lost on its way takes its cursor along, and the part is computed again.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import aclosing, closing
from dataclasses import replace
from functools import partial
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from rest_framework.response import Response

from django_partstream import costs
from django_partstream.cursors import Cursor
from django_partstream.delivery.attempts import Attempt
from django_partstream.delivery.streams import Stream
from django_partstream.delivery.workload import Ended
from django_partstream.endpoints import Endpoint
from django_partstream.frames import Frames
from django_partstream.ledgers import Ledger
from django_partstream.outcomes import Outcome, Wait
from django_partstream.pages import Page
from partstream_rest.renderers import StreamRenderer, rewriter
from partstream_rest.sessions import SessionWatch
from partstream_rest.unchanged import NO_TAG, Held, Look, form_of, vary_on_tags

#: The value of ``Cache-Control`` in a stream. No proxy may keep it, compress it or repeat it.
CACHE_CONTROL = "no-store, no-transform"

#: The headers that decide between a page and a stream, and on the place where either begins.
VARIES_ON = "Accept, Last-Event-ID"

#: A middleware that compresses would hold frames back. It leaves a body alone that has an encoding.
_HEADERS = {
    "Cache-Control": CACHE_CONTROL,
    "Content-Encoding": "identity",
    "Vary": VARIES_ON,
    "X-Accel-Buffering": "no",
}


class StreamResponse(StreamingHttpResponse):
    """The response to a request for a stream, with the body *frames*."""

    def __init__(self, frames: Any, *, media_type: str) -> None:
        super().__init__(frames, content_type=media_type, headers=_HEADERS)

    @property
    def data(self) -> Any:
        """
        A stream has no page to look into.

        Raises:
            AttributeError: always, with the remedy.
        """
        raise AttributeError(
            "A stream has no data: its parts are sent one by one. Look into pages only, which are "
            "instances of rest_framework.response.Response, or set streams = False on the view."
        )


def nothing_left() -> Response:
    """The answer 204, at which an ``EventSource`` stops (WHATWG HTML, section 9.2.3)."""
    return Response(status=204, headers={"Cache-Control": "no-store", "Vary": VARIES_ON})


class Transcript:
    """
    The outcomes of *stream* as *frames*, with their cursors by *ledger*.

    *sign* signs the cursors. *total* is the number of parts of the response. *rewrite* gives the
    JSON text of a value another form, where a project's renderer does. *request* is Django's.
    *look* looks whether the client has a value; None if it asks for no tags.
    """

    def __init__(
        self,
        stream: Stream,
        ledger: Ledger,
        frames: Frames,
        *,
        sign: Callable[[Cursor], str],
        total: int,
        rewrite: Callable[[bytes], bytes] | None,
        request: HttpRequest,
        look: Callable[[str, bytes | None], Look] | None,
    ) -> None:
        self.stream, self._ledger, self._frames = stream, ledger, frames
        self._sign, self._total = sign, total
        self._rewrite, self._is_timed = rewrite, costs.are_told()
        self._look = look
        self._session = SessionWatch(request)
        #: The progress of pending parts that was told last.
        self._told: dict[str, float | None] = {}

    def opening(self) -> bytes:
        """The first bytes."""
        self._session.begin()
        return self._frames.opening

    def frame(self, ended: Ended | None) -> bytes | None:
        """
        The frame of a part that has ended or is pending; a heartbeat for None.

        Return None for a pending part of which there is nothing new to tell.
        """
        if ended is None:
            return self._frames.heartbeat
        attempt, outcome = ended
        self._session.look(attempt)
        if outcome.pending is not None:
            return self._progress(attempt.name, outcome.pending)
        look = self._looked(outcome)
        if look.has is not None:
            outcome = replace(outcome, value=None)
        value, outcome = self._written(attempt, outcome)
        return self._frames.part(
            attempt.name,
            value,
            cursor=self._sign(self._ledger.deliver(attempt.name)),
            error=None if outcome.error is None else outcome.error.as_dict(),
            timing=outcome.timing if self._is_timed else None,
            etag=look.tag if outcome.error is None else None,
            is_unchanged=look.has is not None,
        )

    def end(self) -> bytes:
        """The last frame. Its cursor owes the pending parts, as far as it can."""
        self._ledger.owe_all({attempt.name for attempt in self.stream.pending})
        meta = {
            "total_parts": self._total,
            "delivered": self._ledger.delivered,
            "has_more": not self._ledger.is_complete,
        }
        self._session.end()
        return self._frames.end(meta, cursor=self._sign(self._ledger.cursor))

    def _progress(self, name: str, wait: Wait) -> bytes | None:
        """The frame of a pending part; None if its progress is the one that was told last."""
        if name in self._told and self._told[name] == wait.progress:
            return None
        self._told[name] = wait.progress
        return self._frames.progress(name, progress=wait.progress, retry_after=wait.retry_after)

    def _looked(self, outcome: Outcome) -> Look:
        """A look whether the client has the value. A failed part has no tag."""
        if self._look is None or outcome.error is not None:
            return NO_TAG
        return self._look(str.__str__(outcome.name), outcome.value)

    def _written(self, attempt: Attempt, outcome: Outcome) -> tuple[bytes | None, Outcome]:
        """The JSON text of a value as it is sent, and the outcome: writing it may have failed."""
        if self._rewrite is None or outcome.value is None:
            return outcome.value, outcome
        try:
            return self._rewrite(outcome.value), outcome
        except Exception as exc:  # noqa: BLE001 - of the project's renderer; only this part fails
            return None, attempt.raised(exc)


class SyncFrames:
    """The body of a stream for a WSGI server. It may be closed before it was begun."""

    def __init__(self, transcript: Transcript) -> None:
        self._stream, self._frames = transcript.stream, _frames_of(transcript)

    def __iter__(self) -> Iterator[bytes]:
        return self._frames

    def close(self) -> None:
        """Begin nothing more, and cancel the parts that run."""
        # A generator that is left where it stands would end in the garbage collector, in any thread
        # and in the middle of other code.
        self._frames.close()
        self._stream.close()


def _frames_of(transcript: Transcript) -> Generator[bytes, None, None]:
    yield transcript.opening()
    with closing(iter(transcript.stream)) as parts:
        for ended in parts:
            frame = transcript.frame(ended)
            if frame is not None:
                yield frame
    yield transcript.end()


class AsyncFrames:
    """The body of a stream for an ASGI server."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with aclosing(aiter(self._transcript.stream)) as parts:
            yield self._transcript.opening()
            async for ended in parts:
                frame = self._transcript.frame(ended)
                if frame is not None:  # some servers take no bytes for the end of the body
                    yield frame
            yield self._transcript.end()

    def close(self) -> None:
        """Begin nothing more, and cancel the parts that run. Django calls this in a thread."""
        self._transcript.stream.close()


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""


def body_for(request: HttpRequest, transcript: Transcript | None) -> Any:
    """
    The body that the server of *request* can iterate over; empty for None.

    Django would gather the other kind of iterator to its end before it sends a byte.
    """
    is_async = isinstance(request, ASGIRequest)
    if transcript is None:
        return _nothing() if is_async else ()
    return AsyncFrames(transcript) if is_async else SyncFrames(transcript)


def stream_of(
    endpoint: Endpoint,
    page: Page,
    kind: StreamRenderer,
    *,
    whole: Callable[[Any], Any],
    query: str,
    context: dict[str, Any],
    held: Held | None,
) -> StreamResponse:
    """
    The parts of *page*, which was taken without a size, as a stream of *kind*.

    *whole* makes values whole. The cursors carry *query*. *context* is the context of renderers.
    *held* are the values that the client has; None if it asks for no tags.

    Raises:
        ImproperlyConfigured: the name of a part makes a cursor too long, or a setting is wrong.
    """
    ledger = endpoint.ledger(page, query=query)
    request = endpoint.request._request
    renderer, media_type = endpoint.request.accepted_renderer, endpoint.request.accepted_media_type
    rewrite = rewriter(renderer, context)
    # A renderer of the project may write a value of a page otherwise than in a frame.
    form = form_of(renderer, renderer.media_type if rewrite is None else media_type)
    transcript = Transcript(
        endpoint.stream(endpoint.attempts(page, whole=whole), may_begin=ledger.may_begin),
        ledger,
        kind.frames(),
        sign=endpoint.signer(query=query),
        total=page.total,
        rewrite=rewrite,
        request=request,
        look=None if held is None else partial(held.look, form=form),
    )
    response = StreamResponse(body_for(request, transcript), media_type=kind.media_type)
    if held is not None:
        vary_on_tags(response)
    context["response"] = response
    return response
