"""A page as an HTTP response: its body, its links, its privacy."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django.template import loader
from django.utils.encoding import escape_uri_path
from rest_framework.request import Request
from rest_framework.response import Response

from django_partstream.outcomes import Outcome
from django_partstream.parts import Page
from partstream_rest.queries import CURSOR_PARAM

#: RFC 9110, section 5.6.2.
_token = re.compile(r"[!#$%&'*+.^_`|~\w-]+", re.ASCII)


class PageResponse(Response):
    """
    The response to a request for a page; without *body* its headers alone.

    A *private* page is for a single reader, or holds a failure: no cache may keep it.
    """

    def __init__(
        self, body: dict[str, Any] | None = None, *, links: PageLinks, private: bool
    ) -> None:
        super().__init__(body, headers=links.headers)
        self.is_private = private


class PageLinks:
    """
    The links of a page to other pages; also the ``paginator`` of DRF's browsable API.

    *query* is the request's own query string. *token* is the cursor of the next page. A walk
    only goes forward, so a page that did not *begin* the walk links back to the first page.
    """

    display_page_controls = True
    template = "rest_framework/pagination/previous_and_next.html"

    def __init__(self, request: Request, query: str, *, begins: bool, token: str | None) -> None:
        http_request = request._request
        host, path = http_request.get_host(), escape_uri_path(http_request.path)
        address = f"{http_request.scheme}://{host}{path}"
        prefix = f"{query}&" if query else ""
        self.first = None if begins else f"{address}?{query}".rstrip("?")
        self.next = f"{address}?{prefix}{CURSOR_PARAM}={token}" if token else None

    @property
    def headers(self) -> dict[str, str]:
        """The ``Link`` header (RFC 8288); empty on the last page."""
        return {"Link": f'<{self.next}>; rel="next"'} if self.next else {}

    def to_html(self) -> str:
        """The links as HTML, in DRF's own template."""
        context = {"previous_url": self.first, "next_url": self.next}
        return loader.get_template(self.template).render(context)

    def get_results(self, data: dict[str, Any]) -> Any:
        """The rows of a page, for a renderer that asks its paginator for them."""
        return data["results"]


def page_body(page: Page, token: str | None, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The JSON object of a page: ``results``, ``cursor``, ``meta``, and ``errors`` if any."""
    body: dict[str, Any] = {
        "results": [{outcome.name: outcome.value} for outcome in outcomes],
        "cursor": token,
        "meta": {
            "total_parts": page.total,
            "current_chunk_size": len(outcomes),
            "has_more": page.has_more,
        },
    }
    errors = [outcome.error.as_dict() for outcome in outcomes if outcome.error]
    if errors:
        body["errors"] = errors
    return body


def server_timing(outcomes: Sequence[Outcome]) -> str:
    """
    The duration of each part, in milliseconds, for the network panel of a browser.

    Format: W3C Server Timing, section 3.
    """
    return ", ".join(
        f"{outcome.name if _token.fullmatch(outcome.name) else f'part-{number}'}"
        f';desc="{_quoted(outcome.name)} ({outcome.status})";dur={outcome.seconds * 1000:.1f}'
        for number, outcome in enumerate(outcomes, 1)
    )


def _quoted(text: str) -> str:
    """*text* for a quoted string (RFC 9110, section 5.6.4)."""
    text = text.encode("ascii", "replace").decode()
    return text.replace("\\", "\\\\").replace('"', '\\"')
