"""``ProgressiveView``: the parts of a response as pages of a DRF view."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable
from functools import partial
from importlib import import_module
from typing import Any, ClassVar, NoReturn

from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from django.utils.functional import cached_property
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_partstream import costs
from django_partstream._django import set_header
from django_partstream.exceptions import CursorError
from django_partstream.identity import REQUEST_TYPES
from django_partstream.mixins import refuse_late_mixin
from partstream_rest._drf import remembering
from partstream_rest.endpoints import ViewEndpoint
from partstream_rest.errors import RequestRefused
from partstream_rest.manifests import check_entries, described
from partstream_rest.pages import (
    PageBody,
    PageLinks,
    PageResponse,
    page_body,
    waiting_body,
)
from partstream_rest.renderers import StreamRenderer, named_streams, negotiated
from partstream_rest.streams import (
    VARIES_ON,
    StreamResponse,
    body_for,
    nothing_left,
    stream_of,
)
from partstream_rest.timings import server_timing
from partstream_rest.unchanged import META_KEY, Held, TaggedPageResponse
from partstream_rest.view_functions import as_view_of, progressive

REQUEST_TYPES[Request] = "_request"

#: The methods of requests that only read; a cursor is followed for them.
_READING = ("GET", "HEAD", "OPTIONS")

#: Methods that decide on the response and on access to it.
_DECIDING = frozenset(
    {
        "get_parts",
        "get_permissions",
        "has_permission",
        "check_permissions",
        "get_authenticators",
        "get_throttles",
        "check_throttles",
    }
)


class ProgressiveView(APIView):
    """
    An ``APIView`` whose response is delivered part by part.

    Override :meth:`get_parts`. ``GET`` answers the first ``chunk_size`` parts and a ``cursor``;
    ``GET ?cursor=`` the next parts, until the cursor is null. ``?parts=a,b`` delivers only these
    two. ``OPTIONS`` lists the parts, with the titles and descriptions of :attr:`manifest`. ``HEAD``
    resolves nothing.

    ``GET`` with ``Accept: text/event-stream``, ``application/jsonl`` or ``application/x-ndjson``
    answers all parts in a single response, each when it ends.

    A page is ``{"results": [{name: value}, ...], "cursor": str | null, "meta": {...}}``, with
    ``"errors"`` where a part failed, and ``"pending"`` while a part is computed elsewhere. Its
    status is 200 even then.
    """

    # Any is for type checkers: it admits the plain `chunk_size = 2` of a mixin.
    #: Parts per page; without it the setting ``CHUNK_SIZE`` (2).
    chunk_size: int | Any = None
    #: How long a cursor may be followed, in seconds; without it ``CURSOR_TTL`` (3600).
    cursor_ttl: int | Any = None
    #: How many lazy parts of a page run at once in threads; without it ``CONCURRENCY`` (1).
    concurrency: int | Any = None
    #: Whether the related objects of all rows of a returned serializer are fetched at once
    #: (``FETCH_PEERS``, Django 6.1 and newer).
    fetch_peers: bool = True
    #: Whether a request may name a stream, by ``Accept: text/event-stream`` or the like.
    streams: bool = True
    #: Query parameters that are credentials, in any case of letters. A cursor never carries them.
    cursor_exclude_params: ClassVar[Collection[str] | Any] = (
        "token",
        "access_token",
        "api_key",
        "key",
        "signature",
        "password",
    )
    #: The type of each part, or a :class:`PartInfo`, by name; ``"*"`` stands for all other parts.
    manifest: ClassVar[Any] = {}

    _links: PageLinks | None = None
    #: The media type of the stream that was asked for; None for a page.
    _stream_type: StreamRenderer | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        refuse_late_mixin(cls, ProgressiveView, _DECIDING)
        if isinstance(cls.cursor_exclude_params, str):
            _refuse_lone_name(cls, cls.cursor_exclude_params)
        check_entries(cls, cls.manifest)
        maker = next(base for base in cls.__mro__ if "as_view" in vars(base))
        if not issubclass(maker, ProgressiveView):
            # DRF's ViewSetMixin stands first and does not ask super(): go round it.
            cls.as_view = classmethod(partial(as_view_of, maker))  # type: ignore[assignment]

    def __init__(self, **initkwargs: Any) -> None:
        super().__init__(**initkwargs)
        self._initkwargs = initkwargs
        if isinstance(self.cursor_exclude_params, str):
            _refuse_lone_name(type(self), self.cursor_exclude_params)

    def get_parts(self) -> Iterable[tuple[str, Any]]:
        """
        The parts of this response: ``[(name, value | lazy(func)), ...]``, in order.

        It runs for every page, so a value that is not lazy is computed for every page.
        """
        raise NotImplementedError(f"{type(self).__qualname__} must define get_parts().")

    def get_content_negotiator(self) -> BaseContentNegotiation:
        """The usual negotiator. DRF's own remembers its choices."""
        self._negotiator = remembering(super().get_content_negotiator())
        return self._negotiator

    def perform_content_negotiation(
        self, request: Request, force: bool = False
    ) -> tuple[BaseRenderer, str]:
        """
        The renderer and the media type for *request*, as every DRF view finds them.

        The renderers of streams that the request names come after those of the view. If a stream is
        chosen, errors are written by the view's renderer for JSON.
        """
        asked = request._request
        named = named_streams(asked, getattr(self, "format_kwarg", None)) if self.streams else []
        chosen: tuple[BaseRenderer, str]
        if named and asked.method in _READING:
            self._stream_type, chosen = negotiated(self, request, named, force=force)
        else:
            chosen = super().perform_content_negotiation(request, force=force)
        return chosen

    @classmethod
    def as_view(  # type: ignore[override] # the types of DRF know no actions of a ViewSet
        cls, *args: Any, **initkwargs: Any
    ) -> Callable[..., HttpResponseBase]:
        """
        The view function. The page of a signed-in user is private unless the view decides.

        *args* are the actions of a ``ViewSet``.
        """
        return progressive(super().as_view(*args, **initkwargs))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """
        Follow the cursor, then go on as every DRF view does before its handler.

        The request is authenticated by its own parameters, before the parameters that the cursor
        carries are put back: a credential in a cursor never counts. If the cursor is refused, a
        request that may not have the response at all is still told that first.
        """
        self._endpoint = endpoint = ViewEndpoint(self, request)
        refusal: CursorError | None = None
        if request._request.method in _READING:
            try:
                endpoint.follow_query(authenticate=partial(self.perform_authentication, request))
            except CursorError as exc:
                refusal = exc
        super().initial(request, *args, **kwargs)
        if refusal is not None:
            raise RequestRefused(refusal) from refusal

    def handle_exception(self, exc: Exception) -> Response:
        """The response to *exc*. No cache may keep the refusal of a cursor."""
        response = super().handle_exception(exc)
        if isinstance(exc, RequestRefused) and not response.has_header("Cache-Control"):
            patch_cache_control(response, no_store=True)
        return response

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """
        Deliver a page, or a stream if it was asked for.

        To a HEAD, which a ``ViewSet`` sends here, deliver the headers alone.
        """
        if request._request.method == "HEAD":
            return ProgressiveView.head(self, request)
        if self._stream_type is not None:
            return self._streamed(request, self._stream_type)
        endpoint = self._endpoint
        page = endpoint.take_asked(endpoint.option("chunk_size"))
        query = endpoint.query  # a part may change the request
        have = request._request.META.get(META_KEY)
        held = None if have is None else endpoint.held(have)
        outcomes = endpoint.resolve_now(endpoint.attempts(page, whole=endpoint.writer))
        sent = endpoint.sent(page, outcomes)
        token = endpoint.sign(sent, query=query) if sent.has_more else None
        if sent is page:
            body = page_body(page, token, outcomes)
        else:
            body = waiting_body(sent, token, outcomes, endpoint.waits(sent, outcomes))
        response = self._response(request, token, body, held)
        if costs.are_told():
            response["Server-Timing"] = server_timing(outcomes)
        return response

    def head(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Answer with the headers of a page or stream, without resolving its parts."""
        if self._stream_type is not None:
            return self._streamed(request, self._stream_type)
        endpoint = self._endpoint
        page = endpoint.take_asked(endpoint.option("chunk_size"))
        token = endpoint.sign(page, query=endpoint.query) if page.has_more else None
        return self._response(request, token)

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Describe the view, and the parts that this user may ask for."""
        response: Response = super().options(request, *args, **kwargs)
        if isinstance(response.data, dict):
            response.data = described(response.data, self._endpoint.plan.names, self.manifest)
        return response

    @property
    def paginator(self) -> PageLinks | None:
        """The links of the page, for DRF's browsable API."""
        return self._links

    @cached_property
    def _endpoint(self) -> ViewEndpoint:
        """This view, bound by :meth:`initial`; bound here if a test calls a handler by itself."""
        return ViewEndpoint(self, self.request)

    def _streamed(self, request: Request, kind: StreamRenderer) -> HttpResponseBase:
        """All parts that are left, as a stream; to a HEAD its headers alone."""
        endpoint = self._endpoint
        page = endpoint.take_asked(None)
        if endpoint.is_resumed and not page.names:
            return nothing_left()
        asked = request._request
        if asked.method == "HEAD":
            return StreamResponse(body_for(asked, None), media_type=kind.media_type)
        have = asked.META.get(META_KEY)
        return stream_of(
            endpoint,
            page,
            kind,
            whole=endpoint.writer,
            query=endpoint.query,
            context=self.get_renderer_context(),
            held=None if have is None else endpoint.held(have),
        )

    def _response(
        self,
        request: Request,
        token: str | None,
        body: PageBody | None = None,
        held: Held | None = None,
    ) -> PageResponse:
        endpoint = self._endpoint
        self._links = links = PageLinks(
            request, endpoint.own_query, begins=endpoint.after is None, token=token
        )
        if body is None or held is None:
            response = PageResponse(body, links=links, personal=endpoint.is_personal)
        else:
            response = TaggedPageResponse(body, links=links, held=held)
        if self.streams:
            set_header(response, "Vary", VARIES_ON)
        return response


def _refuse_lone_name(kind: type, name: str) -> NoReturn:
    """Refuse a str in place of a list of names, for its letters would be the names."""
    raise TypeError(
        f"{kind.__qualname__}.cursor_exclude_params is the str {name!r}; "
        "it must be a list or tuple of names."
    )


if "drf_spectacular" in sys.modules:
    import_module("partstream_rest.openapi")
