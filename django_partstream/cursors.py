"""
Cursors: signed tokens that say where a walk stands.

A cursor names the last part that was delivered. It carries no authority: permissions and
``get_parts()`` run anew on each request. It is a JWT (RFC 7519), which anyone can read, so it
holds no data. Of the endpoint and the user it holds only a keyed digest.

Claims of format 1: ``v``, the format; ``k``, the digest of endpoint and user; ``exp``, the time
when it expires (RFC 7519, section 4.1.4); ``p``, the last part; ``n``, the number of parts before
it; ``q``, the query string of the response, or ``h``, the digest of a query string that is too
long to carry.
"""

from __future__ import annotations

import hmac
import json
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jwt
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.crypto import constant_time_compare, salted_hmac
from jwt.algorithms import HMACAlgorithm

from django_partstream.canonical import canonical_or_kind
from django_partstream.conf import setting
from django_partstream.exceptions import CursorExpired, CursorInvalid

FORMAT = 1
ALGORITHM = "HS256"
HEADER = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9"  # {"typ":"JWT","alg":"HS256"}

#: The shape of a cursor, as a regular expression of Python and of JSON Schema.
# A signature has 32 bytes, so the last of its 43 characters holds four bits and two zeros. PyJWT
# before 2.15 ignores the two zeros, and reads four spellings of the same signature.
SHAPE = rf"{HEADER}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{{42}}[AEIMQUYcgkosw048]"

_shape = re.compile(SHAPE)
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_encode_message = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), default=canonical_or_kind
).encode


class _DerivedKey(HMACAlgorithm):
    """HS256 with keys that are derived here, 32 bytes each."""

    def prepare_key(self, key: str | bytes) -> bytes:
        """Take the key as it is. PyJWT would search it for a PEM or SSH key each time."""
        return key  # type: ignore[return-value]


_jws = jwt.PyJWS(algorithms=[ALGORITHM])
_jws.unregister_algorithm(ALGORITHM)
_jws.register_algorithm(ALGORITHM, _DerivedKey(HMACAlgorithm.SHA256))


@dataclass(slots=True, kw_only=True)
class Cursor:
    """
    The place in a walk behind the part *after*.

    *position* is the number of parts before that part. *query* is the query string of the
    response, or *query_digest* its digest if it was too long. *audience* is the digest of the
    endpoint, reader and tenant, made with *key*.
    """

    after: str
    position: int
    query: str = ""
    query_digest: str | None = None
    audience: str = ""
    key: bytes = b""

    def is_for(self, audience: Iterable[Any]) -> bool:
        """Whether the cursor was made for this endpoint and user; compared in constant time."""
        return constant_time_compare(self.audience, digest(self.key, audience))

    def continues(self, query: str) -> bool:
        """Whether *query* is the query string of the digest in this cursor."""
        return constant_time_compare(self.query_digest or "", digest(self.key, [query]))


def write(cursor: Cursor, *, audience: Iterable[Any], ttl: int) -> str:
    """
    Sign *cursor* for *audience*, the endpoint and the user, for *ttl* seconds.

    Raises:
        ImproperlyConfigured: the name of the part alone makes the token longer than
            ``MAX_CURSOR_LENGTH``.

    Claims: RFC 7519, section 4.1.4. Signature: RFC 7515, section 7.1.
    """
    key = _key(settings.SECRET_KEY)
    claims: dict[str, Any] = {
        "v": FORMAT,
        "k": digest(key, audience),
        "exp": int(time.time()) + ttl,
        "p": cursor.after,
        "n": cursor.position,
    }
    limit = setting("MAX_CURSOR_LENGTH")
    # By its own length, so that a walk carries its query on every page or on none: half the
    # limit leaves room, in base64, for all but the longest of names.
    carries_query = len(cursor.query) <= limit // 2
    token = _sign({**claims, **_query_claim(cursor.query, key, carry=carries_query)}, key)
    if len(token) > limit and carries_query:
        token = _sign({**claims, **_query_claim(cursor.query, key, carry=False)}, key)
    if len(token) > limit:
        raise ImproperlyConfigured(
            f"A cursor after the part {cursor.after!r} is {len(token)} characters long and "
            f"PARTSTREAM['MAX_CURSOR_LENGTH'] is {limit}. Use a shorter name."
        )
    return token


def read(token: str) -> Cursor:
    """
    Verify *token* and return where it stands. :meth:`Cursor.is_for` verifies the audience.

    Raises:
        CursorExpired: it is older than the ``ttl`` (seconds) that it was signed for.
        CursorInvalid: it is no cursor, was altered, or was signed with another key.

    Claims: RFC 7519, section 4.1.4. The algorithm is pinned: RFC 8725, section 3.1.
    """
    if len(token) > setting("MAX_CURSOR_LENGTH") or not _shape.fullmatch(token):
        raise CursorInvalid
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        key = _key(secret)
        try:
            payload = _jws.decode(token, key, algorithms=[ALGORITHM])
        except jwt.InvalidTokenError:
            continue
        return _cursor_of(json.loads(payload), key)
    raise CursorInvalid


def digest(key: bytes, message: Iterable[Any]) -> str:
    """The keyed digest of a JSON-like *message*: 16 characters of base64, 96 bits."""
    text = _encode_message(list(message))
    return urlsafe_b64encode(hmac.digest(key, b"\0" + text.encode(), "sha256")[:12]).decode()


def expiry_of(token: str) -> int:
    """The end of the life of *token*, which was signed here, in seconds since the epoch."""
    payload = _jws.decode(token, options={"verify_signature": False})
    return int(json.loads(payload)["exp"])


def expire(token: str) -> str:
    """The same cursor with an ``exp`` of a second ago, for tests."""
    cursor = read(token)
    payload = json.loads(_jws.decode(token, cursor.key, algorithms=[ALGORITHM]))
    return _sign({**payload, "exp": int(time.time()) - 1}, cursor.key)


@lru_cache(maxsize=16)
def _key(secret: str | bytes) -> bytes:
    """The key of cursors, derived so that nothing else signed with *secret* passes for a cursor."""
    return salted_hmac("django_partstream.cursors", "", secret, algorithm="sha256").digest()


def _query_claim(query: str, key: bytes, *, carry: bool) -> dict[str, str]:
    """The claim with *query*, or with its digest; no claim for an empty query string."""
    if not query:
        return {}
    return {"q": query} if carry else {"h": digest(key, [query])}


def _sign(claims: dict[str, Any], key: bytes) -> str:
    payload = _encode(claims).encode()
    return _jws.encode(payload, key, algorithm=ALGORITHM, sort_headers=False)


def _cursor_of(claims: Any, key: bytes) -> Cursor:
    """
    The cursor with verified *claims*.

    Raises:
        CursorInvalid: the claims are of another format.
        CursorExpired: ``exp`` has passed.
    """
    if not isinstance(claims, dict) or claims.get("v") != FORMAT:
        raise CursorInvalid
    if claims["exp"] <= time.time():
        raise CursorExpired
    return Cursor(
        after=claims["p"],
        position=claims["n"],
        query=claims.get("q", ""),
        query_digest=claims.get("h"),
        audience=claims["k"],
        key=key,
    )
