"""
Tags of values: short texts by which a client says which value of a part it has.

A tag is an HMAC (RFC 2104) of an audience, a form, the name of a part, and the text of its value.
Equal values of two readers have unlike tags, and a tag tells nothing of its value without the key.

A tag that was made with an earlier ``SECRET_KEY`` is no tag of the value any more, also where
``SECRET_KEY_FALLBACKS`` has that key: the client gets the value once more.
"""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac

from django_partstream.cursors import digest

#: The bytes of a tag, before base64: 96 bits in 16 characters.
LENGTH = 12

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Tagger:
    """
    Makes the tags of the values that are for an *audience*: a response, its reader, its tenant.

    Raises:
        TypeError: a mapping in *audience* has keys that are no text.
    """

    __slots__ = ("_audience", "_key")

    def __init__(self, audience: Iterable[Any]) -> None:
        self._key = _key(settings.SECRET_KEY)
        self._audience = digest(self._key, audience)

    def tag(self, name: str, text: bytes, *, form: str) -> str:
        """
        The tag of the value *text* of the part *name*: 16 characters of base64url.

        *form* names the form in which a front sends the value, where that depends on more than
        *text*. The tag is of another value where the client gets another form.
        """
        # JSON says where it ends, so no two messages are equal. That of digest() begins with NUL.
        mac = hmac.new(self._key, f"{self._audience}{_encode([form, name])}".encode(), "sha256")
        mac.update(text)
        return urlsafe_b64encode(mac.digest()[:LENGTH]).decode()


@lru_cache(maxsize=16)
def _key(secret: str | bytes) -> bytes:
    """The key of tags, derived so that nothing else signed with *secret* passes for a tag."""
    return salted_hmac("django_partstream.tags", "", secret, algorithm="sha256").digest()
