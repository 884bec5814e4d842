"""
The frames of a stream as bytes: Server-Sent Events and JSON lines.

Values come in as JSON text. Nothing here reads or writes: a front sends the frames.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, ClassVar

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode

#: Characters beside CR and LF that end a line in some clients (``str.splitlines()`` of Python).
_ENDS_OF_LINES = {b"\xc2\x85": b"\\u0085", b"\xe2\x80\xa8": b"\\u2028", b"\xe2\x80\xa9": b"\\u2029"}

_token = re.compile(r"[A-Za-z0-9_.-]+")


class Frames:
    """
    A kind of frames: its media type, the bytes to begin with, and the bytes that keep a line open.

    A subclass puts the data of a frame into its envelope.
    """

    media_type: ClassVar[str]
    opening: ClassVar[bytes]
    heartbeat: ClassVar[bytes]

    def part(
        self,
        name: str,
        value: bytes | None,
        *,
        cursor: str,
        error: Mapping[str, Any] | None = None,
        timing: Mapping[str, Any] | None = None,
        etag: str | None = None,
        is_unchanged: bool = False,
    ) -> bytes:
        """
        The frame of the part *name*, whose *value* is JSON text, or None for null.

        *cursor* is the token behind it. *error* is the error entry of a failed part. *timing* is
        ``{"ms": ..., "status": ..., "cached": ...}``, for development. *etag* is the tag of the
        value, for a client that asked for tags; *is_unchanged* says that it has the value.

        Raises:
            ValueError: *cursor* is no token.
        """
        members = _members(name, value, error, timing)
        if etag is not None:
            members += b',"etag":%b' % _json(etag)
        if is_unchanged:
            members += b',"unchanged":true'
        return self._part(members, _checked(cursor))

    def progress(self, name: str, *, progress: float | None, retry_after: float) -> bytes:
        """The frame of a pending part: its *progress* from 0 to 1, the seconds to another look."""
        data = {"name": str.__str__(name), "progress": progress, "retry_after": retry_after}
        return self._progress(_json(data))

    def end(self, meta: Mapping[str, Any], *, cursor: str) -> bytes:
        """
        The last frame: ``{"total_parts": ..., "delivered": ..., "has_more": ...}``.

        *cursor* is the token of the place where the stream ends.

        Raises:
            ValueError: *cursor* is no token.
        """
        return self._end(_json(dict(meta)), _checked(cursor), has_more=meta["has_more"])

    def _part(self, members: bytes, cursor: bytes) -> bytes:
        raise NotImplementedError

    def _progress(self, data: bytes) -> bytes:
        raise NotImplementedError

    def _end(self, data: bytes, cursor: bytes, *, has_more: bool) -> bytes:
        raise NotImplementedError


class EventStream(Frames):
    """
    Server-Sent Events: ``part``, ``progress`` and ``end``.

    The ids are cursors. That of ``end`` tells the server that a walk has ended. No event is called
    ``error``, which a browser hands to ``onerror``. Format: WHATWG HTML, section 9.2.5.
    """

    media_type = "text/event-stream"
    opening = b"retry: 2000\n\n"
    heartbeat = b":\n\n"

    def _part(self, members: bytes, cursor: bytes) -> bytes:
        return b"event: part\nid: %b\ndata: {%b}\n\n" % (cursor, members)

    def _progress(self, data: bytes) -> bytes:
        return b"event: progress\ndata: %b\n\n" % data

    def _end(self, data: bytes, cursor: bytes, *, has_more: bool) -> bytes:
        return b"event: end\nid: %b\ndata: %b\n\n" % (cursor, data)


class JSONLines(Frames):
    """
    JSON lines: an object a line. The cursor of the last line is null unless the walk has more.

    The opening and the heartbeat are a blank, which may stand before a JSON text (RFC 8259,
    section 2).
    """

    media_type = "application/jsonl"
    opening = b" "
    heartbeat = b" "

    def _part(self, members: bytes, cursor: bytes) -> bytes:
        return b'{%b,"cursor":"%b"}\n' % (members, cursor)

    def _progress(self, data: bytes) -> bytes:
        return b'{"progress":%b}\n' % data

    def _end(self, data: bytes, cursor: bytes, *, has_more: bool) -> bytes:
        token = b'"%b"' % cursor if has_more else b"null"
        return b'{"meta":%b,"cursor":%b}\n' % (data, token)


class NDJSON(JSONLines):
    """JSON lines by their other name."""

    media_type = "application/x-ndjson"


def _members(
    name: str,
    value: bytes | None,
    error: Mapping[str, Any] | None,
    timing: Mapping[str, Any] | None,
) -> bytes:
    """The members of the JSON object of a part, on a single line."""
    text = b"null" if value is None else _one_line(value)
    members = b'"name":%b,"value":%b' % (_json(str.__str__(name)), text)
    if error is not None:
        members += b',"error":%b' % _json(dict(error))
    if timing is not None:
        members += b',"timing":%b' % _json(dict(timing))
    return members


def _json(value: Any) -> bytes:
    """The JSON of *value*, on a single line."""
    return _one_line(_encode(value).encode())


def _one_line(text: bytes) -> bytes:
    """
    The JSON *text* on a single line.

    In JSON, CR and LF stand between tokens only, where they mean nothing; every other end of a line
    stands in strings only, where it may be escaped.
    """
    if b"\n" in text or b"\r" in text:
        text = text.translate(None, b"\r\n")
    if text.isascii():
        return text
    for end, escape in _ENDS_OF_LINES.items():
        text = text.replace(end, escape)
    return text


def _checked(cursor: str) -> bytes:
    """
    *cursor* as bytes.

    Raises:
        ValueError: it is no token: it could end the field that it stands in.
    """
    if not _token.fullmatch(cursor):
        raise ValueError(f"{cursor!r} is no cursor.")
    return cursor.encode()
