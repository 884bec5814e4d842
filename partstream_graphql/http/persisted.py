"""
Documents that a client names by hash instead of sending their text.

Two ways, each an option of the view: :class:`AutomaticPersistedQueries`, Apollo's protocol, in
which a client sends a text once and the hash from then on, and :class:`TrustedDocuments`, where
the texts are known when the site is built and no other is run.

https://www.apollographql.com/docs/apollo-server/performance/apq
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from django.core.cache import caches
from graphql import GraphQLError

logger = logging.getLogger("django_partstream")


class PersistedDocuments(Protocol):
    """Where the view finds the text of a hash, and takes that of a request."""

    def text(self, digest: str | None, text: str | None) -> str:
        """
        The text to run, of a request that has *digest*, *text* or both.

        Raises:
            GraphQLError: there is none, or it must not be run.
        """

    def ran(self, digest: str | None, text: str) -> None:
        """*text* was found valid in a request that named it *digest*."""


class AutomaticPersistedQueries:
    """
    Apollo's automatic persisted queries, kept in a Django *cache* for *seconds*.

    A hash that is not known is answered ``PERSISTED_QUERY_NOT_FOUND``; the client then sends hash
    and text. Only what was found valid is kept. A cache that is down makes clients send texts.
    """

    def __init__(self, *, cache: str = "default", seconds: float = 86_400) -> None:
        self.cache, self.seconds = cache, seconds

    def text(self, digest: str | None, text: str | None) -> str:
        """The text that was sent, or else what is known by *digest*."""
        if text:
            if digest is not None and digest != digest_of(text):
                raise _error("provided sha does not match query", "BAD_USER_INPUT")
            return text
        if digest is None:
            return ""
        found = self._ask("get", _key(digest))
        if not isinstance(found, str):
            raise not_found()
        return found

    def ran(self, digest: str | None, text: str) -> None:
        """Keep it."""
        if digest is not None and self._ask("get", _key(digest)) != text:
            self._ask("set", _key(digest), text, self.seconds)

    def _ask(self, what: str, *arguments: Any) -> Any:
        try:
            return getattr(caches[self.cache], what)(*arguments)
        except Exception:
            logger.warning("The cache %r of persisted queries failed.", self.cache, exc_info=True)
            return None


class TrustedDocuments:
    """
    Only these documents are run: *documents* maps their ids, hashes mostly, to their texts.

    A client sends an id as ``documentId`` or ``extensions.persistedQuery.sha256Hash``. A text is
    run where it is one of these.
    """

    def __init__(self, documents: Mapping[str, str]) -> None:
        self.documents = {name.removeprefix("sha256:"): text for name, text in documents.items()}
        self._texts = frozenset(self.documents.values())

    @classmethod
    def from_file(cls, path: str | Path) -> TrustedDocuments:
        """
        Those of a JSON file: ``{id: text}`` as graphql-codegen and relay-compiler write it, or
        the manifest of Apollo's ``generate-persisted-query-manifest``.

        Raises:
            OSError: it cannot be read.
            ValueError: it is neither.
        """
        read = json.loads(Path(path).read_text(encoding="utf-8"))
        if isinstance(read, dict) and isinstance(read.get("operations"), list):
            read = {one["id"]: one["body"] for one in read["operations"]}
        if not isinstance(read, dict) or not all(isinstance(text, str) for text in read.values()):
            raise ValueError(f"{path} is no JSON object of ids and texts.")
        return cls(read)

    def text(self, digest: str | None, text: str | None) -> str:
        """The text of *digest*, or *text* where it is a trusted one."""
        if digest is not None and digest not in self.documents:
            raise not_found()
        found = text if digest is None else self.documents[digest]
        if found and (found not in self._texts or text not in (None, "", found)):
            raise _error("Only trusted documents are run here.", "PERSISTED_QUERY_ONLY")
        return found or ""

    def ran(self, digest: str | None, text: str) -> None:
        """They are known already."""


class NotSupported:
    """Neither of both: texts are run, and a hash alone is refused."""

    def text(self, digest: str | None, text: str | None) -> str:
        """The text that was sent."""
        if digest is not None and not text:
            raise _error("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED")
        return text or ""

    def ran(self, digest: str | None, text: str) -> None:
        """Nothing is kept."""


def digest_in(data: Mapping[str, Any], query: Mapping[str, Any]) -> str | None:
    """
    The hash that a request names, from its body *data* or its *query* string.

    Raises:
        GraphQLError: ``extensions`` is no JSON object, or the hash no text.
    """
    extensions = query.get("extensions") or data.get("extensions")
    if isinstance(extensions, str):
        try:
            extensions = json.loads(extensions)
        except ValueError:
            raise _error("Extensions are invalid JSON.", "BAD_USER_INPUT") from None
    named = query.get("documentId") or data.get("documentId")
    if isinstance(extensions, dict) and isinstance(extensions.get("persistedQuery"), dict):
        named = extensions["persistedQuery"].get("sha256Hash") or named
    if named is None:
        return None
    if not isinstance(named, str) or len(named) > 200:
        raise _error("The id of a document is a text of 200 characters at most.", "BAD_USER_INPUT")
    return named.removeprefix("sha256:")


def digest_of(text: str) -> str:
    """What Apollo's clients call *text*: its SHA-256, in hexadecimal digits."""
    return sha256(text.encode()).hexdigest()


def not_found() -> GraphQLError:
    """What makes a client send the text."""
    return _error("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")


def _error(message: str, code: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": code})


def _key(digest: str) -> str:
    # A key of the cache has few characters to be of; a client's word may have any.
    return f"partstream:document:{digest_of(digest)}"
