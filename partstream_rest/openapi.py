"""
The OpenAPI description of a ``ProgressiveView``: page and stream, their parameters and errors.

It is registered when drf-spectacular is among the installed apps; otherwise import this module.
"""

from __future__ import annotations

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
from partstream_rest.queries import CURSOR_PARAM, PARTS_PARAM
from partstream_rest.renderers import STREAMS, EventStreamRenderer
from partstream_rest.unchanged import HEADER

_page = inline_serializer(
    "ProgressivePage",
    {
        "results": serializers.ListField(
            child=serializers.DictField(
                child=serializers.JSONField(allow_null=True),
                help_text="One part: its name, and its value or null.",
            )
        ),
        "cursor": serializers.CharField(
            allow_null=True, help_text="Where the next page begins; null on the last page."
        ),
        "meta": inline_serializer(
            "ProgressivePageMeta",
            {
                "total_parts": serializers.IntegerField(),
                "current_chunk_size": serializers.IntegerField(),
                "has_more": serializers.BooleanField(),
            },
        ),
        "errors": inline_serializer(
            "ProgressivePartError",
            {
                "part": serializers.CharField(),
                "code": serializers.CharField(
                    help_text="part_failed, part_timed_out, permission_denied, not_found, "
                    "or the code of the exception."
                ),
                "message": serializers.CharField(),
                "retryable": serializers.BooleanField(),
                "reference": serializers.CharField(help_text="Also on the server's log record."),
                "index": serializers.IntegerField(help_text="The place in `results`."),
            },
            many=True,
            required=False,
        ),
        "pending": inline_serializer(
            "ProgressivePendingPart",
            {
                "part": serializers.CharField(),
                "retry_after": serializers.FloatField(help_text="Seconds until another look."),
                "progress": serializers.FloatField(
                    allow_null=True, min_value=0, max_value=1, help_text="Null if it is not known."
                ),
            },
            many=True,
            required=False,
            help_text="The parts that are computed elsewhere. A later page carries them.",
        ),
        "etags": serializers.DictField(
            child=serializers.CharField(),
            required=False,
            help_text="The tag of each value, by part; for a request with `Partstream-Have`.",
        ),
        "unchanged": serializers.ListField(
            child=serializers.CharField(),
            required=False,
            help_text="The parts of which the client has the value. They are null in `results`.",
        ),
    },
)

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


#: A cursor, or nothing for the start.
_CURSOR_PATTERN = rf"^({SHAPE})?$"

#: The name of a part: any text without commas, which separate names.
_NAME_PATTERN = r"^[^,]*$"


def _parameters(*, streams: bool) -> list[OpenApiParameter]:
    """The parameters of a page, with *streams* of a stream too, and the form of their values."""
    cursor = {
        "type": "string",
        "pattern": _CURSOR_PATTERN,
        "maxLength": setting("MAX_CURSOR_LENGTH"),
    }
    names = {"type": "array", "items": {"type": "string", "pattern": _NAME_PATTERN}}
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
            names,
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

_STREAMED: dict[Any, Any] = {
    (200, kind.media_type): {
        "type": "string",
        "description": _EVENTS if kind is EventStreamRenderer else _LINES,
    }
    for kind in STREAMS.values()
}
_STREAMED[204] = OpenApiResponse(description="The walk of this `Last-Event-ID` has ended.")


def _responses(*, streams: bool) -> dict[Any, Any]:
    """The responses of a view by status, with *streams* also by status and media type."""
    responses = {
        200: _page,
        400: OpenApiResponse(_refusal, "`invalid_cursor`, `query_required` or `unknown_part`."),
        410: OpenApiResponse(_refusal, "`cursor_expired` or `cursor_stale`."),
    }
    return responses | (_STREAMED if streams else {})


class ProgressiveViewExtension(OpenApiViewExtension):  # type: ignore[no-untyped-call]
    """Describes ``ProgressiveView`` and every subclass of it."""

    target_class = "partstream_rest.views.ProgressiveView"
    match_subclasses = True
    priority = -1  # a project's own extension of its view goes first

    def view_replacement(self) -> type:
        """The view with its ``get`` described; the project's own description wins."""
        view: Any = self.target
        callback: Any = getattr(self, "target_callback", view)  # drf-spectacular 0.28 has none
        streams = getattr(callback, "initkwargs", {}).get("streams", view.streams)

        class Described(view):  # type: ignore[misc]
            @extend_schema(
                description=cleandoc(vars(view).get("__doc__") or "") or None,
                parameters=_parameters(streams=streams),
                responses=_responses(streams=streams),
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
