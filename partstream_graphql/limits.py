"""The earlier import path of ``ProgressiveLimitsRule``, now in ``partstream_graphql.http``."""

from __future__ import annotations

from partstream_graphql.http.rules import ProgressiveLimitsRule

__all__ = ["ProgressiveLimitsRule"]
