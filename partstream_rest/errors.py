"""Refusals of the core, as exceptions of Django REST framework."""

from __future__ import annotations

from rest_framework import status
from rest_framework.exceptions import APIException

from django_partstream.exceptions import CursorError, UnknownParts

_STATUS_CODES = {
    "invalid_cursor": status.HTTP_400_BAD_REQUEST,
    "cursor_expired": status.HTTP_410_GONE,
    "cursor_stale": status.HTTP_410_GONE,
    "query_required": status.HTTP_400_BAD_REQUEST,
    "unknown_part": status.HTTP_400_BAD_REQUEST,
}


class RequestRefused(APIException):
    """The core's refusal of a request, as DRF answers it: ``{"detail": ..., "code": ...}``."""

    def __init__(self, exc: CursorError | UnknownParts) -> None:
        self.status_code = _STATUS_CODES[exc.code]
        self.default_code = exc.code
        super().__init__({"detail": str(exc), "code": exc.code}, exc.code)
