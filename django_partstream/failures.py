"""
The meaning of an exception: its status, its code, and the message that a client may read.

:func:`failure_of` alone decides. The core knows Django's exceptions and its own. A front
registers the exceptions of its framework when it is imported: by type, or by shape where it
cannot import the type. A project registers its own with :func:`register`, which is public.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import singledispatch
from typing import Any, TypeAlias, TypeVar

from django.conf import settings
from django.core.exceptions import (
    BadRequest,
    ImproperlyConfigured,
    PermissionDenied,
    SuspiciousOperation,
)
from django.http import Http404
from django.utils.functional import Promise

from django_partstream.exceptions import BackgroundFailed, BackgroundTimeout, PartTimeout
from django_partstream.outcomes import Status

__all__ = ["register"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """
    The meaning of an exception; *message* is safe to send to a client.

    An *expected* failure is an answer that the code gives on purpose (a 404, a refused
    permission). Any other failure is a fault of the code, and ``DEBUG`` shows its text. A failure
    that was logged before, elsewhere, has the *reference* of that record, and the *text* that
    ``DEBUG`` shows.
    """

    status: Status = Status.ERROR
    code: str = "part_failed"
    message: str = "This part could not be loaded."
    retryable: bool = False
    expected: bool = True
    details: Mapping[str, Any] = field(default_factory=dict)
    reference: str | None = None
    text: str | None = None


Translator: TypeAlias = Callable[[Any], Failure]
ShapeTranslator: TypeAlias = Callable[[Exception], Failure | None]
T = TypeVar("T", bound=Translator)

_UNEXPECTED = Failure(retryable=True, expected=False)

#: A fault of the code itself, which is the same at each attempt.
_LASTING = Failure(retryable=False, expected=False)

#: The packages of this library: a front adds its own when it is imported.
OWN_PACKAGES = {"django_partstream"}

_shapes: list[ShapeTranslator] = []

#: The kinds of exception that the project has registered.
_registered: set[type[Exception]] = set()


def register(
    kind: type[Exception],
    /,
    *,
    status: Status,
    code: str,
    message: str,
    retryable: bool = False,
) -> None:
    """
    Define the meaning of an exception of *kind*, or of a subclass, for the part that raises it.

    *status* is ``Status.ERROR`` or ``Status.DENIED``. A denial passes through ``safe_call``.
    *code* and *message*, which may be translated lazily, are sent to clients. *retryable* says
    whether the same request may succeed later. The last registration of a kind counts.

    Raises:
        TypeError: an argument is of another type.
        ValueError: *kind* is ``Exception`` itself, *status* is another status, or a text is
            empty or not printable.
    """
    _check_registration(kind, status, retryable, {"code": code, "message": message})

    def translator(exc: Exception) -> Failure:
        return Failure(status=status, code=str(code), message=str(message), retryable=retryable)

    _translate.register(kind, translator)
    _registered.add(kind)


def _check_registration(kind: Any, status: Any, retryable: Any, texts: dict[str, Any]) -> None:
    if not isinstance(kind, type) or not issubclass(kind, BaseException):
        raise TypeError(f"failures.register() needs a class of exceptions, got {kind!r}.")
    if kind in (Exception, BaseException):
        raise ValueError(
            f"failures.register({kind.__name__}) would be about every failure. "
            "Register the class that your code raises."
        )
    if not issubclass(kind, Exception):
        raise TypeError(
            f"failures.register({kind.__name__}): it is no Exception, so it ends the whole page."
        )
    if not isinstance(status, Status):
        raise TypeError(f"status must be Status.ERROR or Status.DENIED, got {status!r}.")
    if status not in (Status.ERROR, Status.DENIED):
        raise ValueError(f"status must be Status.ERROR or Status.DENIED, got Status.{status.name}.")
    if not isinstance(retryable, bool):
        raise TypeError(f"retryable must be True or False, got {retryable!r}.")
    for name, text in texts.items():
        if isinstance(text, Promise):  # of gettext_lazy()
            continue
        if not isinstance(text, str):
            raise TypeError(f"{name} must be a str, got {text!r}.")
        if not text.strip() or not text.isprintable():
            raise ValueError(f"{name} must be a line of text, got {text!r}.")


def failure_of(exc: Exception) -> Failure:
    """
    Translate *exc*. It never raises, for *exc* may itself be broken.

    The class of *exc* decides, then its base classes, then its shape. An unknown exception
    means a failed part. The part may be retried, unless *exc* is a fault of the code itself.
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
    return _LASTING if _is_lasting(exc) else _UNEXPECTED


def _is_lasting(exc: Exception) -> bool:
    """
    Whether *exc* is raised again at each attempt, because of the code of the part.

    That is so for a call with the wrong arguments, for a value that cannot be sent, and for wrong
    settings: this library itself or the JSON encoder raised it, or called a function that did not
    begin.
    """
    if not isinstance(exc, (TypeError, ValueError, ImproperlyConfigured)):
        return False
    traceback = exc.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return False
    module = str(traceback.tb_frame.f_globals.get("__name__", ""))
    is_a_test = module == "django_partstream.testing.doubles"  # in place of a part's function
    is_own = module.partition(".")[0] in OWN_PACKAGES or module == "json.encoder"
    return is_own and not is_a_test


def translates(kind: type[Exception]) -> Callable[[T], T]:
    """Register the decorated function of a front as the translator of exceptions of *kind*."""

    def decorate(translator: T) -> T:
        if kind not in _registered:  # the project's word counts, also if the front comes later
            _translate.register(kind, translator)
        return translator

    return decorate


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


@translates(BackgroundTimeout)
def _late_elsewhere(exc: BackgroundTimeout) -> Failure:
    return replace(_timeout(exc), text=str(exc))


@translates(BackgroundFailed)
def _failure_elsewhere(exc: BackgroundFailed) -> Failure:
    failure: Failure = exc.failure
    return failure


@translates(PermissionDenied)
def _denial(exc: PermissionDenied) -> Failure:
    return Failure(
        status=Status.DENIED,
        code="permission_denied",
        message="You do not have permission to see this.",
    )


@translates(BadRequest)
@translates(SuspiciousOperation)
def _bad_request(exc: BadRequest | SuspiciousOperation) -> Failure:
    """Django answers these with a 400."""
    return Failure(code="bad_request", message="This request is not valid.")


@translates(Http404)
def _missing(exc: Http404) -> Failure:
    return Failure(code="not_found", message="Not found.")


@translates(ExceptionGroup)
def _group(exc: ExceptionGroup[Any]) -> Failure:
    """A group, as of ``asyncio.TaskGroup``: a denial in it is a denial, else the part failed."""
    failures = map(failure_of, exc.exceptions)
    denials = (failure for failure in failures if failure.status is Status.DENIED)
    return next(denials, _UNEXPECTED)


def public_message(failure: Failure, exc: BaseException) -> str:
    """The message of *failure* for a client; the text of *exc* itself only under ``DEBUG``."""
    message = failure.message
    if settings.DEBUG and failure.text is not None:
        message = failure.text
    elif settings.DEBUG and not failure.expected:
        message = text_of(exc)
    return message.encode("utf-8", "replace").decode()


def text_of(exc: BaseException) -> str:
    """The class and the text of *exc*, on which the message of a client never depends."""
    try:
        return f"{type(exc).__name__}: {exc}"
    except Exception:  # noqa: BLE001 - the text of an exception may raise any other
        return type(exc).__name__
