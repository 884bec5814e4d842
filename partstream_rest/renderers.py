"""JSON by orjson, where that is installed: ``pip install django-partstream[orjson]``."""

from __future__ import annotations

from typing import Any

from rest_framework.renderers import BaseRenderer, JSONRenderer

from partstream_rest.pages import PageResponse

try:
    import orjson
except ImportError:
    orjson = None  # type: ignore[assignment]
else:
    _PLAIN_ONLY = (
        orjson.OPT_PASSTHROUGH_DATACLASS
        | orjson.OPT_PASSTHROUGH_DATETIME
        | orjson.OPT_PASSTHROUGH_SUBCLASS
    )


class ORJSONRenderer(JSONRenderer):
    """
    DRF's ``JSONRenderer`` for JSON, with orjson for pages.

    A page holds plain JSON already. DRF renders any other response, an indented page, and a page
    to which a subclass has added values that are not plain JSON.
    """

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Any = None,
    ) -> bytes:
        """*data* as UTF-8."""
        context = renderer_context or {}
        is_page = isinstance(context.get("response"), PageResponse)
        if is_page and data is not None and not self.get_indent(accepted_media_type or "", context):
            try:
                return orjson.dumps(data, option=_PLAIN_ONLY)
            except TypeError:
                pass
        rendered: bytes = super().render(data, accepted_media_type, renderer_context)
        return rendered


def with_orjson(renderer: BaseRenderer) -> BaseRenderer:
    """An orjson renderer in place of DRF's own ``JSONRenderer``; another *renderer* as it is."""
    return ORJSONRenderer() if orjson and type(renderer) is JSONRenderer else renderer
