"""
Cursors: signed tokens that say where a walk stands.

A cursor names the *front* of a walk: the last part of a page, or the furthest part that a stream
has delivered. It carries no authority: permissions and ``get_parts()`` run anew on each request. It
is a JWT (RFC 7519), which anyone can read, so it holds no data. Of the endpoint and the user it
holds only a keyed digest.

Claims of format 1: ``v``, the format; ``k``, the digest of endpoint and user; ``exp``, the time
when it expires (RFC 7519, section 4.1.4); ``p``, the front; ``n``, the number of parts before it;
``q``, the query string of the response, or ``h``, the digest of a query string that is too long to
carry.

Format 2 adds ``o``: the parts up to the front that are still *owed*, each with the time when it was
first owed, in seconds since the epoch. A cursor that names no part has this format, too, and means
the start.

A release takes a cursor of a format that it does not know for expired, rather than repeat or lose a
part: it is signed, so another server of the same site made it, and the client may start again.
"""

from __future__ import annotations

import hmac
import json
import marshal
import re
import time
from base64 import urlsafe_b64encode
from binascii import a2b_base64, b2a_base64
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.crypto import salted_hmac
from jwt.algorithms import HMACAlgorithm

from django_partstream.canonical import canonical_or_kind
from django_partstream.conf import setting
from django_partstream.exceptions import CursorExpired, CursorInvalid

FORMAT = 1
OWING_FORMAT = 2
ALGORITHM = "HS256"
HEADER = "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9"  # {"typ":"JWT","alg":"HS256"}

#: The shape of a cursor, as a regular expression of Python and of JSON Schema.
# A signature has 32 bytes, so the last of its 43 characters holds four bits and two zeros. PyJWT
# before 2.15 ignores the two zeros, and reads four spellings of the same signature.
SHAPE = rf"{HEADER}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{{42}}[AEIMQUYcgkosw048]"

_shape = re.compile(SHAPE)
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_URL_SAFE, _STANDARD = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")
_decode = json.JSONDecoder().raw_decode
_encode_message = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), default=canonical_or_kind
).encode

# PyJWT signs. Its envelope would write and parse the header, which is pinned here, and search keys
# for PEM and SSH keys, and tokens for characters that the shape excludes.
_algorithm = HMACAlgorithm(HMACAlgorithm.SHA256)

#: The digest of a message of at most this many bytes is remembered. Every page of a walk has the
#: same audience, and uses its digest twice: to compare and to sign.
_MAX_REMEMBERED = 1024

#: The length of a token without a payload: a header, a signature, and the dots.
_ENVELOPE = len(HEADER) + 43 + 2

#: The bytes of the claims of a cursor of format 2 besides the name of its front, its owed parts and
#: its query: at most, until 2286 and for fewer than a million parts.
_OTHER_CLAIMS = len('{"v":2,"k":"","exp":9999999999,"p":,"n":999999,"o":{},"h":""}') + 2 * 16

#: Of the three quarters of a cursor that owed parts leave, the bytes that its query cannot have:
#: the envelope, other claims, and a name of 64 bytes. They count where the limit is below 1160.
_BESIDE_QUERY = _ENVELOPE * 3 // 4 + _OTHER_CLAIMS + 64

#: The version of marshal's form in which equal messages are equal bytes.
_WITHOUT_REFERENCES = 2


@dataclass(slots=True, kw_only=True)
class Cursor:
    """
    The place in a walk behind the part *after*, its front; without a name, the start.

    *position* is the number of parts before that part. *owed* are the parts up to it that the walk
    still owes, by name: when each was first owed, in seconds since the epoch. *query* is the query
    string of the response, or *query_digest* its digest if it was too long. *audience* is the
    digest of the endpoint, reader and tenant, made with *key*.
    """

    after: str
    position: int
    owed: Mapping[str, int] = field(default_factory=dict)
    query: str = ""
    query_digest: str | None = None
    audience: str = ""
    key: bytes = b""

    def is_for(self, audience: Iterable[Any]) -> bool:
        """Whether the cursor was made for this endpoint and user; compared in constant time."""
        return hmac.compare_digest(self.audience, digest(self.key, audience))

    def continues(self, query: str) -> bool:
        """Whether *query* is the query string of the digest in this cursor."""
        return hmac.compare_digest(self.query_digest or "", digest(self.key, [query]))


def write(cursor: Cursor, *, audience: Iterable[Any], ttl: int) -> str:
    """
    Sign *cursor* for *audience*, the endpoint and the user, for *ttl* seconds.

    Raises:
        ImproperlyConfigured: the names of the part and of the parts that are owed alone make the
            token longer than ``MAX_CURSOR_LENGTH``.

    Claims: RFC 7519, section 4.1.4. Signature: RFC 7515, section 7.1.
    """
    key, limit = _key(settings.SECRET_KEY), setting("MAX_CURSOR_LENGTH")
    version = OWING_FORMAT if cursor.owed or not cursor.after else FORMAT
    claims = (
        f'"v":{version},"k":"{digest(key, audience)}","exp":{int(time.time()) + ttl},'
        f'"p":{_encode(cursor.after)},"n":{cursor.position}'
    )
    if cursor.owed:
        claims += f',"o":{_encode(cursor.owed)}'
    # By its own length, so that a walk carries its query on every page or on none. Beside it there
    # is room, in base64, for owed parts and for all but the longest of names.
    carries_query = len(cursor.query) <= min(limit * 3 // 8, limit * 9 // 16 - _BESIDE_QUERY)
    token = _sign(f"{{{claims}{_query_claim(cursor.query, key, carry=carries_query)}}}", key)
    if len(token) > limit and carries_query:
        token = _sign(f"{{{claims}{_query_claim(cursor.query, key, carry=False)}}}", key)
    if len(token) > limit:
        raise ImproperlyConfigured(
            f"A cursor after the part {cursor.after!r} is {len(token)} characters long and "
            f"PARTSTREAM['MAX_CURSOR_LENGTH'] is {limit}. Use a shorter name."
        )
    return token


def can_owe(owed: Collection[str], *, after: str, limit: int) -> bool:
    """
    Whether a cursor behind the part *after*, of at most *limit* characters, can owe parts *owed*.

    The claim may take a quarter of *limit*, as it is written, so that a walk decides once whether a
    cursor carries its query. A single part may take more.
    """
    if not owed:
        return True
    claim = sum([length_of(name) + len(":9999999999,") for name in owed])
    if len(owed) > 1 and _in_base64(claim) > limit // 4:
        return False
    return _ENVELOPE + _in_base64(_OTHER_CLAIMS + length_of(after) + claim) <= limit


def length_of(name: str) -> int:
    """The bytes of *name* in a cursor, before base64."""
    return len(_encode(name).encode())


def read(token: str) -> Cursor:
    """
    Verify *token* and return where it stands. :meth:`Cursor.is_for` verifies the audience.

    Raises:
        CursorExpired: it is older than the ``ttl`` (seconds) that it was signed for, or of a format
            of another release.
        CursorInvalid: it is no cursor, was altered, or was signed with another key.

    Claims: RFC 7519, section 4.1.4. The algorithm is pinned: RFC 8725, section 3.1.
    """
    if len(token) > setting("MAX_CURSOR_LENGTH") or not _shape.fullmatch(token):
        raise CursorInvalid
    signed, _, signature = token.rpartition(".")
    for secret in _secrets():
        key = _key(secret)
        # Compared as text, so a signature has a single spelling.
        if hmac.compare_digest(signature, _signature(signed, key)):
            return _cursor_of(_claims(token), key)
    raise CursorInvalid


def digest(key: bytes, message: Iterable[Any]) -> str:
    """The keyed digest of a JSON-like *message*: 16 characters of base64, 96 bits."""
    message = list(message)
    try:
        dumped = marshal.dumps(message, _WITHOUT_REFERENCES)
    except ValueError:  # it holds a value of a type that is not built in
        return _digest(key, message)
    return _remembered(key, dumped) if len(dumped) <= _MAX_REMEMBERED else _digest(key, message)


def expiry_of(token: str) -> int:
    """The end of the life of *token*, which was signed here, in seconds since the epoch."""
    return int(_claims(token)["exp"])


def expire(token: str) -> str:
    """The same cursor with an ``exp`` of a second ago, for tests."""
    cursor = read(token)
    return _sign(_encode({**_claims(token), "exp": int(time.time()) - 1}), cursor.key)


def _secrets() -> Iterator[str | bytes]:
    """The secret that signs, then the secrets that signed before."""
    yield settings.SECRET_KEY
    yield from settings.SECRET_KEY_FALLBACKS


@lru_cache(maxsize=16)
def _key(secret: str | bytes) -> bytes:
    """The key of cursors, derived so that nothing else signed with *secret* passes for a cursor."""
    return salted_hmac("django_partstream.cursors", "", secret, algorithm="sha256").digest()


def _digest(key: bytes, message: list[Any]) -> str:
    mac = hmac.digest(key, b"\0" + _encode_message(message).encode(), "sha256")
    return urlsafe_b64encode(mac[:12]).decode()


@lru_cache(maxsize=1024)
def _remembered(key: bytes, dumped: bytes) -> str:
    """The digest of a message that marshal has *dumped*: unlike messages differ in this form."""
    return _digest(key, marshal.loads(dumped))  # noqa: S302 - it was made here


def _in_base64(octets: int) -> int:
    """The characters of so many *octets* in base64 without padding."""
    return -(-octets * 4 // 3)


def _query_claim(query: str, key: bytes, *, carry: bool) -> str:
    """The claim with *query*, or with its digest; no claim for an empty query string."""
    if not query:
        return ""
    return f',"q":{_encode(query)}' if carry else f',"h":"{digest(key, [query])}"'


def _sign(payload: str, key: bytes) -> str:
    """The JWT with the JSON *payload* (RFC 7515, section 7.1)."""
    signed = f"{HEADER}.{_base64(payload.encode())}"
    return f"{signed}.{_signature(signed, key)}"


def _signature(signed: str, key: bytes) -> str:
    return _base64(_algorithm.sign(signed.encode(), key))


def _base64(octets: bytes) -> str:
    """*octets* in base64url without padding (RFC 7515, section 2)."""
    return b2a_base64(octets, newline=False).translate(_URL_SAFE).rstrip(b"=").decode()


def _claims(token: str) -> Any:
    """The claims of *token*, which was signed here."""
    payload = token[len(HEADER) + 1 : token.rindex(".")]
    return _decode(a2b_base64(payload.encode().translate(_STANDARD) + b"==").decode())[0]


def _cursor_of(claims: Any, key: bytes) -> Cursor:
    """
    The cursor with verified *claims*.

    Raises:
        CursorExpired: ``exp`` has passed, or the format is one that this release does not know.
    """
    is_known = isinstance(claims, dict) and claims.get("v") in (FORMAT, OWING_FORMAT)
    if not is_known or claims["exp"] <= time.time():
        raise CursorExpired
    return Cursor(
        after=claims["p"],
        position=claims["n"],
        owed=claims.get("o", {}),
        query=claims.get("q", ""),
        query_digest=claims.get("h"),
        audience=claims["k"],
        key=key,
    )
