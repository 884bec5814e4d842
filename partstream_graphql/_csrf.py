"""
The cookie of Django's protection against cross-site request forgery, without a token.

graphene-django decorates ``dispatch()`` with ``ensure_csrf_cookie``. That makes a token on each
request, although only the cookie is needed. This module sends the same cookie without a token. The
page of GraphiQL asks for its token itself. A POST without the cookie got in without a token, so the
response to it brings no cookie.

Django 5.2 and 6.1 and graphene-django 3.2.3 were read. ``tests/graphql/test_csrf.py`` checks each
upstream fact.

=================== =============================================================================
function            upstream fact
=================== =============================================================================
``dispatched``      ``GraphQLView.dispatch`` is decorated with ``ensure_csrf_cookie`` alone, which
                    calls ``process_request()``, ``get_token()`` and ``process_response()``
``_has_secret``     ``process_request()`` of ``CsrfViewMiddleware`` puts the secret, of the cookie
                    or of the session, into ``META["CSRF_COOKIE"]``
``_send_cookie``    ``process_response()`` sends the cookie, or keeps the secret in the session, if
                    ``META["CSRF_COOKIE_NEEDS_UPDATE"]`` is true
=================== =============================================================================
"""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware, rotate_token

_middleware = CsrfViewMiddleware(lambda request: HttpResponse())


def dispatched(view: Any, dispatch: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
    """
    The response of the bound method *dispatch*, with the cookie if a browser may need it.

    *view* is graphene-django's class. If a project put a ``dispatch()`` of its own between our
    class and *view*, or a further decorator on that of *view*, it is called as it is.
    """
    decorated = view.dispatch
    plain = getattr(decorated, "__wrapped__", None)
    is_further_decorated = hasattr(plain, "__wrapped__")
    is_its_own = getattr(dispatch, "__func__", None) is decorated
    if plain is None or is_further_decorated or not is_its_own:
        return dispatch(request, *args, **kwargs)
    _middleware.process_request(request)
    if request.method != "POST" or _has_secret(request):
        _send_cookie(request)
    response = plain(dispatch.__self__, request, *args, **kwargs)
    return _middleware.process_response(request, response)


def _has_secret(request: Any) -> bool:
    return "CSRF_COOKIE" in request.META


def _send_cookie(request: Any) -> None:
    """Have the cookie sent with the response, with the secret of *request* or a new one."""
    if _has_secret(request):
        request.META["CSRF_COOKIE_NEEDS_UPDATE"] = True
    else:
        rotate_token(request)
