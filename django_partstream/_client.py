"""
The adapter for Django's test client, with which the walk command asks this project.

``tests/core/test_client_adapter.py`` has a test of each row.

======================== ================================================================
class                    fact
======================== ================================================================
:class:`ReaderHandler`   the handler of a request finds its view in ``resolve_request()``
                         and calls its middlewares in ``get_response()``;
                         ``AuthenticationMiddleware`` keeps the user of a request in
                         ``_cached_user``, and for coroutines in ``_acached_user``
:class:`ReaderClient`    the client sends its requests through ``handler``, which loads the
                         middlewares in ``load_middleware()``
======================== ================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest
from django.test.client import Client, ClientHandler
from django.urls import ResolverMatch, get_resolver

#: Has a view take a user for the user of a request.
SignIn = Callable[[Any, ResolverMatch, Any], None]


class ReaderHandler(ClientHandler):
    """
    The handler of requests as *user*, who signs in without a session: nothing is written.

    *views* are further views, by their paths. *sign_in* is called when the view is known.
    """

    def __init__(
        self, user: Any, *, sign_in: SignIn, views: Mapping[str, Callable[..., Any]]
    ) -> None:
        super().__init__(enforce_csrf_checks=False)
        self._user, self._sign_in, self._views = user, sign_in, views

    def get_response(self, request: HttpRequest) -> Any:
        """The response to *request*, as the user."""
        if self._user is not None:
            # A new user object for each request, or one would profit from the queries of another.
            user = type(self._user)._default_manager.get(pk=self._user.pk)
            request.user = request._cached_user = user  # type: ignore[attr-defined]
            request._acached_user = user  # type: ignore[attr-defined]
        return super().get_response(request)

    def resolve_request(self, request: HttpRequest) -> ResolverMatch:
        """The view of *request*."""
        own = self._views.get(request.path_info)
        if own is None:
            match = super().resolve_request(request)
        else:
            match = request.resolver_match = ResolverMatch(own, (), {})
        if self._user is not None:
            self._sign_in(request, match, request.user)
        return match


class ReaderClient(Client):
    """A test client that answers a fault of a view with a 500, as a server does."""

    def __init__(
        self,
        user: Any,
        *,
        sign_in: SignIn,
        views: Mapping[str, Callable[..., Any]],
        headers: Mapping[str, str],
    ) -> None:
        super().__init__(raise_request_exception=False, headers=headers)
        self.handler = ReaderHandler(user, sign_in=sign_in, views=views)

    def prepare(self) -> None:
        """Load the middlewares and the URLs, which would count for the first request."""
        self.handler.load_middleware()
        _ = get_resolver().url_patterns
