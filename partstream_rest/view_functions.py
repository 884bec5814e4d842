"""The view function of a ``ProgressiveView``: the last word on the caching headers."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any

from django.http.response import HttpResponseBase

from django_partstream._django import has_render_callbacks
from partstream_rest.lifetimes import set_cache_headers
from partstream_rest.manifests import check_entries
from partstream_rest.pages import PageResponse
from partstream_rest.streams import CACHE_CONTROL, StreamResponse


def progressive(view: Any) -> Callable[..., HttpResponseBase]:
    """
    The view function *view*, with the caching headers of a page.

    Raises:
        TypeError, PlanError: the ``manifest`` that ``as_view()`` was given describes no parts.
    """
    if "manifest" in view.initkwargs:
        check_entries(view.cls, view.initkwargs["manifest"])

    def progressive(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = view(request, *args, **kwargs)
        # After the whole view, so that a decorator of dispatch() can set the header first.
        if isinstance(response, PageResponse):
            set_cache_headers(response)
            # cache_page(), on dispatch(), sets its headers when the response was rendered.
            if not response.is_rendered and has_render_callbacks(response):
                response.add_post_render_callback(set_cache_headers)
        elif isinstance(response, StreamResponse):
            response["Cache-Control"] = CACHE_CONTROL
        return response

    update_wrapper(progressive, view)
    progressive.csrf_exempt = True  # type: ignore[attr-defined]
    return progressive


def as_view_of(maker: type, cls: type, *args: Any, **initkwargs: Any) -> Any:
    """The ``as_view()`` of *cls* where the class *maker* has it, which is no progressive view."""
    return progressive(vars(maker)["as_view"].__func__(cls, *args, **initkwargs))
