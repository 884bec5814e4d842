"""
The meaning of an exception: its status, its code, and the message that a client may read.

:func:`failure_of` alone decides. The core knows Django's exceptions and its own. A front
registers the exceptions of its framework when it is imported: by type, or by shape where it
cannot import the type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any, TypeAlias, TypeVar

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404

from django_partstream.exceptions import PartTimeout
from django_partstream.outcomes import Status


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """
    The meaning of an exception; *message* is safe to send to a client.

    An *expected* failure is an answer that the code gives on purpose (a 404, a refused
    permission). Any other failure is a fault of the code, and ``DEBUG`` shows its text.
    """

    status: Status = Status.ERROR
    code: str = "part_failed"
    message: str = "This part could not be loaded."
    retryable: bool = False
    expected: bool = True
    details: Mapping[str, Any] = field(default_factory=dict)


Translator: TypeAlias = Callable[[Any], Failure]
ShapeTranslator: TypeAlias = Callable[[Exception], Failure | None]
T = TypeVar("T", bound=Translator)

_UNEXPECTED = Failure(retryable=True, expected=False)

_shapes: list[ShapeTranslator] = []


def failure_of(exc: Exception) -> Failure:
    """
    Translate *exc*. It never raises, for *exc* may itself be broken.

    The class of *exc* decides, then its base classes, then its shape. An unknown exception
    means a failed part that may be retried.
    """
    try:
        return _translate(exc)
    except Exception:  # noqa: BLE001 - reading a broken exception may raise any other
        return _UNEXPECTED


@singledispatch
def _translate(exc: Exception) -> Failure:
    for translate in _shapes:
        failure = translate(exc)
        if failure is not None:
            return failure
    return _UNEXPECTED


def translates(kind: type[Exception]) -> Callable[[T], T]:
    """Register the decorated function as the translator of exceptions of *kind*."""

    def register(translator: T) -> T:
        _translate.register(kind, translator)
        return translator

    return register


def translates_shape(translator: ShapeTranslator) -> ShapeTranslator:
    """
    Register a translator of exceptions that are known by their attributes.

    It is asked about every exception without a translator for its class, and returns None for
    exceptions of another shape.
    """
    _shapes.append(translator)
    return translator


def http_failure(status: int, *, code: Any, default_code: Any = None, detail: Any) -> Failure:
    """
    The failure that an HTTP *status* stands for.

    *code* or else *default_code* is its code, if it is printable text. *detail*, which may
    nest lists and dicts, becomes a single line. 401 and 403 are denials. 429 and 5xx may be
    retried.
    """
    return Failure(
        status=Status.DENIED if status in (401, 403) else Status.ERROR,
        code=_first_code(code, default_code),
        message=_one_line(detail),
        retryable=status == 429 or status >= 500,
    )


def _first_code(*candidates: Any) -> str:
    codes = (text for text in candidates if isinstance(text, str) and text.isprintable() and text)
    return str.__str__(next(codes, "part_failed"))


def _one_line(detail: Any) -> str:
    if isinstance(detail, dict):
        return "; ".join(f"{name}: {_one_line(value)}" for name, value in detail.items())
    if isinstance(detail, (list, tuple)):
        return " ".join(_one_line(item) for item in detail)
    return str(detail)


@translates(PartTimeout)
def _timeout(exc: PartTimeout) -> Failure:
    return Failure(
        status=Status.TIMEOUT,
        code="part_timed_out",
        message="This part took too long.",
        retryable=True,
    )


@translates(PermissionDenied)
def _denial(exc: PermissionDenied) -> Failure:
    return Failure(
        status=Status.DENIED,
        code="permission_denied",
        message="You do not have permission to see this.",
    )


@translates(Http404)
def _missing(exc: Http404) -> Failure:
    return Failure(code="not_found", message="Not found.")


def public_message(failure: Failure, exc: BaseException) -> str:
    """The message of *failure* for a client; the text of *exc* itself only under ``DEBUG``."""
    message = failure.message
    if settings.DEBUG and not failure.expected:
        try:
            message = f"{type(exc).__name__}: {exc}"
        except Exception:  # noqa: BLE001 - the text of an exception may raise any other
            message = type(exc).__name__
    return message.encode("utf-8", "replace").decode()
