"""The import path of ``ProgressiveGraphQLView``, which lives in ``partstream_graphql.http``."""

from __future__ import annotations

from partstream_graphql.http.views import ProgressiveGraphQLView

__all__ = ["ProgressiveGraphQLView"]
