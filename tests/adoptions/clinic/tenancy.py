"""The practice that a request is for, kept in a thread-local as many projects do."""

import threading
from contextlib import contextmanager

from clinic import tokens

_state = threading.local()


def current_practice():
    """The key of the practice. Without one there are no rows to read, so that is an error."""
    practice = getattr(_state, "practice", None)
    if practice is None:
        raise RuntimeError("No practice is set in this thread.")
    return practice


@contextmanager
def of_practice(practice):
    _state.practice = practice
    try:
        yield
    finally:
        _state.practice = None


class PracticeMiddleware:
    """Set the practice that the token of a request names."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        claims = tokens.claims_of(request)
        with of_practice(claims and claims["practice"]):
            return self.get_response(request)


class Tenancy:
    """Keep the cursors and cached values of practices apart."""

    def capture(self, request):
        return request.auth["practice"] if request.auth else None
