"""A page as an HTTP response: its body, its links, its privacy."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from django.template import loader
from django.utils.encoding import escape_uri_path
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from django_partstream._current import host_of
from django_partstream.outcomes import Outcome, Wait
from django_partstream.pages import Page
from partstream_rest.queries import CURSOR_PARAM
from partstream_rest.values import JSONText, dumps

#: A path that needs no escapes.
_plain = re.compile(r"[A-Za-z0-9/._-]*")


class PageResponse(Response):
    """
    The response to a request for a page; without *body* its headers alone.

    No cache may keep a page that is *personal*, has a failure, or lacks a pending part. *token* is
    the cursor of the next page.
    """

    _body: PageBody | None = None
    is_momentary = False

    def __init__(self, body: PageBody | None = None, *, links: PageLinks, personal: bool) -> None:
        super().__init__(headers=links.headers)
        self._body = body
        self.token = links.token
        others = {} if body is None else body.others
        self.is_private = personal or "errors" in others
        if "pending" in others:
            self.is_private = self.is_momentary = True
            self["Retry-After"] = _retry_after(others["pending"])

    @property
    def data(self) -> Any:
        """
        The page as objects, for code that asks for them and for renderers of other formats.

        From then on these objects are sent, with every change that code has made to them.
        """
        if self._body is not None:
            self.data = self._body.objects()
        return vars(self)["data"]  # where a page has it that an older release left in a cache

    @data.setter
    def data(self, data: Any) -> None:
        vars(self)["data"], self._body = data, None

    @property
    def rendered_content(self) -> Any:
        """The page as bytes: its text, where the renderer would write the same."""
        renderer: Any = getattr(self, "accepted_renderer", None)
        if self._body is None or not self._is_written_by(renderer):
            return super().rendered_content
        self["Content-Type"] = self.content_type or renderer.media_type
        return self._body.text()

    def _is_written_by(self, renderer: Any) -> bool:
        """Whether *renderer* is DRF's for JSON, with its default settings and without indent."""
        return (
            type(renderer) is JSONRenderer
            and renderer.encoder_class is JSONEncoder
            and renderer.compact
            and not renderer.ensure_ascii
            and renderer.charset is None
            and not self._is_indented_by(renderer)
        )

    def _is_indented_by(self, renderer: Any) -> bool:
        """Whether the media type or the context of the renderer asks for an ``indent``."""
        asked: Any = self  # DRF sets the attributes of negotiation on a response
        media_type, context = asked.accepted_media_type, asked.renderer_context
        may_be = ";" in media_type or "indent" in context
        return may_be and renderer.get_indent(media_type, context) is not None


@dataclass(slots=True)
class PageBody:
    """
    The JSON object of a page: its *results*, each a name and a text, and its other keys.

    A result without a text is null.
    """

    results: list[tuple[str, JSONText | None]]
    others: dict[str, Any]

    def text(self) -> bytes:
        """The object as JSON, put together from the texts of its parts."""
        pieces = [b'{"results":[']
        for name, text in self.results:
            pieces += (b"{", dumps(name), b":", text or b"null", b"},")
        if self.results:
            pieces[-1] = b"}"
        pieces += (b"],", dumps(self.others)[1:])
        return b"".join(pieces)

    def objects(self) -> dict[str, Any]:
        """The object as a dict."""
        results = [{name: text and json.loads(text)} for name, text in self.results]
        return {"results": results, **self.others}


class PageLinks:
    """
    The links of a page to other pages; also the ``paginator`` of DRF's browsable API.

    *query* is the request's own query string. *token* is the cursor of the next page. A walk
    only goes forward, so a page that did not *begin* the walk links back to the first page.
    """

    display_page_controls = True
    template = "rest_framework/pagination/previous_and_next.html"

    def __init__(self, request: Request, query: str, *, begins: bool, token: str | None) -> None:
        self._request, self._query, self._begins = request._request, query, begins
        self.token = token

    @property
    def first(self) -> str | None:
        """The address of the first page; None on the first page itself."""
        return None if self._begins else f"{self._address()}?{self._query}".rstrip("?")

    @property
    def next(self) -> str | None:
        """The address of the next page; None on the last page."""
        prefix = f"{self._query}&" if self._query else ""
        return f"{self._address()}?{prefix}{CURSOR_PARAM}={self.token}" if self.token else None

    def _address(self) -> str:
        """The absolute address of the view, without a query string."""
        asked = self._request
        path = asked.path if _plain.fullmatch(asked.path) else escape_uri_path(asked.path)
        return f"{asked.scheme}://{host_of(asked)}{path}"

    @property
    def headers(self) -> dict[str, str]:
        """The ``Link`` header (RFC 8288); empty on the last page."""
        return {"Link": f'<{self.next}>; rel="next"'} if self.token else {}

    def to_html(self) -> str:
        """The links as HTML, in DRF's own template."""
        context = {"previous_url": self.first, "next_url": self.next}
        return loader.get_template(self.template).render(context)

    def get_results(self, data: dict[str, Any]) -> Any:
        """The rows of a page, for a renderer that asks its paginator for them."""
        return data["results"]


def page_body(page: Page, token: str | None, outcomes: Iterable[Outcome]) -> PageBody:
    """
    The body of a page: ``results``, ``cursor``, ``meta``, and ``errors`` if any.

    The ``index`` of an error is the place of its part in ``results``.
    """
    results: list[tuple[str, JSONText | None]] = []
    errors: list[dict[str, Any]] = []
    for outcome in outcomes:
        if outcome.error:
            errors.append({**outcome.error.as_dict(), "index": len(results)})
        results.append((str.__str__(outcome.name), outcome.value))  # an enum's own text differs
    others: dict[str, Any] = {
        "cursor": token,
        "meta": {
            "total_parts": page.total,
            "current_chunk_size": len(results),
            "has_more": page.has_more,
        },
    }
    if errors:
        others["errors"] = errors
    return PageBody(results, others)


def waiting_body(
    page: Page, token: str | None, outcomes: Iterable[Outcome], waits: Mapping[str, Wait]
) -> PageBody:
    """
    The body of a *page* as it is sent while parts are pending: as :func:`page_body`.

    It has the *outcomes* of the parts that are on the page, and ``pending`` with the *waits*.
    """
    delivered = set(page.names)
    body = page_body(page, token, [one for one in outcomes if one.name in delivered])
    body.others["pending"] = [
        {
            "part": str.__str__(name),
            "retry_after": wait.retry_after,
            "progress": wait.progress,
        }
        for name, wait in waits.items()
    ]
    return body


def _retry_after(pending: Iterable[Mapping[str, Any]]) -> str:
    """The ``Retry-After`` header: whole seconds until another look (RFC 9110, section 10.2.3)."""
    return str(ceil(min(entry["retry_after"] for entry in pending)))
