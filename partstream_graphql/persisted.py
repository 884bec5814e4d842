"""The earlier import path of persisted documents, now in ``partstream_graphql.http``."""

from __future__ import annotations

from partstream_graphql.http.persisted import AutomaticPersistedQueries, TrustedDocuments

__all__ = ["AutomaticPersistedQueries", "TrustedDocuments"]
