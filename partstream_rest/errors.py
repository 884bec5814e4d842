"""Exceptions, between the core's vocabulary and that of Django REST framework."""

from __future__ import annotations

from typing import Any

from rest_framework import status
from rest_framework.exceptions import APIException, Throttled

from django_partstream.exceptions import CursorError, UnknownParts
from django_partstream.outcomes import Failure, Status, failure_of

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
        super().__init__({"detail": str(exc), "code": exc.code}, exc.code)


@failure_of.register
def _(exc: APIException) -> Failure:
    """A part that raised one of DRF's exceptions keeps its code and its words."""
    denied = exc.status_code in (status.HTTP_401_UNAUTHORIZED, status.HTTP_403_FORBIDDEN)
    codes = exc.get_codes()
    return Failure(
        status=Status.DENIED if denied else Status.ERROR,
        code=codes if isinstance(codes, str) else exc.default_code,
        message=_sentence(exc.detail),
        retryable=isinstance(exc, Throttled) or exc.status_code >= 500,
    )


def _sentence(detail: Any) -> str:
    """DRF's detail, which may be nested, on one line."""
    if isinstance(detail, dict):
        return "; ".join(f"{name}: {_sentence(value)}" for name, value in detail.items())
    if isinstance(detail, (list, tuple)):
        return " ".join(_sentence(item) for item in detail)
    return str(detail)
