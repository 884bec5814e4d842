"""The operation of a ``ProgressiveView`` in OpenAPI: parameters, page, stream and refusals."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import cleandoc
from typing import Any

from drf_spectacular.extensions import OpenApiViewExtension
from drf_spectacular.utils import (
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    inline_serializer,
)
from rest_framework import serializers

from django_partstream.conf import setting
from django_partstream.cursors import SHAPE
from partstream_rest.openapi.pages import name_of, page_of, part_names
from partstream_rest.queries import CURSOR_PARAM, PARTS_PARAM
from partstream_rest.renderers import STREAMS, EventStreamRenderer
from partstream_rest.unchanged import HEADER
from partstream_rest.views import ProgressiveView

_RETRY_AFTER = OpenApiParameter(
    "Retry-After",
    int,
    location=OpenApiParameter.HEADER,
    response=[200],
    description="Seconds until another look, where a part is pending.",
)

_refusal = inline_serializer(
    "ProgressiveRefusal", {"detail": serializers.CharField(), "code": serializers.CharField()}
)


_DESCRIPTION = "The parts of this response, page by page: follow `cursor` until it is null."

#: A cursor, or nothing for the start.
_CURSOR_PATTERN = rf"^({SHAPE})?$"

#: The name of a part: any text without commas, which separate names.
_NAME_PATTERN = r"^[^,]*$"


def _parameters(manifest: Mapping[str, Any], *, streams: bool) -> list[OpenApiParameter]:
    """
    The parameters of a page, with *streams* of a stream too, and the form of their values.

    ``parts`` takes the names of the *manifest*, if there are no others.
    """
    cursor = {
        "type": "string",
        "pattern": _CURSOR_PATTERN,
        "maxLength": setting("MAX_CURSOR_LENGTH"),
    }
    known = part_names(manifest)
    name = {"type": "string"} | ({"enum": known} if known else {"pattern": _NAME_PATTERN})
    last = OpenApiParameter(
        "Last-Event-ID",
        cursor,
        location=OpenApiParameter.HEADER,
        description="The `id` of the last event that came. It wins over `cursor`.",
    )
    have = OpenApiParameter(
        HEADER,
        str,
        location=OpenApiParameter.HEADER,
        description='The tags of the values that the client has: `orders="tag", caf%C3%A9="tag"`. '
        "An empty header asks for tags.",
    )
    return [
        OpenApiParameter(
            CURSOR_PARAM, cursor, description="Where the page begins: the `cursor` of another page."
        ),
        OpenApiParameter(
            PARTS_PARAM,
            {"type": "array", "items": name},
            style="form",
            explode=False,
            description="Deliver only these parts: names with commas.",
        ),
        have,
        *([last] if streams else []),
        _RETRY_AFTER,
    ]


#: What the body of a stream is, for OpenAPI 3 has no form for the events or lines of a body.
_EVENTS = (
    "Server-Sent Events: `part` with `{name, value, error?, etag?, unchanged?}`, `progress` with "
    "`{name, progress, retry_after}` while a part is pending, and at last `end` with "
    "`{total_parts, delivered, has_more}`. The `id` of `part` and `end` is a cursor."
)
_LINES = (
    "A JSON text a line: `{name, value, error?, etag?, unchanged?, cursor}`, while a part is "
    "pending `{progress: {name, progress, retry_after}}`, and at last `{meta, cursor}`."
)


def _streamed(view: type, manifest: Mapping[str, Any]) -> dict[Any, Any]:
    """The responses of a stream of *view*, whose parts its *manifest* describes."""
    values = f" `value` is that of `{name_of(view)}Parts`, or null." if manifest else ""
    streams: dict[Any, Any] = {
        (200, kind.media_type): {
            "type": "string",
            "description": (_EVENTS if kind is EventStreamRenderer else _LINES) + values,
        }
        for kind in STREAMS.values()
    }
    return streams | {
        204: OpenApiResponse(description="The walk of this `Last-Event-ID` has ended.")
    }


def _responses(view: type, manifest: Mapping[str, Any], *, streams: bool) -> dict[Any, Any]:
    """The responses of *view* by status, with *streams* also by status and media type."""
    responses = {
        200: page_of(view, manifest),
        400: OpenApiResponse(_refusal, "`invalid_cursor`, `query_required` or `unknown_part`."),
        410: OpenApiResponse(_refusal, "`cursor_expired` or `cursor_stale`."),
    }
    return responses | (_streamed(view, manifest) if streams else {})


def _description(view: type[ProgressiveView]) -> str | None:
    """The docstring of *view*, else that of its own ``get()``, else a sentence for clients."""
    own = cleandoc(vars(view).get("__doc__") or "")
    return own or (_DESCRIPTION if view.get is ProgressiveView.get else None)


class ProgressiveViewExtension(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """Describes ``ProgressiveView`` and every subclass of it."""

    target_class = ProgressiveView
    match_subclasses = True
    priority = -1  # a project's own extension of its view goes first

    def view_replacement(self) -> type:
        """The view with its ``get`` described; the project's own description wins."""
        view: Any = self.target
        callback: Any = getattr(self, "target_callback", view)  # drf-spectacular 0.28 has none
        given = getattr(callback, "initkwargs", {})
        streams = given.get("streams", view.streams)
        manifest = given.get("manifest", view.manifest)

        class Described(view):  # type: ignore[misc]
            @extend_schema(
                description=_description(view),
                parameters=_parameters(manifest, streams=streams),
                responses=_responses(view, manifest, streams=streams),
            )
            def get(self, request: Any, *args: Any, **kwargs: Any) -> Any:
                return super().get(request, *args, **kwargs)

        own = getattr(view.get, "kwargs", {}).get("schema")
        if own is not None:  # as @extend_schema leaves it; both classes ask super() for the rest
            described: Any = Described.get
            described.kwargs["schema"] = type("Schema", (own, described.kwargs["schema"]), {})
        Described.__name__ = view.__name__
        Described.__doc__ = view.__doc__
        return Described
