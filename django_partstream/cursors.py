"""
Cursors: where a walk stands, signed.

A cursor says which part was delivered last, and carries no authority: permissions and
``get_parts()`` run anew on each request. It is a JWT (RFC 7519) and so can be read by
anyone; it holds no data, and of the endpoint and user only a keyed digest.

Claims: ``v`` the format, ``k`` that digest, ``exp`` the end of its life (RFC 7519, section
4.1.4), ``p`` and ``n`` the last part and its position, ``q`` the query string of the
response, or ``h`` its digest where it was too long to carry.
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

# A signature has 32 bytes, so the last of its 43 characters holds four bits and two zeros. PyJWT
# before 2.15 ignores those two, and reads four spellings of one signature.
_shape = re.compile(rf"{HEADER}\.[\w-]+\.[\w-]{{42}}[AEIMQUYcgkosw048]", re.ASCII)
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_encode_message = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), default=canonical_or_kind
).encode


class _DerivedKey(HMACAlgorithm):
    """HS256 with keys that are made here, 32 bytes each: there is nothing to look for in them."""

    def prepare_key(self, key: str | bytes) -> bytes:
        """Take the key as it is; PyJWT would look, each time, whether it is a PEM or SSH key."""
        return key  # type: ignore[return-value]


_jws = jwt.PyJWS(algorithms=[ALGORITHM])
_jws.unregister_algorithm(ALGORITHM)
_jws.register_algorithm(ALGORITHM, _DerivedKey(HMACAlgorithm.SHA256))


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """
    Behind which part a walk goes on.

    *position* is how many parts came before that part. *query* is the query string that the
    response was asked for with; None with a *query_digest* where it did not fit.
    """

    after: str
    position: int
    query: str = ""
    query_digest: str | None = None
    audience: str = ""
    key: bytes = b""

    def is_for(self, audience: Iterable[Any]) -> bool:
        """Whether it was made for this endpoint and user, compared in constant time."""
        return constant_time_compare(self.audience, digest(self.key, audience))

    def continues(self, query: str) -> bool:
        """Whether *query* is the query string that this cursor has only the digest of."""
        return constant_time_compare(self.query_digest or "", digest(self.key, [query]))


def write(cursor: Cursor, *, audience: Iterable[Any], ttl: int) -> str:
    """
    Sign *cursor* for *audience* (the endpoint and the user) for *ttl* seconds.

    Raises:
        ImproperlyConfigured: it would be longer than ``MAX_CURSOR_LENGTH`` for its name alone.
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
    if cursor.query and len(cursor.query) <= limit // 2:
        claims["q"] = cursor.query
    elif cursor.query:
        claims["h"] = digest(key, [cursor.query])
    token = _sign(claims, key)
    if len(token) > limit and "q" in claims:
        claims["h"] = digest(key, [claims.pop("q")])
        token = _sign(claims, key)
    if len(token) > limit:
        raise ImproperlyConfigured(
            f"A cursor after the part {cursor.after!r} is {len(token)} characters long and "
            f"PARTSTREAM['MAX_CURSOR_LENGTH'] is {limit}. Use a shorter name."
        )
    return token


def read(token: str) -> Cursor:
    """
    Verify *token* and return where it stands; ask :meth:`Cursor.is_for` for whom.

    Raises:
        CursorInvalid: it is not a cursor, was altered, or signed with another key.
        CursorExpired: it is older than it was signed for.

    Claims: RFC 7519, section 4.1.4. One algorithm, pinned: RFC 8725, section 3.1.
    """
    if len(token) > setting("MAX_CURSOR_LENGTH") or not _shape.fullmatch(token):
        raise CursorInvalid
    for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        key = _key(secret)
        try:
            payload = _jws.decode(token, key, algorithms=[ALGORITHM])
        except jwt.InvalidTokenError:
            continue
        return _cursor(json.loads(payload), key)
    raise CursorInvalid


def digest(key: bytes, message: Iterable[Any]) -> str:
    """A short keyed digest of a JSON-like *message*."""
    text = _encode_message(list(message))
    return urlsafe_b64encode(hmac.digest(key, b"\0" + text.encode(), "sha256")[:12]).decode()


def expire(token: str) -> str:
    """The same cursor, past its life: for tests that must not wait for that."""
    cursor = read(token)
    payload = json.loads(_jws.decode(token, cursor.key, algorithms=[ALGORITHM]))
    return _sign({**payload, "exp": int(time.time()) - 1}, cursor.key)


@lru_cache(maxsize=16)
def _key(secret: str | bytes) -> bytes:
    """The key of cursors, so that nothing else signed with *secret* passes for one."""
    return salted_hmac("django_partstream.cursors", "", secret, algorithm="sha256").digest()


def _sign(claims: dict[str, Any], key: bytes) -> str:
    payload = _encode(claims).encode()
    return _jws.encode(payload, key, algorithm=ALGORITHM, sort_headers=False)


def _cursor(claims: Any, key: bytes) -> Cursor:
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
