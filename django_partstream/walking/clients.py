"""The clients of a walk: of this project, in this process, and of a server elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from django.conf import settings
from django.urls import ResolverMatch, get_script_prefix
from django.utils.encoding import iri_to_uri

from django_partstream._client import ReaderClient
from django_partstream._django import close_stream

#: Seconds without a byte after which a server elsewhere is taken for gone; streams have a
#: heartbeat in every fifteen.
PATIENCE = 60

#: The most bytes that are read at a time.
_CHUNK = 65_536


class NoAnswer(Exception):
    """A request was not answered; the text says why."""


@dataclass(slots=True)
class Answer:
    """The answer to a request: its *body* comes in pieces. *fault* is an exception of the view."""

    status: int
    headers: Mapping[str, str]
    body: Iterator[bytes]
    fault: BaseException | None = None

    @property
    def kind(self) -> str:
        """The media type, without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    def json(self) -> Any:
        """The body as JSON; None if it is none."""
        try:
            return json.loads(b"".join(self.body))
        except ValueError:
            return None

    def refusal(self, body: Any) -> str:
        """The status, what else the answer says, its *body* as JSON included, and the remedy."""
        told = str(self.status)
        location = self.headers.get("Location")
        if self.fault is not None:
            told = f"{told}, {type(self.fault).__name__}: {self.fault}"
        elif isinstance(body, dict) and "detail" in body:
            told = f"{told}, {body['detail']}"
        elif location and 300 <= self.status < 400:
            told = (
                f"{told}, a redirect to {location}. Walk that address; if readers sign in there, "
                "say who asks, by --user or a --header."
            )
        if self.status in (401, 403):
            told = f"{told.removesuffix('.')}. Say who asks, by --user or a --header."
        return told


class Client(Protocol):
    """Sends requests. An answer is closed at the end of the ``with``."""

    def asked(
        self, address: str, *, headers: Mapping[str, str] | None = ..., data: Any = ...
    ) -> AbstractContextManager[Answer]:
        """
        GET *address*, or POST *data* to it as JSON.

        Raises:
            NoAnswer: there is none.
        """


class ProjectClient:
    """
    A client of this project: its requests take the way of every other, through the middlewares.

    Each is made as *user*, unless that is None, and has *headers*.
    """

    def __init__(
        self,
        user: Any,
        headers: Mapping[str, str],
        *,
        sign_in: Callable[[Any, ResolverMatch, Any], None],
        views: Mapping[str, Callable[..., Any]],
    ) -> None:
        own = {name.lower(): value for name, value in headers.items()}
        own.setdefault("host", _host())
        self._client = ReaderClient(user, sign_in=sign_in, views=views, headers=own)
        self._client.prepare()

    @contextmanager
    def asked(
        self, address: str, *, headers: Mapping[str, str] | None = None, data: Any = None
    ) -> Iterator[Answer]:
        """See :class:`Client`. The *address* is a path, with a query."""
        options: dict[str, Any] = {
            "headers": headers or {},
            "secure": bool(settings.SECURE_SSL_REDIRECT),
        }
        path = _without_prefix(address)
        try:
            if data is None:
                response: Any = self._client.get(path, **options)
            else:
                response = self._client.post(
                    path, json.dumps(data), content_type="application/json", **options
                )
        except Exception as exc:  # DEBUG_PROPAGATE_EXCEPTIONS
            raise NoAnswer(f"{type(exc).__name__}: {exc}") from exc
        fault = response.exc_info[1] if getattr(response, "exc_info", None) else None
        body = response.streaming_content if response.streaming else iter([response.content])
        try:
            yield Answer(response.status_code, response.headers, iter(body), fault)
        finally:
            if response.streaming:
                close_stream(response)


class RemoteClient:
    """A client of a server elsewhere, at addresses that begin with http: or https:."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers
        self._opener = build_opener(_NoRedirects)

    @contextmanager
    def asked(
        self, address: str, *, headers: Mapping[str, str] | None = None, data: Any = None
    ) -> Iterator[Answer]:
        """See :class:`Client`."""
        sent = {"Accept": "application/json", **self._headers, **(headers or {})}
        try:
            request = Request(_quoted(address), headers=sent)  # noqa: S310 - the scheme is checked
            response: Any = self._opener.open(request, timeout=PATIENCE)
        except HTTPError as exc:
            response = exc
        except (OSError, HTTPException, ValueError) as exc:  # ValueError: of a header
            raise NoAnswer(f"{type(exc).__name__}: {exc}") from exc
        with response:
            yield Answer(response.status, response.headers, _pieces(response))


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *args: Any) -> None:
        return None


def _pieces(response: Any) -> Iterator[bytes]:
    try:
        while piece := response.read1(_CHUNK):
            yield piece
    except (OSError, HTTPException) as exc:
        raise NoAnswer(f"{type(exc).__name__}: {exc}") from exc


def _quoted(address: str) -> str:
    """*address*, which may be written as a browser shows it, as it is sent."""
    split = urlsplit(address)
    path, query = iri_to_uri(split.path), iri_to_uri(split.query)
    return split._replace(path=path, query=query).geturl()


def _host() -> str:
    """A host that ``ALLOWED_HOSTS`` lets pass, as far as it names any."""
    named = [host.lstrip(".") for host in settings.ALLOWED_HOSTS if host != "*"]
    return named[0] if named else "localhost"


def _without_prefix(address: str) -> str:
    """The path and query of *address* without ``FORCE_SCRIPT_NAME``, as a server passes it on."""
    prefix = get_script_prefix().rstrip("/")
    if prefix and address.startswith(f"{prefix}/"):
        return address[len(prefix) :]
    return address
