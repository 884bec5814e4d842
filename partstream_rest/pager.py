"""The links to other pages: for programs in a header, for people in the browsable API."""

from __future__ import annotations

import re
from typing import Any

from django.template import loader
from django.utils.encoding import escape_uri_path
from rest_framework.request import Request

from django_partstream.outcomes import Outcome
from partstream_rest.queries import CURSOR_PARAM

_token = re.compile(r"[!#$%&'*+.^_`|~\w-]+", re.ASCII)


class Pager:
    """
    What DRF's browsable API asks of a paginator: its links, as HTML.

    A walk only goes forward, so the link back is the one to the first page.
    """

    display_page_controls = True
    template = "rest_framework/pagination/previous_and_next.html"

    def __init__(self, request: Request, own_query: str, *, began: bool, token: str | None) -> None:
        asked = request._request
        address = f"{asked.scheme}://{asked.get_host()}{escape_uri_path(asked.path)}"
        query = f"{own_query}&" if own_query else ""
        self.first = f"{address}?{own_query}".rstrip("?") if began else None
        self.next = f"{address}?{query}{CURSOR_PARAM}={token}" if token else None

    def to_html(self) -> str:
        """The links, in DRF's own template."""
        context = {"previous_url": self.first, "next_url": self.next}
        return loader.get_template(self.template).render(context)

    def get_results(self, data: dict[str, Any]) -> Any:
        """The rows of a page, where a renderer asks for them."""
        return data["results"]


def server_timing(outcomes: list[Outcome]) -> str:
    """
    How long each part took, in milliseconds, for the network panel of a browser.

    Format: W3C Server Timing, section 3.
    """
    return ", ".join(
        f"{outcome.name if _token.fullmatch(outcome.name) else f'part-{number}'}"
        f';desc="{_quoted(outcome.name)} ({outcome.status})";dur={outcome.seconds * 1000:.1f}'
        for number, outcome in enumerate(outcomes, 1)
    )


def _quoted(text: str) -> str:
    text = text.encode("ascii", "replace").decode()
    return text.replace("\\", "\\\\").replace('"', '\\"')
