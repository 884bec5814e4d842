"""
A panel for django-debug-toolbar: what each part of a response cost.

The signal tells of each part that has ended. The request that it names has the panel. So parts in
other threads find it, and so do the parts of a stream, which end when the toolbar has looked at the
response: the panel then stores its table again.
"""

from __future__ import annotations

from typing import Any

from debug_toolbar.panels import Panel
from django.apps import apps
from django.core.checks import CheckMessage, Error

from django_partstream.signals import part_resolved

__all__ = ["PartsPanel"]

#: The attribute of a request that has its panel.
_PANEL = "_partstream_panel"


class PartsPanel(Panel):
    """The table of the parts of a request, in the order in which they have ended."""

    is_async = True
    title = nav_title = "Parts"
    template = "django_partstream/toolbar.html"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._parts: list[dict[str, Any]] = []
        self._is_stored = False
        self._server_timing = ""

    @classmethod
    def ready(cls) -> None:
        """Hear of each part that has ended."""
        part_resolved.connect(_hear, dispatch_uid=__name__)

    @classmethod
    def run_checks(cls) -> list[CheckMessage]:
        """Refuse a project whose template loaders may not find the template of this panel."""
        if apps.is_installed("django_partstream"):
            return []
        return [
            Error(
                "The panel of django-debug-toolbar has no template.",
                hint="Add 'django_partstream' to INSTALLED_APPS.",
                id="partstream.E014",
            )
        ]

    @property
    def nav_subtitle(self) -> str:
        """The number of parts, and of the failures among them."""
        parts = self.get_stats().get("parts", ())
        failed = sum(part["code"] is not None for part in parts)
        noun = "part" if len(parts) == 1 else "parts"
        return f"{len(parts)} {noun}{f', {failed} failed' if failed else ''}"

    def enable_instrumentation(self) -> None:
        """Let the parts of the request find this panel."""
        setattr(self.toolbar.request, _PANEL, self)

    def add(self, part: dict[str, Any]) -> None:
        """Add a *part* that has ended, in any thread."""
        self._parts.append(part)
        if self._is_stored:
            self._store()

    def generate_stats(self, request: Any, response: Any) -> None:
        """Store the table of the parts that have ended by now."""
        self._server_timing = response.get("Server-Timing", "")
        self._is_stored = True
        self._store()

    def get_headers(self, request: Any) -> dict[str, str]:
        """``Server-Timing`` as the view has sent it, which the toolbar would replace by its own."""
        return {"Server-Timing": self._server_timing} if self._server_timing else {}

    def _store(self) -> None:
        parts = list(self._parts)
        slowest = max((part["ms"] for part in parts), default=0)
        self.record_stats({"parts": parts, "slowest": slowest or 1})


def _hear(sender: type, request: Any, **told: Any) -> None:
    """Tell the panel of *request*, if it has one, of a part that has ended."""
    panel: PartsPanel | None = getattr(request, _PANEL, None)
    if panel is not None:
        error = told["error"]
        panel.add(
            {
                "name": str.__str__(told["name"]),
                **told["cost"].timing(told["status"]),
                "code": error and error.code,
                "reference": error and error.reference,
                "endpoint": f"{sender.__module__}.{sender.__qualname__}",
            }
        )
