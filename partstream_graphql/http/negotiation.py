"""
The media type of a response, and the status that goes with it (GraphQL over HTTP, section 6).

A client that names ``application/json`` gets 200 for every well-formed request, also where the
document is invalid. A client that names ``application/graphql-response+json`` gets 400 for an
invalid document, and so does a client that names neither, as graphene-django answers it.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.cache import patch_vary_headers

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"


def named_type(request: HttpRequest) -> str | None:
    """The media type of the two that the client names and prefers; None if it names neither."""
    for accepted in _accepted_types(request):
        media_type = f"{accepted.main_type}/{accepted.sub_type}"
        if media_type in (JSON, GRAPHQL) and accepted.quality:
            return media_type
    return None


def _accepted_types(request: HttpRequest) -> list[Any]:
    """The media types of the ``Accept`` header in order of preference; none if it is malformed."""
    try:
        return request.accepted_types
    except (LookupError, ValueError):
        return []


def status_of_answer(request: HttpRequest, status: int) -> int:
    """The status of the answer to a well-formed request, which graphene-django gives *status*."""
    return 200 if named_type(request) == JSON else status


def negotiate(request: HttpRequest, response: Any) -> None:
    """Give *response*, if it is JSON, the media type that the client prefers."""
    patch_vary_headers(response, ["Accept"])
    if response["Content-Type"] == JSON and named_type(request) == GRAPHQL:
        response["Content-Type"] = f"{GRAPHQL}; charset=utf-8"
