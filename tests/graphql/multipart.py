"""A reader of incremental responses, which merges their increments as clients do."""

import json

SHAPES = {
    "paths": "multipart/mixed;deferSpec=20220824, application/json",
    "ids": "multipart/mixed;incrementalSpec=v0.2, application/json",
    "both": "application/json, multipart/mixed",
}
HEAD = "\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"


def ask(client, text, *, accept=SHAPES["both"]):
    """The response to the query *text*, posted by a client of Django."""
    return client.post(
        "/graphql/", {"query": text}, content_type="application/json", headers={"accept": accept}
    )


class Frames:
    """The payloads in a body as far as it has been read: ``feed()`` returns the new ones."""

    def __init__(self):
        self._text, self.is_over = "", False

    def feed(self, chunk):
        self._text += chunk.decode() if isinstance(chunk, bytes) else chunk
        parts = self._text.split("\r\n---")
        found = []
        if len(parts) > 1:
            assert parts[0] in ("", HEAD), parts
        while len(parts) > 2:
            part = parts.pop(1)
            assert part.startswith(HEAD), part
            found.append(json.loads(part.removeprefix(HEAD)))
        if parts[-1] == "--\r\n":
            self.is_over = True
        self._text = "\r\n---".join(parts)
        return found


def payloads_in(chunks):
    """The payloads in *chunks* of a body, as they come."""
    frames = Frames()
    for chunk in chunks:
        yield from frames.feed(chunk)
    assert frames.is_over


def payloads_of(text):
    frames = Frames()
    found = frames.feed(text)
    assert frames.is_over, text
    return found


class Merged:
    """The data and errors of *payloads*, merged; *pending* are the fragments left."""

    def __init__(self, payloads):
        first, *rest = payloads
        self.data, self.errors = first.get("data"), list(first.get("errors", ()))
        self.pending, self.has_next = {}, None
        self._take_pending(first)
        for payload in rest:
            self.take(payload)

    def take(self, payload):
        self.has_next = payload["hasNext"]
        self._take_pending(payload)
        for one in payload.get("incremental", ()):
            path = one["path"] if "path" in one else self.pending[one["id"]]["path"]
            self.errors += one.get("errors", ())
            if one["data"] is not None:
                at = self.data
                for key in path:
                    at = at[key]
                merge(at, one["data"])
        for one in payload.get("completed", ()):
            self.errors += one.get("errors", ())
            del self.pending[one["id"]]

    def _take_pending(self, payload):
        self.has_next = payload["hasNext"]
        for one in payload.get("pending", ()):
            assert one["id"] not in self.pending
            self.pending[one["id"]] = one


def merge(into, data):
    """Merge objects by key and lists by index."""
    if isinstance(into, dict) and isinstance(data, dict):
        for key, value in data.items():
            into[key] = merge(into[key], value) if key in into else value
        return into
    if isinstance(into, list) and isinstance(data, list):
        assert len(into) == len(data)
        return [merge(*pair) for pair in zip(into, data, strict=True)]
    assert into == data
    return into
