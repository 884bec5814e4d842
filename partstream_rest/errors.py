"""Exceptions, between the core and Django REST framework."""

from __future__ import annotations

from rest_framework import status
from rest_framework.exceptions import APIException

from django_partstream.exceptions import CursorError, UnknownParts
from django_partstream.failures import OWN_PACKAGES, Failure, http_failure, translates

OWN_PACKAGES.add("partstream_rest")

_STATUS_CODES = {
    "invalid_cursor": status.HTTP_400_BAD_REQUEST,
    "cursor_expired": status.HTTP_410_GONE,
    "cursor_stale": status.HTTP_410_GONE,
    "query_required": status.HTTP_400_BAD_REQUEST,
    "unknown_part": status.HTTP_400_BAD_REQUEST,
}


class RequestRefused(APIException):
    """A refusal of the core as DRF's exception handler answers it: ``{"detail", "code"}``."""

    def __init__(self, exc: CursorError | UnknownParts) -> None:
        self.status_code = _STATUS_CODES[exc.code]
        self.default_code = exc.code
        super().__init__({"detail": str(exc), "code": exc.code}, exc.code)


@translates(APIException)
def _failure_of(exc: APIException) -> Failure:
    """The failure of a part that raised an exception of DRF."""
    return http_failure(
        exc.status_code, code=exc.get_codes(), default_code=exc.default_code, detail=exc.detail
    )
