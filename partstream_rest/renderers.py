"""JSON by orjson, where that is installed: ``pip install django-partstream[orjson]``."""

from __future__ import annotations

from typing import Any

from rest_framework.renderers import BaseRenderer, JSONRenderer

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
    DRF's renderer for JSON, with orjson at work.

    What a page holds is plain JSON already. Where someone asks to have it indented, and for what
    DRF's own encoder has a view of (dates, a ``QueryDict``, a lazy text), DRF renders as ever.
    """

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Any = None,
    ) -> bytes:
        """*data* as UTF-8."""
        indent = self.get_indent(accepted_media_type or "", renderer_context or {})
        if data is not None and not indent:
            try:
                return orjson.dumps(data, option=_PLAIN_ONLY)
            except TypeError:
                pass
        rendered: bytes = super().render(data, accepted_media_type, renderer_context)
        return rendered


def with_orjson(renderer: BaseRenderer) -> BaseRenderer:
    """*renderer*, or one with orjson in its place: only where it is DRF's own, as it is."""
    return ORJSONRenderer() if orjson and type(renderer) is JSONRenderer else renderer
