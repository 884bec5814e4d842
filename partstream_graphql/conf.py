"""The keys of the ``PARTSTREAM`` setting that belong to GraphQL."""

from __future__ import annotations

from django_partstream.conf import SETTINGS, Setting


def register() -> None:
    """Add the keys to the settings that the core knows."""
    SETTINGS.update(
        {
            "MAX_CHUNK_SIZE": Setting.count(50, "parts"),
            "MAX_QUERY_LENGTH": Setting.count(50_000, "characters"),
            "MAX_QUERY_TOKENS": Setting.count(2_000, "tokens"),
            "MAX_QUERY_DEPTH": Setting.count(20, "levels"),
            "MAX_QUERY_CONNECTIONS": Setting.count(10, "connections"),
            "MAX_QUERY_RUNS": Setting.count(10, "runs"),
            "MAX_QUERY_PARTS": Setting.count(100, "parts"),
            "MAX_DEFERRED": Setting.count(50, "fragments"),
            "MAX_BATCH": Setting.count(10, "operations"),
            "MAX_DOCUMENTS": Setting.count(1_000, "documents"),
        }
    )
