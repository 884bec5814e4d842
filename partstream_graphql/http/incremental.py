"""
Incremental delivery over HTTP: the shapes of its payloads, and how they are framed. No I/O.

==================================== ==========================================================
``Accept``                           keys of a payload after the first
==================================== ==========================================================
``multipart/mixed;deferSpec=20220824``  ``incremental: [{data, path, label?, errors?}]``
``multipart/mixed;incrementalSpec=v0.2``  ``pending``, ``incremental: [{id, data}]``,
                                     ``completed: [{id, errors?}]``
``multipart/mixed``                  both: ``incremental: [{id, data, path, label?, errors?}]``,
                                     ``pending`` and ``completed``
==================================== ==========================================================

The first payload is the ordinary response with ``hasNext``, and with ``pending`` but for the first
shape. The errors of a failed fragment stand where its shape has them; ``data`` is null or left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from django.http import HttpRequest

from partstream_graphql.deferral import Fragment, Sent, Step

#: Between the parts of a response (RFC 2046, section 5.1.1; ``incremental-delivery-over-http``).
BOUNDARY: Final = "-"

_HEAD = "\r\nContent-Type: application/json; charset=utf-8\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Shape:
    """
    A shape of payloads.

    With *has_paths* each increment has its path; with *has_ids* fragments are pending, then
    completed, by id. *parameter* of the media type names the shape.
    """

    parameter: str
    has_paths: bool
    has_ids: bool

    @property
    def content_type(self) -> str:
        """The media type of the response."""
        return f'multipart/mixed; boundary="{BOUNDARY}"{self.parameter}'

    def first(self, response: dict[str, Any], announced: list[Fragment]) -> dict[str, Any]:
        """The first payload: *response*, with the fragments that are pending."""
        pending = {"pending": [_pending(one) for one in announced]} if self.has_ids else {}
        return {**response, **pending, "hasNext": True}

    def next(self, step: Step, *, has_next: bool) -> dict[str, Any]:
        """The payload of a *step*, whose errors are JSON objects."""
        payload: dict[str, Any] = {}
        if self.has_ids and step.announced:
            payload["pending"] = [_pending(one) for one in step.announced]
        increments = [self._increment(one) for one in step.sent if self._has_increment(one)]
        if increments:
            payload["incremental"] = increments
        if self.has_ids and step.sent:
            payload["completed"] = [self._completed(one) for one in step.sent]
        return {**payload, "hasNext": has_next}

    def _has_increment(self, sent: Sent) -> bool:
        return self.has_paths or sent.data is not None

    def _increment(self, sent: Sent) -> dict[str, Any]:
        fragment = sent.fragment
        made: dict[str, Any] = {"id": fragment.id} if self.has_ids else {}
        made["data"] = sent.data
        if self.has_paths:
            made["path"] = fragment.keys
            if fragment.label is not None:
                made["label"] = fragment.label
        if sent.errors:
            made["errors"] = sent.errors
        return made

    def _completed(self, sent: Sent) -> dict[str, Any]:
        made: dict[str, Any] = {"id": sent.fragment.id}
        if sent.data is None and not self.has_paths:
            made["errors"] = sent.errors
        return made


def _pending(fragment: Fragment) -> dict[str, Any]:
    label = {} if fragment.label is None else {"label": fragment.label}
    return {"id": fragment.id, "path": fragment.keys, **label}


PATHS = Shape("; deferSpec=20220824", has_paths=True, has_ids=False)
IDS = Shape("; incrementalSpec=v0.2", has_paths=False, has_ids=True)
BOTH = Shape("", has_paths=True, has_ids=True)

#: A payload that says no more than that there is more, for a connection that is silent.
HEARTBEAT: Final = {"hasNext": True}

#: The end of a response.
END: Final = "--\r\n"


def framed(text: str, *, is_first: bool = False) -> str:
    """
    A payload as part of the response; *text* is its JSON.

    The boundary follows at once: a client waits for it before it takes the payload.
    """
    before = f"\r\n--{BOUNDARY}" if is_first else ""
    return f"{before}{_HEAD}{text}\r\n--{BOUNDARY}"


def shape_for(request: HttpRequest) -> Shape | None:
    """The shape that the client of *request* asks for; None if it asks for none that is known."""
    accept = request.META.get("HTTP_ACCEPT")
    return None if accept is None else _shape_in(accept)


@lru_cache(maxsize=64)
def _shape_in(accept: str) -> Shape | None:
    """
    The shape of the media type with the highest quality in the header *accept*.

    Of equal ones the newest counts, then the shape without a name. The order does not.
    """
    request = HttpRequest()
    request.META["HTTP_ACCEPT"] = accept
    try:
        types = [(one, _shape_of(one)) for one in request.accepted_types if one.quality]
    except (LookupError, ValueError):  # a malformed header
        return None
    found = {shape: one.quality for one, shape in reversed(types) if shape is not None}
    if not found:
        return None
    best = max(found.values())
    return next(shape for shape in (IDS, PATHS, BOTH) if found.get(shape) == best)


def _shape_of(accepted: Any) -> Shape | None:
    """The shape that an *accepted* media type names."""
    if f"{accepted.main_type}/{accepted.sub_type}".lower() != "multipart/mixed":
        return None
    named = {name.lower(): value for name, value in accepted.params.items()}
    if "subscriptionspec" in named:
        return None
    if "incrementalspec" in named:
        return IDS if named["incrementalspec"] == "v0.2" else None
    if "deferspec" in named:
        return PATHS if named["deferspec"] == "20220824" else None
    return BOTH
