"""
Documents that a client names by hash instead of sending their text.

There are two kinds, each an option of the view. With :class:`AutomaticPersistedQueries`, Apollo's
protocol, a client sends a text once and only its hash from then on. With
:class:`TrustedDocuments` all texts are known when the site is built, and no other text is run.

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

from partstream_graphql.errors import bad_input, coded_error
from partstream_graphql.http.reading import is_map, read_json

logger = logging.getLogger("django_partstream")

#: The message for an unknown hash, on which Apollo's clients send the text.
NOT_FOUND = "PersistedQueryNotFound"

#: The longest id of a document, in characters.
MAX_ID = 200


class PersistedDocuments(Protocol):
    """A store of texts by their hashes, for the view."""

    def text(self, digest: str | None, text: str | None) -> str:
        """
        The text to run for a request that has *digest*, *text* or both.

        Raises:
            GraphQLError: there is no such text, or it must not be run.
        """

    def ran(self, digest: str | None, text: str) -> None:
        """Take note of a valid *text*, from a request that named it *digest*."""


class AutomaticPersistedQueries:
    """
    Apollo's automatic persisted queries, kept in a Django *cache* for *seconds*.

    An unknown hash is answered ``PERSISTED_QUERY_NOT_FOUND``. The client then sends hash and
    text. Only valid texts of at most *max_length* characters are kept. Their number is bounded by
    the cache. While the cache is down, clients send texts.
    """

    def __init__(
        self, *, cache: str = "default", seconds: float = 86_400, max_length: int = 20_000
    ) -> None:
        self.cache, self.seconds, self.max_length = cache, seconds, max_length

    def text(self, digest: str | None, text: str | None) -> str:
        """
        The *text* of the request, or else the text that is kept for *digest*.

        Raises:
            GraphQLError: *digest* is unknown, or is not the hash of *text*.
        """
        if text:
            if digest is not None and digest != digest_of(text):
                raise bad_input("provided sha does not match query")
            return text
        if digest is None:
            return ""
        found = self._ask_cache("get", _key(digest))
        if not isinstance(found, str) or digest_of(found) != digest:
            raise not_found()
        return found

    def ran(self, digest: str | None, text: str) -> None:
        """Keep *text* in the cache, unless it is too long."""
        if digest is None or len(text) > self.max_length:
            return
        if self._ask_cache("get", _key(digest)) != text:
            self._ask_cache("set", _key(digest), text, self.seconds)

    def _ask_cache(self, method: str, *arguments: Any) -> Any:
        """The answer of the cache, or None if it fails."""
        try:
            return getattr(caches[self.cache], method)(*arguments)
        except Exception:  # a client of a cache may raise any
            logger.warning("The cache %r of persisted queries failed.", self.cache, exc_info=True)
            return None


class TrustedDocuments:
    """
    Runs only the texts of *documents*, a mapping of ids (mostly hashes) to texts.

    A client sends an id as ``documentId`` or ``extensions.persistedQuery.sha256Hash``, or the
    text itself.
    """

    def __init__(self, documents: Mapping[str, str]) -> None:
        self.documents = {name.removeprefix("sha256:"): text for name, text in documents.items()}
        self._texts = frozenset(self.documents.values())

    @classmethod
    def from_file(cls, path: str | Path) -> TrustedDocuments:
        """
        The documents of a JSON file.

        The file is ``{id: text}``, as graphql-codegen and relay-compiler write it, or the
        manifest of Apollo's ``generate-persisted-query-manifest``.

        Raises:
            OSError: the file cannot be read.
            ValueError: the file has another form.
        """
        read = json.loads(Path(path).read_text(encoding="utf-8"))
        if isinstance(read, dict) and isinstance(read.get("operations"), list):
            read = {operation["id"]: operation["body"] for operation in read["operations"]}
        if not isinstance(read, dict) or not all(isinstance(text, str) for text in read.values()):
            raise ValueError(f"{path} is no JSON object of ids and texts.")
        return cls(read)

    def text(self, digest: str | None, text: str | None) -> str:
        """
        The text of *digest*, or *text* itself.

        Raises:
            GraphQLError: *digest* is unknown, or *text* is not a trusted text, or another text.
        """
        if digest is not None and digest not in self.documents:
            raise not_found()
        found = text if digest is None else self.documents[digest]
        if found and (found not in self._texts or text not in (None, "", found)):
            raise coded_error("Only trusted documents are run here.", "PERSISTED_QUERY_ONLY")
        return found or ""

    def ran(self, digest: str | None, text: str) -> None:
        """Do nothing: all texts are known already."""


class NotSupported:
    """Runs texts, and refuses a hash without a text."""

    def text(self, digest: str | None, text: str | None) -> str:
        """
        The *text* of the request.

        Raises:
            GraphQLError: there is only a *digest*.
        """
        if digest is not None and not text:
            raise coded_error("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED")
        return text or ""

    def ran(self, digest: str | None, text: str) -> None:
        """Do nothing: no text is kept."""


def digest_in(data: Mapping[str, Any], query: Mapping[str, Any]) -> str | None:
    """
    The hash that a request names, in its body *data* or its *query* string.

    Raises:
        GraphQLError: ``extensions`` is no JSON object, or the hash no text.
    """
    extensions = _read_extensions(query.get("extensions") or data.get("extensions"))
    named = query.get("documentId") or data.get("documentId")
    if extensions and isinstance(extensions.get("persistedQuery"), dict):
        named = extensions["persistedQuery"].get("sha256Hash") or named
    if named is None:
        return None
    if not isinstance(named, str) or len(named) > MAX_ID:
        raise bad_input(f"The id of a document is a text of {MAX_ID} characters at most.")
    return named.removeprefix("sha256:")


def _read_extensions(extensions: Any) -> Any:
    """*extensions*, which are JSON text in a query string and in a form."""
    if extensions and isinstance(extensions, str):
        try:
            extensions = read_json(extensions)
        except ValueError:
            raise bad_input("Extensions are invalid JSON.") from None
    if not is_map(extensions):
        raise bad_input("The extensions must be a JSON object.")
    return extensions


def digest_of(text: str) -> str:
    """
    The hash by which Apollo's clients name *text*: its SHA-256, in hexadecimal digits.

    A text with a lone surrogate, which no parser accepts, has a hash, too.
    """
    return sha256(text.encode(errors="surrogatepass")).hexdigest()


def not_found() -> GraphQLError:
    """The error for an unknown hash; the client answers it with the text."""
    return coded_error(NOT_FOUND, "PERSISTED_QUERY_NOT_FOUND")


def _key(digest: str) -> str:
    # A cache accepts few characters in a key. A client may name a document by any of them.
    return f"partstream:document:{digest_of(digest)}"
