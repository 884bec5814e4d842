"""
The OpenAPI description of a ``ProgressiveView``, for drf-spectacular.

It is registered when drf-spectacular is among the installed apps; otherwise import this package.
"""

from __future__ import annotations

from partstream_rest.openapi.views import ProgressiveViewExtension

__all__ = ["ProgressiveViewExtension"]
