"""
Parsed and valid documents, remembered for later requests with the same text.

A progressive client sends the same text again and again, with another ``after``. A document is
remembered under its text and the rules and limits that it was validated with. The documents of a
schema go when the schema goes.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from weakref import WeakKeyDictionary

from graphql import DocumentNode, GraphQLSchema

from django_partstream.conf import setting

#: The text that is remembered for a schema, in characters. A document takes up to some 300 bytes
#: for a character of its text, if its names have a single letter. Its sub-fields take as much again
#: if it has fragments on many types.
MAX_TEXT = 200_000


class Documents:
    """The documents of a schema, by a key that holds their text; safe in threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._documents: OrderedDict[Hashable, tuple[DocumentNode, int]] = OrderedDict()
        self._length = 0

    def get(self, key: Hashable) -> DocumentNode | None:
        """The document of *key*, if it is remembered."""
        with self._lock:
            found = self._documents.get(key)
            if found is None:
                return None
            self._documents.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, document: DocumentNode, length: int) -> None:
        """
        Remember *document*, whose text has *length* characters; forget the least recently used.

        A text that alone would take a tenth of the space is not remembered.
        """
        if length > MAX_TEXT // 10:
            return
        with self._lock:
            self._forget(key)
            self._documents[key] = document, length
            self._length += length
            while len(self._documents) > setting("MAX_DOCUMENTS") or self._length > MAX_TEXT:
                self._forget(next(iter(self._documents)))

    def _forget(self, key: Hashable) -> None:
        _, length = self._documents.pop(key, (None, 0))
        self._length -= length

    def __len__(self) -> int:
        return len(self._documents)


_by_schema: WeakKeyDictionary[GraphQLSchema, Documents] = WeakKeyDictionary()
_lock = threading.Lock()


def documents_of(schema: GraphQLSchema) -> Documents:
    """The documents of *schema*."""
    documents = _by_schema.get(schema)
    if documents is None:
        with _lock:
            documents = _by_schema.setdefault(schema, Documents())
    return documents
