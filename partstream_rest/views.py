"""``ProgressiveView``: the parts of a response as pages of a DRF view."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from functools import partial, update_wrapper
from importlib import import_module
from typing import Any, ClassVar

from django.conf import settings
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from django_partstream import cursors
from django_partstream.caching.cached import keyed_query
from django_partstream.conf import option, setting
from django_partstream.cursors import Cursor
from django_partstream.delivery.attempts import Scope
from django_partstream.delivery.running import Task, is_inert, resolve_now
from django_partstream.exceptions import CursorError, CursorInvalid, UnknownParts
from django_partstream.identity import is_signed_in, user_identity
from django_partstream.outcomes import Outcome
from django_partstream.parts import Lazy, Page, plan_of, refuse_late_mixin
from partstream_rest.errors import RequestRefused
from partstream_rest.pager import Pager, server_timing
from partstream_rest.queries import carried, read_token, restore
from partstream_rest.renderers import with_orjson
from partstream_rest.values import plain

PARTS_PARAM = "parts"


class ProgressiveView(APIView):
    """
    An ``APIView`` whose response is delivered part by part.

    Override :meth:`get_parts`. ``GET`` answers the first ``chunk_size`` parts and a ``cursor``;
    ``GET ?cursor=`` the next ones, until the cursor is null. ``?parts=a,b`` delivers only those.
    ``OPTIONS`` lists the parts; ``HEAD`` resolves nothing.

    A page is ``{"results": [{name: value}, ...], "cursor": str | null, "meta": {...}}``, with
    ``"errors"`` where a part failed. It is a 200 whatever became of its parts.
    """

    #: Parts per page; without it the setting ``CHUNK_SIZE`` (2).
    chunk_size: int | None = None
    #: How long a cursor may be followed, in seconds; without it ``CURSOR_TTL`` (3600).
    cursor_ttl: int | None = None
    #: How many lazy parts of a page run at once in threads; without it ``CONCURRENCY`` (1).
    concurrency: int | None = None
    #: Query parameters that are credentials, in any case of letters: a cursor never carries them.
    cursor_exclude_params: ClassVar[Collection[str]] = (
        "token",
        "access_token",
        "api_key",
        "key",
        "signature",
        "password",
    )

    _after: Cursor | None = None
    _own_query = ""
    _pager: Pager | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        refuse_late_mixin(cls, ProgressiveView)
        _check_names(cls)

    def __init__(self, **initkwargs: Any) -> None:
        super().__init__(**initkwargs)
        self._initkwargs = initkwargs
        _check_names(self)

    def get_parts(self) -> Iterable[tuple[str, Any]]:
        """
        The parts of this response: ``[(name, value | lazy(func)), ...]``, in order.

        It runs on every page, so what is not lazy is computed on every page.
        """
        raise NotImplementedError(f"{type(self).__qualname__} must define get_parts().")

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Any:
        """The view function; it is private to signed-in users unless the view says otherwise."""
        view = super().as_view(**initkwargs)

        def progressive(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
            response = view(request, *args, **kwargs)
            # Here, not in finalize_response(): a decorator of dispatch() has had its say.
            if getattr(response, "is_private", False) and not response.has_header("Cache-Control"):
                patch_cache_control(response, private=True, no_store=True)
            return response

        update_wrapper(progressive, view)
        progressive.csrf_exempt = True  # type: ignore[attr-defined]
        return progressive

    def get_renderers(self) -> list[BaseRenderer]:
        """Those of any view, DRF's own for JSON with orjson in it where that is installed."""
        return [with_orjson(renderer) for renderer in super().get_renderers()]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """
        Follow the cursor, then do what every DRF view does before its handler.

        The request is authenticated by its own parameters, before those that the cursor carries
        are put back: a credential in a cursor never counts.
        """
        if request.method in ("GET", "HEAD", "OPTIONS"):
            try:
                token = read_token(request._request)
                own = request._request.GET
                self._own_query = own.urlencode() if own else ""
                if token:
                    self._after = self._followed(request, token)
            except CursorError as exc:
                # An exception handler may ask for what is determined only after this.
                request.version = request.versioning_scheme = None
                raise RequestRefused(exc) from exc
        super().initial(request, *args, **kwargs)

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Deliver one page."""
        page, token = self._planned(request)
        outcomes = resolve_now(
            [self._task(name, value) for name, value in zip(page.names, page.values, strict=True)],
            Scope(request=request, sender=type(self), vary=self._variation, reader=request),
            concurrency=option(self, "concurrency"),
        )
        response = Response(self._body(page, token, outcomes), headers=self._links(token))
        timing = setting("SERVER_TIMING")
        if settings.DEBUG if timing is None else timing:
            response["Server-Timing"] = server_timing(outcomes)
        failed = any(outcome.error for outcome in outcomes)
        response.is_private = failed or self._is_somebodys(request)  # type: ignore[attr-defined]
        return response

    def head(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Say what a page would be, without resolving its parts."""
        _, token = self._planned(request)
        response = Response(headers=self._links(token))
        response.is_private = self._is_somebodys(request)  # type: ignore[attr-defined]
        return response

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Describe the view, and list the parts that this user may ask for."""
        response: Response = super().options(request, *args, **kwargs)
        if isinstance(response.data, dict):
            response.data["parts"] = list(plan_of(self).names)
        return response

    def _followed(self, request: Request, token: str) -> Cursor:
        cursor = cursors.read(token)
        self.perform_authentication(request)
        if not cursor.is_for(self._audience(request)):
            raise CursorInvalid
        restore(request._request, cursor, self.cursor_exclude_params)
        return cursor

    @property
    def paginator(self) -> Pager | None:
        """What DRF's browsable API takes its links from."""
        return self._pager

    def _is_somebodys(self, request: Request) -> bool:
        """Whether a page may hold what is for one reader only."""
        session = getattr(request._request, "session", None)
        return is_signed_in(request) or bool(getattr(session, "session_key", None))

    def _endpoint(self) -> list[Any]:
        """Which response this is: the view as it is routed, and its URL's arguments."""
        match = self.request._request.resolver_match
        kind = type(self)
        route = match.route if match else ""
        return ["rest", f"{kind.__module__}.{kind.__qualname__}", route, self.args, self.kwargs]

    def _audience(self, request: Request) -> list[Any]:
        """Whom a cursor of this response is for: the endpoint and the user."""
        return [*self._endpoint(), user_identity(request)]

    def _variation(self) -> list[Any]:
        """What cached values depend on: the endpoint, its version, and the query."""
        return [*self._endpoint(), self.request.version, keyed_query(self.request._request)]

    def _planned(self, request: Request) -> tuple[Page, str | None]:
        """Which parts this page carries, and the cursor of the next one."""
        plan = plan_of(self)
        size = option(self, "chunk_size")
        try:
            wanted = _listed(request.query_params.getlist(PARTS_PARAM))
            only = plan.choose(wanted) if wanted else None
            page = plan.page(after=self._after, size=size, only=only)
        except (CursorError, UnknownParts) as exc:
            raise RequestRefused(exc) from exc
        token = None
        if page.has_more:
            query = carried(request._request, self.cursor_exclude_params)
            token = cursors.write(
                page.cursor(query=query),
                audience=self._audience(request),
                ttl=option(self, "cursor_ttl"),
            )
        self._pager = Pager(request, self._own_query, began=self._after is not None, token=token)
        return page, token

    def _task(self, name: str, value: Any) -> Task:
        if isinstance(value, Lazy):
            return Task(
                name=name, call=partial(value, self.request), guarded=value.func, whole=plain
            )
        return Task(name=name, call=lambda: value, whole=plain, immediate=is_inert(value))

    def _body(self, page: Page, token: str | None, outcomes: list[Outcome]) -> dict[str, Any]:
        body: dict[str, Any] = {
            "results": [{outcome.name: outcome.value} for outcome in outcomes],
            "cursor": token,
            "meta": {
                "total_parts": page.total,
                "current_chunk_size": len(outcomes),
                "has_more": page.has_more,
            },
        }
        errors = [outcome.error.as_dict() for outcome in outcomes if outcome.error]
        if errors:
            body["errors"] = errors
        return body

    def _links(self, token: str | None) -> dict[str, str]:
        """The address of the next page: RFC 8288."""
        return {"Link": f'<{self._pager.next}>; rel="next"'} if token and self._pager else {}


def _check_names(view: Any) -> None:
    """Refuse a lone str where names go: its letters would be the names."""
    if isinstance(view.cursor_exclude_params, str):
        kind = view if isinstance(view, type) else type(view)
        raise TypeError(
            f"{kind.__qualname__}.cursor_exclude_params is the str "
            f"{view.cursor_exclude_params!r}; it must be a list or tuple of names."
        )


def _listed(wanted: Iterable[str]) -> list[str]:
    """The names in ``parts=a,b&parts=c``."""
    names = (name.strip() for given in wanted for name in given.split(","))
    return [name for name in names if name]


if "drf_spectacular" in sys.modules:
    import_module("partstream_rest.openapi")
