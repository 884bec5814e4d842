"""
The media type of a response, and the status that goes with it (GraphQL over HTTP, section 6).

A client that names ``application/json`` gets 200 for every well-formed request, also where the
document is invalid. A client that names ``application/graphql-response+json`` gets 400 for an
invalid document, and so does a client that names neither, as graphene-django answers it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.http import HttpRequest
from django.utils.cache import patch_vary_headers

JSON = "application/json"
GRAPHQL = "application/graphql-response+json"


def named_type(request: HttpRequest) -> str | None:
    """The media type of the two that the client names and prefers; None if it names neither."""
    accept = request.META.get("HTTP_ACCEPT")
    return None if accept is None else _named_in(accept)


@lru_cache(maxsize=64)
def _named_in(accept: str) -> str | None:
    """The media type that the header *accept* names; None too if the header is malformed."""
    request = HttpRequest()
    request.META["HTTP_ACCEPT"] = accept
    try:
        accepted_types = request.accepted_types
    except (LookupError, ValueError):
        return None
    for accepted in accepted_types:
        media_type = f"{accepted.main_type}/{accepted.sub_type}"
        if media_type in (JSON, GRAPHQL) and accepted.quality:
            return media_type
    return None


def status_of_answer(request: HttpRequest, status: int) -> int:
    """The status of the answer to a well-formed request, which graphene-django gives *status*."""
    return 200 if named_type(request) == JSON else status


def negotiate(request: HttpRequest, response: Any) -> None:
    """Give *response*, if it is JSON, the media type that the client prefers."""
    patch_vary_headers(response, ["Accept"])
    if response["Content-Type"] == JSON and named_type(request) == GRAPHQL:
        response["Content-Type"] = f"{GRAPHQL}; charset=utf-8"
