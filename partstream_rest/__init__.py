"""The REST front, on Django REST framework."""

from __future__ import annotations

from partstream_rest.manifests import PartInfo
from partstream_rest.views import ProgressiveView

__all__ = ["PartInfo", "ProgressiveView"]
