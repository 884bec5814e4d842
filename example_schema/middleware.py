"""Automatic sign-in, only for ``make demo``."""

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from example_schema.seeding import DEMO_USERNAME


class DemoSignInMiddleware:
    """Sign each visitor in as the demo's staff user, so that curl and GraphiQL work at once."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if not settings.EXAMPLE_SIGN_IN:
            raise MiddlewareNotUsed
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            user = get_user_model().objects.filter(username=DEMO_USERNAME).first()
            request.user = user or request.user
            request.is_signed_in_by_demo = user is not None  # type: ignore[attr-defined]
        return self.get_response(request)
