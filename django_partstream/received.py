"""
The frames of a stream as a client reads them, for tests: the reverse of :mod:`.frames`.

Event streams are read as a browser does (WHATWG HTML, section 9.2.6), as far as our frames need it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple


class Received(NamedTuple):
    """A frame: its *kind* (``part``, ``progress``, ``end``), its *data*, the *cursor* behind it."""

    kind: str
    data: dict[str, Any]
    cursor: str | None


def read_events(chunks: Iterable[bytes]) -> Iterator[Received]:
    """The events in *chunks* of an event stream. An event that breaks off is left out."""
    for block in _ended_by(b"\n\n", chunks):
        fields: dict[str, str] = {}
        for line in block.decode().split("\n"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        if "data" in fields:
            data = json.loads(fields["data"])
            yield Received(fields.get("event", "message"), data, fields.get("id"))


def read_lines(chunks: Iterable[bytes]) -> Iterator[Received]:
    """The frames in *chunks* of JSON lines. A line that breaks off is left out."""
    for line in _ended_by(b"\n", chunks):
        data = json.loads(line)
        if "progress" in data:
            yield Received("progress", data["progress"], None)
        elif "meta" in data:
            yield Received("end", data["meta"], data["cursor"])
        else:
            cursor = data.pop("cursor")
            yield Received("part", data, cursor)


#: How the body of a stream is read, by media type.
READERS: dict[str, Callable[[Iterable[bytes]], Iterator[Received]]] = {
    "text/event-stream": read_events,
    "application/jsonl": read_lines,
    "application/x-ndjson": read_lines,
}


def _ended_by(end: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of *chunks* with *end* behind them."""
    rest = b""
    for chunk in chunks:
        *pieces, rest = (rest + chunk).split(end)
        yield from pieces
